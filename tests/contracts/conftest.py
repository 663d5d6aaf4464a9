"""Servers that the contracts of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nbxfer.wire.pool import Pool
from tests.servers import stores


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
