"""What follows when the source answers, and when bytes land."""

from __future__ import annotations

from typing import Final

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.ending import Ending
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import Cause, Phase
from nbxfer.core.probe import Probe
from nbxfer.core.ranges import RangeSet
from nbxfer.core.snapshot import SpeedMeter
from nbxfer.errors import NetworkError, RangesRefused, SourceChanged

#: Faults after which parts of the file are not asked for beside each other any more.
_APART: Final = frozenset((RangesRefused.__name__, SourceChanged.__name__))


class Answers(Ending):
    """The answers to Probe and Fetch; lifecycle.Operation hands them out."""

    __slots__ = ()

    @property
    def _unasked(self) -> bool:
        """Whether no source has answered yet: only then can what stood at the destination still be the newest."""
        return self.size is None and self.validator is None and not self.received and not self.restarts

    # -- the source answers --------------------------------------------------------------------------------------
    def _probed(self, event: ev.Probed) -> None:
        if self.phase is not Phase.PROBING or self.handed_to:
            return self._home()
        probe, held = event.probe, event.held
        other = event.restarted or self._contradicts(probe, held)
        adopted = self.spec.adopted and self.validator is None
        if other or not planning.provable(held, self.size, self.validator, adopted=adopted):
            held = RangeSet()
        if not held and probe.start:  # the first bytes have to come from this body, and are not in it
            return self._lost(faults.of(SourceChanged("The source has another version now.")))
        if other:
            if not self._another_version("the source has another version now"):
                return None
        elif event.held and not held:
            self._restart("nothing can prove that it still is the same version")
        elif self.received and not held:
            self._restart("what had come is not on the disk any more")
        if wrong := self._unexpected(probe.size):
            return self._fail(wrong)
        self.land(held)
        self.take(probe)
        self.listed = event.checksum or self.listed
        self._take_name(probe.name)
        self.fault, self.offline = None, self.offline.fresh()
        return self._fetch(probe)

    def _contradicts(self, probe: Probe, held: RangeSet) -> bool:
        """Say whether ``probe`` is of another version than what is held; sources look first, this is the last door."""
        if not held:
            return False
        if self.size is not None and probe.size is not None and self.size != probe.size:
            return True
        # An adopted part may be of anything. Its last byte is not vouched for: what reaches the end was longer.
        more = int(self.spec.adopted and self.validator is None)
        if probe.size is not None and held.ranges[-1].stop + more > probe.size:
            return True
        old, new = self.validator, probe.validator
        return old is not None and new is not None and old.kind == new.kind and old.value != new.value

    def _fetch(self, probe: Probe) -> None:
        if self.held and planning.complete(self.held, self.size):
            return self._check(Cause.COMPLETE)
        if probe.size != self.size:  # not said again this time, but known
            probe = msgspec.structs.replace(probe, size=self.size)
        plan = planning.plan(probe, self.held, self.connections, alone=self.alone)
        self._move(Cause.PROBED, plan.why)
        checksum, _ = self._proof()
        self.out.append(
            do.Fetch(
                self._next(),
                self.epoch,
                not self.held,
                self.size,
                plan.segments,
                plan.lanes,
                self.validator,
                self.spec.max_size if self.size is None else None,
                checksum or "",
            )
        )
        return None

    def _unchanged(self, event: ev.Unchanged) -> None:
        if self.phase is not Phase.PROBING or self.handed_to:
            return self._home()
        if self.before is not None:  # the version that lies there is the one that is current
            self.validator = self.before.validator
        return self._finish(Cause.UNCHANGED, event)

    def _all_here(self, event: ev.AllHere) -> None:
        self.land(event.held)
        if self.phase is not Phase.PROBING or self.handed_to:
            return self._home()
        return self._check(Cause.COMPLETE)

    def _probe_lost(self, event: ev.ProbeLost) -> None:
        before, silent = self.before, event.fault.remedy in (Remedy.RETRY, Remedy.WAIT_ONLINE)
        if silent and before is not None and before.ours and self._unasked:
            done = before.published(self.destination, revalidated=False)
            return self._unchanged(ev.Unchanged(event.serial, done))
        if event.held is not None:
            self.land(event.held)
        return self._lost(event.fault)

    # -- bytes land ----------------------------------------------------------------------------------------------
    def _blocks(self, event: ev.BlocksLanded) -> None:
        self._gain(event.held)
        self.refetched += event.refetched
        if self.phase is Phase.RUNNING:
            if self.meter is None:
                self.meter = SpeedMeter()
            self.meter.count(self.now, self.received)

    def _begun(self, event: ev.Begun) -> None:
        self.ticket = event.ticket
        self.dirty = True
        self.tell("upload begun")

    def _range_landed(self, event: ev.RangeLanded) -> None:
        had = self.held.ranges[-1].stop if self.held else 0
        self._gain(event.held)
        if self.size is None and event.size is not None:
            if event.size < had:  # the connection was closed early, where a closed connection is the only end
                return self._lost(faults.of(NetworkError("The server's answer ended before what had come already.")))
            self.size = event.size
        if not event.length_proven:
            self.tied = False
            self.tell("length unknown", "the server did not say how long it is, so nobody can tell whether all came")
        if self.phase is not Phase.RUNNING or self.handed_to:
            return self._home()
        if planning.complete(self.held, self.size):
            return self._check(Cause.ALL_LANDED)
        # A right answer, but shorter than asked: ask for the rest, at once as long as that brings anything.
        if self.retry.used:
            strong = self.validator is not None and self.validator.strong
            if event.length_proven and not strong:
                return self._lost(faults.of(SourceChanged("The source is shorter than it was.")))
            return self._lost(faults.of(NetworkError("The server's answers end before all has come.")))
        self.retry = self.retry.next()
        return self._move(Cause.CUT_SHORT)

    def _cut_short(self, event: ev.CutShort) -> None:
        if event.held is not None:
            self._gain(event.held)
        self._home()

    def _range_lost(self, event: ev.RangeLost) -> None:
        self._gain(event.held)
        # Behind some load balancers the parts have another tag than the whole: over one connection it does not matter.
        self.alone = self.alone or event.fault.error in _APART
        self._lost(event.fault)
