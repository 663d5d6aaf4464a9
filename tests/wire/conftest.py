"""What the tests of the wire share: sources are closed, an authority that nobody else trusts, real servers."""

from __future__ import annotations

import random
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.fixtures import authority, ca
from tests.servers import nginx as real
from tests.servers import squid as proxies
from tests.servers.reading import close_all

__all__ = ["authority", "ca"]

#: What the guarded squid wants; with the mark of a canary, so that it is looked for everywhere.
USER, PASSWORD = "someone", "nbxfercanary:of@the/proxy"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(scope="session")
def pem(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the path of a server's key and certificate."""
    path = tmp_path_factory.mktemp("pem") / "server.pem"
    authority.issue_cert("127.0.0.1", "localhost", "name.example").private_key_and_cert_chain_pem.write_to_path(
        str(path)
    )
    return path


@pytest.fixture(scope="session")
def secure(pem: Path) -> ssl.SSLContext:
    """Give the TLS of the rogue servers here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.fixture(scope="session")
def data() -> bytes:
    """Give what the real server serves as /file.bin."""
    return random.Random(4).randbytes(3_000_000)


@pytest.fixture(scope="session")
def nginx(pem: Path, data: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Nginx]:
    """Give a running nginx: http, and https with HTTP/2 for those who ask for it."""
    if real.PROGRAM is None:
        pytest.skip("nginx is not installed")
    root, run = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("nginx")
    (root / "file.bin").write_bytes(data)
    (root / "empty.bin").write_bytes(b"")
    with real.Nginx(root, run, pem) as server:
        yield server


@pytest.fixture(scope="session")
def squid(pem: Path) -> Iterator[proxies.Squid]:
    """Give a running squid that lets everybody through, by TLS too."""
    if proxies.PROGRAM is None:
        pytest.skip("squid is not installed")
    with proxies.Squid(certificate=pem) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def guarded(pem: Path) -> Iterator[proxies.Squid]:
    """Give a running squid that wants a password."""
    if proxies.PROGRAM is None:
        pytest.skip("squid is not installed")
    with proxies.Squid(USER, PASSWORD, pem) as proxy:
        yield proxy
