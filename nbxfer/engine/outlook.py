"""The engine's window: takes in what the surroundings have become, and has those operations reviewed that it touches.

On the loop thread, but for what it gives to workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.surroundings import CostPolicy, Surroundings
from nbxfer.engine.dispatcher import Dispatcher
from nbxfer.engine.timers import Timers
from nbxfer.engine.workers import Workers
from nbxfer.network.watch import FIRST_LOOK, Watch

#: Seconds between two looks at charge and memory, while something wants to move.
MACHINE_EVERY: Final = 5.0
_RESTING: Final = FINAL | {Phase.CREATED, Phase.PAUSED, Phase.FAILED}


class Outlook:
    """Connects a Watch with the dispatcher's clearance. ``later`` makes a call on the loop."""

    def __init__(
        self,
        watch: Watch,
        dispatcher: Dispatcher,
        workers: Workers,
        timers: Timers,
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        self.watch, self.dispatcher, self.workers, self.timers, self.later = watch, dispatcher, workers, timers, later
        self.clearance = dispatcher.clearance
        self._counted: dict[str, int] = {}

    def begin(self) -> None:
        """Begin to look. Nothing moves before the first look, as far as that takes a moment only."""
        self.clearance.ready = False
        now = time.monotonic()
        self.timers.at(now + FIRST_LOOK, self._ready)
        self.timers.at(now, self._look_at_machine)
        if self.watch.counts:
            self.dispatcher.came = self._count
            self.workers.submit(self.watch.note)
        self.watch.start(lambda seen: self.later(lambda: self._take(seen)))

    def _take(self, seen: Surroundings) -> None:
        better = self.clearance.take(seen)
        if self.watch.looked:
            self._ready()
        self._review(better=better)

    def _ready(self) -> None:
        self.clearance.ready = True

    def _review(self, *, better: bool = False) -> None:
        items = self.clearance.review(list(self.dispatcher.ops.values()), better=better)
        self.dispatcher.happened(items)

    def allow(self, policy: CostPolicy) -> None:
        """Let another policy hold for every operation that has none of its own, at once. Any thread."""
        self.clearance.policy = policy
        self.later(self._review)

    def _look_at_machine(self) -> None:
        """Look, where somebody wants to move; an idle engine asks nothing."""
        self.timers.at(time.monotonic() + MACHINE_EVERY, self._look_at_machine)
        if any(op.phase not in _RESTING for op in self.dispatcher.ops.values()):
            self.workers.submit(self.watch.look_at_machine)

    def _count(self, ops: Iterable[Operation]) -> None:
        """Count what has come of these operations since they were last seen; what a life began with has not."""
        spent = 0
        for op in ops:
            total = op.received + op.refetched
            before = self._counted.get(op.id, total if op.phase is not Phase.VERIFYING else 0)
            if op.phase in _RESTING:
                self._counted.pop(op.id, None)
                continue
            self._counted[op.id] = total
            spent += max(0, total - before)
        if spent and self.watch.spent(spent):
            self.workers.submit(self.watch.note)
