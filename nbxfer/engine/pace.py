"""How fast bytes may come: a bucket that fills at ``rate`` bytes a second. Any thread; changed while it is in use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nbxfer.sources.base import Stop, Stopped

#: The longest wait before Stop is looked at (seconds).
SLICE = 0.05


class Pace:
    """A limit in bytes a second, shared by all who call ``take``; None for no limit."""

    def __init__(self, rate: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = 0.0  # when what was taken so far is paid for

    def take(self, n: int, stop: Stop) -> None:
        """Wait until ``n`` bytes more are within the limit. Raises Stopped."""
        rate = self.rate
        if rate is None:
            return
        with self._lock:
            self._free_at = due = max(self._free_at, self._clock()) + n / rate
        while (left := due - self._clock()) > 0 and self.rate is not None:
            if stop.is_set():
                raise Stopped
            time.sleep(min(left, SLICE))
