"""What an operation knows: its durable state, what only a living engine knows, and how both become a record."""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Final, Self, cast

from nbxfer.core import actions as do
from nbxfer.core.faults import Fault
from nbxfer.core.phases import AFTER_A_CRASH, LIVE, Phase, Stall
from nbxfer.core.policy import Retry
from nbxfer.core.probe import Claim, Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Before, Entry, Published, Record, Seal, Ticket
from nbxfer.core.snapshot import Snapshot, SpeedMeter, picture
from nbxfer.core.spec import Spec

#: Lines of the story that are kept: the first two and the newest; and the longest detail of one, in characters.
STORY: Final = 12
DETAIL: Final = 200

_NOTHING: Final = RangeSet()
#: No serials. One for all: of a hundred thousand operations few have anything in flight.
NOTHING: Final[frozenset[int]] = frozenset()
_STEADY: Final = Retry()


@lru_cache(1024)
def _shared(name: str, value: str) -> tuple[str, str]:
    """Give one pair for all answers that say the same, as those of one server mostly do."""
    return sys.intern(name), value


class Fields:
    """The state of an operation. Read by everybody, changed by lifecycle.Operation alone."""

    __slots__ = (
        "alone", "before", "chance", "changed", "changes", "claims", "connections", "created", "dirty", "due",
        "epoch", "fault", "final_url", "fresh_since", "handed_to", "held", "http_status", "id", "in_flight",
        "keep_part", "listed", "meter", "modified", "named", "now", "offline", "out", "peak", "phase", "published",
        "received", "refetched", "refreshes", "response", "restarts", "retries", "retry", "seal", "serial", "size",
        "spec", "stall", "story", "ticket", "tied", "turned", "unproven", "validator", "verified_by",
    )  # fmt: skip

    id: str
    spec: Spec
    phase: Phase
    out: list[do.Action]  # there once something happens: a hundred thousand that wait have none

    def __init__(
        self,
        op_id: str,
        spec: Spec,
        now: float,
        *,
        before: Before | None = None,
        start: bool = True,
        named: str = "",
    ) -> None:
        self.id = op_id
        self.spec = spec
        self.phase = Phase.QUEUED if start else Phase.CREATED
        self.created = self.changed = self.now = now
        self.before = before
        self.epoch = self.fresh_since = 1
        self.size: int | None = None
        self.validator: Validator | None = None
        self.tied = False
        self.received = self.refetched = self.restarts = self.retries = 0
        self.stall: Stall | None = None
        self.due: float | None = None
        self.fault: Fault | None = None
        self.seal: Seal | None = None
        self.published: Published | None = None
        self.verified_by = self.final_url = ""
        self.response: tuple[tuple[str, str], ...] = ()
        self.http_status: int | None = None
        self.keep_part = False
        self.handed_to: str | None = None
        self.named = named
        self.claims: tuple[Claim, ...] = ()
        self.listed: str | None = None
        self.modified: float | None = None
        self.refreshes = 0
        self.unproven = 0
        self.ticket: Ticket | None = None
        self.story: tuple[Entry, ...] = ()
        # What only a living engine knows:
        self.chance = 0.5
        self.held = _NOTHING
        self.serial = 0
        self.in_flight = NOTHING
        self.retry: Retry = spec.retry
        self.offline: Retry = _STEADY
        self.changes = 0  # versions and broken checks since a person last had a say: a budget, not a statistic
        self.peak = 0  # the most that was received: more than that is progress
        self.connections = 1  # it may have
        self.turned = 0  # mirrors that were turned to since bytes last came
        self.alone = False  # parts that were asked for were refused, or did not fit: one connection has to do
        self.meter: SpeedMeter | None = None
        self.dirty = True

    @classmethod
    def load(cls, record: Record, now: float, *, crashed: bool = True) -> Self:
        """Give the operation of a record, as AFTER_A_CRASH reads its phase."""
        op = cls(record.id, record.spec, record.created, before=record.before)
        for name in _SAME:
            setattr(op, name, getattr(record, name))
        op.now, op.changed = now, record.changed
        op.serial = record.epoch * 1_000_000  # so that no late answer to an earlier life fits
        op.story = record.story
        op.peak = record.received
        op.phase = record.phase
        if crashed:
            op.phase = AFTER_A_CRASH[record.phase]
            if op.phase in LIVE and op.phase is not Phase.PAUSED:
                op.fault = None
            op.stall = op.due = None
        return op

    def record(self) -> Record:
        """Give everything that has to survive."""
        return Record(
            self.id, self.epoch, self.spec, self.phase, self.created, self.changed, self.fresh_since, self.size,
            self.validator, self.received, self.refetched, self.restarts, self.retries, self.verified_by, self.stall,
            self.due, self.fault, self.before, self.seal, self.published, self.response, self.http_status,
            self.final_url, self.keep_part, self.handed_to if not self.in_flight else None, self.story,
            self.tied, self.named, self.claims, self.listed, self.modified, self.refreshes,
            self.unproven, self.ticket,
        )  # fmt: skip

    def snapshot(self, now: float) -> Snapshot:
        """Give the picture for the faces."""
        rate = self.meter.rate(now) if self.meter is not None else None
        return picture(cast("Record", self), self.held, rate)  # it has all that a record has

    def tell(self, what: str, detail: str = "") -> None:
        """Add a line to the story; where it gets too long, the oldest but two goes."""
        story = self.story if len(self.story) < STORY else self.story[:2] + self.story[3:]
        self.story = (*story, Entry(round(self.now, 3), what, detail[:DETAIL]))

    def land(self, held: RangeSet) -> None:
        """Take what is held on the disk now; what is there no more is fetched twice, and that is said."""
        self.held = held
        total = held.total
        if total < self.received:
            self.restarts += 1
            self.refetched += self.received - total
            self.peak = total
        self.received = total

    def take(self, probe: Probe) -> None:
        """Pin the version that the source offers, or go on with the one that is pinned."""
        fresh = not self.held
        strong = probe.validator is not None and probe.validator.strong
        self.tied = strong and (fresh or self.tied)
        if fresh or self.validator is None:
            self.validator = probe.validator
        if fresh or probe.size is not None:
            self.size = probe.size
        if fresh or not self.claims:
            self.claims = probe.claims
        if fresh or self.modified is None:
            self.modified = probe.modified
        self.response = tuple([_shared(name, value) for name, value in probe.headers])
        self.http_status = probe.http_status
        self.final_url = self.spec.url if probe.final_url == self.spec.url else probe.final_url

    @property
    def destination(self) -> str:
        """The path of the finished file: the server may have given it its name."""
        return self.named or self.spec.destination

    @property
    def _posting(self) -> bool:
        """Whether it is on its way in a POST: broken off, nobody but a person may send it again."""
        return self.phase is Phase.RUNNING and self.spec.method == "POST"

    @property
    def handed_over(self) -> bool:
        """Whether somebody else may go on with it: nothing of ours moves any more."""
        return self.handed_to is not None and not self.in_flight

    def validate(self) -> None:
        """Raise AssertionError where an invariant does not hold; tests call it after every event."""
        phase, flying = self.phase, len(self.in_flight)
        assert self.received == self.held.total or phase is Phase.DONE or not self.held, "received is what is held"
        assert self.size is None or self.received <= self.size, "never more than the source has"
        assert phase is not Phase.DONE or self.published is not None, "done means published"
        assert phase is not Phase.FAILED or self.fault is not None, "a failure has a reason"
        assert phase is not Phase.COMMITTING or self.seal is not None, "only what is sealed is committed"
        assert (phase is Phase.STALLED) == (self.stall is not None), "stalled always has a reason"
        assert phase is Phase.STALLED or self.due is None, "only who waits has a time"
        assert self.fresh_since <= self.epoch, "epochs only grow"
        assert self.unproven < self.epoch, "the part of our own epoch is ours alone"
        assert len(self.story) <= STORY, "the story is bounded"
        quiet = (Phase.CREATED, Phase.QUEUED, Phase.PAUSED, Phase.CANCELED, Phase.FAILED, Phase.DONE)
        assert phase not in quiet or not flying, f"nothing is in flight when {phase}"
        busy = (Phase.PROBING, Phase.RUNNING, Phase.PAUSING, Phase.VERIFYING, Phase.STALLED)
        assert phase not in busy or flying == 1, f"one thing is in flight when {phase}"
        ending = (Phase.COMMITTING, Phase.CANCELING, Phase.DONE, Phase.CANCELED)
        assert self.handed_to is None or phase not in ending, f"what is {phase} is not handed over"


_SAME = (
    "epoch", "fresh_since", "size", "validator", "tied", "received", "refetched", "restarts", "retries",
    "verified_by", "stall", "due", "fault", "seal", "published", "response", "http_status", "final_url", "keep_part",
    "named", "claims", "listed", "modified", "refreshes", "unproven", "ticket",
)  # fmt: skip
