"""Room for a cell that computes: a mover leaves its parent the processor that it computes on. Linux only.

What a system shares out by threads leaves a cell little beside four that decrypt. While nobody computes there, the
mover has all processors.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

#: Seconds between two looks at the parent.
EVERY: Final = 0.2
#: From this share of a processor on it computes, and below that it no longer does.
COMPUTES: Final = 0.5
RESTS: Final = 0.25

#: Gives the processor that a process ran on last, and the CPU-seconds of its own (not the system's). Raises OSError,
#: ValueError, IndexError.
Look = Callable[[], tuple[int, float]]


def parent() -> tuple[int, float]:
    """See Look: of the process that began this one (proc(5): fields 14 and 39)."""
    with open(f"/proc/{os.getppid()}/stat", encoding="utf-8", errors="replace") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[36]), int(fields[11]) / os.sysconf("SC_CLK_TCK")


class Elbowroom:
    """Call ``look`` now and then, from one thread. Who begins one does so because somebody computes."""

    def __init__(self, look: Look = parent, clock: Callable[[], float] = time.monotonic) -> None:
        self._look, self._clock = look, clock
        self._all: set[int] = set()
        if sys.platform == "linux":
            with suppress(OSError):  # a sandbox may forbid it
                self._all = os.sched_getaffinity(0)
        self._at, self._spent, self._busy = 0.0, 0.0, True
        self.left: int | None = None  # the processor that is left to the parent
        self.look()

    def look(self) -> None:
        """Make room, or take it back. Never raises: where that cannot be told or done, everything stays."""
        now = self._clock()
        if len(self._all) < 2 or (self._at and now - self._at < EVERY):
            return
        with suppress(OSError, ValueError, IndexError):  # no /proc, or a sandbox forbids it
            last, spent = self._look()
            if self._at:
                share = (spent - self._spent) / (now - self._at)
                self._busy = share >= (RESTS if self._busy else COMPUTES)
            self._at, self._spent = now, spent
            left = last if self._busy and last in self._all else None
            if left != self.left:
                self.left = left
                self._take(self._all if left is None else self._all - {left})

    @staticmethod
    def _take(processors: set[int]) -> None:
        if sys.platform == "linux":
            for thread in os.listdir("/proc/self/task"):
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(thread), processors)
