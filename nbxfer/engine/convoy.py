"""A mover's part in one fetch: it is leased what nobody has yet, tells what has landed, asks what it cannot know.

The thread of the crew's caller looks after it. The order of things: the mover is entered in the owner's file, then it
is given the part; and the fetch does not come home before the mover has let go of it, or is dead.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from typing import Final, Protocol, runtime_checkable

from nbxfer.core import faults
from nbxfer.core.probe import Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.engine import mover_words as words
from nbxfer.engine.allowance import Allowance
from nbxfer.engine.asked import asked_anew
from nbxfer.engine.job import Job
from nbxfer.engine.movers import BEGIN_WITHIN, STRANGE, Movers
from nbxfer.engine.ship import Ship
from nbxfer.engine.writer import Writer
from nbxfer.errors import TransferError
from nbxfer.wire.prepared import Prepared

log = logging.getLogger("nbxfer")

#: The longest wait for what a mover says (seconds): a wish to stop is seen as soon.
SHORT: Final = 0.02
#: How long a mover may take to come home (seconds).
HOME_WITHIN: Final = 2.0


@runtime_checkable
class Shared(Protocol):
    """What can be handed to another process: a part, a block log."""

    def share(self) -> int:
        """Give another descriptor of it. Raises StorageFailed."""
        ...


def sharing(thing: object) -> Shared | None:
    """Give ``thing`` as what can be handed to another process; None where it cannot."""
    return thing if isinstance(thing, Shared) else None


class Site(Protocol):
    """The crew, as a convoy sees it."""

    def lease(self) -> RangeSet:
        """Give what may be fetched by others than lanes."""
        ...

    def returned(self, ranges: RangeSet) -> None:
        """Take back what did not come."""
        ...

    def away_lost(self, error: TransferError) -> None:
        """Take note of how a lease ended."""
        ...


class Convoy:
    """``prepared`` is the request that has been answered. ``over``: nothing more is to be had of it."""

    def __init__(
        self, job: Job, movers: Movers, prepared: Prepared, size: int, pinned: Validator, most: int, writer: Writer
    ) -> None:
        self.over = self.leads = False
        self._job, self._movers, self._writer = job, movers, writer
        self._allowance = Allowance(job, most)
        self._prepared, self._size, self._pinned = prepared, size, pinned
        self._ship: Ship | None = None
        self._task = 0
        self._asked_for = 0.0  # when a mover was asked for (monotonic)
        self._leased = RangeSet()
        self._lanes = 0  # that it has, as it said last
        self._wants: RangeSet = RangeSet()
        self._spent = self._again = 0
        self._proven = False  # it has brought something

    @property
    def working(self) -> bool:
        """Whether it has anything to fetch."""
        return bool(self._leased)

    @property
    def coming(self) -> bool:
        """Whether a mover has been asked for: what it is to do should not be given away."""
        return self._ship is not None and not self.over

    def wait(self, seconds: float) -> None:
        """Wait until something may have happened."""
        if self._ship is None or self.over:
            time.sleep(seconds)
        else:
            self._ship.wait(min(SHORT, seconds))

    def woke(self, asked: float, late: float) -> None:
        """Take note of how late somebody woke up: it says whether a cell computes."""
        self._movers.pulse.beat(asked, late)

    # -- on its way ----------------------------------------------------------------------------------------------
    def first(self) -> None:
        """Where movers are to be used always: wait until there is one."""
        if self._movers.use != "always" or not self._call():
            return
        while not self.over and not self._begun() and not self._job.stop.is_set():
            assert self._ship is not None
            self._ship.wait(SHORT)
        self.leads = not self.over

    def _call(self) -> bool:
        """Ask for a mover, where that is worth it; say whether one is on its way."""
        if self._ship is None and not self.over and self._movers.wanted(self._missing):
            self._ship = self._movers.take()
            self._asked_for = time.monotonic()
            self.over = self._ship is None
        return self.coming

    @property
    def _missing(self) -> int:
        return self._size - self._writer.landing.held.total

    def _begun(self) -> bool:
        """Give it the part, once it is there; say whether it has it."""
        ship = self._ship
        assert ship is not None
        if self._task:
            return True
        ship.hear(0)
        if ship.strange:
            self._movers.refuse(STRANGE)
        if not ship.ready or ship.strange:
            if ship.dead or ship.strange or time.monotonic() - self._asked_for > BEGIN_WITHIN:
                self._gave_out()
            return False
        part, blocks = sharing(self._job.part), sharing(self._job.blocks)
        assert part is not None
        assert blocks is not None
        self._allowance.broaden(0)
        descriptors = [part.share(), blocks.share()]
        self._task = ship.begin()
        lanes = 1 + self._allowance.places
        order = words.Order(self._task, self._prepared, self._size, self._pinned, self._job.patience, lanes)
        ship.say(order, descriptors)
        return True

    # -- now and then --------------------------------------------------------------------------------------------
    def look(self, site: Site) -> None:
        """Hear what it has to say, tell it what is new, lease it more."""
        if self.over or not self._call() or not self._begun():
            return
        ship = self._ship
        assert ship is not None
        for word in ship.hear(self._task):
            self._hear(word, site)
        if ship.dead:
            self._gave_out(site)
        else:
            self._speak(ship, site)

    def _speak(self, ship: Ship, site: Site) -> None:
        if self.over:
            return
        self._tell()
        if not self._leased:
            self._leased = site.lease()
            if self._leased:
                ship.say(words.Lease(self._task, words.pairs_of(self._leased)))

    def _hear(self, word: words.Words, site: Site) -> None:
        match word:
            case words.Landed():
                self._lanes, self._spent = word.lanes, word.spent
                self._land(word.pairs, word.again)
            case words.Answered():
                run = contextvars.Context().run
                threading.Thread(target=run, args=(self._judge, word), name="nbxfer-verdict", daemon=True).start()
            case words.Shut():
                self._job.hosts.shut(self._job.host, word.seconds, word.fault)
            case words.Done():
                self._done(word, site)
            case _:
                pass

    def _land(self, pairs: words.Pairs, again: int) -> None:
        landed = RangeSet.of(pairs)
        self._writer.again(max(0, again - self._again))
        self._again = again
        if landed and not self._proven and self._ship is not None:
            self._proven = self.leads = True
            self._movers.note(self._job.op_id, f"by a child process ({self._ship.process.pid})")
        if landed:
            self._writer.landing.absorb(landed)

    def _done(self, word: words.Done, site: Site) -> None:
        self._land(word.pairs, word.again)
        for start, stop in word.pairs:
            self._leased = self._leased.subtract(start, stop)
        left, self._leased = self._leased, RangeSet()
        if left:
            site.returned(left)
        if word.refused:
            self._job.parts_refused = True
        if word.most_lanes is not None:
            self._job.most_lanes = word.most_lanes
        if word.fault is not None or left:
            self.halt()
            if word.fault is not None and not self._job.unfit:
                site.away_lost(faults.to_error(word.fault))

    def _judge(self, word: words.Answered) -> None:
        """Say what follows from an odd answer; on a thread of its own, for servers may be asked."""
        job = self._job
        assert self._ship is not None
        try:
            prepared = asked_anew(job.source, self._prepared, word, job.stop)
        except TransferError as error:
            self._ship.say(words.Verdict(self._task, word.number, None, faults.of(error)))
            return
        except BaseException:  # noqa: BLE001 (Stopped: nobody waits for it any more; else what an auth object raised)
            prepared = None
        if prepared is None:
            job.unfit = True
            fault = faults.of(TransferError("The request cannot be told to another process any more."))
            self._ship.say(words.Verdict(self._task, word.number, None, fault))
            return
        self._prepared = prepared
        self._ship.say(words.Verdict(self._task, word.number, prepared))

    # -- what it is told -----------------------------------------------------------------------------------------
    def _tell(self) -> None:
        ship = self._ship
        assert ship is not None
        if self._allowance.broaden(self._lanes):
            ship.say(words.Breadth(self._task, 1 + self._allowance.places))
        wanted = self._writer.landing.wanted()
        if wanted != self._wants:
            self._wants = wanted
            ship.say(words.Wanted(self._task, words.pairs_of(wanted)))
        if (granted := self._allowance.grant(self._spent)) is not None:
            ship.say(words.Grant(self._task, *granted))

    # -- its end -------------------------------------------------------------------------------------------------
    def halt(self, site: Site | None = None) -> None:
        """Have it let go of the part: when this returns it writes nothing any more."""
        ship, task, self.over = self._ship, self._task, True
        self._task = 0
        if ship is not None and task:
            ship.say(words.Halt(task))
            until = time.monotonic() + HOME_WITHIN
            home = False
            while not home and not ship.dead and time.monotonic() < until:
                ship.wait(SHORT)
                for word in ship.hear(task):
                    if isinstance(word, words.Landed | words.Done):
                        self._land(word.pairs, word.again)
                    home = home or (isinstance(word, words.Done) and word.last)
            if not home:
                self._movers.lost(ship)
            ship.forget(task)
        self._allowance.give_back()
        if site is not None and self._leased:
            site.returned(self._leased)
        self._leased = RangeSet()

    def _gave_out(self, site: Site | None = None) -> None:
        """Go on without it: it died, or never came."""
        ship = self._ship
        assert ship is not None
        self.over = True
        self._job.unfit = True
        log.info("a mover has died; its bytes are fetched by threads")
        self._movers.note(self._job.op_id, "by threads of this process, for the child process has died")
        self._movers.lost(ship)
        if self._task:
            ship.forget(self._task)
        self._task = 0
        self._allowance.give_back()
        left, self._leased = self._leased, RangeSet()
        for landed in self._writer.landing.held:
            left = left.subtract(landed.start, landed.stop)
        if site is not None and left:
            site.returned(left)
