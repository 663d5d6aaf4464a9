"""Calls of what programs have given us: done callbacks, listeners, tasks. None of them can hold the engine up.

Calls of one key are made one after the other, in order; those of different keys beside each other. A call that never
returns takes a thread of ours and the calls of its own key, and nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from nbxfer.engine.workers import Workers

log = logging.getLogger("nbxfer")

Call = Callable[[], None]

#: So many may hang before others have to wait for one to return.
THREADS: Final = 64


class Callers:
    """Threads for other people's code, and the order of the calls."""

    def __init__(self) -> None:
        self._workers = Workers(THREADS, "nbxfer-callbacks")
        self._lock = threading.Lock()
        self._lines: dict[str, deque[Call]] = {}

    def submit(self, call: Call, key: str = "") -> None:
        """Have ``call`` made soon, after those that have the same key."""
        with self._lock:
            line = self._lines.get(key)
            if line is not None:
                line.append(call)
                return
            self._lines[key] = deque((call,))
        try:
            self._workers.submit(lambda: self._run(key))
        except RuntimeError:  # the interpreter is leaving, and gives no more threads
            self._run(key)

    def _run(self, key: str) -> None:
        while True:
            with self._lock:
                line = self._lines[key]
                if not line:
                    del self._lines[key]
                    return
                call = line.popleft()
            try:
                call()
            except BaseException:  # those that come after it are made all the same
                log.exception("a callback failed")
            finally:
                del call  # else the last one keeps what it holds alive

    @property
    def busy(self) -> bool:
        """Whether any call is to be made, or under way."""
        return self._workers.busy

    def close(self) -> None:
        """Let the threads go when they have done what was submitted."""
        self._workers.close()
