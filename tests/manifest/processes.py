"""Programs for the tests: processes of their own that write a manifest, die in it, or fight for it.

Run: python processes.py write HOME | crashes | heir HOME
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from nbxfer.manifest import journal
from nbxfer.manifest.base import Row
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record, after


def say(text: str) -> None:
    """Tell the test; a line is whole or not there at all."""
    os.write(1, text.encode() + b"\n")


def write(home: str) -> None:
    """Append, compact and log blocks until killed; say what was acknowledged: "id bytes", "done id", "row n"."""
    manifest = FolderManifest(home)
    journal.LITTLE, journal.MANY = 4096, 3  # type: ignore[misc]
    manifest.begin()
    dice = random.Random(int(manifest.me.id, 16))
    records = [a_record(f"/data/{n}") for n in range(30)]
    manifest.append(records)
    log = manifest.blocks(records[0].id, 1)
    say(manifest.me.id)
    for turn in range(1, 10**9):
        some = dice.sample(range(len(records)), dice.randint(1, 10))
        for n in some:
            records[n] = after(records[n], received=turn)
        manifest.append([records[n] for n in some])
        say("\n".join(f"{records[n].id} {turn}" for n in some))
        log.append([Row(turn, 4096, turn)])
        say(f"row {turn}")
        if turn % 3 == 0:
            n = dice.randrange(1, len(records))
            manifest.append([after(records[n], phase="done")])
            say(f"done {records[n].id} {records[n].spec.destination}")
            records[n] = a_record(f"/data/{turn}-{n}")
        if turn % 5 == 0 or (turn % 2 == 0 and not manifest.tidy()):
            manifest.compact(records)
        if turn % 4 == 0:
            manifest.sync()


def crash(home: str, name: str, nth: int) -> None:
    """Die of SIGKILL just before, or (negative ``nth``) just after, the nth call of os.``name`` in a compaction."""
    manifest = FolderManifest(home)
    manifest.begin()
    live, done = a_record("/live"), a_record("/done")
    manifest.append([live, done, after(live, received=3), after(done, phase="done")])
    real: Callable[..., Any] = getattr(os, name)
    calls = 0

    def deadly(*args: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = real(*args, **more)
        if calls == -nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    setattr(os, name, deadly)
    manifest.compact([live])
    setattr(os, name, real)
    say("survived")
    manifest.end()


def crashes() -> None:
    """Crash in a child for each line "HOME CALL NTH" of the input; say how each ended. To start once costs less."""
    for line in sys.stdin:
        home, name, nth = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            crash(home, name, int(nth))
            os._exit(0)
        say("killed" if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL else "ended")


def heir(home: str) -> None:
    """Try to take over whoever is named on a line of the input, at the given time; say who won what."""
    manifest = FolderManifest(home)
    manifest.begin()
    say(manifest.me.id)
    for line in sys.stdin:
        owner, when = line.split()
        while time.monotonic() < float(when):
            pass
        got = manifest.take_over(owner)
        say("lost" if got is None else " ".join(["won", *sorted(r.id for r in got)]))
    manifest.end()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", home]:
            write(home)
        case ["crashes"]:
            crashes()
        case ["heir", home]:
            heir(home)
