"""What a person may ask of an operation, and when that fits."""

from __future__ import annotations

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.phases import Cause, Phase
from nbxfer.core.steps import MAX_RESTARTS, Steps
from nbxfer.errors import InvalidTransferState


class Wishes(Steps):
    """The handlers of the wishes; one that does not fit raises InvalidTransferState and changes nothing."""

    __slots__ = ()

    def _start(self, _: ev.StartAsked) -> None:
        self._move(Cause.START)

    def _pause(self, _: ev.PauseAsked) -> None:
        if self.phase is Phase.VERIFYING:  # takes effect when the check is done: a second one would cost as much
            self.pause_wanted = True
            return
        self._move(Cause.PAUSE)
        if self.phase is Phase.PAUSED:
            self.in_flight.clear()  # only a wait was open
            self.fault = None
        else:
            self._stop()

    def _resume(self, event: ev.ResumeAsked) -> None:
        if self.phase is Phase.VERIFYING and self.pause_wanted:
            self.pause_wanted = False
            return
        self._move(Cause.RETRY if type(event) is ev.RetryAsked else Cause.RESUME)
        if event.url is not None:
            self.spec = msgspec.structs.replace(self.spec, url=event.url)
        if event.needs is not None:
            self.spec = msgspec.structs.replace(self.spec, needs=event.needs)
        self.fault = None
        self.retry = self.retry.fresh()
        if self.restarts > MAX_RESTARTS:
            self.restarts = 1

    def _cancel(self, event: ev.CancelAsked) -> None:
        if self.phase is Phase.COMMITTING:
            raise InvalidTransferState("Too late to cancel: the file is getting its name this very moment.")
        untouched = self.phase is Phase.CREATED
        waiting = self.phase is Phase.STALLED
        self._move(Cause.CANCEL)
        self.keep_part = not event.delete_partial
        if waiting:
            self.in_flight.clear()
        if untouched:
            self._move(Cause.DRAINED)
        else:
            self._stop()

    def _priority(self, event: ev.PriorityAsked) -> None:
        self.spec = msgspec.structs.replace(self.spec, priority=event.priority)
        self.dirty = True

    def _hand_over(self, event: ev.HandOverAsked) -> None:
        if self.phase in (Phase.COMMITTING, Phase.CANCELING, Phase.DONE, Phase.CANCELED):
            raise InvalidTransferState(f"An operation that is {self.phase} is not handed over.")
        self.handed_to = event.to
        self.dirty = True
        self.tell("handed over", event.to)
        if self.phase is Phase.STALLED:
            self.in_flight.clear()
        elif self.in_flight:
            self._act(do.Stop)
