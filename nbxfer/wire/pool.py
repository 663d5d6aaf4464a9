"""Open lines that nobody uses at the moment, kept for the next request to the same server by the same identity."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

from nbxfer.wire.frequency import Frequency
from nbxfer.wire.sockets import Line

#: How long a line is kept (seconds), and how many in all. Servers close theirs after 5 to 75 s.
IDLE: Final = 30.0
MOST: Final = 32


def boot_clock() -> float:
    """Give seconds that go on while the machine sleeps: a line that has slept is no good any more."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Pool:
    """A few open lines. May be shared by many sources, and used from any thread."""

    def __init__(self, clock: Callable[[], float] = boot_clock, requests: float | None = None) -> None:
        """Make a pool; ``requests`` a second to one server, of all who share it (``frequency.rate`` changes it)."""
        self._clock = clock
        self.frequency = Frequency(requests)
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Hashable, Line]] = []  # oldest first
        self._closed = False

    def take(self, key: Hashable) -> Line | None:
        """Give the line for ``key`` that was used last, if one still is good."""
        while True:
            with self._lock:
                now = self._clock()
                old = [line for since, _, line in self._idle if now - since > IDLE]
                self._idle = [entry for entry in self._idle if now - entry[0] <= IDLE]
                at = next((i for i in range(len(self._idle) - 1, -1, -1) if self._idle[i][1] == key), None)
                line = self._idle.pop(at)[2] if at is not None else None
            for other in old:
                other.close()
            if line is None or line.quiet():
                return line
            line.close()

    def put(self, key: Hashable, line: Line) -> None:
        """Keep ``line`` for the next request of ``key``; close it where it is not fit for that."""
        if not line.quiet():
            line.close()
            return
        with self._lock:
            surplus = [line]
            if not self._closed:
                self._idle.append((self._clock(), key, line))
                surplus = [entry[2] for entry in self._idle[:-MOST]]
                self._idle = self._idle[-MOST:]
        for other in surplus:
            other.close()

    def close(self) -> None:
        """Close what is idle, and from now on whatever comes back. Never raises."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for _, _, line in idle:
            line.close()

    @property
    def idle(self) -> int:
        """How many lines it keeps."""
        return len(self._idle)
