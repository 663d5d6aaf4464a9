"""Claims on destinations, made in the background: they save traffic, and nobody waits for them.

The first are made at once. Of many the others are made by and by, in the order in which they will run: what is over
before its turn, as most small files are, needs none, and a hundred thousand of them keep nobody from the processor.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from nbxfer.core.lease import Hold
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import FINAL
from nbxfer.engine.work import Work
from nbxfer.manifest.base import Claim, Manifest

#: So many destinations are claimed in one go, and then none for so long (seconds).
AT_ONCE: Final = 125
EVERY: Final = 1.0


class Later(Protocol):
    """How a worker's finding comes back to the loop."""

    def __call__(self, call: Callable[[], None]) -> None:
        """Have ``call`` made on the loop."""
        ...


class Stakes:
    """Whose destinations are still to be claimed. ``stake`` and ``leave`` are called on the loop."""

    def __init__(self, manifest: Manifest, work: Work, later: Later) -> None:
        self._manifest, self._work, self._later = manifest, work, later
        self._waiting: deque[Operation] = deque()
        self._busy = False

    def stake(self, ops: Iterable[Operation]) -> None:
        """Claim the destinations of operations, soon."""
        self._waiting.extend(ops)
        if self._waiting and not self._busy:
            self._busy = True
            self._work.workers.submit(self._claim_some)

    def leave(self) -> None:
        """Make no more claims: what is not claimed is found by its record."""
        self._waiting.clear()

    def _claim_some(self) -> None:
        left = AT_ONCE
        while left and self._waiting:
            try:
                op = self._waiting.popleft()
            except IndexError:  # we are leaving
                break
            if op.phase not in FINAL:
                self._claim(op.spec.destination, Claim(op.id, self._manifest.me.id, op.spec.identity))
                left -= 1
        self._later(lambda: self._work.timers.at(time.monotonic() + EVERY, self._go_on))

    def _go_on(self) -> None:
        self._busy = False
        self.stake(())

    def _claim(self, destination: str, mine: Claim) -> None:
        holder = self._manifest.claim(destination, mine)
        # Whose operation came first was settled when this one was accepted: what is claimed otherwise is over.
        if holder.op_id != mine.op_id and self._manifest.hold_of(holder.owner) is not Hold.THEIRS:
            self._manifest.reclaim(destination, mine)
