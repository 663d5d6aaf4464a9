"""Completion groups and notifications: once, when all are over, whoever is left to see it."""

from __future__ import annotations

import logging
import os
import random
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbxfer.core.completion import Completion, Notice
from nbxfer.core.policy import Retry
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, InvalidTransferState
from nbxfer.manifest.base import Card, Claim
from nbxfer.session import CompletionGroup, Operation, Session
from tests.journeys.terminal import MIB, Terminal, until
from tests.parity import tasks

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]
TASK = "tests.parity.tasks:done"


@pytest.fixture(autouse=True)
def lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the file in which the tasks leave their lines."""
    path = tmp_path / "tasks.txt"
    monkeypatch.setenv(tasks.FILE, str(path))
    return path


def read(path: Path) -> list[str]:
    """Give the lines."""
    return path.read_text().splitlines() if path.exists() else []


def test_it_fires_once_when_all_are_over(session: Session, serve: Serve, tmp_path: Path, lines: Path) -> None:
    """Done, failed and canceled are all over; before enable nothing happens, and nothing can be added after."""
    server = serve(MIB, MIB * 2.0)
    group = CompletionGroup(TASK, session=session)
    good = session.download(server.url, tmp_path / "good", completion=group)
    bad = session.download(server.url.replace(".bin", ".not"), tmp_path / "bad", completion=group)
    gone = session.download(server.url_of("slow.bin", 10_000), tmp_path / "gone")
    group.add(gone)
    assert bad.wait(10, progress=False)
    assert not group.enabled
    group.enable()
    assert [op.id for op in group.operations] == [good.id, bad.id, gone.id]
    assert good.wait(10, progress=False)
    assert read(lines) == []
    gone.cancel()
    assert group.wait(10)
    assert read(lines) == [f"{group.id} attempt 1: 1 done, 1 failed, 1 canceled"]
    assert group.outcome is not None
    assert not group.outcome.ok
    for late in (
        lambda: group.add(good),
        group.enable,
        lambda: session.download("http://h/x", tmp_path / "x", completion=group),
    ):
        with pytest.raises(InvalidTransferState, match="is enabled"):
            late()
    bad.cancel()
    time.sleep(0.2)
    assert len(read(lines)) == 1
    assert session._manifest.cards("completions") == []


def test_what_is_over_already_counts(session: Session, serve: Serve, tmp_path: Path, lines: Path) -> None:
    """Enabled after the last one was over, it fires at once."""
    op = session.download(serve(1000).url, tmp_path / "x")
    op.result(10)
    group = CompletionGroup(TASK, session=session)
    group.add([op])
    group.enable()
    assert group.wait(10)
    assert read(lines) == [f"{group.id} attempt 1: 1 done, 0 failed, 0 canceled"]


def test_a_task_that_retries_what_has_failed(session: Session, serve: Serve, tmp_path: Path, lines: Path) -> None:
    """A task may steer what it is told of; it is not called again for what it has set going."""
    server = serve(4000)
    ticket = server.ticket("data.bin", share=1e-9)
    op = session.download(ticket, tmp_path / "x", retry=Retry(tries=2, base=0.01))
    group = CompletionGroup("tests.parity.tasks:retry", session=session)
    group.add(op)
    group.enable()
    assert group.wait(10)
    assert read(lines) == ["retried 1"]


def test_a_task_that_fails(session: Session, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and told in the story; what had come is as it was."""
    op = session.download(serve(1000).url, tmp_path / "x")
    group = CompletionGroup("tests.parity.tasks:broken", session=session)
    group.add(op)
    with caplog.at_level(logging.ERROR, "nbxfer"):
        group.enable()
        assert group.wait(10)
    assert "no rest after" in caplog.text
    assert "tests.parity.tasks:broken: LookupError" in op.explain()
    assert op.result(1).exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"task": "nowhere:to_be_found"}, "cannot be imported"),
        ({"task": "__main__:f"}, "names no function"),
        ({"task": "os:sep"}, "is no function"),
        ({"task": print}, "lives in this process only"),
        ({}, "nothing to do"),
        ({"notify": "smoke"}, "no way to tell"),
        ({"notify": ["panel", 7]}, "no way to tell"),
        ({"notify": "nowhere:to_be_found"}, "cannot be imported"),
    ],
)
def test_what_could_never_fire(session: Session, given: dict[str, Any], words: str) -> None:
    """What cannot be called later is refused at once."""
    with pytest.raises(InvalidRequest, match=words):
        CompletionGroup(session=session, **given)


def test_groups_that_hold_nothing(session: Session, tmp_path: Path) -> None:
    """An empty group is not enabled, and what is no group or operation is refused."""
    group = CompletionGroup(TASK, session=session)
    with pytest.raises(InvalidRequest, match="Nothing was added"):
        group.enable()
    wrong: Any = "x"
    with pytest.raises(InvalidRequest, match="is no operation"):
        group.add(wrong)
    with pytest.raises(InvalidRequest, match="no CompletionGroup"):
        session.download("http://localhost:9/x", tmp_path / "x", completion=wrong)
    with pytest.raises(InvalidRequest, match="no way to tell"):
        session.download("http://localhost:9/x", tmp_path / "x", notify="smoke")


# -- notices ----------------------------------------------------------------------------------------------------------
def test_success_when_all_succeed(session: Session, serve: Serve, tmp_path: Path, lines: Path) -> None:
    """Of a list there is one message, when the last one is done: in the panel, to a function, to a named one."""
    server = serve(1000)
    heard: list[Notice] = []
    urls = [server.url_of(f"{n}.bin") for n in "abcd"]
    session.download(urls, tmp_path, notify=["panel", heard.append, "tests.parity.tasks:told"]).wait(10, progress=False)
    until(lambda: bool(read(lines)))
    assert [(n.ok, n.title, n.text) for n in heard] == [
        (True, "4 transfers are done", "a.bin, b.bin, c.bin and 1 more")
    ]
    assert session.board.notices() == heard
    assert read(lines) == ["good: 4 transfers are done | a.bin, b.bin, c.bin and 1 more"]


def test_failure_when_one_fails(session: Session, serve: Serve, tmp_path: Path) -> None:
    """One that does not succeed makes the message one of failure, which names it first."""
    server = serve(1000)
    heard: list[Notice] = []
    urls = [server.url_of("a.bin"), server.url.replace(".bin", ".not"), server.url_of("b.bin")]
    session.download(urls, tmp_path, notify=heard.append).wait(10, progress=False)
    until(lambda: bool(heard))
    assert (heard[0].ok, heard[0].title) == (False, "3 transfers: 1 failed")
    assert heard[0].text == "2 of 3 done. data.not, a.bin, b.bin"


def test_one_alone(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A single operation is called by its name."""
    heard: list[Notice] = []
    session.download(serve(1000).url, tmp_path / "x.bin", notify=(heard.append, "browser"))
    until(lambda: bool(heard))
    assert (heard[0].title, heard[0].browser) == ("x.bin: done", True)


def test_the_desktop_is_told(session: Session, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """notify-send is called with title and text; where there is none, the story says so and nothing else happens."""
    folder = tmp_path / "programs"
    folder.mkdir()
    program = folder / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >> {tmp_path}/shown\n')
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    op = session.download(serve(1000).url, tmp_path / "x.bin", notify="desktop")
    until(lambda: (tmp_path / "shown").exists() and (tmp_path / "shown").read_text().endswith("x.bin|"))
    assert "--|x.bin: done|x.bin|" in (tmp_path / "shown").read_text()
    assert "notice failed" not in op.explain()
    monkeypatch.setenv("PATH", str(tmp_path / "nothing here"))
    other = session.download(serve(1000).url, tmp_path / "y.bin", notify="desktop")
    until(lambda: "There is no desktop here" in other.explain())
    program.write_text("#!/bin/sh\nexit 3\n")
    monkeypatch.setenv("PATH", str(folder))
    third = session.download(serve(1000).url, tmp_path / "z.bin", notify="desktop")
    until(lambda: "The desktop did not show it" in third.explain())


def test_a_way_to_tell_that_fails(session: Session, serve: Serve, tmp_path: Path) -> None:
    """One way that fails keeps no other from telling; it is logged and stands in the story."""
    heard: list[Notice] = []

    def wrong(_: Notice) -> None:
        raise ValueError

    op = session.download(serve(1000).url, tmp_path / "x", notify=[wrong, heard.append])
    until(lambda: bool(heard))
    until(lambda: "wrong: ValueError" in op.explain())


# -- when nobody is left ----------------------------------------------------------------------------------------------
def test_another_process_keeps_the_promise(sessions: Sessions, serve: Serve, tmp_path: Path, lines: Path) -> None:
    """A process that leaves before the end leaves the promise to the next reattach; it is kept once."""
    server = serve(2 * MIB, 1.0 * MIB)
    first = sessions()
    op = first.download(server.url, tmp_path / "x")
    group = CompletionGroup(TASK, notify=["tests.parity.tasks:told", lambda _: None], session=first)
    group.add(op)
    group.enable()
    until(lambda: op.snapshot.received > MIB / 2)
    first.close()
    assert read(lines) == []
    second = sessions()
    second.reattach().wait(20, progress=False)
    until(lambda: len(read(lines)) == 2)
    assert read(lines) == [f"{group.id} attempt 1: 1 done, 0 failed, 0 canceled", "good: x: done | x"]
    third = sessions()
    third.reattach()
    time.sleep(0.3)
    assert len(read(lines)) == 2


def promise(session: Session, *ops: Operation) -> str:
    """Write a promise down as a process does that is killed before it can look after it; give its id."""
    plan = Completion("c" * 16, {op.id: str(op.path) for op in ops}, TASK, notebook=session.notebook)
    card = Card("completions", plan.id, msgspec.json.encode(plan).decode(), session._manifest.me.id)
    session._manifest.put_card(card)
    return plan.id


def test_what_ended_in_another_life_counts(sessions: Sessions, serve: Serve, tmp_path: Path, lines: Path) -> None:
    """Where all were over before the process was gone, the next reattach fires it; but not while its owner lives."""
    first = sessions()
    op = first.download(serve(1000).url, tmp_path / "x")
    op.result(10)
    name = promise(first, op)
    second = sessions()
    second.reattach()
    time.sleep(0.3)
    assert read(lines) == []
    first.close()
    second.reattach()
    until(lambda: bool(read(lines)))
    assert read(lines) == [f"{name} attempt 1: 1 done, 0 failed, 0 canceled"]


def test_a_promise_of_another_notebook(sessions: Sessions, serve: Serve, tmp_path: Path, lines: Path) -> None:
    """It is kept by who reattaches that notebook, or everything."""
    first = sessions()
    op = first.download(serve(1000).url, tmp_path / "x")
    op.result(10)
    first.notebook = "other.ipynb"
    promise(first, op)
    first.close()
    second = sessions()
    second._manifest.put_card(Card("completions", "d" * 16, "nonsense", "e" * 16))
    second.reattach()
    time.sleep(0.3)
    assert read(lines) == []
    second.reattach(scope="all")
    until(lambda: bool(read(lines)))


def test_a_promise_that_was_begun_with_is_kept_again(
    sessions: Sessions, serve: Serve, tmp_path: Path, lines: Path
) -> None:
    """Where a process was killed in the task, the next one runs it again, and is told so."""
    first, other = sessions(), sessions()
    op = first.download(serve(1000).url, tmp_path / "x")
    op.result(10)
    name = promise(first, op)
    other._engine.start()
    assert other._manifest.claim(f"completion:{name}:1", Claim(name, other._manifest.me.id, "")).op_id == name
    first.close()
    second = sessions()
    second.reattach()
    time.sleep(0.3)
    assert read(lines) == []  # the one that has begun with it lives
    second.close()
    other.close()
    third = sessions()
    third.reattach()
    until(lambda: bool(read(lines)))
    assert read(lines) == [f"{name} attempt 2: 1 done, 0 failed, 0 canceled"]


_SCRIPT = """
import sys, time, nbxfer
group = nbxfer.CompletionGroup("tests.parity.tasks:done")
op = nbxfer.download({url!r}, {dest!r}, completion=group)
group.enable()
print("enabled", flush=True)
op.wait()
print("over", flush=True)
time.sleep(30)
"""


def _killed(terminal: Terminal, sessions: Sessions, server: DemoServer, folder: Path, after: float) -> list[str]:
    """Kill a process so many seconds after the last byte could have left the server; give the lines of its task."""
    lines = folder / "lines"
    dest = folder / "x.bin"
    process = terminal.script(
        _SCRIPT.format(url=server.url, dest=str(dest)),
        PYTHONPATH=str(Path(__file__).parents[2]),
        **{tasks.FILE: str(lines)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "enabled\n"
    until(lambda: server.sent >= server.size - 1 or process.poll() is not None)
    time.sleep(max(0.0, after))
    process.send_signal(signal.SIGKILL)
    process.wait()
    os.environ[tasks.FILE] = str(lines)
    session = sessions()
    session.reattach(scope="all").wait(20, progress=False)
    until(lambda: not session._manifest.cards("completions"))
    session.close()
    return read(lines)


def _kills(count: int, terminal: Terminal, sessions: Sessions, folder: Path) -> None:
    chance = random.Random(7)
    twice = 0
    for number in range(count):
        place = folder / f"{number}"
        place.mkdir()
        with DemoServer(size=1_500_000, rate=15_000_000) as server:
            found = _killed(terminal, sessions, server, place, chance.uniform(-0.02, 0.12))
        # Run by two only where the first one was killed in it, which the second one knows.
        numbers = [int(line.split("attempt ")[1].split(":")[0]) for line in found]
        assert numbers in ([1], [2], [1, 2]), found
        twice += len(numbers) == 2
        assert found[-1].endswith(": 1 done, 0 failed, 0 canceled")
    assert twice <= max(1, count // 20)


def test_once_in_ten_kills_around_the_last_byte(
    terminal: Terminal, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However close to the end the process is killed, the task runs once."""
    monkeypatch.setenv(tasks.FILE, "")
    _kills(10, terminal, sessions, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_once_in_a_hundred_kills_around_the_last_byte(
    terminal: Terminal, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, for as long as it takes."""
    monkeypatch.setenv(tasks.FILE, "")
    _kills(100, terminal, sessions, tmp_path)
