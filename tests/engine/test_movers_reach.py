"""What a mover reaches: behind a proxy that wants a password, a server that wants a certificate, an authority of ours.

It is given values over its pipe; each of these has it make TLS and CONNECT by itself.
"""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import trustme

from nbxfer.session import Operation, Session
from tests.noise import noise
from tests.servers.nginx import PROGRAM, Nginx
from tests.servers.rogue import Rogue
from tests.servers.site import Site, Version, street
from tests.servers.squid import PROGRAM as SQUID
from tests.servers.squid import Squid

MIB: Final = 2**20
DATA: Final = noise(6, 40 * MIB)
PASSWORD: Final = "open:sesame@the/proxy"

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBXFER_MOVERS", "always")


@pytest.fixture(scope="module")
def nginx(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """Give a server of DATA, by TLS of the authority that nobody else trusts, too."""
    if PROGRAM is None:
        pytest.skip("nginx is not installed")
    root, run = tmp_path_factory.mktemp("www"), tmp_path_factory.mktemp("run")
    (root / "f.bin").write_bytes(DATA)
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(run / "server.pem"))
    with Nginx(root, run, run / "server.pem", http2=False) as server:
        yield server


@pytest.fixture
def proxy() -> Iterator[Squid]:
    """Give a proxy that wants a name and a password."""
    if SQUID is None:
        pytest.skip("squid is not installed")
    with Squid("someone", PASSWORD) as proxy:
        yield proxy


def by_a_mover(session: Session, op: Operation) -> None:
    """Look whether it is right, and whether a child process has brought it."""
    assert op.result(90).read_bytes() == DATA
    assert "by a child process" in op.explain()
    assert op.progress.retries == 0
    assert session._engine.movers.pids


@pytest.mark.parametrize("secure", [False, True])
def test_through_a_proxy_that_wants_a_password(
    secure: bool, nginx: Nginx, proxy: Squid, ca: str, sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """A mover gives a proxy its password by itself, and by CONNECT where the server is reached by TLS."""
    session = sessions()
    user = proxy.url(f"someone:{PASSWORD.replace(':', '%3A').replace('@', '%40').replace('/', '%2F')}")
    url = nginx.url("/f.bin", secure=secure)
    by_a_mover(session, session.download(url, tmp_path / "f.bin", proxy=user, verify=ca))
    asked = [line for line in proxy.requests() if ("CONNECT" in line if secure else "GET" in line)]
    assert len([line for line in asked if "/200" in line or "/206" in line]) > 1
    assert not [line for line in asked[1:] if "/407" in line]  # the first may be asked for it
    for pid in session._engine.movers.pids:
        assert PASSWORD.partition(":")[0].encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_an_authority_of_ones_own(nginx: Nginx, ca: str, sessions: Callable[[], Session], tmp_path: Path) -> None:
    """A mover trusts the bundle that was given for this request."""
    session = sessions()
    by_a_mover(session, session.download(nginx.url("/f.bin", secure=True), tmp_path / "f.bin", verify=ca))


def test_an_authority_that_the_environment_names(
    nginx: Nginx, ca: str, sessions: Callable[[], Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mover has none of this environment, and trusts what it names all the same."""
    monkeypatch.setenv("SSL_CERT_FILE", ca)
    session = sessions()
    by_a_mover(session, session.download(nginx.url("/f.bin", secure=True), tmp_path / "f.bin"))


class Asking(Rogue):
    """A server of DATA that wants its client's certificate."""

    def __init__(self, pem: Path, ca: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
        self.site = Site(Version(DATA))
        super().__init__(street({"f": self.site}), context)


@pytest.mark.parametrize("locked", [False, True])
def test_a_certificate_of_the_client(
    locked: bool,
    authority: trustme.CA,
    ca: str,
    sessions: Callable[[], Session],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mover shows the certificate of its person, also where the key has a password."""
    server_pem, mine, key = (tmp_path / name for name in ("server.pem", "mine.pem", "key.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(server_pem))
    issued = authority.issue_cert("someone@name.example")
    issued.private_key_and_cert_chain_pem.write_to_path(str(mine))
    cert: Any = mine
    if locked:
        _lock(issued, key)
        monkeypatch.setenv("NBXFER_TEST_KEY", "sesame")
        cert = (mine, key, "env:NBXFER_TEST_KEY")
    with Asking(server_pem, ca) as server:
        session = sessions()
        by_a_mover(session, session.download(server.url("/f/x.bin"), tmp_path / "f.bin", verify=ca, cert=cert))


def _lock(issued: trustme.LeafCert, path: Path) -> None:
    """Write its key, locked by a password."""
    command = ["openssl", "pkey", "-out", str(path), "-aes256", "-passout", "pass:sesame"]
    subprocess.run(command, input=issued.private_key_pem.bytes(), check=True, capture_output=True)
