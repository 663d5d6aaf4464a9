"""What a person may ask of an operation, and when that fits."""

from __future__ import annotations

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.faults import Remedy
from nbxfer.core.fields import NOTHING
from nbxfer.core.mirrors import Mirrors
from nbxfer.core.phases import FINAL, RESTING, Cause, Phase
from nbxfer.errors import InvalidTransferState


class Wishes(Mirrors):
    """The handlers of the wishes; one that does not fit raises InvalidTransferState and changes nothing."""

    __slots__ = ()

    def _start(self, _: ev.StartAsked) -> None:
        self._ours()
        self._move(Cause.START)

    def _pause(self, _: ev.PauseAsked) -> None:
        self._ours()
        if self._posting:
            raise InvalidTransferState(
                "What is being posted cannot be paused: a POST that is broken off is not sent again by itself.",
                hint="Let it end, or cancel it.",
            )
        checking = self.phase is Phase.VERIFYING
        self._move(Cause.PAUSE)
        self.fault = None
        if self.phase is Phase.PAUSED:
            self.in_flight = NOTHING  # at most a wait was open
        elif not checking:  # a check is let go on to its end: a second one would cost as much
            self._stop()

    def _resume(self, event: ev.ResumeAsked) -> None:
        self._ours()
        elsewhere = event.url is not None and event.url != self.spec.url
        if elsewhere and self.phase is Phase.PAUSING:
            raise InvalidTransferState("A new URL can be given once it is paused; it is still pausing.")
        self._move(Cause.RETRY if type(event) is ev.RetryAsked else Cause.RESUME)
        self._renew(event)
        self.fault = None
        self.retry, self.offline, self.changes = self.retry.fresh(), self.offline.fresh(), 0
        self.refreshes, self.turned, self.alone = 0, 0, False
        if self.ticket is not None and self.ticket.once:
            self.ticket = None
        if self._overdue:  # a person wants it all the same
            self.spec = msgspec.structs.replace(self.spec, deadline=None)
        if elsewhere:
            self._moved_house()

    def _renew(self, event: ev.ResumeAsked | ev.Refreshed) -> None:
        """Let what is new take the place of what has expired."""
        given = {name: getattr(event, name) for name in ("url", "needs", "headers", "references")}
        self.spec = msgspec.structs.replace(self.spec, **{k: v for k, v in given.items() if v is not None})

    def _moved_house(self) -> None:
        """Begin again behind a new URL, unless something can prove that it has the same bytes."""
        proven = self.validator is not None and self.validator.strong
        if self.received and not proven and not self.spec.checksum:
            self._restart("nothing can prove that the new URL has the same version")

    def _refreshed(self, event: ev.Refreshed) -> None:
        """Go on with what ``refresh`` gave."""
        elsewhere = event.url is not None and event.url != self.spec.url
        self._renew(event)
        self.fault = None
        self._move(Cause.MET, "refreshed")
        if elsewhere:
            self._moved_house()

    def _refresh_lost(self, event: ev.RefreshLost) -> None:
        self.fault = msgspec.structs.replace(event.fault, remedy=Remedy.PERSON)
        self._move(Cause.NEEDS_PERSON, event.fault.message)

    def _bandwidth(self, event: ev.BandwidthAsked) -> None:
        self._ours()
        self._unended()
        self.spec = msgspec.structs.replace(self.spec, bandwidth=event.rate)
        self.dirty = True

    def _cost_policy(self, event: ev.CostPolicyAsked) -> None:
        self._ours()
        self._unended()
        self.spec = msgspec.structs.replace(self.spec, cost_policy=event.policy)
        self.dirty = True

    def _unconstrained(self, _: ev.UnconstrainedAsked) -> None:
        self._ours()
        self._unended()
        self.spec = msgspec.structs.replace(self.spec, unconstrained=True)
        self.dirty = True

    def _unended(self) -> None:
        if self.phase in FINAL:
            raise InvalidTransferState(f"An operation that is {self.phase} moves no bytes any more.")

    # -- what the surroundings say ---------------------------------------------------------------------------------
    def _held(self, event: ev.Held) -> None:
        """Hold where the surroundings forbid to move; what is in flight comes home first, and waits in its turn."""
        if self.handed_to:
            return
        if self.phase is Phase.QUEUED:
            self.fault = event.fault
            self._move(Cause.STARVED, event.fault.message)
            self.stall = event.stall
            self.out.append(do.AwaitClearance(self._next()))
        elif self.phase in (Phase.PROBING, Phase.RUNNING):
            self._stop()

    def _cancel(self, event: ev.CancelAsked) -> None:
        self._ours()
        if self.phase is Phase.COMMITTING:
            raise InvalidTransferState("Too late to cancel: the file is getting its name this very moment.")
        untouched = self.phase is Phase.CREATED
        waiting = self.phase is Phase.STALLED
        self._move(Cause.CANCEL)
        self.keep_part = not event.delete_partial
        if waiting:
            self.in_flight = NOTHING
        if untouched:
            self._move(Cause.DRAINED)
        else:
            self._stop()

    def _respec(self, event: ev.SpecAsked) -> None:
        self._ours()
        if self.phase in (Phase.VERIFYING, Phase.COMMITTING, Phase.CANCELING, Phase.DONE, Phase.CANCELED):
            raise InvalidTransferState(f"Its options cannot be changed any more: it is {self.phase}.")
        self.spec = event.spec
        self.retry = event.spec.retry
        if not self.in_flight:
            self.before = event.before
        self.dirty = True

    def _priority(self, event: ev.PriorityAsked) -> None:
        self._ours()
        if self.phase in FINAL:
            raise InvalidTransferState(f"An operation that is {self.phase} has no turn any more.")
        self.spec = msgspec.structs.replace(self.spec, priority=event.priority)
        self.dirty = True

    def _place(self, event: ev.PlaceAsked) -> None:
        self._ours()
        if self.phase in FINAL:
            raise InvalidTransferState(f"An operation that is {self.phase} has no place any more.")
        self.spec = msgspec.structs.replace(self.spec, place=event.place)
        self.dirty = True

    def _access(self, event: ev.AccessAsked) -> None:
        self._ours()
        if self.phase not in RESTING:
            raise InvalidTransferState(
                f"A new URL or headers can be given once it is paused; it is {self.phase}.", hint="Pause it first."
            )
        elsewhere = event.url is not None and event.url != self.spec.url
        self._renew(event)
        self.tell("new access", "a new URL" if elsewhere else "")
        self.dirty = True
        if elsewhere:
            self._moved_house()

    def _hand_over(self, event: ev.HandOverAsked) -> None:
        if event.to == self.handed_to:
            return
        self._ours()
        if self.phase in (Phase.COMMITTING, Phase.CANCELING, Phase.DONE, Phase.CANCELED):
            raise InvalidTransferState(f"An operation that is {self.phase} is not handed over.")
        self.handed_to = event.to
        self.dirty = True
        self.tell("handed over", event.to)
        if self.phase is Phase.STALLED:
            self.in_flight = NOTHING
            self._move(Cause.CUT_SHORT)
        else:
            self._stop()

    def _ours(self) -> None:
        """Refuse what is asked of an operation that is on its way to another process."""
        if self.handed_to is not None:
            raise InvalidTransferState(
                "It is being handed over to another process.", hint="Ask again in a moment, there or here."
            )
