"""Whether a cell computes: told by how late threads wake up, and by what threads that are not ours compute meanwhile.

Who waits for the interpreter's lock wakes up late, by 5 ms and more beside plain Python. A machine with much else to do
has everybody wake up late, too, so that alone proves nothing: it also has to be somebody of this process who computes.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from nbxfer.engine import platform

#: Who waits for something that may be late waits so long (seconds).
NAP: Final = 0.02
#: So late is late (seconds): an idle kernel has a tenth of it, one that computes twice as much.
LATE: Final = 0.0025
#: What is looked at: beats that took so long together, and are not older than that (seconds), and so many at least.
SPAN: Final = 0.08
RECENT: Final = 2.0
FEWEST: Final = 2
#: This share of a processor is computing, and so many seconds at least: the system counts in hundredths of a second.
#: On a crowded machine a cell gets no more than a part of a processor.
COMPUTES: Final = 0.05
TICKS: Final = 0.02
#: Seconds between two looks at what threads have computed.
LOOKS: Final = 0.05


class Pulse:
    """Any thread. ``computed`` gives the CPU-seconds of each thread that is not ours; None where that is not known."""

    def __init__(
        self,
        computed: Callable[[], dict[int, float] | None] = platform.computed_by_others,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._computed, self._clock = computed, clock
        self._beats: deque[tuple[float, float, float]] = deque(maxlen=16)  # when, how long it was to take, how late
        self._looks: deque[tuple[float, dict[int, float] | None]] = deque(maxlen=8)
        self._lock = threading.Lock()

    def beat(self, asked: float, late: float) -> None:
        """Take note that somebody who wanted to sleep for ``asked`` seconds woke up ``late`` seconds after that."""
        now = self._clock()
        with self._lock:
            self._beats.append((now, asked, max(0.0, late)))
            if not self._looks or now - self._looks[-1][0] >= LOOKS:
                self._looks.append((now, self._computed()))

    def busy(self) -> bool:
        """Whether somebody computes in this process, so that threads wait for the interpreter's lock."""
        with self._lock:
            return self._late() and self._others_compute()

    def _late(self) -> bool:
        now, took, lates = self._clock(), 0.0, list[float]()
        for when, asked, late in reversed(self._beats):
            if now - when > RECENT or (took >= SPAN and len(lates) >= FEWEST):
                break
            took += asked + late
            lates.append(late)
        return len(lates) >= FEWEST and took >= SPAN and sorted(lates)[(len(lates) - 1) // 2] >= LATE

    def _others_compute(self) -> bool:
        now = self._clock()
        looks = [look for look in self._looks if now - look[0] <= RECENT]
        if len(looks) < FEWEST:
            return False
        (begin, before), (end, after) = looks[0], looks[-1]
        if before is None or after is None:  # nothing but the delay says anything here
            return True
        spent = sum(max(0.0, seconds - before.get(number, 0.0)) for number, seconds in after.items())
        return spent >= max(TICKS, COMPUTES * (end - begin))
