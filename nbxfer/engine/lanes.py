"""What the lanes of one fetch ask their crew: who reads what, and what follows when one of them fails. Any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from nbxfer.core import actions as do
from nbxfer.core import faults
from nbxfer.core.allotment import Allotment
from nbxfer.core.probe import Want
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.engine import parts
from nbxfer.engine.lane import Lane
from nbxfer.engine.pump import Pump
from nbxfer.engine.width import FIRST, Width
from nbxfer.engine.workplace import Workplace
from nbxfer.engine.writer import Writer
from nbxfer.errors import (
    AccessDenied,
    NoSpace,
    RangesRefused,
    SourceChanged,
    StorageFailed,
    TransferError,
    WebErrorStatus,
)
from nbxfer.sources.base import Stop, Stopped, Stream

#: Seconds between two looks at everything.
TICK: Final = 0.1
#: While a mover is on its way, pieces are as small as if there were so many lanes: what is left is the mover's.
SMALL: Final = 1024
#: The number under which a convoy takes from the lanes.
AWAY: Final = -1


def _note(what: str, error: TransferError) -> None:
    import logging  # here: a mover begins sooner without

    logging.getLogger("nbxfer").debug("%s: %s", what, error.message)


class Lanes:
    """The lanes of one fetch, and what they share. A convoy, which is a mover's, may take what they leave."""

    def __init__(
        self, job: Workplace, action: do.Fetch, stream: Stream | None, writer: Writer, clock: Callable[[], float]
    ) -> None:
        self.ending = False
        self._job, self._action, self._writer, self._clock = job, action, writer, clock
        self._bell = threading.Condition()
        self._shares = Allotment(RangeSet(action.segments))
        self._lanes: list[Lane] = []
        self._numbers = 0
        strong = action.pinned is not None and action.pinned.strong
        self._parts = strong and action.size is not None and (stream is None or stream.probe.ranges)
        self._answered = stream is None  # a part has been had
        self._parts_from = 0.0  # before then no more parts are asked for (monotonic)
        self._width = Width(action.lanes, job.most_lanes, clock())
        self._fatal: Exception | None = None
        self._last: TransferError | None = None
        self._alone = action.lanes <= 1
        self._led = self._awaited = False  # a convoy does the work; one is on its way
        self._out = False  # a convoy has something, and has not shown yet that it can

    def _look(self) -> None:
        """Do what is to be done now and then."""

    def fail(self, error: Exception) -> None:
        """Let everybody come home; ``run`` raises the first of these."""
        with self._bell:
            self._fatal = self._fatal or error
            self.ending = True
            self._bell.notify_all()

    # -- the lanes' threads --------------------------------------------------------------------------------------
    @property
    def may_ask(self) -> bool:
        """Whether parts may be asked for now."""
        return self._parts and not self._job.parts_refused and self._clock() >= self._parts_from

    def part(self, start: int, stop: int, lane: Stop) -> Stream | None:
        """Open the part from ``start`` to ``stop`` of the very version that is fetched; None where none may be had."""
        if not self.may_ask:
            return None
        want = Want(start, stop, self._action.pinned, self._action.size, part=True)
        stream = parts.opened(self._job.source, want, lane)
        with self._bell:
            self._answered = True
            self._bell.notify_all()
        return stream

    def pump(self, lane: Lane) -> Pump:
        """Give what ``lane`` reads with; made on its own thread. Where there are many, each has less memory."""
        look = self._look if self._alone else lambda: None
        stroke = self._job.stroke if len(self._lanes) <= FIRST else self._job.stroke // 2
        return Pump(self._writer, self._job.patience, lane, self._job.paces, look, self._clock, stroke)

    def next(self, lane: Lane) -> ByteRange | None:
        """Wait for a piece that ``lane`` can fetch; None where there will be none. Raises Stopped."""
        with self._bell:
            try:
                while not lane.is_set():
                    piece = self._piece(lane) if not self._surplus(lane) else None
                    if piece is not None:
                        lane.busy, lane.since = True, self._clock()
                        return piece
                    if self._surplus(lane) or not (self._out or any(other.busy for other in self._lanes)):
                        self.left(lane)
                        return None
                    lane.idle = True
                    self._bell.wait(TICK)
            finally:
                lane.idle = False
        raise Stopped

    def _piece(self, lane: Lane) -> ByteRange | None:
        at = lane.at
        if not self.may_ask:
            return None if at is None else self._shares.take(lane.number, 1, at, onward=True)
        if at is not None and not self._answered and any(other.busy for other in self._lanes):
            # Whether parts can be had at all is being asked: the body that brings everything is not left before.
            if not self._shares.free.covers(at, at + 1):
                return None
            return self._shares.take(lane.number, self._width.limit, at, onward=True)
        wanted = self._writer.landing.wanted()
        piece = self._shares.take(lane.number, SMALL if self._awaited else self._width.shares, at, wanted)
        if piece is None:
            rates = {other.number: other.rate(self._clock()) for other in self._lanes}
            piece = self._shares.steal(lane.number, rates.__getitem__)
        return piece

    def _surplus(self, lane: Lane) -> bool:
        """Say whether this one should go home: there are too many, a convoy does it, or an operation waits."""
        if self._led:
            return True
        keep = next((other for other in self._lanes if other.at is not None), self._lanes[0])
        hungry = lane.placed and self._job.hosts.hungry(self._job.host)
        return lane is not keep and (hungry or len(self._lanes) > self._width.limit)

    def enter(self, lane: Lane, position: int) -> int:
        """See Allotment."""
        with self._bell:
            return self._shares.enter(lane.number, position)

    def give_back(self, lane: Lane, position: int) -> None:
        """Take the piece of ``lane`` back, read up to ``position``."""
        with self._bell:
            lane.busy = False
            self._shares.give_back(lane.number, position)
            self._bell.notify_all()

    def lost(self, lane: Lane, error: TransferError) -> bool:
        """Decide what follows when a connection ends with ``error``; say whether ``lane`` is to try another."""
        _note("a connection ended", error)
        with self._bell:
            others = len(self._lanes) - 1
            got = lane.pump.got if lane.pump is not None else 0
            if self._ends(error):
                return False
            self._last = error
            if error.status == WebErrorStatus.STALLED and others and got != lane.stalled_at:
                lane.stalled_at = got
                return True
            self._learn(error, others)
            return False

    def _ends(self, error: TransferError) -> bool:
        """Say whether ``error`` is the end of everything, and let it be."""
        disk = isinstance(error, AccessDenied) and error.http_status is None
        if disk or isinstance(error, SourceChanged | NoSpace | StorageFailed):
            self.fail(error)
            return True
        return False

    def _learn(self, error: TransferError, others: int) -> None:
        """Take from an error what it says of the server."""
        if isinstance(error, RangesRefused):
            self._job.parts_refused = True
        elif not error.retryable:
            self._parts = False  # what is open may go on; nothing more is asked for in vain
        if error.retry_after is not None:
            self._parts_from = self._clock() + error.retry_after
            self._job.hosts.shut(self._job.host, error.retry_after, faults.of(error))
        if self._width.failed(error, others, self._clock()) and not self._alone:
            self._job.most_lanes = 1
        if self._width.limit == 1:
            for other in self._lanes:
                if self._surplus(other):
                    self._shares.cut(other.number)

    def left(self, lane: Lane) -> None:
        """Take note that ``lane`` goes home: a place goes back, for the operation's own is another lane's now."""
        with self._bell:
            if lane not in self._lanes:
                return
            self._lanes.remove(lane)
            heir = lane if lane.placed else next((other for other in self._lanes if other.placed), None)
            if heir is not None:
                heir.placed = False
                self._job.hosts.release(self._job.host)
            self._bell.notify_all()

    # -- for a convoy --------------------------------------------------------------------------------------------
    def lease(self) -> RangeSet:
        """Give what no lane has; where that is nothing, half of what the slowest lane has before it.

        Once a part has been had, lanes keep no more than the block that they read: what they were given before the cell
        was noticed is as much as all that is left, and they would bring it slowly and in the cell's way.
        """
        with self._bell:
            if not self.may_ask or self.ending:
                return RangeSet()
            if self._answered:
                self._cut()
            leased = self._shares.lease()
            if not leased:
                rates = {lane.number: lane.rate(self._clock()) for lane in self._lanes}
                piece = self._shares.steal(AWAY, rates.__getitem__)
                if piece is not None:
                    self._shares.give_back(AWAY, piece.stop)
                    leased = RangeSet((piece,))
            return leased

    def _cut(self) -> None:
        for lane in self._lanes:
            self._shares.cut(lane.number)

    def returned(self, ranges: RangeSet) -> None:
        """Take back what was leased and did not come."""
        with self._bell:
            self._shares.restore(ranges)
            self._bell.notify_all()

    def away_lost(self, error: TransferError) -> None:
        """Take note of the error by which a lease ended: the mover's own lanes have tried what could be tried."""
        _note("a mover came back", error)
        with self._bell:
            if not self._ends(error):
                self._last = error
                self._learn(error, len(self._lanes))
