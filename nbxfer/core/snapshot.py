"""The frozen picture that faces get: whole, absolute, free of secrets. Speed and ETA by a clock from outside."""

from __future__ import annotations

import sys
from collections import deque

import msgspec

from nbxfer.core import url as urls
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import STALL_STATUS, STATUS, Phase, Stall, TransferStatus
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Entry, Published, Record


class Snapshot(msgspec.Struct, frozen=True, gc=False):
    """One operation at one instant. Bytes, seconds, bytes a second, Unix times; None where nobody knows.

    ``owner`` is "ours", "theirs" (another living process runs it) or "orphaned" (nobody does). ``source`` is safe to
    show. ``held`` says which bytes are on the disk.
    """

    id: str
    kind: str
    name: str
    source: str
    host: str
    destination: str
    phase: Phase
    status: TransferStatus
    reason: str
    received: int
    total: int | None
    rate: float | None
    eta: float | None
    priority: int
    restarts: int
    retries: int
    refetched: int
    due: float | None
    fault: Fault | None
    published: Published | None
    created: float
    changed: float
    owner: str
    notebook: str
    held: RangeSet
    http_status: int | None
    response: tuple[tuple[str, str], ...]
    story: tuple[Entry, ...]
    final_url: str = ""  # safe to show: where the answer came from
    group: str = ""
    place: float = 0.0  # in its group, where a smaller one goes first

    @property
    def fraction(self) -> float | None:
        """How much is here, 0 to 1; None while the size is unknown."""
        if self.phase is Phase.DONE:
            return 1.0
        return min(1.0, self.received / self.total) if self.total else None

    @property
    def restarted(self) -> bool:
        """Whether bytes that had come were given up (another version, bad blocks): only then ``received`` goes down."""
        return self.restarts > 0

    @property
    def integrity(self) -> str:
        """What the finished file was held against: digest, server digest, store checksum, validator, nothing."""
        return self.published.integrity if self.published else "nothing"

    @property
    def needs_person(self) -> bool:
        """Whether it waits for somebody to do something."""
        return self.fault is not None and self.fault.remedy is Remedy.PERSON and self.phase is Phase.PAUSED


class SpeedMeter:
    """Bytes a second over the last ``window`` seconds, from absolute counts; None before the first second."""

    __slots__ = ("_points", "window")

    def __init__(self, window: float = 5.0) -> None:
        self.window = window
        self._points: deque[tuple[float, int]] = deque()

    def count(self, now: float, total: int) -> None:
        """Take a new absolute count at ``now``; a smaller one than before starts the meter again."""
        points = self._points
        if points and total < points[-1][1]:
            points.clear()
        points.append((now, total))
        while len(points) > 2 and points[1][0] <= now - self.window:
            points.popleft()

    def clear(self) -> None:
        """Forget: nothing runs."""
        self._points.clear()

    def rate(self, now: float) -> float | None:
        """Give the speed at ``now``; it falls while nothing comes."""
        if not self._points:
            return None
        (t0, n0), (_, n1) = self._points[0], self._points[-1]
        return (n1 - n0) / (now - t0) if now - t0 >= 1.0 else None


def status_of(phase: Phase, stall: Stall | None, fault: Fault | None, owner: str) -> TransferStatus:
    """Give the public status."""
    if phase is Phase.PAUSED and fault is not None and fault.remedy is Remedy.PERSON:
        return TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR
    unfinished = STATUS[phase] not in (TransferStatus.COMPLETED, TransferStatus.CANCELED, TransferStatus.ERROR)
    if owner == "orphaned" and unfinished and phase not in (Phase.CREATED, Phase.PAUSED):
        return TransferStatus.ORPHANED
    if phase is Phase.STALLED and stall is not None:
        return STALL_STATUS[stall]
    return STATUS[phase]


_REASONS = {
    Phase.CREATED: "not started yet",
    Phase.QUEUED: "waiting for its turn",
    Phase.PROBING: "asking the server",
    Phase.RUNNING: "transferring",
    Phase.PAUSING: "pausing",
    Phase.PAUSED: "paused by you",
    Phase.VERIFYING: "checking what has arrived",
    Phase.COMMITTING: "giving the file its name",
    Phase.CANCELING: "canceling",
    Phase.CANCELED: "canceled by you",
    Phase.FAILED: "failed",
    Phase.DONE: "complete",
}
_VERIFIED = {
    "digest": "complete, its checksum is right",
    "server digest": "complete, the server's own checksum is right",
    "store checksum": "complete, the store's checksum is right",
    "validator": "complete, one version throughout",
}


#: Why something waits that is not to begin before a time.
_EARLY = "waiting for its time"


def reason_of(
    phase: Phase, stall: Stall | None, fault: Fault | None, owner: str, published: Published | None = None
) -> str:
    """Say in words why the status is what it is."""
    if owner == "orphaned" and phase not in (Phase.CREATED, Phase.DONE, Phase.CANCELED, Phase.FAILED, Phase.PAUSED):
        return "interrupted: the process that ran it is gone; reattach() or resume goes on with it"
    if phase is Phase.STALLED:
        what = fault.message if fault else ""
        return {
            Stall.NO_NETWORK: f"waiting for the network: {what}",
            Stall.COST: f"waiting for a cheaper network: {what}" if what else "waiting for a cheaper network",
            Stall.SYSTEM: f"waiting for room: {what}" if fault and fault.error == "NoSpace" else f"waiting: {what}",
        }.get(stall or Stall.RETRY_WAIT, f"will try again: {what}")
    if phase is Phase.DONE and published is not None:
        if not published.revalidated:
            return "complete, not revalidated: the server could not be asked"
        return _VERIFIED.get(published.integrity, _REASONS[phase])
    if fault is not None and (phase is Phase.FAILED or (phase is Phase.PAUSED and fault.remedy is Remedy.PERSON)):
        return f"{fault.message} {fault.hint}" if fault.hint else fault.message
    return _REASONS[phase]


def picture(record: Record, held: RangeSet | None = None, rate: float | None = None, owner: str = "ours") -> Snapshot:
    """Give the snapshot of a record, with what only a live engine knows: the bytes held and the speed."""
    spec, phase, stall, fault = record.spec, record.phase, record.stall, record.fault
    received, size, published = record.received, record.size, record.published
    due = record.due
    if phase is Phase.QUEUED and owner != "orphaned" and spec.not_before is not None:
        due = spec.not_before
    source, landed = urls.safe_url(spec.url), record.named or spec.destination
    if spec.far:
        landed = urls.safe_url(landed)
    if phase is not Phase.RUNNING:
        rate = None
        if phase is Phase.CANCELED and not record.keep_part:  # what had come is gone
            received, held = 0, None
    # By place, and in the order of the fields: with 29 names the call takes three times as long.
    return Snapshot(
        record.id,
        spec.kind,
        landed.replace("\\", "/").rpartition("/")[2],
        source,
        sys.intern(source.partition("://")[2].partition("/")[0]),  # of a hundred thousand, few differ
        landed,
        phase,
        status_of(phase, stall, fault, owner),
        _EARLY if due is not None and stall is None else reason_of(phase, stall, fault, owner, published),
        received,
        size,
        rate,
        (size - received) / rate if rate and size is not None else None,
        spec.priority,
        record.restarts,
        record.retries,
        record.refetched,
        due,
        fault,
        published,
        record.created,
        record.changed,
        owner,
        spec.notebook,
        held if held is not None else RangeSet(),
        record.http_status,
        record.response,
        tuple(record.story),
        record.final_url,
        spec.group,
        spec.place if spec.place is not None else record.created,
    )
