"""Who computes beside a transfer: what a mover is wanted for, and what it is not."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from nbxfer.engine import platform
from nbxfer.engine.movers import LARGE, Movers
from nbxfer.engine.pulse import LATE, LOOKS, NAP, RECENT, Pulse
from tests.journeys.kernels import Kernel
from tests.servers.nginx import PROGRAM, Nginx

MIB = 2**20


class Watched:
    """A pulse whose time passes when it is told to, beside threads that compute as much as they are told to."""

    def __init__(self) -> None:
        self.now, self.spent = 100.0, 0.0
        self.known = True
        self.pulse = Pulse(lambda: {1: self.spent} if self.known else None, lambda: self.now)

    def beats(self, count: int, late: float, share: float) -> None:
        """Let ``count`` naps pass, each so late, while somebody has ``share`` of a processor."""
        for _ in range(count):
            self.now += NAP + late
            self.spent += share * (NAP + late)
            self.pulse.beat(NAP, late)


@pytest.mark.parametrize(
    ("late", "share", "busy"),
    [
        (0.006, 0.5, True),  # plain Python
        (0.4, 0.9, True),  # a call of C that keeps the lock
        (0.05, 0.15, True),  # a cell on a crowded machine
        (0.05, 0.0, False),  # a crowded machine alone
        (0.0005, 0.9, False),  # numpy, which gives the lock away
        (0.0002, 0.0, False),
    ],
)
def test_what_a_busy_cell_is(late: float, share: float, busy: bool) -> None:
    """Threads have to wake up late, and somebody else in this process has to compute: neither alone is a busy cell."""
    watched = Watched()
    watched.beats(20, late, share)
    assert watched.pulse.busy() is busy


@pytest.mark.parametrize("late", [0.006, 0.4])
def test_noticed_in_time(late: float) -> None:
    """A cell that starts in the middle is noticed within half a second, or within two turns of a call of C."""
    watched = Watched()
    watched.beats(50, 0.0002, 0.0)
    assert not watched.pulse.busy()
    begun = watched.now
    while not watched.pulse.busy():
        watched.beats(1, late, 0.8)
    assert watched.now - begun <= max(0.5, 2 * (late + NAP) + 0.001)


def test_it_is_over_when_it_is_over() -> None:
    """What was heard long ago says nothing, and a cell that has ended is no reason for anything."""
    watched = Watched()
    watched.beats(20, 0.006, 0.5)
    watched.now += RECENT + 0.1
    assert not watched.pulse.busy()
    watched.beats(20, 0.006, 0.5)
    watched.beats(20, LATE / 10, 0.0)
    assert not watched.pulse.busy()


def test_where_the_system_does_not_tell_who_computes() -> None:
    """There the delay alone decides."""
    watched = Watched()
    watched.known = False
    watched.beats(20, 0.006, 0.0)
    assert watched.pulse.busy()
    watched.beats(20, 0.0001, 0.0)
    assert not watched.pulse.busy()


def _spin(until: float) -> None:
    while time.monotonic() < until:
        pass


def test_who_has_computed() -> None:
    """The seconds of threads that are not ours are counted; those of ours are not, whatever they do."""
    until = time.monotonic() + 0.5
    threads = [threading.Thread(target=_spin, args=(until,), name=name) for name in ("somebody", "nbxfer-lane")]
    before = platform.computed_by_others()
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    after = platform.computed_by_others()
    assert before is not None
    assert after is not None
    theirs, ours = (thread.native_id for thread in threads)
    assert after[theirs or 0] > 0
    assert ours not in after
    for thread in threads:
        thread.join()
    assert theirs not in (platform.computed_by_others() or {})


def test_a_crowded_machine_is_no_reason() -> None:
    """With twice as many programs as processors computing beside an idle kernel, no mover is wanted at any time."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    movers = Movers(lambda _: None)
    try:
        end = time.monotonic() + 10 * LOOKS
        while time.monotonic() < end:
            begun = time.monotonic()
            time.sleep(NAP)
            movers.pulse.beat(NAP, time.monotonic() - begun - NAP)
            assert not movers.wanted(LARGE)
    finally:
        for other in others:
            other.kill()
            other.wait()


@pytest.fixture
def nginx(tmp_path: Path, authority: trustme.CA) -> Iterator[Nginx]:
    """Give a server of a large file, 6 MB/s a connection."""
    if PROGRAM is None:
        pytest.skip("nginx is not installed")
    root, run = tmp_path / "www", tmp_path / "run"
    for folder in (root, run):
        folder.mkdir()
    with (root / "f.bin").open("wb") as file:
        file.truncate(800 * MIB)
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(run / "server.pem"))
    with Nginx(root, run, run / "server.pem", paced=6_000_000) as server:
        yield server


_BEGIN = """
import nbxfer
session = nbxfer.Session()
op = session.download({url!r}, "f.bin", verify={ca!r}, connections=4)
"""
_IDLE = """
import time
time.sleep(1)
print(session._engine.movers.pids)
"""
_CELL = """
import time
def compute(seconds):
    begun, seen, value = time.monotonic(), None, 1
    while seen is None and time.monotonic() - begun < seconds:
        for number in range(20_000):
            value = (value * 31 + number) % 1_000_003
        if session._engine.movers.pids:
            seen = time.monotonic() - begun
    return seen
print(compute(20))
"""


@pytest.mark.parametrize("secure", [False, True])
def test_in_a_real_kernel(secure: bool, nginx: Nginx, ca: str, tmp_path: Path, home: Path) -> None:
    """While the kernel is idle, threads do it; a cell that begins in the middle is noticed, and a mover is called."""
    kernel = Kernel(tmp_path, home, NBXFER_MOVERS="auto")
    try:
        kernel.run(_BEGIN.format(url=nginx.url("/paced/f.bin", secure=secure), ca=ca))
        assert kernel.run(_IDLE).strip() == "[]"
        noticed = kernel.run(_CELL, 60).strip()
        assert noticed != "None"
        assert float(noticed) < 10  # half a second on a machine with nothing else to do; see RESULTS.md
        kernel.run("op.cancel(); session.close()")
    finally:
        kernel.close()
