"""ServerCredential, cookies and request headers: used on every request, stored by reference only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.gates import COOKIE, USER
from nbxfer.demo.server import DemoServer
from nbxfer.errors import AccessDenied
from nbxfer.session import Session
from nbxfer.wire.credentials import Basic
from tests.journeys.terminal import MIB, sha256, until
from tests.servers.rogue import Asked, Rogue, Wire

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]


def url(server: DemoServer, path: str) -> str:
    """Give the URL of a path."""
    return server.url.replace("/data.bin", path)


def test_basic_credentials(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With the right name and password it comes; without, it is refused at once."""
    server = serve(1000)
    where = url(server, "/private/a.bin")
    assert sha256(session.download(where, tmp_path / "a", auth=USER).result(10)) == server.sha256
    with pytest.raises(AccessDenied):
        session.download(where, tmp_path / "b").result(10)


def test_credentials_by_reference_survive_a_process(
    sessions: Sessions, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a reference (env) only its name is stored; the next process looks it up again and goes on."""
    monkeypatch.setenv("DEMO_USER", USER[0])
    monkeypatch.setenv("DEMO_PASSWORD", USER[1])
    server = serve(4 * MIB, 4.0 * MIB)
    first = sessions()
    op = first.download(url(server, "/private/a.bin"), tmp_path / "a", auth=Basic("env:DEMO_USER", "env:DEMO_PASSWORD"))
    until(lambda: op.snapshot.received > MIB)
    first.close()
    second = sessions()
    again = second.reattach(scope="all")
    assert sha256(again.results(30)[0]) == server.sha256
    assert not again[0].progress.restarted


def test_literal_credentials_are_asked_for_again(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """What was only in memory is gone with its process: it waits with status 8 and goes on when it is given again."""
    server = serve(4 * MIB, 4.0 * MIB)
    first = sessions()
    op = first.download(url(server, "/private/a.bin"), tmp_path / "a", auth=USER)
    until(lambda: op.snapshot.received > MIB)
    first.close()
    second = sessions()
    again = second.reattach(scope="all")[0]
    until(lambda: again.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
    again.resume(auth=USER)
    assert sha256(again.result(30)) == server.sha256
    home = second.home
    assert not [p for p in home.rglob("*") if p.is_file() and USER[1].encode() in p.read_bytes()]


def test_cookies_go_with_the_resume_request(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A server that wants its cookie on every request gets it on the one that resumes, too."""
    server = serve(4 * MIB, 4.0 * MIB)
    where = url(server, "/members/a.bin")
    with pytest.raises(AccessDenied):
        session.download(where, tmp_path / "none").result(10)
    op = session.download(where, tmp_path / "a", cookies=dict([COOKIE]))
    until(lambda: op.snapshot.received > MIB)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    op.resume()
    assert sha256(op.result(30)) == server.sha256


def test_repeated_headers_are_joined(session: Session, tmp_path: Path) -> None:
    """The same header given twice arrives as one, its values joined by a comma (RFC 9110 §5.3)."""
    seen: list[str] = []

    def script(asked: Asked, wire: Wire) -> None:
        lines = [line.partition(b": ") for line in asked.raw.split(b"\r\n")]
        seen.append(", ".join(value.decode() for name, _, value in lines if name.lower() == b"x-colour"))
        wire.answer(200, b"x" * 100)

    with Rogue(script) as server:
        session.download(server.url(), tmp_path / "x", headers=[("X-Colour", "red"), ("X-Colour", "blue")]).result(10)
    assert seen == ["red, blue"]
