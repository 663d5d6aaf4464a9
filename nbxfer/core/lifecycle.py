"""The machine of one operation: an event comes in, the actions to do go out, and everything else stays as it was.

One method moves (``handle``); the table is in phases.py. A request is not a result: pausing and canceling last until
everything in flight has come home. Answers that nobody waits for any more are dropped by their serial.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import plan as planning
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Cause, Phase
from nbxfer.core.steps import MAX_RESTARTS
from nbxfer.core.wishes import Wishes


class Operation(Wishes):
    """One transfer. State is in Fields; this class alone changes it."""

    __slots__ = ()

    def handle(self, event: ev.Event, now: float, chance: float = 0.5) -> list[do.Action]:
        """Let one thing that happened have its consequences; give what is to be done.

        ``now`` is Unix time, ``chance`` uniform in [0, 1]. Raises InvalidTransferState, with nothing changed, where
        a wish does not fit the phase. The caller must save when ``dirty``, then perform the actions.
        """
        serial = getattr(event, "serial", None)
        if serial is not None:
            if serial not in self.in_flight:
                return []
            if type(event) is not ev.BlocksLanded:
                self.in_flight.discard(serial)
        self.now, self.chance = now, chance
        self.out = []
        _HANDLERS[type(event)](self, event)
        return self.out

    # -- the engine's own ----------------------------------------------------------------------------------------
    def _slot(self, _: ev.SlotFree) -> None:
        if self.phase is not Phase.QUEUED or self.handed_to:
            return
        if planning.complete(self.held, self.size):
            self._move(Cause.COMPLETE)
            self._verify()
            return
        self._move(Cause.SLOT)
        self.dirty = False  # a slot is no news for the disk: after a crash it is queued again
        self._act(
            do.Probe,
            epoch=self.epoch,
            fresh_since=self.fresh_since,
            size=self.size,
            pinned=self.validator,
            before=self.before,
        )

    def _secrets_missing(self, event: ev.SecretsMissing) -> None:
        names = ", ".join(event.what)
        self._move(Cause.NEEDS_PERSON, names)
        url = "url" in event.what
        self.fault = Fault(
            "NeedsAttention",
            "It needs a new URL: the signed one was not kept." if url else f"It needs credentials again: {names}.",
            Remedy.PERSON,
            hint="Give it with resume(url=…)." if url else "Give them with resume(headers=…, auth=…).",
        )

    def _condition_met(self, _: ev.ConditionMet) -> None:
        self._move(Cause.MET)
        self.dirty = False

    # -- answers -------------------------------------------------------------------------------------------------
    def _probed(self, event: ev.Probed) -> None:
        if self.phase is not Phase.PROBING:
            return self._drain()
        probe = event.probe
        self.land(event.held)
        if event.restarted and not self._count_restart("the source has changed"):
            return None
        if (want := self.spec.expect_size) is not None and probe.size not in (None, want):
            return self._lost(
                Fault(
                    "BadAnswer",
                    f"The server offers {probe.size} bytes where {want} were expected.",
                    hint="Correct expect_size, or the URL.",
                )
            )
        self.take(probe)
        self._move(Cause.PROBED, planning.plan(probe, self.held).why)
        segments = planning.plan(probe, self.held).segments
        self._act(
            do.Fetch,
            epoch=self.epoch,
            fresh=not self.held,
            size=probe.size,
            segment=segments[0] if segments else None,
        )

    def _unchanged(self, event: ev.Unchanged) -> None:
        if self.phase is not Phase.PROBING:
            return self._drain()
        self._finish(Cause.UNCHANGED, event)

    def _finish(self, cause: Cause, event: ev.Unchanged | ev.Committed) -> None:
        self.published = event.published
        self.size = event.published.size
        self.received = event.published.size
        self.fault = None
        self._move(cause, event.published.integrity)

    def _all_here(self, event: ev.AllHere) -> None:
        self.land(event.held)
        if self.phase is not Phase.PROBING:
            return self._drain()
        self._move(Cause.COMPLETE)
        self._verify()

    def _verify(self) -> None:
        assert self.size is not None
        self._act(do.Verify, epoch=self.epoch, size=self.size, checksum=self.spec.checksum)

    def _blocks(self, event: ev.BlocksLanded) -> None:
        if event.held.total > self.held.total:
            self.retry, self.offline = self.retry.fresh(), self.offline.fresh()
        self.refetched += event.refetched
        self.land(event.held)
        if self.phase is Phase.RUNNING:
            self.meter.count(self.now, self.received)

    def _range_landed(self, event: ev.RangeLanded) -> None:
        self.land(event.held)
        if self.size is None:
            self.size = event.size
        self.length_proven = self.length_proven and event.length_proven
        if self.phase is not Phase.RUNNING or self.handed_to:
            return self._home()
        if planning.complete(self.held, self.size):
            self._move(Cause.ALL_LANDED)
            self._verify()
        else:  # a right answer, but shorter than asked: ask for the rest
            self._move(Cause.CUT_SHORT)

    def _cut_short(self, event: ev.CutShort) -> None:
        if event.held is not None:
            self.land(event.held)
        self._home()

    def _probe_lost(self, event: ev.ProbeLost) -> None:
        if event.held is not None:
            self.land(event.held)
        before = self.before
        if before is not None and before.ours and event.fault.remedy in (Remedy.RETRY, Remedy.WAIT_ONLINE):
            done = before.published(self.spec.destination, revalidated=False)
            return self._unchanged(ev.Unchanged(event.serial, done))
        return self._lost(event.fault)

    def _range_lost(self, event: ev.RangeLost) -> None:
        self.land(event.held)
        self._lost(event.fault)

    def _verified(self, event: ev.Verified) -> None:
        if self.phase is not Phase.VERIFYING or self.handed_to:
            return self._home()
        if self.pause_wanted:
            self.pause_wanted = False
            return self._move(Cause.HELD)
        by = event.by if event.by != "nothing" or not self.tied else "validator"
        self._move(Cause.VERIFIED, by)
        self.seal, self.verified_by = event.seal, by
        return self._commit()

    def _commit(self) -> None:
        assert self.seal is not None
        self._act(do.Commit, epoch=self.epoch, seal=self.seal, by=self.verified_by)

    def _mismatched(self, event: ev.Mismatched) -> None:
        if self.phase is not Phase.VERIFYING:
            return self._drain()
        self.restarts += 1
        bad = event.held.total < self.held.total
        if bad and self.restarts <= MAX_RESTARTS:
            self.land(event.held)
            return self._move(Cause.MISMATCH, "some blocks are not what was written; they are fetched again")
        self._start_over()  # a part that is kept would make every retry fail again
        return self._fail(event.fault)

    def _failed_answer(self, event: ev.VerifyLost | ev.CommitLost) -> None:
        self._lost(event.fault)

    def _committed(self, event: ev.Committed) -> None:
        self._finish(Cause.COMMITTED, event)

    def _discarded(self, _: ev.Discarded) -> None:
        self._move(Cause.DRAINED)

    # -- after a crash -------------------------------------------------------------------------------------------
    def revive(self, now: float) -> list[do.Action]:
        """Go on after loading: finish canceling, look at the disk when committing; everything else waits its turn."""
        self.now, self.out = now, []
        if self.phase is Phase.CANCELING:
            self._drain()
        elif self.phase is Phase.COMMITTING:
            self._commit()
        return self.out


_HANDLERS: dict[type[ev.Event], Callable[[Any, Any], None]] = {
    ev.StartAsked: Operation._start,
    ev.PauseAsked: Operation._pause,
    ev.ResumeAsked: Operation._resume,
    ev.RetryAsked: Operation._resume,
    ev.CancelAsked: Operation._cancel,
    ev.PriorityAsked: Operation._priority,
    ev.HandOverAsked: Operation._hand_over,
    ev.SlotFree: Operation._slot,
    ev.SecretsMissing: Operation._secrets_missing,
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
    ev.Discarded: Operation._discarded,
}
