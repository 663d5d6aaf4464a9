"""One run of one peer in a process of its own (or in a kernel): what ``stage.Stage.run`` starts.

Run: python -m tests.benchmarks.one_run FILE. The file has a job as JSON: ``peer``, ``urls``, ``folder`` (where they
land), ``many``, ``busy`` (a pure-Python loop beside it), ``limit`` (seconds; then it is cut), ``warm`` (a small file
that is fetched first, so that imports and certificates are paid for; programs have no such thing). Prints the result
as JSON.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from tests.benchmarks.peers import PEERS, Peer
from tests.benchmarks.yardstick import name_of

Over = Callable[[], bool]


def spin(over: Over) -> float:
    """Compute in plain Python until it is over; give how much a second. Asks about once a millisecond."""
    turns, value, begin = 0, 1, time.perf_counter()
    while not over():
        for number in range(20_000):
            value = (value * 31 + number) % 1_000_003
        turns += 1
    return turns / (time.perf_counter() - begin)


def cpu() -> float:
    """Give the CPU-seconds of this process, of children that have ended, and of those that live."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    spent = sum(use.ru_utime + use.ru_stime for use in uses)
    for child in psutil.Process().children(recursive=True):
        try:
            spent += sum(child.cpu_times()[:4])
        except psutil.Error:  # it has just ended
            continue
    return spent


def landed(folder: Path) -> int:
    """Give the bytes that are there, also in parts: blocks on the disk, for parts may have holes."""
    return sum(entry.stat().st_blocks * 512 for entry in os.scandir(folder) if entry.is_file())


class _Program:
    """A program that runs."""

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.ended = 0.0  # perf_counter

    def over(self) -> bool:
        if not self.ended and self._process.poll() is not None:
            self.ended = time.perf_counter()
        return bool(self.ended)

    def wait(self, seconds: float) -> None:
        """Wait without the long naps of Popen.wait(timeout)."""
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        self._process.wait()
        self.ended = time.perf_counter()
        timer.cancel()

    def check(self) -> None:
        text = (self._process.communicate()[1] or b"").decode(errors="replace").strip()
        assert self._process.returncode == 0, text or f"it gave {self._process.returncode}"

    def cut(self) -> None:
        self._process.kill()
        self._process.communicate()


class _Library:
    """A call that runs on a thread, as a transfer beside a cell does."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call, self._wrong = call, list[Exception]()
        self._event = threading.Event()
        self.ended = 0.0
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        try:
            self._call()
        except Exception as error:
            self._wrong.append(error)
        self.ended = time.perf_counter()
        self._event.set()

    def over(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        self._event.wait(seconds)

    def check(self) -> None:
        if self._wrong:
            raise self._wrong[0]

    def cut(self) -> None:
        """Nothing can end a call: the process has to."""


def _start(peer: Peer, urls: list[str], folder: Path, *, many: bool) -> Callable[[], _Program | _Library]:
    """Make everything ready; what is given starts it."""
    target, fetch_many = folder / name_of(urls[0]), peer.many
    if not peer.program:
        if many and fetch_many is not None:
            return lambda: _Library(lambda: fetch_many(urls, folder))
        return lambda: _Library(lambda: peer.one(urls[0], target))
    command = fetch_many(urls, folder) if many and fetch_many is not None else peer.one(urls[0], target)
    return lambda: _Program(command)


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job; give ``seconds``, ``bytes``, ``cpu`` (seconds), ``kept`` (of the loop's own speed), ``cut``."""
    peer, folder, limit = PEERS[job["peer"]], Path(job["folder"]), float(job["limit"])
    folder.mkdir()
    if not peer.program:
        peer.one(job["warm"], folder.with_suffix(".warm"))
    begin_run = _start(peer, job["urls"], folder, many=job["many"])
    own, kept = 0.0, None
    if job["busy"]:
        until = time.perf_counter() + 0.5
        own = spin(lambda: time.perf_counter() > until)
    before, begin = cpu(), time.perf_counter()
    running = begin_run()
    if job["busy"]:
        kept = spin(lambda: running.over() or time.perf_counter() - begin > limit) / own
    else:
        running.wait(limit)
    cut = not running.over() or running.ended - begin >= limit
    seconds = time.perf_counter() - begin if cut else running.ended - begin
    count = landed(folder)
    spent = cpu() - before
    running.cut() if cut else running.check()
    return {"seconds": seconds, "bytes": count, "cpu": spent, "kept": kept, "cut": cut}


def main() -> None:
    """Do the job that the command line has."""
    try:
        result = run(json.loads(Path(sys.argv[1]).read_text()))
    except Exception as error:
        result = {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
    print(json.dumps(result), flush=True)
    os._exit(0)  # what was cut may still run


if __name__ == "__main__":
    main()
