"""The steps that every move of an operation is made of, and what follows when something does not go well."""

from __future__ import annotations

from typing import Final

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import faults
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.fields import Fields
from nbxfer.core.phases import Cause, Phase, Stall, move
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.errors import BadAnswer, SourceChanged, TransferTimeout, WebErrorStatus

#: A source that changes more often than this while it is fetched is given up.
MAX_RESTARTS: Final = 3
#: Without a byte in between, ``refresh`` is asked this often; and about which answers.
MAX_REFRESHES: Final = 3
EXPIRED: Final = frozenset((400, 401, 403, 410))
#: A 404 after bytes were had is asked again this often: a mirror may lag.
GONE_TRIES: Final = 2

#: What an entry of the story is called: a plain text, not an Enum's member.
_WORDS: Final = {cause: str(cause) for cause in Cause}


class Steps(Fields):
    """Small steps and setbacks; lifecycle.Operation strings them together."""

    __slots__ = ()

    def _next(self) -> int:
        """Give the serial of an action that will be answered."""
        self.serial += 1
        self.in_flight |= {self.serial}
        return self.serial

    def _move(self, cause: Cause, detail: str = "", *, news: bool = True) -> None:
        """Change the phase; what is no ``news`` is neither saved nor told: after a crash it is as it was before."""
        self.phase = move(self.phase, cause)
        self.changed = self.now
        self.stall = self.due = None
        if self.phase is not Phase.RUNNING:
            self.meter = None
        if news:
            self.dirty = True
            self.tell(_WORDS[cause], detail)

    def _stop(self) -> None:
        if self.in_flight:
            self.serial += 1
            self.out.append(do.Stop(self.serial))
        else:
            self._drain()

    def _drain(self) -> None:
        """Nothing is in flight any more: what waited for that may happen."""
        if self.phase is Phase.PAUSING:
            self._move(Cause.DRAINED)
        elif self.phase is Phase.CANCELING:
            self.out.append(do.Discard(self._next(), self.keep_part))

    def _home(self) -> None:
        """An answer came that nobody acts on any more: paused, canceled, handed over, or resumed in between."""
        if self.phase in (Phase.PROBING, Phase.RUNNING, Phase.VERIFYING):
            self._move(Cause.CUT_SHORT)
        self._drain()

    # -- bytes come, and go ----------------------------------------------------------------------------------------
    def _gain(self, held: RangeSet) -> None:
        """Take what has landed; more than ever before is progress, and the tries are counted anew."""
        self.land(held)
        if self.received > self.peak:
            self.peak = self.received
            self.refreshes = self.turned = 0
            self.retry, self.offline = self.retry.fresh(), self.offline.fresh()

    def _start_over(self) -> None:
        """Forget the version: a new epoch, of which no byte is here."""
        self.epoch += 1
        self.fresh_since = self.epoch
        self.size = self.validator = self.seal = self.modified = None
        self.claims = ()
        self.tied = False
        if self.received:
            self.land(RangeSet())  # counts as a restart
        else:
            self.restarts += 1

    def _restart(self, why: str) -> None:
        """Begin again; that the same bytes come again is no progress."""
        peak = self.peak
        self._start_over()
        self.peak = peak
        self.tell("restarted", why)

    def _another_version(self, why: str) -> bool:
        """Begin again, unless that happened too often (then it has failed); say whether it goes on."""
        self._restart(why)
        self.changes += 1
        self.peak = 0
        if self.changes <= MAX_RESTARTS:
            return True
        error = SourceChanged(
            "The source changed again and again while it was being fetched.", hint="Try again when it has settled."
        )
        self._fail(faults.of(error))
        return False

    def _unexpected(self, size: int | None) -> Fault | None:
        """Give the fault of a source that has another size than a person said it would."""
        want, most = self.spec.expect_size, self.spec.max_size
        if size is None:
            return None
        if want is not None and size != want:
            said = f"The server has {size} bytes where {want} were expected."
            return faults.of(BadAnswer(said, hint="Correct expect_size, or the URL."))
        if most is not None and size > most:
            said = f"The server has {size} bytes, and {most} are the most that may come."
            return faults.of(BadAnswer(said, status=WebErrorStatus.FILE_TOO_LARGE, hint="Give a larger max_size."))
        return None

    # -- what may be late, and what may expire -----------------------------------------------------------------------
    @property
    def _overdue(self) -> bool:
        return self.spec.deadline is not None and self.now >= self.spec.deadline

    def _too_late(self) -> None:
        text, on = "The deadline is over.", "goes on from there" if self.received else "tries again"
        if self.fault is not None:
            text += f" What it was waiting for: {self.fault.message}"
        hint = f"retry() {on}, without a deadline."
        self._fail(faults.of(TransferTimeout(text, status=WebErrorStatus.DEADLINE, hint=hint)))

    @property
    def _may_refresh(self) -> bool:
        return bool(self.spec.refresh) and self.refreshes < MAX_REFRESHES

    def _ask_refresh(self, fault: Fault) -> None:
        """Have a new URL or credentials made; it waits meanwhile, without a place."""
        self.refreshes += 1
        self.fault = fault
        self._move(Cause.STARVED, fault.message)
        self.stall = Stall.RETRY_WAIT
        self.tell("refresh", "asked for a new URL or credentials")
        self.out.append(do.Refresh(self._next(), fault))

    def _elsewhere(self, fault: Fault, remedy: Remedy) -> bool:
        """Turn to a mirror, if there is one; see mirrors.Mirrors, which always stands in front of this."""
        return False  # pragma: no cover

    # -- setbacks --------------------------------------------------------------------------------------------------
    def _fail(self, fault: Fault) -> None:
        self.fault = fault
        self._move(Cause.GAVE_UP, fault.message)

    def _lost(self, fault: Fault) -> None:
        """Decide what follows a fault: try again, wait, ask, begin again or give up."""
        if self.phase in (Phase.PAUSING, Phase.CANCELING) or self.handed_to:
            self.tell("lost", fault.message)
            return self._home()
        if fault.http_status in EXPIRED and self._may_refresh:
            return self._ask_refresh(fault)
        remedy = self._remedy(fault)
        if self.phase in (Phase.PROBING, Phase.RUNNING) and self._elsewhere(fault, remedy):
            return None
        self.fault = fault
        if remedy is Remedy.RETRY:
            delay = self.retry.delay(self.chance, fault.retry_after)
            self.retry = self.retry.next()
            self.retries += 1
            self._wait(Stall.RETRY_WAIT, delay, fault)
        elif remedy is Remedy.WAIT_ONLINE:
            delay = self.offline.delay(self.chance)
            self.offline = self.offline.next()
            self._wait(Stall.NO_NETWORK, delay, fault)
        elif remedy is Remedy.WAIT_ROOM:
            self._move(Cause.STARVED, fault.message)
            self.stall = Stall.SYSTEM
            need = self.size - self.received if self.size is not None else BLOCK
            self.out.append(do.AwaitRoom(self._next(), need))
        elif remedy is Remedy.PERSON:
            self.fault = msgspec.structs.replace(fault, remedy=Remedy.PERSON)
            self._move(Cause.NEEDS_PERSON, fault.message)
        elif remedy is Remedy.PROBE_AGAIN:
            if self._another_version(fault.message):
                self.fault = None
                self._move(Cause.CHANGED)
        else:
            self._fail(fault)
        return None

    def _remedy(self, fault: Fault) -> Remedy:
        """Give what follows ``fault`` in this operation: its wishes, its history and its budget have a say."""
        remedy = fault.remedy
        if fault.http_status in self.spec.recoverable:
            return Remedy.PERSON
        if fault.http_status in (404, 410) and self.received and self.retry.used < GONE_TRIES:
            remedy = Remedy.RETRY
        spent = remedy is Remedy.RETRY and self.retry.exhausted(begun=self.received > 0)
        return Remedy.GIVE_UP if spent else remedy

    def _wait(self, stall: Stall, delay: float, fault: Fault) -> None:
        self._move(Cause.STARVED, fault.message)
        self.stall, self.due = stall, self.now + delay
        self.out.append(do.Wait(self._next(), delay))
