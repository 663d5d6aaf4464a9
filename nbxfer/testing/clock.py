"""A clock that stands still until a test winds it."""

from __future__ import annotations

import threading


class HandWoundClock:
    """Call it for the time in seconds; ``sleep`` winds it by what was asked, and returns at once.

    Fits wherever a ``time.time``, ``time.monotonic`` or ``time.sleep`` can be given. It never goes back by itself;
    ``wind`` with a negative number is a clock that somebody has set back.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def __call__(self) -> float:
        """Give the time."""
        return self._now

    def wind(self, seconds: float) -> float:
        """Let ``seconds`` pass; give the time after them."""
        with self._lock:
            self._now += seconds
            return self._now

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass, and write down that they were waited for."""
        with self._lock:
            self._now += max(0.0, seconds)
            self.slept.append(seconds)
