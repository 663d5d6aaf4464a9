"""What an operation knows: its durable state, what only a living engine knows, and how both become a record."""

from __future__ import annotations

from typing import Final

from nbxfer.core import actions as do
from nbxfer.core.phases import AFTER_A_CRASH, LIVE, Phase, Stall
from nbxfer.core.policy import Retry
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Before, Entry, Published, Record, Seal
from nbxfer.core.faults import Fault
from nbxfer.core.snapshot import Snapshot, SpeedMeter, picture
from nbxfer.core.spec import Spec

#: Lines of the story that a record keeps: the first two and the newest.
STORY: Final = 16


class Fields:
    """The state of an operation. Read by everybody, changed by lifecycle.Operation alone."""

    __slots__ = (
        "before", "chance", "changed", "created", "dirty", "due", "epoch", "fault", "final_url", "fresh_since",
        "handed_to", "held", "http_status", "id", "in_flight", "keep_part", "length_proven", "meter", "now",
        "offline", "out", "pause_wanted", "phase", "published", "received", "refetched", "response", "restarts",
        "retries", "retry", "seal", "serial", "size", "spec", "stall", "story", "tied", "validator", "verified_by",
    )  # fmt: skip

    id: str
    spec: Spec
    phase: Phase
    out: list[do.Action]

    def __init__(
        self, op_id: str, spec: Spec, now: float, *, before: Before | None = None, start: bool = True
    ) -> None:
        self.id = op_id
        self.spec = spec
        self.phase = Phase.QUEUED if start else Phase.CREATED
        self.created = self.changed = self.now = now
        self.before = before
        self.epoch = self.fresh_since = 1
        self.chance = 0.5
        self.size: int | None = None
        self.validator: Validator | None = None
        self.received = self.refetched = self.restarts = self.retries = 0
        self.stall: Stall | None = None
        self.due: float | None = None
        self.fault: Fault | None = None
        self.seal: Seal | None = None
        self.published: Published | None = None
        self.verified_by = ""
        self.response: tuple[tuple[str, str], ...] = ()
        self.http_status: int | None = None
        self.final_url = ""
        self.keep_part = False
        self.handed_to: str | None = None
        self.story: list[Entry] = []
        # What only a living engine knows:
        self.held = RangeSet()
        self.serial = 0
        self.in_flight: set[int] = set()
        self.retry: Retry = spec.retry
        self.offline: Retry = Retry()
        self.meter = SpeedMeter()
        self.pause_wanted = False
        self.length_proven = True
        self.tied = False  # every byte came under one strong validator
        self.dirty = True
        self.out = []

    @classmethod
    def load(cls, record: Record, now: float, *, crashed: bool = True) -> "Fields":
        """Give the operation of a record, as AFTER_A_CRASH reads its phase."""
        op = cls(record.id, record.spec, record.created, before=record.before)
        for name in _SAME:
            setattr(op, name, getattr(record, name))
        op.story = list(record.story)
        op.phase = AFTER_A_CRASH[record.phase] if crashed else record.phase
        op.changed = record.changed
        op.tied = record.validator is not None and record.validator.strong
        if op.phase in LIVE and op.phase not in (Phase.PAUSED, Phase.COMMITTING):
            op.fault = op.stall = op.due = None
        return op

    def record(self) -> Record:
        """Give everything that has to survive."""
        story = self.story
        if len(story) > STORY:
            del story[2 : len(story) - STORY + 2]
        return Record(
            self.id, self.epoch, self.spec, self.phase, self.created, self.changed, self.fresh_since, self.size,
            self.validator, self.received, self.refetched, self.restarts, self.retries, self.verified_by, self.stall,
            self.due, self.fault, self.before, self.seal, self.published, self.response, self.http_status,
            self.final_url, self.keep_part, self.handed_to if not self.in_flight else None, tuple(story),
        )  # fmt: skip

    def snapshot(self, now: float) -> Snapshot:
        """Give the picture for the faces."""
        return picture(self.record(), self.held, self.meter.rate(now))

    def tell(self, what: str, detail: str = "") -> None:
        """Add a line to the story."""
        self.story.append(Entry(round(self.now, 3), what, detail[:200]))

    def land(self, held: RangeSet) -> None:
        """Take what is held on the disk now."""
        self.held = held
        self.received = held.total

    def take(self, probe: Probe) -> None:
        """Pin the version that the source offers."""
        fresh = not self.held
        strong = probe.validator is not None and probe.validator.strong
        self.tied = strong if fresh else self.tied and strong
        if fresh or self.validator is None:
            self.validator = probe.validator
        self.size = probe.size if probe.size is not None else self.size
        self.response, self.http_status, self.final_url = probe.headers, probe.http_status, probe.final_url

    @property
    def handed_over(self) -> bool:
        """Whether somebody else may go on with it: nothing of ours moves any more."""
        return self.handed_to is not None and not self.in_flight

    def validate(self) -> None:
        """Raise AssertionError where an invariant does not hold; tests call it after every event."""
        assert self.received == self.held.total or self.phase is Phase.DONE or not self.held, "received is what is held"
        assert self.size is None or self.received <= self.size, "never more than the source has"
        assert self.phase is not Phase.DONE or self.published is not None, "done means published"
        assert self.phase is not Phase.FAILED or self.fault is not None, "a failure has a reason"
        assert (self.phase is Phase.STALLED) == (self.stall is not None), "stalled always has a reason"
        assert self.fresh_since <= self.epoch, "epochs only grow"
        quiet = (Phase.CREATED, Phase.QUEUED, Phase.PAUSED, Phase.CANCELED, Phase.FAILED, Phase.DONE)
        assert self.phase not in quiet or not self.in_flight, f"nothing is in flight when {self.phase}"
        busy = (Phase.PROBING, Phase.RUNNING, Phase.PAUSING, Phase.VERIFYING, Phase.STALLED)
        assert self.phase not in busy or len(self.in_flight) == 1, f"one thing is in flight when {self.phase}"


_SAME = (
    "epoch", "fresh_since", "size", "validator", "received", "refetched", "restarts", "retries", "verified_by",
    "stall", "due", "fault", "seal", "published", "response", "http_status", "final_url", "keep_part",
)  # fmt: skip
