"""Worker threads, the loop's thread, timers: the few things that know of time and threads."""

from __future__ import annotations

import contextlib
import contextvars
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import anyio.lowlevel
import pytest

from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.engine import platform
from nbxfer.engine.portal import Portal
from nbxfer.engine.reply import Reply
from nbxfer.engine.timers import Timers
from nbxfer.engine.workers import Workers
from nbxfer.errors import AccessDenied
from nbxfer.session import Session
from tests.journeys.terminal import until


def test_workers_do_what_they_are_given() -> None:
    """Every job is done, on at most so many threads, all of them daemons with an empty context."""
    word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")
    word.set("cell 1")
    workers = Workers(3)
    done: list[tuple[str, bool, str]] = []

    def job() -> None:
        time.sleep(0.01)
        thread = threading.current_thread()
        done.append((thread.name, thread.daemon, word.get()))

    for _ in range(20):
        workers.submit(job)
    until(lambda: len(done) == 20)
    assert set(done) == {("nbxfer-worker", True, "none")}
    workers.close()


def test_a_job_that_fails_is_logged_and_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in a job ends neither the thread nor the program."""
    workers = Workers(1)
    done = threading.Event()
    workers.submit(lambda: 1 / 0)  # type: ignore[arg-type]
    workers.submit(done.set)
    assert done.wait(5)
    workers.close()
    assert "a job failed" in caplog.text


def test_no_new_thread_can_be_had_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the interpreter is leaving, the threads that are there do the work."""
    workers = Workers(3)
    first, gate, second = threading.Event(), threading.Event(), threading.Event()

    def wait() -> None:
        first.set()
        gate.wait(5)

    workers.submit(wait)
    assert first.wait(5)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    workers.submit(second.set)
    gate.set()
    assert second.wait(5)
    monkeypatch.undo()
    workers.close()


def test_a_system_that_gives_no_thread_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit of processes a download is refused in words; nothing waits for ever, and later it can be had."""
    true, left = threading.Thread.start, [0]

    def start(thread: threading.Thread) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("can't start new thread")
        true(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    session = Session(home=tmp_path / "home")
    for left[0] in (0, 1):  # neither, and only a worker
        with pytest.raises(AccessDenied, match="no more threads"):
            session.download("http://127.0.0.1:9/x", tmp_path / "x", start=False)
    monkeypatch.undo()
    assert session.download("http://127.0.0.1:9/x", tmp_path / "x", start=False).snapshot.phase is Phase.CREATED
    session.close()


def test_the_portal_runs_until_its_main_ends() -> None:
    """The loop's thread is a daemon; wake() cuts a sleep short, from any thread and also twice."""
    woken: list[float] = []

    async def main() -> None:
        begin = time.monotonic()
        await portal.sleep(10)
        woken.append(time.monotonic() - begin)
        await portal.sleep(0)

    portal = Portal(main)
    portal.wake()  # before there is a loop: harmless
    portal.start()
    assert portal.thread is not None
    assert portal.thread.daemon
    portal.wake()
    portal.wake()
    portal.thread.join(5)
    assert woken
    assert woken[0] < 5
    assert not portal.running
    portal.wake()


def test_a_portal_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in the loop is said; nothing hangs."""

    async def main() -> None:
        raise ValueError("a bug")

    portal = Portal(main)
    with caplog.at_level(logging.ERROR):
        portal.start()
        assert portal.thread is not None
        portal.thread.join(5)
    assert "the transfer loop ended" in caplog.text


def test_timers_call_what_is_due_in_order() -> None:
    """Calls are made when their time has come, earliest first; the next one is told in seconds."""
    timers = Timers()
    called: list[str] = []
    timers.at(20.0, lambda: called.append("b"))
    timers.at(10.0, lambda: called.append("a"))
    assert timers.next(5.0, 60.0) == 5.0
    assert timers.next(5.0, 1.0) == 1.0
    timers.run(9.9)
    assert called == []
    timers.run(20.0)
    assert called == ["a", "b"]
    assert timers.next(20.0, 60.0) == 60.0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere threads have no urgency of their own")
def test_lanes_give_way(serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path) -> None:
    """Threads that move bytes of a large file are less urgent than those that answer a cell; no other thread is."""
    server, session = serve(24 * 1024 * 1024, 4e6), sessions()
    op = session.download(server.url, tmp_path / "a.bin")
    until(lambda: any(thread.name == "nbxfer-lane" for thread in threading.enumerate()))
    until(lambda: op.snapshot.received > 0)
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    urgency: dict[str, set[int]] = {}
    for thread in threading.enumerate():
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            urgency.setdefault(thread.name, set()).add(os.getpriority(os.PRIO_PROCESS, thread.native_id or 0))
    assert urgency.pop("nbxfer-lane") == {mine + platform.LESS_URGENT}
    assert set().union(*urgency.values()) == {mine}
    op.cancel()


def test_a_reply_is_given_once_and_kept() -> None:
    """Who waits gets what was answered, a value or an error, also when he asks twice; or that nothing came in time."""
    value, error, none = Reply[int](), Reply[int](), Reply[int]()
    threading.Timer(0.05, lambda: value.set_result(7)).start()
    assert value.set_running_or_notify_cancel()
    assert [value.result(10), value.result()] == [7, 7]
    assert not value.set_running_or_notify_cancel()
    error.set_exception(KeyError("x"))
    for _ in range(2):
        with pytest.raises(KeyError):
            error.result(0)
    with pytest.raises(TimeoutError):
        none.result(0.01)


@pytest.mark.parametrize("lightly", [True, False])
def test_many_may_wake_the_portal_at_once(lightly: bool) -> None:
    """However many ring at the same time, nobody is refused, and what came before the last ring is seen."""
    seen, done, inbox = list[int](), threading.Event(), list[int]()

    async def main() -> None:
        while len(seen) < 400:
            seen.extend([inbox.pop() for _ in range(len(inbox))])
            if len(seen) < 400:
                await portal.sleep(10, lightly=lightly)
        done.set()

    def ring(begin: int) -> None:
        for number in range(begin, begin + 100):
            inbox.append(number)
            portal.wake()

    portal = Portal(main)
    portal.start()
    ringers = [threading.Thread(target=ring, args=(begin,)) for begin in range(0, 400, 100)]
    for ringer in ringers:
        ringer.start()
    assert done.wait(5)
    assert sorted(seen) == list(range(400))


def test_who_awaits_in_the_loop_is_let_go_on_while_calls_come_in_a_row() -> None:
    """The loop listens to its bell between calls; every now and then all else in it has its turn."""
    beats = list[float]()

    async def beat() -> None:
        while True:
            beats.append(time.monotonic())
            await anyio.lowlevel.checkpoint()

    async def main() -> None:
        async with anyio.create_task_group() as others:
            others.start_soon(beat)
            for _ in range(200):
                portal.wake()
                await portal.sleep(1, lightly=True)
                time.sleep(0.001)  # noqa: ASYNC251 -- as a turn, which does not await
            others.cancel_scope.cancel()

    portal = Portal(main)
    portal.start()
    assert portal.thread is not None
    portal.thread.join(5)
    assert 3 <= len(beats) < 200
