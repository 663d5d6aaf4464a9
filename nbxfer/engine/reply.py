"""The answer that a caller waits for: a Future with one lock, for one that waits and one that answers.

It is what concurrent.futures has, as far as the loop uses it: a condition and its queue of waiters cost more than all
else in a short call, and there is one of these for each.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class Reply(Future[T]):
    """Answered once, by the loop. Whoever gives up waiting leaves it to be answered."""

    def __init__(self) -> None:
        self._given = threading.Lock()  # held until there is an answer
        self._given.acquire()
        self._error: BaseException | None = None

    def set_running_or_notify_cancel(self) -> bool:
        """Say that it may be answered: nobody cancels it."""
        return self._given.locked()

    def set_result(self, result: T) -> None:
        """Answer with a value."""
        self._value = result
        self._given.release()

    def set_exception(self, exception: BaseException | None) -> None:
        """Answer with what the caller is to be told by an exception."""
        self._error = exception
        self._given.release()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the answer (seconds). Raises TimeoutError, and what was answered."""
        if not self._given.acquire(timeout=-1 if timeout is None else max(0.0, timeout)):
            raise TimeoutError
        self._given.release()  # whoever asks again gets the same
        if self._error is not None:
            try:
                raise self._error
            finally:
                del self  # as in concurrent.futures: no cycle of frame, error and answer
        return self._value
