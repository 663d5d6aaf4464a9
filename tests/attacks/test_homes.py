"""What becomes of transfers whose home is removed, damaged, shared or full under their hands."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, TransferError
from nbxfer.manifest.base import Wish
from nbxfer.session import Session
from tests.attacks.test_calls import within
from tests.journeys.terminal import MIB, Terminal, sha256, until

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]


def test_a_home_that_is_removed_lets_nobody_wait(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """Whoever waits is told; asked again, the download runs in a new home."""
    server, session = serve(MIB, rate=MIB // 2), sessions()
    op = session.download(server.url, tmp_path / "a.bin")
    until(lambda: op.snapshot.received > 0)
    shutil.rmtree(home)
    told: list[BaseException] = []

    def wait() -> None:
        try:
            op.result(30)
        except (TransferError, TimeoutError) as error:
            told.append(error)

    within(5, wait)
    assert told
    assert not isinstance(told[0], TimeoutError)
    server.rate = None
    assert sha256(session.download(server.url, tmp_path / "a.bin").result(5)) == server.sha256


def test_a_home_that_cannot_be_made_again_ends_no_loop(
    sessions: Sessions, serve: Serve, tmp_path: Path, home: Path
) -> None:
    """A file in the home's place: what is asked is refused with a reason, and works again when it has gone."""
    server, session = serve(MIB, rate=MIB // 2), sessions()
    op = session.download(server.url, tmp_path / "a.bin", start=False)  # nothing moves, so nothing is written
    shutil.rmtree(home)
    home.write_text("in the way")
    refused: list[TransferError] = []

    def ask() -> None:
        for call in (op.start, lambda: session.download(server.url, tmp_path / "b.bin")):
            try:
                call()
            except TransferError as error:
                refused.append(error)

    within(5, ask)
    assert refused
    home.unlink()
    server.rate = None

    def again() -> None:
        with contextlib.suppress(TransferError):  # the first to ask may still be told of the old home
            session.download(server.url, tmp_path / "c.bin").result(5)
        session.download(server.url, tmp_path / "c.bin").result(5)

    within(5, again)
    assert sha256(tmp_path / "c.bin") == server.sha256


def test_what_cannot_be_written_down_holds_up_nothing_else(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A name that is no Unicode, a URL of a megabyte: refused to whoever asks, and the others go on."""
    server, session = serve(MIB, rate=MIB), sessions()
    first = session.download(server.url, tmp_path / "a.bin")
    refused: list[TransferError] = []

    def ask() -> None:
        first.pause()
        until(lambda: first.snapshot.phase is Phase.PAUSED)
        for call in (
            lambda: session.download(server.url, tmp_path / os.fsdecode(b"\xff.bin")),
            lambda: session.download(server.url + "/" + "a" * 2**20, tmp_path / "b.bin"),
            lambda: first.resume(url=server.url + "/" + "a" * 2**20),
        ):
            try:
                call()
            except TransferError as error:
                refused.append(error)

    within(4, ask)
    assert len(refused) == 3
    assert all(isinstance(error, InvalidRequest) for error in refused)
    assert sha256(session.download(server.url, tmp_path / "c.bin").result(5)) == server.sha256


def test_what_comes_back_after_a_take_over_is_opened_anew(
    sessions: Sessions, serve: Serve, tmp_path: Path, home: Path
) -> None:
    """Taken over, and handed back: the first owner builds on what the second one fetched, not on what it had."""
    server, first = serve(24 * MIB, rate=12 * MIB), sessions()
    op = first.download(server.url, tmp_path / "a.bin")
    until(lambda: op.snapshot.received >= 4 * MIB)
    (owner,) = (home / "owners").glob("*.json")
    os.utime(owner, (0, 0))
    second = sessions()
    second.notebook = first.notebook
    (taken,) = second.reattach()
    until(lambda: taken.snapshot.received >= 16 * MIB)
    taken.pause()
    until(lambda: taken.snapshot.phase is Phase.PAUSED)
    had = taken.snapshot.received
    second.close()
    until(lambda: op.snapshot.owner != "ours")
    sent = server.sent
    first.reattach()
    first.steer(op.id, "resume")
    assert sha256(op.result(5)) == server.sha256
    assert server.sent - sent <= server.size - had + 5 * MIB


def test_handed_over_to_somebody_who_died_is_not_lost(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """The asker is killed before it takes what it had asked for: the cell run again goes on with it, here."""
    server, session = serve(4 * MIB, rate=MIB), sessions()
    op = session.download(server.url, tmp_path / "a.bin")
    until(lambda: op.snapshot.received > 0)
    session._manifest.wish(session._manifest.me.id, Wish("hand-over", op.id, "0123456789abcdef"))
    until(lambda: op.id not in session._engine.dispatcher.ops)
    server.rate = None
    again = session.download(server.url, tmp_path / "a.bin")
    assert sha256(again.result(5)) == server.sha256


FOUR = """
import sys, nbxfer
session = nbxfer.Session()
for op in session.reattach(scope="all"):
    op.wait(timeout=20, progress=False)
print(len([1 for _ in session.operations(scope="all")]))
"""


@pytest.mark.parametrize("lapsed", [False, True])
def test_four_heirs_at_once(serve: Serve, terminal: Terminal, tmp_path: Path, home: Path, lapsed: bool) -> None:
    """Whoever of four reattaches first, each file is whole, and none is fetched four times."""
    server = serve(4 * MIB, rate=8 * MIB)
    text = f"import nbxfer, time\nfor i in range(4): nbxfer.download('{server.url}', f'{{i}}.bin')\ntime.sleep(60)\n"
    owner = terminal.script(text)
    until(lambda: server.sent > 4 * MIB)
    if lapsed:
        owner.send_signal(19)
        for path in (home / "owners").glob("*.json"):
            os.utime(path, (0, 0))
    else:
        owner.kill()
        owner.wait()
    heirs = [terminal.script(FOUR, NBXFER_AT_EXIT="leave") for _ in range(4)]
    said = [heir.communicate(timeout=30) for heir in heirs]
    assert all(heir.returncode == 0 for heir in heirs), said
    if lapsed:
        owner.send_signal(18)
        until(lambda: owner.poll() is None)
        threading.Event().wait(0.5)
    assert {sha256(tmp_path / f"{i}.bin") for i in range(4)} == {server.sha256}
    assert server.sent < 2.5 * 4 * server.size
    assert not list(tmp_path.glob(".*.part"))
