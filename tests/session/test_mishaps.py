"""A person's own code that leaves, an interrupt at a bad moment, an owner that dies: nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.errors import NeedsAttention
from nbxfer.session import Session
from tests.journeys.terminal import MIB, Terminal, until
from tests.servers.rogue import Rogue, honest

Serve = Callable[..., DemoServer]


class Leaves(httpx.Auth):
    """An auth object that ends the program, as it thinks."""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if request.method == "GET":
            raise SystemExit(1)
        yield request


def test_an_auth_object_that_exits(session: Session, serve: Serve, tmp_path: Path) -> None:
    """It ends its own transfer, not the worker's thread: as many of them as run at once leave room for another."""
    server = serve(10_000)
    lost = session.download([server.url_of(f"{n}.bin") for n in range(20)], tmp_path, auth=Leaves())
    assert lost.wait(20)
    assert {op.snapshot.phase for op in lost} == {Phase.FAILED}
    assert session.download(server.url, tmp_path / "X").result(20).stat().st_size == 10_000


def test_a_callback_that_exits(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Those that others have asked for are called all the same."""
    op = session.download(serve(10_000).url, tmp_path / "X", start=False)
    called = threading.Event()

    def leave(_: object) -> None:
        raise SystemExit(1)

    op.add_done_callback(leave)
    op.add_done_callback(lambda _: called.set())
    op.start()
    assert called.wait(20)


def test_an_interrupt_while_it_is_accepted(
    session: Session, tmp_path: Path, canary: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was accepted in the very moment of an interrupt keeps its secrets: it does not ask without them."""
    key, real = canary("key"), session._engine.call

    def interrupted(make: Callable[[], Any], within: float | None = None) -> Any:
        real(make, within)
        raise KeyboardInterrupt

    with Rogue(honest(b"ok")) as server:
        monkeypatch.setattr(session._engine, "call", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.download(server.url("/x"), tmp_path / "X", headers={"X-Key": key})
        monkeypatch.undo()
        (op,) = session.operations(scope="all")
        assert op.result(20).read_text() == "ok"
    assert [asked.headers.get("x-key") for asked in server.asked] == [key]


def test_an_owner_that_dies(sessions: Callable[[], Session], serve: Serve, terminal: Terminal, tmp_path: Path) -> None:
    """Who waits for what another process ran is told that nobody runs it any more, and how to go on."""
    server, here = serve(40 * MIB, MIB / 4), sessions()
    process = terminal.start("get", server.url, "-o", str(tmp_path / "X"))
    until(lambda: server.sent > 0)
    (op,) = here.operations(scope="all")
    here.patience = 0.2
    process.kill()
    process.wait()
    with pytest.raises(NeedsAttention, match="reattach"):
        op.wait(30, progress=False)
