"""What the tests of sources share: sources are closed, and one nginx serves them all."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.fixtures import authority, ca
from tests.servers import nginx as real
from tests.servers.reading import close_all

__all__ = ["authority", "ca"]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture(scope="session")
def data() -> bytes:
    """Give what the real server serves as /file.bin."""
    return random.Random(3).randbytes(3_000_000)


@pytest.fixture(scope="session")
def nginx(authority: trustme.CA, data: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[real.Nginx]:
    """Give a running nginx, http and https."""
    if real.PROGRAM is None:
        pytest.skip("nginx is not installed")
    root, run = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("nginx")
    (root / "file.bin").write_bytes(data)
    (root / "empty.bin").write_bytes(b"")
    certificate: Path = run / "server.pem"
    authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with real.Nginx(root, run, certificate) as server:
        yield server
