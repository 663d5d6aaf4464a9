"""The machine of one operation: an event comes in, the actions to do go out, and everything else stays as it was.

One method moves (``handle``); the table is in phases.py. A request is not a result: pausing and canceling last until
everything in flight has come home. Answers that nobody waits for any more are dropped by their serial; a body that an
answer has opened is for the Fetch of the same turn, and is to be closed where none follows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.ending import Ending
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import Cause, Phase, Stall
from nbxfer.core.probe import Probe
from nbxfer.core.ranges import RangeSet
from nbxfer.core.snapshot import SpeedMeter
from nbxfer.errors import InvalidTransferState, NeedsAttention, NetworkError, RangesRefused, SourceChanged


class Operation(Ending):
    """One transfer. State is in Fields; this class alone changes it."""

    __slots__ = ()

    def handle(self, event: ev.Event, now: float, chance: float = 0.5) -> list[do.Action]:
        """Let one thing that happened have its consequences; give what is to be done.

        ``now`` is Unix time, ``chance`` uniform in [0, 1]. Raises InvalidTransferState (with the story), with
        nothing changed, where a wish does not fit the phase; answers never raise. The caller must save when
        ``dirty``, then perform the actions.
        """
        serial = getattr(event, "serial", None)
        if serial is not None:
            if serial not in self.in_flight:
                return []
            if type(event) is not ev.BlocksLanded:
                self.in_flight.remove(serial)
        self.now, self.chance = now, chance
        self.out = []
        try:
            _HANDLERS[type(event)](self, event)
        except InvalidTransferState as error:
            error.op_id, error.story = self.id, tuple(self.story)
            raise
        if self.phase is Phase.QUEUED and self._overdue:  # what was in flight has come home
            self._too_late()
        return self.out

    # -- the engine's own ----------------------------------------------------------------------------------------
    def _slot(self, event: ev.SlotFree) -> None:
        if self.phase is not Phase.QUEUED or self.handed_to:
            return None
        self.connections = self.spec.connections or event.connections
        if self.held and planning.complete(self.held, self.size):
            return self._check(Cause.COMPLETE)
        self._move(Cause.SLOT, news=False)
        self.out.append(
            do.Probe(
                self._next(),
                self.epoch,
                self.fresh_since,
                self.size or None,  # no byte can show that the part of an empty object is there
                self.validator,
                self.before if self._unasked else None,
                self.destination,
            )
        )
        return None

    @property
    def _unasked(self) -> bool:
        """Whether no source has answered yet: only then can what stood at the destination still be the newest."""
        return self.size is None and self.validator is None and not self.received and not self.restarts

    def _secrets_missing(self, event: ev.SecretsMissing) -> None:
        if self.phase is not Phase.QUEUED or self.handed_to:
            return None
        names = ", ".join(event.what)
        if self._may_refresh:
            return self._ask_refresh(faults.of(NeedsAttention(f"It needs {names} again.")))
        self._move(Cause.NEEDS_PERSON, names)
        rest = [name for name in event.what if name != "url"]
        if "url" not in event.what:
            text, ways = f"It needs credentials again: {names}.", "headers=…, auth=…"
        elif rest:
            text, ways = f"It needs a new URL and credentials again: {', '.join(rest)}.", "url=…, headers=…, auth=…"
        else:
            text, ways = "It needs a new URL: the signed one was not kept.", "url=…"
        self.fault = faults.of(NeedsAttention(text, hint=f"Go on with resume({ways})."))
        return None

    def _host_busy(self, event: ev.HostBusy) -> None:
        if self.phase is not Phase.QUEUED or self.handed_to:
            return
        self.fault = event.fault
        self._wait(Stall.RETRY_WAIT, event.seconds, event.fault)

    def _refused(self, event: ev.Refused) -> None:
        self._fail(event.fault)

    def _deadline_over(self, _: ev.DeadlineOver) -> None:
        if self.handed_to or not self._overdue:
            return
        if self.phase is Phase.STALLED:
            self.in_flight.clear()
            self._too_late()
        elif self.phase in (Phase.PROBING, Phase.RUNNING):
            self._stop()

    def _condition_met(self, _: ev.ConditionMet) -> None:
        self._move(Cause.MET, news=False)

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

    # -- after a crash -------------------------------------------------------------------------------------------
    def revive(self, now: float) -> list[do.Action]:
        """Go on after loading: finish canceling, look at the disk when committing; everything else waits its turn."""
        self.now, self.out = now, []
        if self.phase is Phase.CANCELING:
            self._drain()
        elif self.phase is Phase.COMMITTING:
            self._commit()
        return self.out


#: Faults after which parts of the file are not asked for beside each other any more.
_APART: Final = frozenset((RangesRefused.__name__, SourceChanged.__name__))

_HANDLERS: dict[type[ev.Event], Callable[[Any, Any], None]] = {
    ev.StartAsked: Operation._start,
    ev.PauseAsked: Operation._pause,
    ev.ResumeAsked: Operation._resume,
    ev.RetryAsked: Operation._resume,
    ev.CancelAsked: Operation._cancel,
    ev.SpecAsked: Operation._respec,
    ev.PriorityAsked: Operation._priority,
    ev.HandOverAsked: Operation._hand_over,
    ev.SlotFree: Operation._slot,
    ev.SecretsMissing: Operation._secrets_missing,
    ev.BandwidthAsked: Operation._bandwidth,
    ev.Refused: Operation._refused,
    ev.HostBusy: Operation._host_busy,
    ev.DeadlineOver: Operation._deadline_over,
    ev.Refreshed: Operation._refreshed,
    ev.RefreshLost: Operation._refresh_lost,
    ev.ConditionMet: Operation._condition_met,
    ev.Probed: Operation._probed,
    ev.Unchanged: Operation._unchanged,
    ev.AllHere: Operation._all_here,
    ev.ProbeLost: Operation._probe_lost,
    ev.BlocksLanded: Operation._blocks,
    ev.RangeLanded: Operation._range_landed,
    ev.RangeLost: Operation._range_lost,
    ev.CutShort: Operation._cut_short,
    ev.Verified: Operation._verified,
    ev.Mismatched: Operation._mismatched,
    ev.VerifyLost: Operation._failed_answer,
    ev.CommitLost: Operation._failed_answer,
    ev.Committed: Operation._committed,
    ev.NameTaken: Operation._name_taken,
    ev.Discarded: Operation._discarded,
}
