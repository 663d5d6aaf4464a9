"""One operation and the world's good answers to it, so that a test says only what is special in it."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.faults import Fault
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Before, Published, Record, Seal
from nbxfer.core.spec import Spec

A = TypeVar("A", bound=do.Action)

SIZE = 100
V1 = Validator("etag", '"v1"')
V2 = Validator("etag", '"v2"')
WEAK = Validator("etag", '"w"', strong=False)
SEAL = Seal(SIZE, 7, 8)
DESTINATION = "/home/me/data.bin"

BROKEN = faults.of(errors.NetworkError("The connection broke."))
OFFLINE = faults.of(errors.Offline("There is no way to the server."))
GONE = faults.of(errors.SourceNotFound("It is not there.", http_status=404))
FULL = faults.of(errors.NoSpace("The disk is full."))
CHANGED = faults.of(errors.SourceChanged("It is another version now."))
EXPIRED = faults.of(errors.NeedsAttention("The URL has expired.", http_status=403))
REFUSED = faults.of(errors.AccessDenied("The server refuses.", http_status=403))


def upto(stop: int, start: int = 0) -> RangeSet:
    """Give the bytes from ``start`` to ``stop`` (exclusive)."""
    return RangeSet.of([(start, stop)])


def spec(**more: Any) -> Spec:
    """Give a request, with what is special about it."""
    given: dict[str, Any] = {
        "kind": "download",
        "url": "https://host/data.bin",
        "destination": DESTINATION,
        "identity": "https://host/data.bin",
    }
    return Spec(**(given | more))


class Life:
    """An operation, a clock, and what is to be done next."""

    def __init__(self, *, before: Before | None = None, start: bool = True, named: str = "", **more: Any) -> None:
        self.now = 1_000_000.0
        self.op = Operation("0123abcd", spec(**more), self.now, before=before, start=start, named=named)
        self.todo: list[do.Action] = []

    def tell(self, event: ev.Event, chance: float = 0.5) -> list[do.Action]:
        """Let ``event`` happen a second later."""
        self.now += 1
        self.todo = self.op.handle(event, self.now, chance)
        self.op.validate()
        return self.todo

    def only(self, kind: type[A]) -> A:
        """Give the one action that came of the last event."""
        (action,) = self.todo
        assert isinstance(action, kind)
        return action

    @property
    def serial(self) -> int:
        """The serial of what is in flight."""
        (serial,) = self.op.in_flight
        return serial

    @property
    def phase(self) -> Phase:
        """Where it stands."""
        return self.op.phase

    @property
    def words(self) -> list[str]:
        """What the story tells, without times and details."""
        return [entry.what for entry in self.op.story]

    # -- the good way -----------------------------------------------------------------------------------------------
    def probe(self) -> do.Probe:
        """Give it a slot."""
        self.tell(ev.SlotFree())
        return self.only(do.Probe)

    def answer(
        self,
        size: int | None = SIZE,
        validator: Validator | None = V1,
        held: RangeSet = upto(0),  # noqa: B008
        *,
        start: int = 0,
        restarted: bool = False,
    ) -> list[do.Action]:
        """Let the source answer a probe."""
        answer = Probe(size, validator, ranges=True, start=start, http_status=200)
        return self.tell(ev.Probed(self.serial, answer, held, restarted))

    def running(self, size: int | None = SIZE, validator: Validator | None = V1) -> do.Fetch:
        """Let it come to where bytes land."""
        self.probe()
        self.answer(size, validator)
        return self.only(do.Fetch)

    def land(self, stop: int) -> None:
        """Let the bytes up to ``stop`` land."""
        self.tell(ev.BlocksLanded(self.serial, upto(stop)))

    def verifying(self, size: int | None = SIZE, validator: Validator | None = V1) -> do.Verify:
        """Let every byte land."""
        self.running(size, validator)
        self.tell(ev.RangeLanded(self.serial, upto(SIZE), SIZE))
        return self.only(do.Verify)

    def committing(self) -> do.Commit:
        """Let the check find it right."""
        self.verifying()
        self.tell(ev.Verified(self.serial, SEAL, "nothing"))
        return self.only(do.Commit)

    def done(self) -> None:
        """Let it come to its end."""
        by = self.committing().by
        self.tell(ev.Committed(self.serial, Published(DESTINATION, SIZE, 5, by)))

    def lose(self, fault: Fault, held: RangeSet | None = None) -> list[do.Action]:
        """Let what is in flight break."""
        op, event = self.op, ev.Event()
        if op.phase is Phase.PROBING:
            event = ev.ProbeLost(self.serial, fault, held)
        elif op.phase in (Phase.RUNNING, Phase.PAUSING, Phase.CANCELING):
            event = ev.RangeLost(self.serial, fault, op.held if held is None else held)
        elif op.phase is Phase.VERIFYING:
            event = ev.VerifyLost(self.serial, fault)
        elif op.phase is Phase.COMMITTING:
            event = ev.CommitLost(self.serial, fault)
        return self.tell(event)

    def stalled(self, fault: Fault = BROKEN) -> None:
        """Let the connection break after 40 bytes."""
        self.running()
        self.lose(fault, upto(40))

    def failed(self) -> None:
        """Let it fail after 40 bytes."""
        self.stalled(REFUSED)

    def come_to(self, where: str) -> None:
        """Let it come to a phase, by its name."""
        match where:
            case "paused":
                self.tell(ev.PauseAsked())
            case "canceling":
                self.running()
                self.tell(ev.CancelAsked(delete_partial=False))
            case "canceled":
                self.tell(ev.CancelAsked())
                self.tell(ev.Discarded(self.serial))
            case "created" | "queued":
                pass
            case _:
                getattr(self, {"probing": "probe"}.get(where, where))()

    # -- the next life ----------------------------------------------------------------------------------------------
    def stored(self) -> Record:
        """Give the record as it comes back from the disk."""
        return msgspec.json.decode(msgspec.json.encode(self.op.record()), type=Record)

    def crash(self, *, bump: bool = True) -> list[do.Action]:
        """Let the process die, and another go on."""
        record = self.stored()
        self.now += 60
        record = msgspec.structs.replace(record, epoch=record.epoch + bump, handed_to=None)
        self.op = Operation.load(record, self.now)
        self.op.validate()
        self.todo = self.op.revive(self.now)
        self.op.validate()
        return self.todo
