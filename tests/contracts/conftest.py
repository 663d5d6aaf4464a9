"""Servers that the contracts of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nbxfer.wire.pool import Pool
from tests.servers import stores
from tests.servers.azurite import Azurite
from tests.servers.gcs import Gcs
from tests.servers.moto import Moto, Store
from tests.servers.weed import Weed


@pytest.fixture
def pool() -> Iterator[Pool]:
    """Connections of one test."""
    made = Pool()
    yield made
    made.close()


@pytest.fixture(scope="module")
def moto() -> Iterator[stores.Moto]:
    """A store that speaks S3."""
    with stores.moto() as running:
        yield running


@pytest.fixture(scope="module")
def dav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Dav]:
    """A WebDAV server."""
    with stores.wsgidav(tmp_path_factory.mktemp("dav")) as running:
        yield running


@pytest.fixture(scope="module")
def sftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Sftp]:
    """An SFTP server."""
    with stores.sftp(tmp_path_factory.mktemp("sftp"), tmp_path_factory.mktemp("keys")) as running:
        yield running


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stores.Ftp]:
    """An FTP server."""
    with stores.ftp(tmp_path_factory.mktemp("ftp")) as running:
        yield running


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Another one, with a bucket, a process of its own."""
    with Moto(tmp_path_factory.mktemp("moto") / "log") as server:
        server.store.bucket()
        yield server.store


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """SeaweedFS, once it takes a bucket: it listens before it is ready."""
    with Weed(tmp_path_factory.mktemp("weed")) as server:
        yield server.ready()


@pytest.fixture(scope="module")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """A service that speaks Azure's blobs."""
    with Azurite(tmp_path_factory.mktemp("azurite")) as server:
        yield server


@pytest.fixture(scope="module")
def gcs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gcs]:
    """A service that speaks Google's objects."""
    with Gcs(tmp_path_factory.mktemp("gcs")) as server:
        yield server
