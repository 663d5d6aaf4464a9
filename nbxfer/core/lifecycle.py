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
from nbxfer.core.answers import Answers
from nbxfer.core.fields import NOTHING
from nbxfer.core.phases import Cause, Phase, Stall
from nbxfer.errors import InvalidTransferState, NeedsAttention


class Operation(Answers):
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
            if type(event) not in _ON_THE_WAY:
                self.in_flight -= {serial}
        self.now, self.chance = now, chance
        self.out = []
        try:
            _HANDLERS[type(event)](self, event)
        except InvalidTransferState as error:
            error.op_id, error.story = self.id, self.story
            if self.phase is Phase.FAILED and self.fault is not None:
                error.hint = f"Why it failed: {self.fault.message}"
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

    def _secrets_missing(self, event: ev.SecretsMissing) -> None:
        if self.phase is not Phase.QUEUED or self.handed_to:
            return None
        names = ", ".join(event.what)
        if self._may_refresh:
            return self._ask_refresh(faults.of(NeedsAttention(f"It needs {names} again.")))
        self._move(Cause.NEEDS_PERSON, names)
        rest = [name for name in event.what if name != "url"]
        if "parts" in rest:
            again = NeedsAttention(
                "It needs the parts of its form again: they were in memory only.",
                hint="Run the cell again: upload(path, url, parts=[…]).",
            )
            self.fault = faults.of(again)
            return None
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
            self.in_flight = NOTHING
            self._too_late()
        elif self.phase in (Phase.PROBING, Phase.RUNNING):
            self._stop()

    def _noted(self, event: ev.Noted) -> None:
        self.tell(event.what, event.detail)
        self.dirty = True

    def _turn_over(self, _: ev.TurnOver) -> None:
        if self.handed_to or self.phase not in (Phase.PROBING, Phase.RUNNING) or self._posting:
            return
        self.tell("made room", "others go first")
        self._stop()

    def _time_come(self, _: ev.TimeCome) -> None:
        if self.spec.not_before is None or self.now < self.spec.not_before:
            return
        self.spec = msgspec.structs.replace(self.spec, not_before=None)
        self.tell("its time has come")
        self.dirty = True

    def _condition_met(self, _: ev.ConditionMet) -> None:
        self._move(Cause.MET, news=False)

    # -- after a crash -------------------------------------------------------------------------------------------
    def revive(self, now: float) -> list[do.Action]:
        """Go on after loading: finish canceling, look at the disk when committing; everything else waits its turn."""
        self.now = now
        if self.phase not in (Phase.CANCELING, Phase.COMMITTING):
            return []
        self.out = []
        if self.phase is Phase.CANCELING:
            self._drain()
        else:
            self._commit()
        return self.out


#: What is told while its action goes on.
_ON_THE_WAY: Final = (ev.BlocksLanded, ev.Begun)

_HANDLERS: dict[type[ev.Event], Callable[[Any, Any], None]] = {
    ev.StartAsked: Operation._start,
    ev.PauseAsked: Operation._pause,
    ev.ResumeAsked: Operation._resume,
    ev.RetryAsked: Operation._resume,
    ev.CancelAsked: Operation._cancel,
    ev.SpecAsked: Operation._respec,
    ev.PriorityAsked: Operation._priority,
    ev.HandOverAsked: Operation._hand_over,
    ev.PlaceAsked: Operation._place,
    ev.AccessAsked: Operation._access,
    ev.Noted: Operation._noted,
    ev.TurnOver: Operation._turn_over,
    ev.TimeCome: Operation._time_come,
    ev.SlotFree: Operation._slot,
    ev.SecretsMissing: Operation._secrets_missing,
    ev.BandwidthAsked: Operation._bandwidth,
    ev.CostPolicyAsked: Operation._cost_policy,
    ev.UnconstrainedAsked: Operation._unconstrained,
    ev.Held: Operation._held,
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
    ev.Begun: Operation._begun,
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
