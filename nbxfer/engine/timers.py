"""What has to happen at a time: a heap, with a clock from outside."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Timers:
    """Calls that are due at some time of a monotonic clock."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, due: float, call: Callable[[], None]) -> None:
        """Have ``call`` made when the clock says ``due`` or later."""
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, call))

    def run(self, now: float) -> None:
        """Make the calls that are due."""
        while self._heap and self._heap[0][0] <= now:
            heapq.heappop(self._heap)[2]()

    def next(self, now: float, most: float) -> float:
        """Give the seconds until the next call is due, between 0 and ``most``."""
        return max(0.0, min(most, self._heap[0][0] - now)) if self._heap else most
