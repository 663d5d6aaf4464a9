"""One operation and everything that can happen to it, in any order; what is held against it are its promises."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import plan as planning
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import FINAL, Phase, Stall, TransferStatus
from nbxfer.core.probe import Probe
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal
from nbxfer.core.steps import MAX_REFRESHES
from tests.core.world import CASES, FAULTS, FLIPPED, OURS_BEFORE, Case, World

P = Phase
WISHES: dict[type[ev.Event], frozenset[Phase]] = {  # in which phases a wish fits, as the design has it
    ev.StartAsked: frozenset({P.CREATED}),
    ev.PauseAsked: frozenset({P.QUEUED, P.PROBING, P.RUNNING, P.STALLED, P.VERIFYING}),
    ev.ResumeAsked: frozenset({P.PAUSED, P.FAILED, P.PAUSING}),
    ev.RetryAsked: frozenset({P.FAILED}),
    ev.CancelAsked: frozenset(set(P) - FINAL - {P.COMMITTING, P.CANCELING}),
    ev.PriorityAsked: frozenset(set(P) - FINAL),
    ev.BandwidthAsked: frozenset(set(P) - FINAL),
    ev.HandOverAsked: frozenset(set(P) - FINAL - {P.COMMITTING, P.CANCELING}),
}
STATUS: dict[Phase, set[int]] = {  # Windows' integers
    P.CREATED: {0}, P.QUEUED: {0}, P.PROBING: {1}, P.RUNNING: {1}, P.PAUSING: {1}, P.CANCELING: {1},
    P.PAUSED: {2, 8}, P.STALLED: {4, 32, 100}, P.VERIFYING: {101}, P.COMMITTING: {101},
    P.DONE: {5}, P.CANCELED: {6}, P.FAILED: {7},
}  # fmt: skip
STALLED = {Stall.NO_NETWORK: 4, Stall.SYSTEM: 32, Stall.RETRY_WAIT: 100}


class Machine(World, RuleBasedStateMachine):
    """The rules: what the engine, people, other processes and the world may do next."""

    def __init__(self) -> None:
        super().__init__()
        self.begin()

    @initialize(case=CASES)
    def first_one(self, case: Case) -> None:
        """Something is asked for."""
        self.submit(case)

    # -- rules: the engine's own ---------------------------------------------------------------------------------------
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

    @precondition(lambda self: self.op.phase is P.QUEUED)
    @rule(what=st.sampled_from([("url",), ("auth",), ("url", "header X-Api-Key")]))
    def secrets_missing(self, what: tuple[str, ...]) -> None:
        asks = bool(self.op.spec.refresh) and self.op.refreshes < MAX_REFRESHES
        self.happens(ev.SecretsMissing(what))
        assert self.op.phase is (P.QUEUED if self.op.handed_to else P.STALLED if asks else P.PAUSED) or self.late

    @precondition(lambda self: self.op.phase is P.QUEUED)
    @rule()
    def host_is_busy(self) -> None:
        before = self.op.retries
        self.happens(ev.HostBusy(7.0, FAULTS[3]))
        assert self.op.retries == before, "to wait for a host costs no try"

    @rule()
    def deadline_comes(self) -> None:
        self.happens(ev.DeadlineOver())

    @property
    def late(self) -> bool:
        return self.op.spec.deadline is not None and self.now >= self.op.spec.deadline

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
        """An answer that came already, or to an earlier life, changes nothing; nor does a slot out of turn."""
        serial = data.draw(st.sampled_from(sorted(self.answered)))
        fault, held = FAULTS[0], RangeSet.of([(0, 3)])
        old: list[ev.Event] = [
            ev.ConditionMet(serial), ev.Probed(serial, Probe(), held), ev.AllHere(serial, held),
            ev.BlocksLanded(serial, held), ev.RangeLanded(serial, held), ev.RangeLost(serial, fault, held),
            ev.CutShort(serial), ev.Verified(serial, Seal(1, 1, 1), "digest"), ev.VerifyLost(serial, fault),
            ev.Discarded(serial), ev.Committed(serial, Published("/x", 1, 1)), ev.NameTaken(serial, "/y"),
            ev.Refreshed(serial, "https://host/other"), ev.RefreshLost(serial, fault),
        ]  # fmt: skip
        if self.op.phase is not P.QUEUED:
            old += [
                ev.SlotFree(),
                ev.SecretsMissing(("auth",)),
                ev.HostBusy(1.0, fault),
            ]  # a wish of the same turn came between
        before = self.op.record()
        assert self.op.handle(data.draw(st.sampled_from(old)), self.now) == []
        assert self.op.record() == before

    # -- rules: people, and other processes ----------------------------------------------------------------------------
    @rule(
        wish=st.sampled_from([
            ev.StartAsked(), ev.PauseAsked(), ev.PauseAsked(), ev.ResumeAsked(), ev.ResumeAsked(), ev.RetryAsked(),
            ev.CancelAsked(), ev.CancelAsked(delete_partial=False), ev.PriorityAsked(1), ev.HandOverAsked("you"),
            ev.BandwidthAsked(1000), ev.HandOverAsked("they"), ev.ResumeAsked(needs=()), ev.ResumeAsked("https://mirror/data.bin"),
        ])
    )  # fmt: skip
    def wish(self, wish: ev.Event) -> None:
        op = self.op
        fits = op.phase in WISHES[type(wish)] and op.handed_to is None
        fits = fits or (isinstance(wish, ev.HandOverAsked) and op.handed_to == wish.to)
        if isinstance(wish, ev.ResumeAsked) and op.phase is P.PAUSING and wish.url not in (None, op.spec.url):
            fits = False
        if fits:
            self.happens(wish)
            assert self.saved[-1] == op.record(), "a person's wish is saved"
            return
        before = op.record(), op.in_flight, op.held
        with pytest.raises(errors.InvalidTransferState) as caught:
            self.happens(wish)
        assert (caught.value.op_id, caught.value.story) == (op.id, before[0].story)
        assert (op.record(), op.in_flight, op.held, op.dirty) == (*before, False)

    @precondition(lambda self: self.op.handed_over)
    @rule()
    def is_taken_over(self) -> None:
        """Another process goes on with it: on the disk is all that it needs."""
        assert self.saved[-1].handed_to == self.op.handed_to
        self.live_again(self.saved[-1], bump=True)

    # -- rules: the world ----------------------------------------------------------------------------------------------
    @rule(version=st.sampled_from([1, 2, 3, OURS_BEFORE]))
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

    @rule(
        bump=st.booleans(),
        when=st.sampled_from(["unsaved", "saved", "done"]),
        lost=st.sets(st.integers(0, 9), max_size=2),
    )
    def crash(self, bump: bool, when: str, lost: set[int]) -> None:
        """The process dies: before it saved its last decision, or did it, or heard of it; new bytes may be lost."""
        if when == "unsaved" and self.news and len(self.saved) > 1:
            self.saved.pop()
        if when == "done":
            for action in list(self.flying.values()):
                self.good(action)
        for part in self.parts.values():
            for i in lost & part.rows if not part.synced else ():
                part.cells[i] = FLIPPED
        self.live_again(self.saved[-1], bump=bump)

    # -- promises ------------------------------------------------------------------------------------------------------
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
        assert len(msgspec.json.encode(op.record())) < 3600

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

    # -- the end -------------------------------------------------------------------------------------------------------
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


@pytest.fixture(autouse=True)
def everything_is_worth_sharing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small files be shared by several connections, too."""
    monkeypatch.setattr(planning, "WORTH_SHARING", 0)


def test_one_operation_in_its_world() -> None:
    """Whatever happens in whatever order, an operation keeps its promises and can be brought to its end."""
    run_state_machine_as_test(Machine, settings=settings(max_examples=150, stateful_step_count=50))


@pytest.mark.soak
def test_one_operation_in_its_world_for_long() -> None:
    """The same, much longer."""
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=10_000, stateful_step_count=80, derandomize=False)
    )
