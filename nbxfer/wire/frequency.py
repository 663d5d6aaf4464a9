"""How often one server is asked: so many requests a second, evenly; None for as often as it comes. Any thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final

#: The longest wait before ``tick`` is asked again (seconds).
SLICE: Final = 0.05
#: Servers that have been left alone for so many seconds are forgotten.
FORGET: Final = 60.0


class Frequency:
    """Turns by server. ``rate`` is in requests a second and may be changed at any time."""

    def __init__(self, rate: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[Hashable, float] = {}

    def wait(self, server: Hashable, tick: Callable[[], object], sleep: Callable[[float], object] = time.sleep) -> None:
        """Wait for the next turn at a server. Raises whatever ``tick`` raises, and the turn is lost then."""
        rate = self.rate
        if rate is None:
            return
        with self._lock:
            now = self._clock()
            turn = max(now, self._next.get(server, now))
            self._next[server] = turn + 1.0 / rate
            if len(self._next) > 1000:
                self._next = {name: due for name, due in self._next.items() if due > now - FORGET}
        while (left := turn - self._clock()) > 0:
            tick()
            sleep(min(left, SLICE))
