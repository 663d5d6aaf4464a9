"""The lanes of one fetch: who reads what, how many of them, and what follows when one fails.

One lane runs on the caller's own thread. Where there may be more, each has a thread, and the caller's looks after
them: it reports and syncs, makes way for readers, sends those home that hear nothing, and calls in new ones.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from nbxfer.core import actions as do
from nbxfer.core import faults
from nbxfer.core.allotment import LEAST, Allotment
from nbxfer.core.probe import Want
from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet
from nbxfer.engine import parts
from nbxfer.engine.job import Job
from nbxfer.engine.lane import Lane
from nbxfer.engine.pump import Pump
from nbxfer.engine.width import Width
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

log = logging.getLogger("nbxfer")

#: Seconds between two looks at everything.
TICK: Final = 0.1
#: A lane that has heard nothing for so long is sent home when another has nothing to do (seconds).
SILENCE: Final = 3.0
#: So long a lane has its piece before it is called slow (seconds), and so long it takes to begin another connection.
MEASURED: Final = 1.0
START: Final = 0.5
#: A lane that needs longer to finish its block (seconds) is called away at once when a reader waits.
BRIEF: Final = 0.3


class Crew:
    """Fetches the segments of ``action`` into what ``writer`` writes, beginning with the open ``stream``."""

    def __init__(
        self, job: Job, action: do.Fetch, stream: Stream, writer: Writer, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.ending = False
        self._job, self._action, self._writer, self._clock = job, action, writer, clock
        self._bell = threading.Condition()
        self._shares = Allotment(RangeSet(action.segments))
        self._lanes: list[Lane] = []
        self._threads: list[threading.Thread] = []
        self._numbers = 0
        strong = action.pinned is not None and action.pinned.strong
        self._parts = strong and action.size is not None and stream.probe.ranges
        self._answered = False  # a part has been had
        self._parts_from = 0.0  # before then no more parts are asked for (monotonic)
        self._width = Width(action.lanes, job.most_lanes, clock())
        self._looked = 0.0
        self._fatal: Exception | None = None
        self._last: TransferError | None = None
        self._alone = action.lanes <= 1
        self._stream, self._front = stream, writer.landing.held.front()

    # -- the caller's thread -------------------------------------------------------------------------------------
    def run(self) -> None:
        """Come back when all has landed, or when the body ended early and no parts can be had for the rest.

        Raises what ended the last lane, or all of them at once; Stopped. No lane works any more then.
        """
        try:
            self._call_in(self._stream, self._front)
            while self._lanes:
                self._look()
                with self._bell:
                    if self._lanes:
                        self._bell.wait(TICK)
        except BaseException as error:
            self.fail(error if isinstance(error, Exception) else Stopped())
            raise
        finally:
            for thread in self._threads:
                thread.join()
            self._writer.tell()
        if self._fatal is not None:
            raise self._fatal
        if self._job.stop.is_set():
            raise Stopped
        if self._shares.free and self._last is not None:
            raise self._last

    def _call_in(self, stream: Stream | None = None, front: int = 0, *, placed: bool = False) -> bool:
        """Let one more lane work; False where there is no thread for it."""
        lane = Lane(self._numbers, self, self._job.stop, stream, front)
        lane.placed = placed
        self._numbers += 1
        with self._bell:
            self._lanes.append(lane)
        if not self._alone:
            run = contextvars.Context().run
            thread = threading.Thread(target=run, args=(lane.run,), name="nbxfer-lane", daemon=True)
            try:
                thread.start()
                self._threads.append(thread)
                return True
            except RuntimeError:  # the interpreter is leaving
                if stream is None:
                    self.left(lane)
                    return False
                self._alone = True
        lane.run()
        return True

    def _look(self) -> None:
        """Do what is to be done now and then; a lane that is alone does it between its reads."""
        now = self._clock()
        if now - self._looked < TICK / 2:
            return
        self._looked = now
        try:
            self._writer.look()
        except TransferError as error:
            self.fail(error)
        if self._job.stop.is_set() or self.ending:
            return
        with self._bell:
            rates = {lane.number: lane.rate(now) for lane in self._lanes}
            if self.may_ask and (wanted := self._writer.landing.wanted()):
                self._make_way(wanted, rates)
            self._overtake(now, rates)
        if not self._alone:
            self._grow(now)

    def _make_way(self, wanted: RangeSet, rates: dict[int, float]) -> None:
        for number in self._shares.preempt(wanted):
            if rates[number] * BRIEF < BLOCK:
                next(lane for lane in self._lanes if lane.number == number).recall()

    def _overtake(self, now: float, rates: dict[int, float]) -> None:
        """Send those home whose work somebody with nothing to do would end much sooner."""
        best = max((rates[lane.number] for lane in self._lanes if lane.idle), default=None)
        if best is None:
            return
        for lane in self._lanes:
            if lane.busy and lane.pump is not None:
                left = self._shares.end(lane.number) - lane.pump.position
                slow = left / max(rates[lane.number], 1.0) > 2 * (left / max(best, 1.0) + START)
                if now - lane.heard > SILENCE or (slow and now - lane.since > MEASURED):
                    lane.dismiss()
                    return

    def _grow(self, now: float) -> None:
        if self._width.grow(now) and self._job.most_lanes is not None:
            self._job.most_lanes = self._width.limit
        host, hosts = self._job.host, self._job.hosts
        paying = self._width.paying(now, self._writer.landing.held.total, len(self._lanes))
        for _ in range(paying - len(self._lanes)):
            if self.ending or not self.may_ask or not self._room() or hosts.hungry(host) or not hosts.take(host):
                return
            if not self._call_in(placed=True):
                return

    def _room(self) -> bool:
        """Say whether one more would find something to do, when those that look for it have found theirs."""
        with self._bell:
            looking = sum(not lane.busy for lane in self._lanes)
            return self._shares.free.total > looking * LEAST or (not looking and bool(self._shares))

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
        """Give what ``lane`` reads with; made on its own thread."""
        paces = (self._job.pace, self._job.shared)
        look = self._look if self._alone else lambda: None
        return Pump(self._writer, self._job.spec.patience, lane, paces, look, self._clock)

    def next(self, lane: Lane) -> ByteRange | None:
        """Wait for a piece that ``lane`` can fetch; None where there will be none. Raises Stopped."""
        with self._bell:
            try:
                while not lane.is_set():
                    piece = self._piece(lane) if not self._surplus(lane) else None
                    if piece is not None:
                        lane.busy, lane.since = True, self._clock()
                        return piece
                    if self._surplus(lane) or not any(other.busy for other in self._lanes):
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
        piece = self._shares.take(lane.number, self._width.limit, at, wanted)
        if piece is None:
            rates = {other.number: other.rate(self._clock()) for other in self._lanes}
            piece = self._shares.steal(lane.number, rates.__getitem__)
        return piece

    def _surplus(self, lane: Lane) -> bool:
        """Say whether this one should go home: there are too many, or an operation waits for its place."""
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
        log.debug("a connection ended: %s", error.message)
        with self._bell:
            others = len(self._lanes) - 1
            disk = isinstance(error, AccessDenied) and error.http_status is None
            if disk or isinstance(error, SourceChanged | NoSpace | StorageFailed):
                self.fail(error)
                return False
            self._last = error
            got = lane.pump.got if lane.pump is not None else 0
            if error.status == WebErrorStatus.STALLED and others and got != lane.stalled_at:
                lane.stalled_at = got
                return True
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
            return False

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
