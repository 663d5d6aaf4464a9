"""How fast bytes may come: a bucket that fills at ``rate`` bytes a second. Any thread; changed while it is in use."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from nbxfer.sources.base import Stop, Stopped

#: The longest wait before Stop, or a new rate, is looked at (seconds).
SLICE: Final = 0.05
#: So many seconds' worth may be caught up with: who slept a little too long each time would else be too slow.
BURST: Final = 0.1
#: Under a limit so many seconds' worth are read at once, within these bounds (bytes).
PORTION: Final = 0.01
FEW: Final = 1024
MANY: Final = 256 * 1024


class Pace:
    """A limit in bytes a second, shared by all who call ``take``; None for no limit."""

    def __init__(self, rate: int | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = _positive(rate)
        self._clock = clock
        self._lock = threading.Lock()
        self._paid = clock()  # the time up to which all that was taken is paid for; may lie ahead

    @property
    def rate(self) -> int | None:
        """Bytes a second; what waits at this moment goes by the new one when it is set."""
        return self._rate

    @rate.setter
    def rate(self, rate: int | None) -> None:
        rate = _positive(rate)
        with self._lock:
            now = self._clock()
            ahead = self._paid - now
            if ahead > 0 and self._rate is not None:  # what is owed is owed in bytes, not in seconds
                self._paid = now + (ahead * self._rate / rate if rate is not None else 0.0)
            self._rate = rate

    def take(self, n: int, stop: Stop) -> None:
        """Wait until ``n`` bytes more are within the limit. Raises Stopped."""
        take((self,), n, stop)

    def owe(self, n: int) -> None:
        """Count ``n`` bytes that have come, without waiting."""
        with self._lock:
            if self._rate is not None:
                self._paid = max(self._paid, self._clock() - BURST) + n / self._rate

    def wait(self) -> float:
        """Give the seconds until what has come so far is within the limit."""
        return self._paid - self._clock() if self._rate is not None else 0.0


def _positive(rate: int | None) -> int | None:
    return None if rate is None else max(1, rate)


def take(paces: Sequence[Pace], n: int, stop: Stop) -> None:
    """Wait until ``n`` bytes more are within every one of these limits. Raises Stopped."""
    for pace in paces:  # all before any wait: two limits are not to be waited for one after the other
        pace.owe(n)
    while (left := max((pace.wait() for pace in paces), default=0.0)) > 0:
        if stop.is_set():
            raise Stopped
        time.sleep(min(left, SLICE))


def portion(paces: Sequence[Pace]) -> int | None:
    """Give how many bytes to read at once, so that it flows evenly; None where nothing is limited."""
    rates = [rate for pace in paces if (rate := pace.rate) is not None]
    return min(max(int(min(rates) * PORTION), FEW), MANY) if rates else None
