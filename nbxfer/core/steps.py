"""The steps that every move of an operation is made of, and what follows when something does not go well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from nbxfer.core import actions as do
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.fields import Fields
from nbxfer.core.phases import Cause, Phase, Stall, move
from nbxfer.core.ranges import RangeSet
from nbxfer.errors import WebErrorStatus

#: A source that changes more often than this while it is fetched is given up.
MAX_RESTARTS: Final = 3
#: A 404 after bytes were had is asked again this often: a mirror may lag.
GONE_TRIES: Final = 2


class Steps(Fields):
    """Small steps and setbacks; lifecycle.Operation strings them together."""

    __slots__ = ()

    def _act(self, make: Callable[..., do.Action], **fields: Any) -> int:
        self.serial += 1
        self.out.append(make(self.serial, **fields))
        if make is not do.Stop:
            self.in_flight.add(self.serial)
        return self.serial

    def _move(self, cause: Cause, detail: str = "") -> None:
        self.phase = move(self.phase, cause)
        self.changed = self.now
        self.dirty = True
        self.stall = self.due = None
        if self.phase is not Phase.RUNNING:
            self.meter.clear()
        self.tell(str(cause), detail)

    def _stop(self) -> None:
        if self.in_flight:
            self._act(do.Stop)
        self._drain()

    def _drain(self) -> None:
        """Nothing is in flight any more: what waited for that may happen."""
        if self.in_flight:
            return
        if self.phase is Phase.PAUSING:
            self._move(Cause.DRAINED)
        elif self.phase is Phase.CANCELING:
            self._act(do.Discard, keep=self.keep_part)

    def _start_over(self) -> None:
        """Forget the version: a new epoch, of which no byte is here."""
        self.epoch += 1
        self.fresh_since = self.epoch
        self.size = self.validator = None
        self.land(RangeSet())

    def _home(self) -> None:
        """An answer came that nobody acts on any more: pausing, canceling, or handing over."""
        if self.phase in (Phase.PROBING, Phase.RUNNING, Phase.VERIFYING):
            self._move(Cause.CUT_SHORT)
        self._drain()

    def _count_restart(self, why: str) -> bool:
        """Begin again, unless that happened too often (then it has failed); say whether it goes on."""
        self.restarts += 1
        self._start_over()
        self.tell("restarted", why)
        if self.restarts <= MAX_RESTARTS:
            return True
        self._fail(
            Fault(
                "SourceChanged",
                f"The source changed {self.restarts} times while it was being fetched.",
                status=WebErrorStatus.SOURCE_CHANGED,
                hint="Try again when it has settled.",
            )
        )
        return False

    def _fail(self, fault: Fault) -> None:
        self.fault = fault
        self._move(Cause.GAVE_UP, fault.message)

    def _lost(self, fault: Fault) -> None:
        """Decide what follows a fault: try again, wait, ask, begin again or give up."""
        if self.phase in (Phase.PAUSING, Phase.CANCELING) or self.handed_to:
            self.tell("lost", fault.message)
            return self._home()
        remedy = fault.remedy
        if fault.http_status in self.spec.recoverable:
            remedy = Remedy.PERSON
        elif fault.http_status in (404, 410) and self.received and self.retry.used < GONE_TRIES:
            remedy = Remedy.RETRY
        self.fault = fault
        if remedy is Remedy.RETRY and not self.retry.exhausted:
            delay = self.retry.delay(self.chance, fault.retry_after)
            self.retry = self.retry.next()
            self.retries += 1
            return self._wait(Stall.RETRY_WAIT, delay, fault)
        if remedy is Remedy.WAIT_ONLINE:
            delay = self.offline.delay(self.chance)
            self.offline = self.offline.next()
            return self._wait(Stall.NO_NETWORK, delay, fault)
        if remedy is Remedy.WAIT_ROOM:
            self._move(Cause.STARVED, fault.message)
            self.stall = Stall.SYSTEM
            need = self.size - self.received if self.size is not None else 0
            self._act(do.AwaitRoom, need=need)
            return None
        if remedy is Remedy.PERSON and self.phase in (Phase.PROBING, Phase.RUNNING):
            self.fault = msgspec.structs.replace(fault, remedy=Remedy.PERSON)
            return self._move(Cause.NEEDS_PERSON, fault.message)
        if remedy is Remedy.PROBE_AGAIN:
            if self._count_restart(fault.message):
                self.fault = None
                self._move(Cause.CHANGED, fault.message)
            return None
        return self._fail(fault)

    def _wait(self, stall: Stall, delay: float, fault: Fault) -> None:
        self._move(Cause.STARVED, fault.message)
        self.stall, self.due = stall, self.now + delay
        self._act(do.Wait, seconds=delay)
