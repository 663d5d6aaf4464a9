"""Through a real squid: several connections, a password, plain and by CONNECT, killed and gone on with."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import trustme

from nbxfer.errors import AccessDenied
from nbxfer.errors import WebErrorStatus as Web
from nbxfer.session import Session
from tests.journeys.terminal import MIB, Terminal, until
from tests.servers import nginx, squid

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(300)]

BIG: Final = 40 * MIB


@pytest.fixture(scope="module")
def web(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[nginx.Nginx]:
    """Give a server with a large file."""
    if nginx.PROGRAM is None:
        pytest.skip("nginx is not installed")
    root, run = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("nginx")
    (root / "big.bin").write_bytes(random.Random(5).randbytes(BIG))
    certificate = run / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    with nginx.Nginx(root, run, certificate) as server:
        yield server


@pytest.fixture(scope="module")
def password() -> str:
    """Give what opens the proxy; not a canary, for squid's own files are searched for those, too."""
    return "open-sesame"


@pytest.fixture(scope="module")
def proxy(password: str) -> Iterator[squid.Squid]:
    """Give a proxy that wants a name and a password."""
    if squid.PROGRAM is None:
        pytest.skip("squid is not installed")
    with squid.Squid("someone", password) as proxy:
        yield proxy


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("secure", [False, True])
def test_a_large_file_over_several_connections(
    secure: bool,
    ca: str,
    web: nginx.Nginx,
    proxy: squid.Squid,
    password: str,
    sessions: Callable[[], Session],
    tmp_path: Path,
) -> None:
    """Several connections go through the proxy, each with the password, and bring the very file."""
    before, through = web.parts(), len(proxy.requests())
    session = sessions()
    op = session.download(
        web.url("/big.bin", secure=secure),
        tmp_path / "X",
        proxy=proxy.url(),
        proxy_auth=("someone", password),
        verify=ca,
    )
    assert _sha256(op.result(120)) == _sha256(web.root / "big.bin")
    assert web.parts() - before >= 2, op.explain()
    session.close()  # a tunnel is written down when it ends
    until(lambda: len(proxy.requests()) - through >= 2)
    assert password not in op.explain() + repr(op)


@pytest.mark.parametrize("secure", [False, True])
def test_without_the_password(
    secure: bool, ca: str, web: nginx.Nginx, proxy: squid.Squid, sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """A proxy that is not satisfied ends it at once, with its own status; the server is not asked."""
    before = len(web.requests())
    op = sessions().download(
        web.url("/big.bin", secure=secure), tmp_path / "X", proxy=proxy.url(), proxy_auth=("someone", "no"), verify=ca
    )
    error = op.exception(30)
    assert isinstance(error, AccessDenied)
    assert (error.status, error.http_status) == (Web.PROXY_AUTH, 407)
    assert len(web.requests()) == before
    assert not op.path.exists()


def test_killed_and_gone_on_with(
    web: nginx.Nginx, proxy: squid.Squid, password: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy of the environment, its password in the environment, a kill, and the same proxy again."""
    monkeypatch.setenv("http_proxy", proxy.url(f"someone:{password}"))
    monkeypatch.setenv("no_proxy", "")
    process = terminal.start("get", web.url("/big.bin"), "-o", "X", "--bandwidth", "20 MB/s")
    until(lambda: any(p.stat().st_blocks for p in terminal.folder.glob(".X.*.part")))
    process.kill()
    process.communicate()
    through = len(proxy.requests())
    ended = terminal.run("resume", "--all", timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert _sha256(terminal.folder / "X") == _sha256(web.root / "big.bin")
    until(lambda: len(proxy.requests()) > through)
    assert password not in "".join(p.read_text(errors="replace") for p in terminal.home.rglob("*") if p.is_file())
