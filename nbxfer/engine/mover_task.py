"""One fetch as the mover has it: the crew's own lanes, with a source that knows one request and a part that is shared.

What the kernel decides in the other case, a mover asks it for; what it tells goes into ``say``.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from nbxfer.core import actions as do
from nbxfer.core import faults
from nbxfer.core.faults import Fault
from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.engine import mover_words as words
from nbxfer.engine.crew import Crew
from nbxfer.engine.landing import Landing
from nbxfer.engine.pace import SLICE, Pace
from nbxfer.engine.writer import Writer
from nbxfer.errors import TransferError
from nbxfer.manifest.blocks import FileBlockLog
from nbxfer.sinks.partfile import PartFile
from nbxfer.sources.base import Source, Stop, Stopped
from nbxfer.sources.prepared import PreparedSource
from nbxfer.wire.prepared import Prepared

#: How often who waits for a verdict looks whether it is still wanted (seconds).
LOOK: Final = 0.05

#: The most bytes that a lane reads before it writes them: no cell is in the way here, and memory is dear. Half of it
#: costs a third more of the processor, for server and lane then take turns more often.
STROKE: Final = 2 * 1024 * 1024

Say = Callable[[words.Words], None]


class Purse(Pace):
    """A pace that is filled from outside: what is granted may be spent; without a rate there is no limit."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 0
        self.spent = 0  # in all (bytes): what has come counts, also what has not been written yet

    def grant(self, more: int, rate: int | None) -> None:
        """Put ``more`` bytes into it."""
        with self._lock:
            self._left = max(self._left, 0) + more if rate is not None else 0
        self.rate = rate

    def owe(self, n: int) -> None:
        """Spend ``n`` bytes."""
        with self._lock:
            self._left -= n
            self.spent += n

    def wait(self) -> float:
        """Give how long to wait before one looks again (seconds)."""
        return SLICE / 4 if self.rate is not None and self._left <= 0 else 0.0


class Places:
    """The kernel counts the places at a host; here there are as many as it allows."""

    def __init__(self, task: int, say: Say) -> None:
        self._task, self._say = task, say

    def take(self, host: str) -> bool:
        """See Hosts."""
        return True

    def release(self, host: str) -> None:
        """See Hosts."""

    def hungry(self, host: str) -> bool:
        """See Hosts."""
        return False

    def shut(self, host: str, seconds: float, fault: Fault) -> None:
        """Have the kernel shut it."""
        self._say(words.Shut(self._task, seconds, fault))


class Task:
    """See Workplace. ``run`` is called on a thread of its own; the rest by the thread that listens."""

    host = ""
    stroke = STROKE

    def __init__(self, order: words.Order, part: int, blocks: int, say: Say) -> None:
        self._order, self._say = order, say
        self.stop = threading.Event()
        self.patience: Patience = order.patience
        self.hosts = Places(order.task, say)
        self.parts_refused = False
        self.most_lanes: int | None = None
        self._purse = Purse()
        self.paces: Sequence[Pace] = (self._purse,)
        self.source: Source = PreparedSource(order.prepared, order.patience, self._decide)
        self._landing = Landing()
        self._again = 0
        self._told: tuple[RangeSet, int, int] = (RangeSet(), 0, 0)
        self._part = PartFile(part, "/", "this transfer")
        self._blocks = FileBlockLog.of(blocks)
        self._writer = Writer(self._part, self._blocks, self._landing, self._count, lambda: None)
        self._bell = threading.Condition()
        self._leases: deque[words.Pairs] = deque()
        self._verdicts: dict[int, words.Verdict] = {}
        self._asked = 0
        self._lanes = order.lanes
        self._crew: Crew | None = None

    # -- what is heard -------------------------------------------------------------------------------------------
    def lease(self, pairs: words.Pairs) -> None:
        """Take more to fetch."""
        with self._bell:
            self._leases.append(pairs)
            self._bell.notify_all()

    def breadth(self, lanes: int) -> None:
        """Have so many connections at most."""
        self._lanes = max(1, lanes)
        if (crew := self._crew) is not None:
            crew.broaden(self._lanes)

    def wanted(self, pairs: words.Pairs) -> None:
        """Let these come first."""
        self._landing.wish(RangeSet.of(pairs))

    def grant(self, more: int, rate: int | None) -> None:
        """See Purse."""
        self._purse.grant(more, rate)

    def verdict(self, verdict: words.Verdict) -> None:
        """Take the answer to a question of ours."""
        with self._bell:
            self._verdicts[verdict.number] = verdict
            self._bell.notify_all()

    def halt(self) -> None:
        """Come home."""
        self.stop.set()
        with self._bell:
            self._bell.notify_all()

    def news(self) -> words.Landed | None:
        """Give what has landed, where that is more than was told."""
        now = held, again, spent = self._landing.held, self._again, self._purse.spent
        if now == self._told:
            return None
        self._told = now
        crew = self._crew
        lanes = crew.width if crew is not None else 0
        return words.Landed(self._order.task, words.pairs_of(held), again, spent, lanes)

    # -- its own thread ------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Work through the leases until it is halted."""
        try:
            while (pairs := self._next()) is not None:
                self._done(self._work(pairs))
        finally:
            self.source.close()
            self._part.close()
            self._blocks.close()
            self._done(None, last=True)

    def _next(self) -> words.Pairs | None:
        with self._bell:
            while not self._leases and not self.stop.is_set():
                self._bell.wait(1.0)
            return None if self.stop.is_set() else self._leases.popleft()

    def _work(self, pairs: words.Pairs) -> Fault | None:
        order = self._order
        segments = tuple(ByteRange(start, stop) for start, stop in pairs)
        action = do.Fetch(0, 0, fresh=False, size=order.size, segments=segments, lanes=self._lanes, pinned=order.pinned)
        self._crew = Crew(self, action, None, self._writer)
        try:
            self._crew.run()
        except Stopped:
            return None
        except TransferError as error:
            return faults.of(error)
        except BaseException as error:  # noqa: BLE001 (the kernel must hear of it, whatever it is)
            return Fault("TransferError", f"nbxfer itself failed ({type(error).__name__}).", hint="Please report this.")
        finally:
            self._crew = None
        return None

    def _done(self, fault: Fault | None, *, last: bool = False) -> None:
        held, task = words.pairs_of(self._landing.held), self._order.task
        self._say(words.Done(task, held, self._again, fault, self.parts_refused, self.most_lanes, last))

    def _count(self, held: RangeSet, again: int) -> None:
        self._again += again

    def _decide(self, want: Want, status: int, headers: list[tuple[str, str]], asked: Prepared, stop: Stop) -> Prepared:
        """Ask the kernel what follows from an odd answer. Several lanes may ask at once."""
        with self._bell:
            self._asked += 1
            number = self._asked
        self._say(words.Answered(self._order.task, number, want, status, tuple(headers)))
        until = time.monotonic() + self.patience.connect + self.patience.response
        with self._bell:
            while number not in self._verdicts:
                if stop.is_set() or self.stop.is_set():
                    raise Stopped
                if time.monotonic() > until:
                    raise TransferError("Nobody said what to do with an answer.", hint="Please report this.")
                self._bell.wait(LOOK)
            verdict = self._verdicts.pop(number)
        if verdict.fault is not None or verdict.prepared is None:
            assert verdict.fault is not None
            raise faults.to_error(verdict.fault)
        return verdict.prepared
