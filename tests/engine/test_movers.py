"""Movers: another process moves the bytes, and whatever happens to it, the file is right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from nbxfer.core.phases import Phase
from nbxfer.engine.movers import Movers
from nbxfer.manifest import machine
from nbxfer.session import Session
from tests.noise import noise
from tests.servers import faults
from tests.servers.processes import uncounted
from tests.servers.trial import Trial

MIB: Final = 2**20
DATA: Final = noise(4, 48 * MIB)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBXFER_MOVERS", "always")


def movers(session: Session) -> Movers:
    """Give the movers of a session."""
    return session._engine.movers


def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def moving(op: Any, session: Session, least: int = MIB) -> int:
    """Wait until bytes have come by a mover; give its process id."""
    until(lambda: movers(session).pids and op.progress.received >= least)
    return movers(session).pids[0]


def test_the_bytes_come_through_another_process(trial: Trial) -> None:
    """A large file is fetched by a child process, which is entered in the owner's file; it is right to the last bit."""
    site = trial.put(DATA)
    op = trial.ask(site)
    assert op.result(60).read_bytes() == DATA
    (pid,) = movers(trial.session).pids
    marks = trial.session._manifest.me.movers
    assert [mark.pid for mark in marks] == [pid]
    assert f"by a child process ({pid})" in op.explain()
    assert machine.lives(marks[0])
    assert len([asked for asked in site.asked if asked.range is not None]) > 1


def test_a_mover_that_is_killed(trial: Trial) -> None:
    """The OOM killer takes the mover: threads go on at once, the file is right, and little comes twice."""
    site = trial.put(DATA)
    site.faults = [faults.slow(12e6)]
    op = trial.ask(site)
    os.kill(moving(op, trial.session), signal.SIGKILL)
    assert op.result(60).read_bytes() == DATA
    trial.holds(site, op)
    assert op.progress.restarts == 0
    assert op.progress.retries == 0


def test_movers_that_are_killed_again_and_again(trial: Trial) -> None:
    """Where movers die one after the other, the bytes stay with the threads, and that is said."""
    site = trial.put(DATA[: 24 * MIB])
    site.faults = [faults.slow(6e6)]
    for number in range(3):
        op = trial.session.download(f"{trial.url(site)}?{number}", trial.folder / str(number))
        os.kill(moving(op, trial.session, 1), signal.SIGKILL)
        assert op.result(60).read_bytes() == DATA[: 24 * MIB]
    assert "have died" in (movers(trial.session).why_not or "")
    op = trial.session.download(f"{trial.url(site)}?last", trial.folder / "last")
    assert op.result(60).read_bytes() == DATA[: 24 * MIB]
    assert movers(trial.session).pids == []


def test_a_mover_that_is_stopped(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mover that hangs is ended, for certain, before anybody else writes what it was to write."""
    monkeypatch.setattr("nbxfer.engine.ship.SILENT_FOR", 1.5)
    monkeypatch.setattr("nbxfer.engine.ship.SILENT_LOOKS", 10)
    site = trial.put(DATA)
    site.faults = [faults.slow(12e6)]
    op = trial.ask(site)
    pid = moving(op, trial.session)
    os.kill(pid, signal.SIGSTOP)
    assert op.result(60).read_bytes() == DATA
    assert machine.start_mark(pid) is None


def test_cancel_and_pause_are_prompt(trial: Trial) -> None:
    """What a person wishes is done within a moment, and the mover stays for the next one."""
    site = trial.put(DATA)
    site.faults = [faults.slow(6e6)]
    op = trial.ask(site)
    pid = moving(op, trial.session)
    begun = time.monotonic()
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    assert time.monotonic() - begun < 1.0  # 100 ms on a machine with nothing else to do; see bench_stop.py
    site.faults = []
    op.resume()
    assert op.result(60).read_bytes() == DATA
    assert movers(trial.session).pids == [pid]
    trial.holds(site, op)


def test_a_hung_mover_does_not_hold_up_a_cancel(trial: Trial) -> None:
    """A mover that is stopped is ended when it does not come home."""
    site = trial.put(DATA)
    site.faults = [faults.slow(6e6)]
    op = trial.ask(site)
    pid = moving(op, trial.session)
    os.kill(pid, signal.SIGSTOP)
    op.cancel()
    until(lambda: op.snapshot.phase is Phase.CANCELED)
    assert machine.start_mark(pid) is None
    assert not list(trial.folder.iterdir())


#: What servers do wrong with parts; the second list is for the slow proofs.
WRONG: Final = (
    faults.only(faults.part, faults.halves),
    faults.only(faults.part, faults.shifts(0, 1)),
    faults.only(faults.part, faults.chunks),
    faults.only(faults.part, faults.refuses(403)),
    faults.only(faults.part, faults.busy(429)),
    faults.only(lambda reply: reply.number % 3 == 2, faults.breaks_at(1_000_000, "reset")),
)
WRONG_TOO: Final = (
    faults.only(faults.part, faults.breaks_at(300_000, "reset")),
    faults.only(faults.part, faults.shifts(2, 1)),
    faults.only(faults.part, faults.no_content_range),
    faults.only(faults.part, faults.weak_tag),
    faults.only(faults.part, faults.no_validator),
    faults.only(faults.part, faults.coded),
    faults.only(faults.part, faults.multipart),
    faults.only(faults.part, faults.surplus),
    faults.only(faults.part, faults.early_hints),
    faults.only(faults.part, faults.length_beside(-1000)),
    faults.only(faults.part, faults.refuses(412)),
    faults.only(faults.part, faults.refuses(416)),
    faults.only(faults.part, faults.refuses(404)),
    faults.only(faults.part, faults.login_page),
    faults.only(faults.part, faults.ignores_range),
    faults.ignores_conditions,
    faults.only(lambda reply: reply.number % 3 == 2, faults.busy(503)),
)


@pytest.mark.parametrize(
    "fault",
    [*WRONG, *(pytest.param(fault, marks=pytest.mark.soak) for fault in WRONG_TOO)],
    ids=lambda fault: getattr(fault, "__name__", "fault"),
)
def test_servers_that_do_not_give_parts_as_they_should(trial: Trial, fault: Any) -> None:
    """Whatever is wrong with the parts that a mover asks for: the file is right, or there is none."""
    site = trial.put(DATA[: 20 * MIB + 4711])
    site.faults = [fault]
    trial.fetch(site, 60)


def test_a_version_that_changes_under_a_mover(trial: Trial) -> None:
    """Bytes of two versions never meet, also where a mover has asked for them."""
    old, new = DATA[: 24 * MIB], bytes(reversed(DATA[: 24 * MIB]))
    site = trial.put(old, new)
    site.faults = [faults.changes_after(site, 1)]
    assert trial.fetch(site, 60) is None
    assert trial.path(site).read_bytes() == new


def test_a_limit_that_is_set_under_way(trial: Trial) -> None:
    """A limit holds for movers as for threads, from the moment when it is set, and no longer."""
    site = trial.put(DATA)
    op = trial.ask(site, bandwidth="4 MB/s")
    moving(op, trial.session)
    before, begun = op.progress.received, time.monotonic()
    time.sleep(1.5)
    rate = (op.progress.received - before) / (time.monotonic() - begun)
    assert 2e6 < rate < 7e6
    op.bandwidth = None
    begun = time.monotonic()
    assert op.result(60).read_bytes() == DATA
    assert time.monotonic() - begun < 8


def test_readers_come_first_in_a_mover_too(trial: Trial) -> None:
    """Who opens a file that is coming gets the end of it before the middle, whoever fetches it."""
    site = trial.put(DATA)
    op = trial.ask(site, bandwidth="6 MB/s", connections=2)
    moving(op, trial.session)
    with op.open() as file:
        file.seek(-1000, os.SEEK_END)
        assert file.read() == DATA[-1000:]
        assert op.progress.received < len(DATA) - 4 * MIB
    op.cancel()


def test_no_child_process_may_be_begun(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sandbox without fork the threads do it, and why is said."""

    def no(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", no)
    site = trial.put(DATA[: 20 * MIB])
    assert trial.fetch(site) is None
    assert "no child process could be begun" in (movers(trial.session).why_not or "")
    assert trial.session.moved_by(trial.session.operations()[0].id).startswith("by threads of this process")


def test_another_version_on_the_disk(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mover of another version, installed while this kernel runs, is not talked to."""
    monkeypatch.setattr("nbxfer.engine.mover_words.PROTOCOL", 99)
    site = trial.put(DATA[: 20 * MIB])
    assert trial.fetch(site) is None
    assert "another version" in (movers(trial.session).why_not or "")
    assert movers(trial.session).pids == []


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="only Linux has processors told to a process")
def test_it_leaves_a_processor_to_the_cell(trial: Trial) -> None:
    """While one computes it runs on one less than the kernel may run on; where there is but one it shares that."""
    trial.session._engine.start()
    assert movers(trial.session).board() is not None
    [pid] = movers(trial.session).pids
    mine, over = os.sched_getaffinity(0), threading.Event()
    cell = threading.Thread(target=lambda: all(not over.is_set() for _ in iter(int, 1)))
    cell.start()
    try:
        until(lambda: len(os.sched_getaffinity(pid)) == max(1, len(mine) - 1))
        assert os.sched_getaffinity(pid) <= mine
    finally:
        over.set()
        cell.join()
    until(lambda: os.sched_getaffinity(pid) == mine)


def test_one_is_begun_for_what_will_be_large(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a cell computes, the answer that tells the size has a mover begun: it is there when bytes are asked for.

    It is the one that is taken then. A small file has none begun.
    """
    mine = movers(trial.session)
    mine.use = "auto"
    monkeypatch.setattr(mine.pulse, "busy", lambda: True)
    taken: list[str] = []
    take = mine.take

    def taking() -> Any:
        taken.append(threading.current_thread().name)
        return take()

    monkeypatch.setattr(mine, "take", taking)
    assert trial.fetch(trial.put(DATA[:MIB])) is None
    assert taken == []
    assert trial.fetch(trial.put(DATA[: 20 * MIB])) is None
    assert taken[0] == "nbxfer-foresight"
    assert len(mine.pids) == 1


def test_none_outlives_its_session(trial: Trial) -> None:
    """Movers go when the session is closed, and those that have nothing to do go by themselves."""
    site = trial.put(DATA[: 20 * MIB])
    assert trial.fetch(site) is None
    (pid,) = movers(trial.session).pids
    trial.session.close()
    assert machine.start_mark(pid) is None


def test_idle_movers_go(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mover that has had nothing to do for a while is let go."""
    monkeypatch.setattr("nbxfer.engine.movers.KEEP", 0.2)
    site = trial.put(DATA[: 20 * MIB])
    assert trial.fetch(site) is None
    until(lambda: not movers(trial.session).pids)
    until(lambda: not movers(trial.session)._leaving)


def test_one_that_is_stopped_while_it_has_nothing_to_do(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is ended when it has been silent for too long, also where nobody waits for it, and another one is begun."""
    trial.session._engine.start()
    first = movers(trial.session).board()
    assert first is not None
    first.process.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as patched:
        patched.setattr("nbxfer.engine.ship.SILENT_FOR", 0.1)
        patched.setattr("nbxfer.engine.ship.SILENT_LOOKS", 2)
        until(lambda: first.hear(0) or first.dead)
    second = movers(trial.session).board()
    assert second is not None
    assert second is not first
    until(lambda: not movers(trial.session)._leaving)
    assert machine.start_mark(first.process.pid) is None


_SCRIPT = """
import sys, time, nbxfer
session = nbxfer.Session()
op = session.download(sys.argv[1], sys.argv[2])
while not (session._engine.movers.pids and op.progress.received > 2e6):
    time.sleep(0.01)
print(*session._engine.movers.pids, flush=True)
time.sleep(60)
"""


def test_none_outlives_a_kernel_that_is_killed(trial: Trial, tmp_path: Path) -> None:
    """A mover ends with its kernel; the next one takes over only when it is gone, and goes on from there."""
    site = trial.put(DATA)
    site.faults = [faults.slow(6e6)]
    path = trial.path(site)
    command = [sys.executable, "-c", _SCRIPT, trial.url(site), str(path)]
    process = subprocess.Popen(command, env={**uncounted(), "NBXFER_AT_EXIT": "leave"}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        pid = int(process.stdout.readline())
        assert machine.start_mark(pid)
        process.send_signal(signal.SIGINT)  # an interrupt of the kernel's group does not reach it
    finally:
        process.kill()
        process.communicate()
    until(lambda: machine.start_mark(pid) is None, 5)
    site.faults = []
    op = trial.ask(site)
    assert op.result(60).read_bytes() == DATA
    assert site.sent < 1.5 * len(DATA)


def test_nothing_secret_in_a_movers_arguments(trial: Trial, canary: Callable[[str], str]) -> None:
    """Credentials go over the pipe: neither the command line nor the environment of a mover has them."""
    secret = canary("token")
    os.environ["NBXFER_TEST_SECRET"] = secret
    try:
        site = trial.put(DATA)
        site.faults = [faults.slow(12e6)]
        op = trial.ask(site, headers={"X-Api-Key": secret})
        pid = moving(op, trial.session)
        for name in ("cmdline", "environ"):
            assert secret.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
        assert op.result(60).read_bytes() == DATA
        assert all(asked.headers.get("x-api-key") == secret for asked in site.asked)
    finally:
        del os.environ["NBXFER_TEST_SECRET"]


def test_a_mover_grows_with_the_places_it_gets(trial: Trial) -> None:
    """A mover that begins with one connection, for threads have the others, gets theirs when they go home."""
    site = trial.put(DATA)
    site.faults = [faults.slow(2e6)]
    op = trial.ask(site)
    hosts = trial.session._engine.work.hosts
    moving(op, trial.session)
    until(lambda: site.busiest >= 6)
    assert op.result(60).read_bytes() == DATA
    (host,) = {asked.headers["host"] for asked in site.asked}
    assert hosts.take(f"http://{host}")  # all places are free again


def test_a_mover_brings_little_along() -> None:
    """What it never asks by is not loaded: it would cost a second start-up, and several MiB in each process."""
    asked = "import sys, nbxfer.engine.mover as m; print(*{n.partition('.')[0] for n in sys.modules})"
    there = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()
    assert not {"httpx", "fsspec", "asyncio", "anyio", "rich", "click"} & set(there)
