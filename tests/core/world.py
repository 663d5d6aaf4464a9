"""A small but complete world around one operation: a server, a disk, a journal.

It is a model of what sources, sinks and the engine promise (their base.py), and no more: every answer that they may
give may come. Every byte of a version is the number of that version, so that mixing is seen.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec
from hypothesis import strategies as st

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.faults import Fault
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import TRANSITIONS, Phase
from nbxfer.core.policy import Retry
from nbxfer.core.probe import Claim, Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Before, Published, Record, Seal
from nbxfer.core.spec import Spec

P = Phase
FLIPPED = -1
OURS_BEFORE = 99  # the version of the file that stood at the destination

FAULTS = [
    faults.of(error)
    for error in (
        errors.NetworkError("The connection broke."),
        errors.Offline("There is no way to the server."),
        errors.TransferTimeout("It took too long."),
        errors.ServerBusy("Come back later.", http_status=503, retry_after=7.0),
        errors.NeedsAttention("The URL has expired.", http_status=403),
        errors.AccessDenied("The server refuses.", http_status=401),
        errors.NoSpace("The disk is full."),
        errors.SourceNotFound("It is not there.", http_status=404),
        errors.SourceChanged("It is another version now."),
        errors.BadAnswer("The answer is no use."),
        errors.StorageFailed("The disk failed."),
    )
]
ONWARD: dict[Phase, ev.Event] = {
    P.CREATED: ev.StartAsked(), P.QUEUED: ev.SlotFree(3), P.PAUSED: ev.ResumeAsked(), P.FAILED: ev.ResumeAsked(),
}  # fmt: skip
ONE = {(start, end) for (start, _), end in TRANSITIONS.items()} | {(phase, phase) for phase in Phase}
STEPS = ONE | {(a, d) for a, b in ONE for c, d in ONE if b is c}  # one event moves twice at most


class Server(msgspec.Struct):
    """What can be fetched now: as many bytes as the version has, each of which is the number of the version."""

    version: int = 1
    sizes: tuple[int, ...] = (0, 8, 8, 8)
    says_size: bool = True
    ranges: bool = True
    validator: str = "strong"  # strong, weak (never changes), none
    honest: bool = True  # else it calls another version the old one's continuation
    claims: bool = False  # it says what its version adds up to

    @property
    def size(self) -> int:
        return 5 if self.version == OURS_BEFORE else self.sizes[self.version]

    def probe(self, start: int) -> Probe:
        pinned = {
            "strong": Validator("etag", f'"{self.version}"'),
            "weak": Validator("modified", "always the same", strong=False),
        }
        size = self.size if self.says_size else None
        claims = (Claim("server digest", f"sha256:{self.version}"),) if self.claims else ()
        return Probe(
            size, pinned.get(self.validator), self.ranges, start, 200, name="theirs.bin", claims=claims, modified=7.0
        )


class Part(msgspec.Struct):
    """A part file: the version of each byte, those that rows of the block log vouch for, and whether it is synced."""

    inode: int
    cells: dict[int, int]
    rows: set[int]
    synced: bool = False

    def held(self) -> RangeSet:
        return RangeSet.of((i, i + 1) for i in self.rows)

    def land(self, version: int, start: int, stop: int) -> None:
        for i in range(start, stop):
            self.cells[i] = version
            self.rows.add(i)
            self.synced = False

    def read_again(self) -> RangeSet:
        """Believe only what is as the rows say."""
        self.rows = {i for i in self.rows if self.cells[i] != FLIPPED}
        return self.held()


class Body(msgspec.Struct):
    """An open answer."""

    version: int
    size: int
    position: int
    proven: bool


class Case(msgspec.Struct):
    """What was asked for, and of whom."""

    server: Server
    start: bool
    checksum: bool
    expect: bool
    before: str
    recoverable: tuple[int, ...]
    tries: int
    refresh: bool
    claims: bool
    most: int | None
    named: bool
    late: bool


CASES = st.builds(
    Case,
    server=st.builds(
        Server,
        version=st.sampled_from([1, 1, OURS_BEFORE]),
        sizes=st.tuples(*[st.sampled_from([6, 0, 1, 9])] * 4),
        says_size=st.booleans(),
        ranges=st.booleans(),
        validator=st.sampled_from(["strong", "strong", "weak", "none"]),
        honest=st.booleans(),
    ),
    start=st.sampled_from([True, True, True, False]),
    checksum=st.booleans(),
    expect=st.sampled_from([False, False, True]),
    before=st.sampled_from(["", "", "ours", "foreign"]),
    recoverable=st.sampled_from([(), (404, 503)]),
    tries=st.integers(1, 4),
    refresh=st.booleans(),
    claims=st.booleans(),
    most=st.sampled_from([None, None, 20]),
    named=st.booleans(),
    late=st.sampled_from([False, False, False, True]),
)


class World:
    """The operation under test and everything around it."""

    op: Operation

    def begin(self) -> None:
        """Begin with nothing."""
        self.saved: list[Record] = []
        self.lives = 0
        self.now = 1_763_800_000.0

    def clear(self) -> None:
        """An empty world, but for the clock."""
        self.parts: dict[int, Part] = {}
        self.inodes = 0
        self.final: list[int] | None = None
        self.final_inode = 0
        self.body: Body | None = None
        self.flying: dict[int, do.Action] = {}
        self.stopping: set[int] = set()
        self.answered: set[int] = set()
        self.news = False  # whether the last turn was saved
        self.unproven = False  # the published bytes may be cut short, and it was said

    # -- the engine ----------------------------------------------------------------------------------------------------
    def submit(self, case: Case) -> None:
        self.clear()
        self.server = msgspec.structs.replace(case.server, claims=case.claims)  # it will change
        spec = Spec(
            "download", "https://host/data.bin", "/home/me/data.bin", "https://host/data.bin",
            checksum="sha256:1" if case.checksum else None,  # of version 1
            expect_size=self.server.sizes[1] if case.expect else None,
            recoverable=case.recoverable,
            retry=Retry(tries=case.tries),
            refresh="module:function" if case.refresh else "",
            max_size=case.most,
            naming="server" if case.named else "url",
            deadline=self.now + 5 if case.late else None,
        )  # fmt: skip
        there = None
        if case.before:
            there = Before(5, 77, case.before == "ours", Validator("etag", f'"{OURS_BEFORE}"'), "validator")
            self.final = [OURS_BEFORE] * 5
        self.op = Operation("0123456789abcdef", spec, self.now, before=there, start=case.start)
        self.saved = [self.op.record()]
        self.op.dirty = False

    def happens(self, what: ev.Event, chance: float = 0.5) -> None:
        """One turn of the engine: decide, save, do."""
        op = self.op
        before = op.phase, op.received, op.restarts
        self.now += 0.25
        self.take(op.handle(what, self.now, chance))
        self.news = op.dirty
        if op.dirty:
            self.saved.append(op.record())
            op.dirty = False
        assert (before[0], op.phase) in STEPS, f"{before[0]} → {op.phase}"
        if op.received < before[1] and op.phase is not P.DONE:
            assert op.restarts > before[2], "bytes are given up only when that is said"

    def take(self, actions: list[do.Action]) -> None:
        for action in actions:
            assert action.serial not in self.answered, "a serial is used once"
            if isinstance(action, do.Stop):
                self.stopping |= set(self.flying)
            else:
                assert action.serial not in self.flying
                self.flying[action.serial] = action

    def answer(self, what: Any, chance: float = 0.5) -> None:
        if not isinstance(what, ev.BlocksLanded):
            del self.flying[what.serial]
            self.stopping.discard(what.serial)
            self.answered.add(what.serial)
        self.happens(what, chance)

    # -- what the world answers ----------------------------------------------------------------------------------------
    def part(self, epoch: int, since: int) -> Part | None:
        for e in sorted((e for e in self.parts if since <= e <= epoch), reverse=True):
            self.parts = {epoch: self.parts[e]}
            return self.parts[epoch]
        return None

    def probe(self, action: do.Probe) -> ev.Event:
        part = self.part(action.epoch, action.fresh_since)
        held = part.read_again() if part else RangeSet()
        before, server = action.before, self.server
        if planning.complete(held, action.size):
            return ev.AllHere(action.serial, held)
        if before is not None and before.ours and not held and server.version == OURS_BEFORE:
            return ev.Unchanged(action.serial, before.published("/home/me/data.bin", revalidated=True))
        want = planning.first_want(held, action.size, action.pinned)
        answer = server.probe(want.start if server.ranges else 0)
        self.body = Body(server.version, server.size, answer.start, proven=True)
        pinned, new = want.pinned, answer.validator
        changed = pinned is not None and new is not None and pinned.kind == new.kind and pinned != new
        changed = changed or (None not in (want.size, answer.size) and want.size != answer.size)
        if changed and server.honest:
            if answer.start:
                return ev.ProbeLost(action.serial, faults.of(errors.SourceChanged("Another version.")), held)
            return ev.Probed(action.serial, answer, RangeSet(), restarted=True)
        return ev.Probed(action.serial, answer, held)

    def fetch(self, action: do.Fetch, upto: int, end: str, fault: Fault | None = None) -> ev.Event:
        """Read at most ``upto`` bytes; ``end`` says how it ends: "right", "short", "news", "lost", "cut"."""
        body = self.body
        assert body is not None, "a fetch follows a probe"
        if action.fresh:
            self.inodes += 1
            self.parts = {action.epoch: Part(self.inodes, {}, set())}
            self.flying[action.serial] = msgspec.structs.replace(action, fresh=False)
        part = self.parts[action.epoch]
        held = part.held()
        while body.position < held.front():  # compared with the disk
            if body.position < body.size and part.cells[body.position] != body.version:
                changed = errors.SourceChanged("The bytes are not those that came before.")
                return ev.RangeLost(action.serial, faults.of(changed), held)
            body.position += 1
        stop = action.segments[0].stop if action.segments else action.size if action.size is not None else body.size
        stop = min(stop, body.size)
        if end != "right":
            stop = min(stop, body.position + upto)
        part.land(body.version, body.position, stop)
        body.position = max(stop, body.position)
        for more in action.segments[1:]:  # by their own requests, each of which names the version
            if self.server.version != body.version:
                return ev.RangeLost(action.serial, faults.of(errors.SourceChanged("Another version.")), part.held())
            if not self.server.ranges:
                return ev.RangeLost(action.serial, faults.of(errors.RangesRefused("No parts.")), part.held())
            part.land(body.version, more.start, more.stop if end == "right" else min(more.start + upto, more.stop))
        held = part.held()
        if end == "news":
            return ev.BlocksLanded(action.serial, held)
        if end == "cut":
            return ev.CutShort(action.serial, held)
        if end == "lost":
            return ev.RangeLost(action.serial, cast("Fault", fault), held)
        if action.size is not None:
            return ev.RangeLanded(action.serial, held, action.size)
        proven = body.proven and body.position == body.size
        self.unproven = self.unproven or not proven
        return ev.RangeLanded(action.serial, held, body.position, proven)

    def verify(self, action: do.Verify) -> ev.Event:
        part = self.part(action.epoch, action.epoch)
        if part is None or not planning.complete(part.held(), action.size) or len(part.cells) < action.size:
            gone = errors.SourceChanged("The part is not there any more.")
            return ev.VerifyLost(action.serial, faults.of(gone))
        part.synced = True
        if action.checksum is None:
            return ev.Verified(action.serial, Seal(action.size, 1, part.inode), "nothing")
        if all(part.cells[i] == int(action.checksum[7:]) for i in range(action.size)):
            return ev.Verified(action.serial, Seal(action.size, 1, part.inode, action.checksum), action.by)
        return ev.Mismatched(
            action.serial, faults.of(errors.ChecksumMismatch("The checksum is another one.")), part.read_again()
        )

    def commit(self, action: do.Commit) -> ev.Event:
        assert self.saved[-1].phase is P.COMMITTING, "what is being published stands in the journal before"
        if action.path.endswith("theirs.bin") and self.inodes % 2:  # somebody else has that name
            return ev.NameTaken(action.serial, "/home/me/theirs (1).bin")
        published = Published(action.path or "/home/me/data.bin", action.seal.size, 88, action.by)
        if self.final_inode != action.seal.inode:
            found = [p for e, p in self.parts.items() if e <= action.epoch and p.inode == action.seal.inode]
            if not found:
                return ev.CommitLost(action.serial, faults.of(errors.SourceChanged("The part is gone.")))
            self.final = [found[0].cells[i] for i in range(action.seal.size)]
            self.final_inode = action.seal.inode
            self.parts = {}
        return ev.Committed(action.serial, published)

    def good(self, action: do.Action) -> ev.Event:
        match action:
            case do.Probe():
                return self.probe(action)
            case do.Fetch():
                return self.fetch(action, 0, "right")
            case do.Verify():
                return self.verify(action)
            case do.Commit():
                return self.commit(action)
            case do.Discard():
                self.parts = self.parts if action.keep else {}
                return ev.Discarded(action.serial)
            case do.Refresh():
                return ev.Refreshed(action.serial, "https://host/data.bin?again", ())
            case _:
                return ev.ConditionMet(action.serial)

    def bad(self, action: do.Action, fault: Fault, upto: int) -> ev.Event:
        match action:
            case do.Probe():
                return ev.ProbeLost(action.serial, fault)
            case do.Fetch():
                return self.fetch(action, upto, "lost", fault)
            case do.Verify():
                return ev.VerifyLost(action.serial, fault)
            case do.Commit():
                return ev.CommitLost(action.serial, fault)
            case do.Refresh():
                return ev.RefreshLost(action.serial, fault)
            case _:
                return self.good(action)

    def step(self) -> None:
        if self.flying:
            self.answer(self.good(next(iter(self.flying.values()))))
        elif self.op.phase in ONWARD and not self.op.handed_to:
            self.happens(ONWARD[self.op.phase])

    def live_again(self, record: Record, *, bump: bool) -> None:
        self.lives += 1
        record = msgspec.json.decode(msgspec.json.encode(record), type=Record)
        record = msgspec.structs.replace(record, epoch=record.epoch + bump, handed_to=None)
        paused = record.phase in (P.PAUSED, P.PAUSING)
        self.answered |= set(self.flying)
        self.flying, self.stopping, self.body = {}, set(), None
        self.now += 60
        self.op = op = Operation.load(record, self.now)
        if not bump:
            op.serial = max(self.answered, default=0)
        op.validate()
        assert not paused or op.phase is P.PAUSED, "what a person had paused stays paused"
        self.take(op.revive(self.now))
        self.saved.append(op.record())
        op.dirty = self.news = False
