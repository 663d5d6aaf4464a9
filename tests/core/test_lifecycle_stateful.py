"""One operation in a small but complete world: a server, a disk, a journal, people, crashes; anything in any order.

The world is a model of what sources, sinks and the engine promise (their base.py), and no more: every answer that
they may give may come, whenever it may come. What is held against it are the promises of the house.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import FINAL, TRANSITIONS, Phase, Stall, TransferStatus
from nbxfer.core.policy import Retry
from nbxfer.core.probe import Probe, Validator
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
WISHES: dict[type[ev.Event], frozenset[Phase]] = {  # in which phases a wish fits, as the design has it
    ev.StartAsked: frozenset({P.CREATED}),
    ev.PauseAsked: frozenset({P.QUEUED, P.PROBING, P.RUNNING, P.STALLED, P.VERIFYING}),
    ev.ResumeAsked: frozenset({P.PAUSED, P.FAILED, P.PAUSING}),
    ev.RetryAsked: frozenset({P.FAILED}),
    ev.CancelAsked: frozenset(set(P) - FINAL - {P.COMMITTING, P.CANCELING}),
    ev.PriorityAsked: frozenset(set(P) - FINAL),
    ev.HandOverAsked: frozenset(set(P) - FINAL - {P.COMMITTING, P.CANCELING}),
}
ONWARD: dict[Phase, ev.Event] = {
    P.CREATED: ev.StartAsked(), P.QUEUED: ev.SlotFree(), P.PAUSED: ev.ResumeAsked(), P.FAILED: ev.ResumeAsked(),
}  # fmt: skip
STATUS: dict[Phase, set[int]] = {  # Windows' integers
    P.CREATED: {0}, P.QUEUED: {0}, P.PROBING: {1}, P.RUNNING: {1}, P.PAUSING: {1}, P.CANCELING: {1},
    P.PAUSED: {2, 8}, P.STALLED: {4, 32, 100}, P.VERIFYING: {101}, P.COMMITTING: {101},
    P.DONE: {5}, P.CANCELED: {6}, P.FAILED: {7},
}  # fmt: skip
STALLED = {Stall.NO_NETWORK: 4, Stall.SYSTEM: 32, Stall.RETRY_WAIT: 100}
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

    @property
    def size(self) -> int:
        return self.sizes[self.version]

    def probe(self, start: int) -> Probe:
        pinned = {
            "strong": Validator("etag", f'"{self.version}"'),
            "weak": Validator("modified", "always the same", strong=False),
        }
        size = self.size if self.says_size else None
        return Probe(size, pinned.get(self.validator), self.ranges, start, 200)


class Part(msgspec.Struct):
    """A part file: the version of each byte, those that rows of the block log vouch for, and whether it is synced."""

    inode: int
    cells: dict[int, int]
    rows: set[int]
    synced: bool = False

    def held(self) -> RangeSet:
        return RangeSet.of((i, i + 1) for i in self.rows)

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


CASES = st.builds(
    Case,
    server=st.builds(
        Server,
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
)


class World(RuleBasedStateMachine):
    """The operation under test and everything around it."""

    op: Operation

    def __init__(self) -> None:
        super().__init__()
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

    # -- the engine ------------------------------------------------------------------------------------------------
    @initialize(case=CASES)
    def submit(self, case: Case) -> None:
        self.clear()
        self.server = msgspec.structs.replace(case.server)  # it will change
        spec = Spec(
            "download", "https://host/data.bin", "/home/me/data.bin", "https://host/data.bin",
            checksum="sha256:1" if case.checksum else None,  # of version 1
            expect_size=self.server.sizes[1] if case.expect else None,
            recoverable=case.recoverable,
            retry=Retry(tries=case.tries),
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

    # -- what the world answers --------------------------------------------------------------------------------------
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
        stop = action.segment.stop if action.segment else action.size if action.size is not None else body.size
        stop = min(stop, body.size)
        if end != "right":
            stop = min(stop, body.position + upto)
        for i in range(body.position, stop):
            part.cells[i] = body.version
            part.rows.add(i)
            part.synced = False
        body.position = max(stop, body.position)
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
        if all(part.cells[i] == 1 for i in range(action.size)):
            return ev.Verified(action.serial, Seal(action.size, 1, part.inode, "sha256:1"), "digest")
        return ev.Mismatched(
            action.serial, faults.of(errors.ChecksumMismatch("The checksum is another one.")), part.read_again()
        )

    def commit(self, action: do.Commit) -> ev.Event:
        assert self.saved[-1].phase is P.COMMITTING, "what is being published stands in the journal before"
        published = Published("/home/me/data.bin", action.seal.size, 88, action.by)
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
            case _:
                return self.good(action)

    # -- rules: the engine's own --------------------------------------------------------------------------------------
    @precondition(lambda self: self.op.phase not in FINAL)
    @rule(steps=st.integers(1, 2))
    def goes_on(self, steps: int) -> None:
        """All goes well for a while."""
        for _ in range(steps):
            self.step()

    @precondition(lambda self: self.op.phase in FINAL)
    @rule(case=CASES)
    def next_one(self, case: Case) -> None:
        """It is over; another one begins."""
        self.submit(case)

    def step(self) -> None:
        if self.flying:
            self.answer(self.good(next(iter(self.flying.values()))))
        elif self.op.phase in ONWARD and not self.op.handed_to:
            self.happens(ONWARD[self.op.phase])

    @precondition(lambda self: self.op.phase is P.QUEUED)
    @rule(what=st.sampled_from([("url",), ("auth",), ("url", "header X-Api-Key")]))
    def secrets_missing(self, what: tuple[str, ...]) -> None:
        self.happens(ev.SecretsMissing(what))
        assert self.op.phase is (P.QUEUED if self.op.handed_to else P.PAUSED)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def goes_well(self, data: st.DataObject) -> None:
        self.answer(self.good(data.draw(st.sampled_from(list(self.flying.values())))))

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), fault=st.sampled_from(FAULTS), upto=st.integers(0, 4), chance=st.floats(0, 1))
    def goes_wrong(self, data: st.DataObject, fault: Fault, upto: int, chance: float) -> None:
        action = data.draw(st.sampled_from(list(self.flying.values())))
        what = self.bad(action, fault, upto)
        self.answer(what, chance)

    @precondition(lambda self: any(isinstance(a, do.Fetch) for a in self.flying.values()))
    @rule(data=st.data(), upto=st.integers(0, 4), end=st.sampled_from(["news", "news", "short"]))
    def bytes_land(self, data: st.DataObject, upto: int, end: str) -> None:
        action = next(a for a in self.flying.values() if isinstance(a, do.Fetch))
        self.answer(self.fetch(action, upto, end))

    @precondition(lambda self: self.stopping)
    @rule(data=st.data(), upto=st.integers(0, 2))
    def comes_home(self, data: st.DataObject, upto: int) -> None:
        action = self.flying[data.draw(st.sampled_from(sorted(self.stopping)))]
        if isinstance(action, do.Fetch):
            self.answer(self.fetch(action, upto, "cut"))
        elif isinstance(action, do.Probe | do.Verify):
            self.answer(ev.CutShort(action.serial))
        else:
            self.answer(self.good(action))

    @precondition(lambda self: self.answered)
    @rule(data=st.data())
    def late_answer(self, data: st.DataObject) -> None:
        """An answer that came already, or to an earlier life, changes nothing; nor does a slot that nobody waits for."""
        serial = data.draw(st.sampled_from(sorted(self.answered)))
        fault, held = FAULTS[0], RangeSet.of([(0, 3)])
        old: list[ev.Event] = [
            ev.ConditionMet(serial), ev.Probed(serial, Probe(), held), ev.AllHere(serial, held),
            ev.BlocksLanded(serial, held), ev.RangeLanded(serial, held), ev.RangeLost(serial, fault, held),
            ev.CutShort(serial), ev.Verified(serial, Seal(1, 1, 1), "digest"), ev.VerifyLost(serial, fault),
            ev.Discarded(serial), ev.Committed(serial, Published("/x", 1, 1)),
        ]  # fmt: skip
        if self.op.phase is not P.QUEUED:
            old += [ev.SlotFree(), ev.SecretsMissing(("auth",))]  # a wish of the same turn came between
        before = self.op.record()
        assert self.op.handle(data.draw(st.sampled_from(old)), self.now) == []
        assert self.op.record() == before

    # -- rules: people, and other processes ----------------------------------------------------------------------------
    @rule(
        wish=st.sampled_from(
            [
                ev.StartAsked(), ev.PauseAsked(), ev.PauseAsked(), ev.ResumeAsked(), ev.ResumeAsked(), ev.RetryAsked(),
                ev.CancelAsked(), ev.CancelAsked(delete_partial=False), ev.PriorityAsked(1), ev.HandOverAsked("you"),
                ev.ResumeAsked(needs=()), ev.ResumeAsked("https://mirror/data.bin"),
            ]
        )  # fmt: skip
    )
    def wish(self, wish: ev.Event) -> None:
        op = self.op
        fits = op.phase in WISHES[type(wish)] and op.handed_to is None
        fits = fits or (isinstance(wish, ev.HandOverAsked) and op.handed_to == wish.to)
        if isinstance(wish, ev.ResumeAsked) and op.phase is P.PAUSING and wish.url not in (None, op.spec.url):
            fits = False
        before = op.record(), set(op.in_flight), op.held
        try:
            self.happens(wish)
        except errors.InvalidTransferState as error:
            assert not fits, f"{wish} fits {before[0].phase}"
            assert error.op_id == op.id
            assert error.story == before[0].story
            assert (op.record(), op.in_flight, op.held) == before
            assert not op.dirty
        else:
            assert fits, f"{wish} does not fit {before[0].phase}"
            assert self.saved[-1] == op.record(), "a person's wish is saved"

    @precondition(lambda self: self.op.handed_over)
    @rule()
    def is_taken_over(self) -> None:
        """Another process goes on with it: on the disk is all that it needs."""
        assert self.saved[-1].handed_to == "you"
        self.live_again(self.saved[-1], bump=True)

    # -- rules: the world -----------------------------------------------------------------------------------------------
    @rule(version=st.integers(1, 3))
    def source_changes(self, version: int) -> None:
        self.server.version, self.news = version, False

    @precondition(lambda self: self.op.spec.checksum)
    @rule(offset=st.integers(0, 8))
    def disk_rots(self, offset: int) -> None:
        """A byte is not what was written; only a checksum can tell."""
        for part in self.parts.values():
            if offset in part.cells and self.op.phase is not P.COMMITTING:
                part.cells[offset] = FLIPPED
        self.news = False

    @rule(bump=st.booleans(), unsaved=st.booleans(), lost=st.sets(st.integers(0, 9), max_size=2))
    def crash(self, bump: bool, unsaved: bool, lost: set[int]) -> None:
        """The process dies, perhaps before it saved its last decision; some of the newest bytes never got there."""
        if unsaved and self.news and len(self.saved) > 1:
            self.saved.pop()
        for part in self.parts.values():
            for i in lost & part.rows if not part.synced else ():
                part.cells[i] = FLIPPED
        self.live_again(self.saved[-1], bump=bump)

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

    # -- promises ---------------------------------------------------------------------------------------------------------
    @invariant()
    def is_valid(self) -> None:
        if not self.saved:
            return
        op = self.op
        op.validate()
        assert op.in_flight <= set(self.flying), "what is in flight was given out once, and is not answered"

    @invariant()
    def shows_what_is(self) -> None:
        if not self.saved:
            return
        op = self.op
        picture = op.snapshot(self.now)
        assert int(picture.status) in STATUS[op.phase]
        if op.stall is not None:
            assert int(picture.status) == STALLED[op.stall]
        if op.phase is P.PAUSED:
            person = op.fault is not None and op.fault.remedy is Remedy.PERSON
            assert picture.status is (
                TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR if person else TransferStatus.PAUSED_BY_APPLICATION
            )
            assert picture.needs_person == person
        assert picture.reason
        assert len(msgspec.json.encode(op.record())) < 2600

    @invariant()
    def nothing_mixed_is_published(self) -> None:
        if self.final:
            assert len(set(self.final)) == 1, "bytes of two versions never meet"
            assert self.final[0] != FLIPPED

    @invariant()
    def done_is_published(self) -> None:
        if self.saved and self.op.phase is P.DONE:
            assert self.final is not None
            assert self.op.published is not None
            assert self.op.published.size == len(self.final)

    # -- the end ------------------------------------------------------------------------------------------------------------
    def teardown(self) -> None:
        """From wherever it stands: if all goes well from now on, it is done, and what a person cancels is canceled."""
        if not self.saved:
            return
        if self.op.handed_to:
            self.drain()
            self.live_again(self.saved[-1], bump=True)
        if self.op.phase not in FINAL and self.op.phase not in (P.COMMITTING, P.CANCELING) and self.lives % 3 == 2:
            self.happens(ev.CancelAsked())
            self.drain()
            assert self.op.phase is P.CANCELED
            return
        if self.op.spec.checksum or self.op.spec.expect_size is not None:
            self.server.version = 1
        canceling = self.op.phase in (P.CANCELING, P.CANCELED)
        self.until(lambda: self.op.phase in FINAL)
        assert self.op.phase is (P.CANCELED if canceling else P.DONE), self.op.story
        if not canceling and not self.unproven and self.final_inode:
            assert self.op.published is not None
            assert len(self.final or []) == self.op.published.size

    def drain(self) -> None:
        while self.flying:
            self.step()

    def until(self, over: Callable[[], bool]) -> None:
        for _ in range(60):
            if over():
                return
            self.step()
        raise AssertionError(f"it does not come to an end: {self.op.story}")


def test_one_operation_in_its_world() -> None:
    """Whatever happens in whatever order, an operation keeps its promises and can be brought to its end."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        World, settings=settings(max_examples=400, stateful_step_count=50)
    )


@pytest.mark.soak
def test_one_operation_in_its_world_for_long() -> None:
    """The same, much longer."""
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        World, settings=settings(max_examples=20_000, stateful_step_count=80)
    )
