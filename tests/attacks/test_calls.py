"""Calls from everywhere, at every time: nobody waits for ever."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import FINAL, Phase
from nbxfer.demo.server import DemoServer
from nbxfer.errors import TransferError
from nbxfer.session import Operation, Session
from tests.journeys.terminal import MIB, sha256, until

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]


def within(seconds: float, *calls: Callable[[], object]) -> None:
    """Make the calls at once, each on a thread of its own; fail when one has not come back after some seconds."""
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not [t for t in threads if t.is_alive()], "somebody waits for ever"


def test_a_done_callback_may_ask_for_the_next_download(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """One file leads to the next: what is called at the end may ask, pause and wait as any other code."""
    server, session = serve(MIB), sessions()
    second: list[Operation] = []
    over = threading.Event()

    def next_one(_: Operation) -> None:
        second.append(session.download(server.url, tmp_path / "b.bin"))
        second[0].result(5)
        over.set()

    session.download(server.url, tmp_path / "a.bin").add_done_callback(next_one)
    assert over.wait(3)
    assert sha256(tmp_path / "b.bin") == server.sha256


def test_a_subscriber_that_asks_is_refused_and_stops_nothing(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """The thread that moves everything cannot wait for itself; who calls from there is told so."""
    server, session = serve(4 * MIB, rate=8 * MIB), sessions()
    told: list[str] = []

    def steer(_: object) -> None:
        for call in (op.pause, op.result, session.close, lambda: session.download(server.url, tmp_path / "b.bin")):
            with contextlib.suppress(NameError):
                try:
                    call()
                except TransferError as error:
                    told.append(str(error))

    op = session.download(server.url, tmp_path / "a.bin", start=False)
    session.board.subscribe(steer)
    within(2, op.start)
    assert op.result(3) == tmp_path / "a.bin"
    assert told


def test_after_close_every_call_comes_back(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A session that was left says so; it does not let anybody wait."""
    server, session = serve(8 * MIB, rate=MIB), sessions()
    op = session.download(server.url, tmp_path / "a.bin")
    session.close()
    errors: list[TransferError] = []

    def attempt(call: Callable[[], object]) -> Callable[[], None]:
        def made() -> None:
            try:
                call()
            except TransferError as error:
                errors.append(error)

        return made

    calls: list[Callable[[], object]] = [op.pause, op.cancel, session.close]
    calls.append(lambda: session.download(server.url, tmp_path / "b.bin"))
    within(2, *map(attempt, calls))
    assert len(errors) == 3


@pytest.mark.parametrize("closers", [1, 3])
def test_closing_in_a_storm(sessions: Sessions, serve: Serve, tmp_path: Path, closers: int) -> None:
    """Pause, resume, cancel and download from many threads while others close: all of them return."""
    server, session = serve(MIB, rate=MIB // 2), sessions()
    ops = [session.download(server.url, tmp_path / f"{i}.bin") for i in range(12)]
    over = threading.Event()

    def storm(number: int) -> None:
        turn = number
        while not over.is_set():
            op = ops[turn % len(ops)]
            turn += 1
            with contextlib.suppress(TransferError):
                (op.pause, op.resume, op.pause, op.resume)[turn % 4]()
                if turn % 97 == 0:
                    session.download(server.url, tmp_path / f"{number}-{turn}.bin")

    storms = [threading.Thread(target=storm, args=(n,), daemon=True) for n in range(6)]
    for thread in storms:
        thread.start()
    over.wait(0.4)
    within(5, *[session.close] * closers)
    over.set()
    for thread in storms:
        thread.join(2)
    assert not [t for t in storms if t.is_alive()]


def test_steering_storms_end_as_the_last_wish_says(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Whatever twelve threads ask of twelve transfers, resumed they all end with the right bytes."""
    server, session = serve(2 * MIB, rate=4 * MIB), sessions()
    ops = [session.download(server.url, tmp_path / f"{i}.bin") for i in range(6)]

    def storm(number: int) -> None:
        for turn in range(20):
            with contextlib.suppress(TransferError):
                (ops[(turn + number) % 6].pause, ops[(turn * 3) % 6].resume)[turn % 2]()

    within(5, *[lambda n=n: storm(n) for n in range(8)])
    for op in ops:
        until(lambda op=op: op.snapshot.phase is not Phase.PAUSING)  # type: ignore[misc]
        with contextlib.suppress(TransferError):
            op.resume()
    assert {sha256(op.result(5)) for op in ops} == {server.sha256}
    assert all(op.snapshot.phase in FINAL for op in ops)
