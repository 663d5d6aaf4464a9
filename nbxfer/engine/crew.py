"""The lanes of one fetch: who reads what, how many of them, and what follows when one fails.

One lane runs on the caller's own thread. Where there may be more, each has a thread, and the caller's looks after
them: it reports and syncs, makes way for readers, sends those home that hear nothing, and calls in new ones.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from nbxfer.core import actions as do
from nbxfer.core.allotment import LEAST
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.engine import platform
from nbxfer.engine.lane import Lane
from nbxfer.engine.lanes import TICK, Lanes
from nbxfer.engine.pulse import NAP
from nbxfer.engine.workplace import Workplace
from nbxfer.engine.writer import Writer
from nbxfer.errors import TransferError
from nbxfer.sources.base import Stopped, Stream

if TYPE_CHECKING:
    from nbxfer.engine.convoy import Convoy

#: A lane that has heard nothing for so long is sent home when another has nothing to do (seconds).
SILENCE: Final = 3.0
#: So long a lane has its piece before it is called slow (seconds), and so long it takes to begin another connection.
MEASURED: Final = 1.0
START: Final = 0.5
#: A lane that needs longer to finish its block (seconds) is called away at once when a reader waits.
BRIEF: Final = 0.3


class Crew(Lanes):
    """Fetches the segments of ``action`` into what ``writer`` writes, beginning with the open ``stream``, if any.

    With a ``convoy`` a mover does as much of it as it can.
    """

    def __init__(
        self,
        job: Workplace,
        action: do.Fetch,
        stream: Stream | None,
        writer: Writer,
        clock: Callable[[], float] = time.monotonic,
        convoy: Convoy | None = None,
    ) -> None:
        super().__init__(job, action, stream, writer, clock)
        self._threads: list[threading.Thread] = []
        self._looked = 0.0
        self._convoy = convoy
        # Where another process moves bytes there may be one connection now, and more in a moment.
        self._alone = self._alone and convoy is None and stream is not None
        self._stream, self._front = stream, writer.landing.held.front() if stream is not None else 0

    # -- the caller's thread -------------------------------------------------------------------------------------
    def run(self) -> None:
        """Come back when all has landed, or when the body ended early and no parts can be had for the rest.

        Raises what ended the last lane, or all of them at once; Stopped. No lane works any more then.
        """
        try:
            if self._convoy is not None:
                self._convoy.first()
                self._led, self._awaited = self._convoy.leads, self._convoy.coming
            self._call_in(self._stream, self._front)
            while self._lanes or self._away:
                self._look()
                self._rest()
                if self._convoy is not None and (self.ending or self._job.stop.is_set()):
                    self._convoy.halt()
        except BaseException as error:
            self.fail(error if isinstance(error, Exception) else Stopped())
            raise
        finally:
            if self._convoy is not None:
                self._convoy.halt()
            for thread in self._threads:
                thread.join()
            self._writer.tell()
        if self._fatal is not None:
            raise self._fatal
        if self._job.stop.is_set():
            raise Stopped
        if self._shares.free and self._last is not None:
            raise self._last

    @property
    def _away(self) -> bool:
        """Whether a mover is at work, or will be at once with what nobody else sees to."""
        convoy = self._convoy
        if convoy is None or convoy.over:
            return False
        return convoy.working or (convoy.coming and self._led and self.may_ask and bool(self._shares))

    def _rest(self) -> None:
        """Wait until something may be to do."""
        convoy = self._convoy
        if convoy is not None and convoy.coming:
            convoy.wait(TICK)
            return
        watching = convoy is not None and not convoy.over
        with self._bell:
            if not self._lanes:
                return
            begun, nap = time.monotonic(), NAP if watching else TICK
            rung = self._bell.wait(nap)
        if convoy is not None and watching and not rung:
            convoy.woke(nap, time.monotonic() - begun - nap)

    def _call_in(self, stream: Stream | None = None, front: int = 0, *, placed: bool = False) -> bool:
        """Let one more lane work; False where there is no thread for it."""
        lane = Lane(self._numbers, self, self._job.stop, stream, front)
        lane.placed = placed
        self._numbers += 1
        with self._bell:
            self._lanes.append(lane)
        if not self._alone:
            run = contextvars.Context().run
            thread = threading.Thread(target=run, args=(self._beside, lane), name="nbxfer-lane", daemon=True)
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

    @staticmethod
    def _beside(lane: Lane) -> None:
        platform.give_way()
        lane.run()

    def _look(self) -> None:
        """Do what is to be done now and then; a lane that is alone does it between its reads."""
        if self._convoy is not None:
            self._convoyed(self._convoy)
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
        if not self._alone and not self._led:
            self._grow(now)

    def _convoyed(self, convoy: Convoy) -> None:
        """See to the convoy. Where it has given out, lanes take over what it had."""
        try:
            if not self._job.stop.is_set() and not self.ending:
                convoy.look(self)
        except TransferError as error:
            convoy.halt(self)
            self.fail(error)
        self._led, self._awaited = convoy.leads and not convoy.over, convoy.coming
        self._out = convoy.working and not convoy.leads
        if self._led:
            with self._bell:
                self._cut()
        if convoy.over and not self._lanes and self._shares.free and self._last is None and self.may_ask:
            self._call_in()

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

    # -- from any thread -----------------------------------------------------------------------------------------
    @property
    def width(self) -> int:
        """How many lanes there are."""
        return len(self._lanes)

    def broaden(self, lanes: int) -> None:
        """Let there be so many lanes from now on."""
        with self._bell:
            self._width.allow(lanes, self._clock())
            self._bell.notify_all()
