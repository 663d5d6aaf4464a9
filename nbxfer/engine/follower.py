"""A sum over the front of a part, made while the rest still comes: at the end next to nothing is left to read."""

from __future__ import annotations

import contextvars
import threading
from typing import Final

from nbxfer.engine import digests
from nbxfer.engine.landing import Landing
from nbxfer.errors import TransferError
from nbxfer.sinks.base import Part
from nbxfer.sources.base import Stop, Stopped

#: Bytes that are read and added at once.
CHUNK: Final = 1024 * 1024
#: Seconds between two looks at whether to go on.
LOOK: Final = 0.1


class Follower:
    """Adds up the bytes of ``part`` that lie without a hole from its start, on a thread of its own.

    ``follow`` and ``rest`` may take turns any number of times; ``finish`` adds what is missing. What was added once is
    not read again, so it belongs to one part, open, and ends with it.
    """

    def __init__(self, part: Part, landing: Landing, algorithm: str) -> None:
        self.part, self.algorithm = part, algorithm
        self.reached = 0
        self._landing = landing
        self._digest = digests.begin(algorithm)
        self._resting = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self) -> None:
        """Go on from here, beside everything else."""
        self._resting.clear()
        run = contextvars.Context().run
        thread = threading.Thread(target=run, args=(self._run,), name="nbxfer-digest", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is leaving: it is read at the end instead
            return
        self._thread = thread

    def rest(self) -> None:
        """Stop, and return when nothing is being read any more."""
        thread, self._thread = self._thread, None
        self._resting.set()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        try:
            while not self._resting.is_set():
                if not self._landing.wait(self.reached, LOOK):
                    if self._landing.ended:
                        return
                    continue
                if not self._add(min(self._landing.held.front(), self.reached + CHUNK)):
                    return  # the part was cut
        except TransferError:  # whoever finishes meets it, too, and can say so
            return

    def _add(self, upto: int) -> bool:
        data = self.part.read_at(self.reached, upto - self.reached)
        self._digest.update(data)
        self.reached += len(data)
        return bool(data)

    def finish(self, size: int, stop: Stop) -> str:
        """Add the rest up to ``size``, which has landed; give "algorithm:hex". Raises Stopped, StorageFailed."""
        while self.reached < size:
            if stop.is_set():
                raise Stopped
            if not self._add(min(size, self.reached + CHUNK)):
                break  # the part was cut; what comes out is not right, and that is so
        return f"{self.algorithm}:{self._digest.hexdigest()}"
