"""Lists of checksums, fetched once for all that have a line in one, and by nobody who is asked to stop.

Of those who want the same list at the same time one fetches it; the others wait for that, and are told what came, or
why nothing did. What came is kept for a while: ten thousand files of one folder cost one request.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from nbxfer.errors import TransferError
from nbxfer.sources.base import Stopped

#: Seconds for which a list is kept, and for which nobody tries again what has failed; so many lists are kept.
KEPT, FAILED, MOST = 60.0, 1.0, 16
#: Seconds between two looks at whether to stop.
_LOOK: Final = 0.1


@dataclass
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    data: bytes | None = None
    error: TransferError | None = None
    until: float = 0.0


class Lists:
    """What was read lately, by whom it was asked for and where it lies. Any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: list[tuple[object, _Kept]] = []

    def get(self, key: object, load: Callable[[], bytes], stop: threading.Event) -> bytes:
        """Give what ``load`` gives, perhaps as it was a moment ago; ``key`` is what it depends on.

        Raises what ``load`` raises; Stopped, soon after ``stop`` was set.
        """
        kept = self._of(key)
        while not kept.lock.acquire(timeout=_LOOK):
            if stop.is_set():
                raise Stopped
        try:
            if kept.until > self._clock():
                if kept.error is not None:
                    raise copy.copy(kept.error)  # whoever catches it may add to its words
                if kept.data is not None:
                    return kept.data
            try:
                kept.data, kept.error = load(), None
            except TransferError as error:
                kept.data, kept.error, kept.until = None, copy.copy(error), self._clock() + FAILED
                raise
            kept.until = self._clock() + KEPT
            return kept.data
        finally:
            kept.lock.release()

    def _of(self, key: object) -> _Kept:
        with self._lock:
            for known, kept in self._kept:
                if known == key:
                    return kept
            self._kept.append((key, made := _Kept()))
            del self._kept[:-MOST]
            return made
