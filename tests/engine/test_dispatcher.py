"""The turn: decide, save, tell, do, in this order, once for all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from nbxfer.board import Board
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Record, Seal
from nbxfer.core.spec import Spec
from nbxfer.engine.dispatcher import Dispatcher, Planned
from nbxfer.engine.limits import Slots
from nbxfer.errors import InvalidTransferState, NoSpace, TakenOver


class Book:
    """A manifest that writes down in which order things happen, and may refuse."""

    def __init__(self, order: list[str]) -> None:
        self.order, self.refuses = order, False
        self.records: list[Record] = []

    def append(self, records: Iterable[Record]) -> None:
        if self.refuses:
            raise NoSpace("full")
        new = list(records)
        self.records += new
        self.order.append(f"save {len(new)}")


class World:
    """A dispatcher with its surroundings written down."""

    def __init__(self, slots: int = 2) -> None:
        self.order: list[str] = []
        self.book = Book(self.order)
        self.board = Board()
        self.board.subscribe(lambda news: self.order.append(f"tell {len(news)}"), per_second=1e9)
        self.planned: list[Planned] = []
        self.dispatcher = Dispatcher(self.book, self.board, Slots(slots), self._do)  # type: ignore[arg-type]

    def _do(self, planned: Sequence[Planned]) -> None:
        self.order.append(f"do {len(planned)}")
        self.planned += planned

    def submit(self, count: int, **options: Any) -> list[Operation]:
        ops = [Operation(f"{n:08x}", _spec(n, **options), 1.0) for n in range(count)]
        self.dispatcher.admit(ops)
        return ops

    def answer_all(self) -> None:
        """Give every planned action its good answer."""
        planned, self.planned = self.planned, []
        self.dispatcher.happened([(op.id, _good(action), None) for op, action in planned])
        self.dispatcher.turn()


def _spec(number: int, **options: Any) -> Spec:
    return Spec("download", f"https://h/{number}", f"/d/{number}", f"https://h/{number}", **options)


def _good(action: do.Action) -> ev.Event:
    match action:
        case do.Probe():
            return ev.Probed(action.serial, Probe(10, Validator("etag", '"v"'), ranges=True), RangeSet())
        case do.Fetch():
            return ev.RangeLanded(action.serial, RangeSet.of([(0, 10)]), 10)
        case do.Verify():
            return ev.Verified(action.serial, Seal(10, 1, 2), "nothing")
        case do.Commit():
            return ev.Committed(action.serial, Published("/d/0", 10, 1, action.by))
        case _:
            raise AssertionError(action)


def test_saved_before_told_before_done() -> None:
    """Nothing is shown that is not saved, and nothing is begun that is not shown; one append for all."""
    world = World()
    world.submit(5)
    world.dispatcher.turn()
    assert world.order == ["save 5", "tell 5", "do 2"]


def test_slots_are_kept_and_given_back() -> None:
    """Never more than the slots ask a server; all end; a turn without news does nothing."""
    world = World(slots=2)
    world.submit(5)
    world.dispatcher.turn()
    while world.planned:
        assert sum(isinstance(action, do.Probe | do.Fetch) for _, action in world.planned) <= 2
        world.answer_all()
    assert world.dispatcher.ops == {}
    assert {s.phase for s in world.board.all()} == {Phase.DONE}
    before = len(world.order)
    world.dispatcher.turn()
    assert len(world.order) == before


def test_priority_goes_first() -> None:
    """With one slot a high priority overtakes those that wait."""
    world = World(slots=1)
    world.submit(2)
    world.dispatcher.admit([Operation("aaaaaaaa", _spec(9, priority=1), 1.0)])
    world.dispatcher.turn()
    assert [op.id for op, _ in world.planned] == ["aaaaaaaa"]


def test_a_refusing_disk_refuses_what_is_new_and_keeps_what_was_accepted() -> None:
    """NoSpace at submit is told to whoever asked, and the operation is not there; accepted ones wait for the save."""
    world = World(slots=1)
    [old] = world.submit(1)
    world.dispatcher.turn()
    world.book.refuses = True
    reply: Future[None] = Future()
    world.dispatcher.admit([Operation("aaaaaaaa", _spec(9), 1.0)])
    world.dispatcher.answer(reply, None)
    world.dispatcher.turn()
    with pytest.raises(NoSpace):
        reply.result(0)
    assert "aaaaaaaa" not in world.dispatcher.ops
    planned, world.planned = world.planned, []
    world.dispatcher.happened([(op.id, ev.CutShort(action.serial, None), None) for op, action in planned])
    world.dispatcher.happened([(old.id, ev.PauseAsked(), None)])
    world.dispatcher.turn()
    shown = world.board.get(old.id)
    assert shown is not None
    assert shown.phase is not Phase.PAUSED, "what is not saved is not shown"
    world.book.refuses = False
    world.dispatcher.turn()
    shown = world.board.get(old.id)
    assert shown is not None
    assert shown.phase is Phase.PAUSED
    assert world.book.records[-1].phase is Phase.PAUSED


def test_wishes_are_answered_when_they_are_saved() -> None:
    """A reply comes after the append; a wish that does not fit, or an unknown id, raises in the one who asked."""
    world = World()
    [op] = world.submit(1)
    world.dispatcher.turn()
    good: Future[None] = Future()
    world.dispatcher.happened([(op.id, ev.PauseAsked(), good)])
    assert not good.done()
    world.dispatcher.turn()
    assert good.result(0) is None
    bad: Future[None] = Future()
    unknown: Future[None] = Future()
    world.dispatcher.happened([(op.id, ev.StartAsked(), bad), ("ffffffff", ev.PauseAsked(), unknown)])
    world.dispatcher.turn()
    with pytest.raises(InvalidTransferState) as caught:
        bad.result(0)
    assert caught.value.op_id == op.id
    with pytest.raises(KeyError):
        unknown.result(0)


def test_missing_secrets_pause_instead_of_running() -> None:
    """An operation whose credentials are gone asks for them and takes no slot."""
    world = World()
    world.dispatcher.missing = lambda op: ("auth",)
    world.submit(1)
    world.dispatcher.turn()
    [shown] = world.board.all()
    assert shown.phase is Phase.PAUSED
    assert shown.needs_person
    assert len(world.dispatcher.slots) == 0
    assert world.planned == []


def test_totals_are_noted_now_and_then() -> None:
    """What runs is written down with its new total, only when it has moved."""
    world = World()
    [op] = world.submit(1)
    world.dispatcher.turn()
    world.answer_all()
    [(_, fetch)] = world.planned
    world.dispatcher.happened([(op.id, ev.BlocksLanded(fetch.serial, RangeSet.of([(0, 4)])), None)])
    world.dispatcher.turn()
    saves = len(world.book.records)
    world.dispatcher.checkpoint()
    world.dispatcher.turn()
    assert world.book.records[-1].received == 4
    world.dispatcher.checkpoint()
    world.dispatcher.turn()
    assert len(world.book.records) == saves + 1


def test_surrender_forgets_without_a_word_to_the_disk() -> None:
    """Fenced: nothing is written any more, and who waits is told that it was taken over."""
    world = World()
    world.submit(3)
    world.dispatcher.turn()
    reply: Future[None] = Future()
    world.dispatcher.answer(reply, None)
    saved = len(world.book.records)
    world.dispatcher.surrender()
    world.dispatcher.turn()
    assert world.dispatcher.ops == {}
    assert len(world.book.records) == saved
    with pytest.raises(TakenOver):
        reply.result(0)
