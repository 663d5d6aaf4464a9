"""What one server is spared: connections, and questions before the time it asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nbxfer.board import Board
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults, sharing
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.spec import Spec
from nbxfer.engine.dispatcher import Dispatcher, Planned
from nbxfer.engine.hosts import Hosts
from nbxfer.engine.limits import Slots
from nbxfer.errors import ServerBusy

BUSY = faults.of(ServerBusy("Come back later.", http_status=429, retry_after=30.0))


class Desk:
    """A dispatcher with a clock by hand; what is planned is not done."""

    def __init__(self, slots: int, per_host: int) -> None:
        self.now = 1000.0
        self.hosts = Hosts(per_host, lambda: self.now)
        self.planned: list[Planned] = []
        self.dispatcher = Dispatcher(
            self, Board(), Slots(slots, self.hosts), self.plan, clock=lambda: self.now, lanes=4  # type: ignore[arg-type]
        )  # fmt: skip

    def append(self, records: Any) -> None:
        """Be the manifest, too."""

    def plan(self, planned: Sequence[Planned]) -> None:
        self.planned += planned

    def submit(self, count: int, host: str, first: int = 0, **options: Any) -> list[Operation]:
        ops = []
        for n in range(first, first + count):
            spec = Spec("download", f"https://{host}/{n}", f"/d/{host}/{n}", f"{host}{n}", **options)
            ops.append(Operation(f"{host}{n}", spec, self.now))
        self.dispatcher.admit(ops)
        self.dispatcher.turn()
        return ops

    def answer(self, op: Operation, event: ev.Event) -> None:
        self.dispatcher.happened([(op.id, event, None)])
        self.dispatcher.turn()

    def serial(self, op: Operation) -> int:
        (serial,) = op.in_flight
        return serial


def phases(ops: Sequence[Operation]) -> list[Phase]:
    """Give where each stands."""
    return [op.phase for op in ops]


def test_so_many_at_one_host() -> None:
    """A host has so many connections at once; who waits for it holds nobody up who goes elsewhere."""
    desk = Desk(slots=4, per_host=2)
    here = desk.submit(3, "a")
    there = desk.submit(1, "b")
    assert phases(here) == [Phase.PROBING, Phase.PROBING, Phase.QUEUED]
    assert phases(there) == [Phase.PROBING]
    assert desk.hosts.hungry("https://a")
    assert not desk.hosts.hungry("https://b")
    desk.answer(here[0], ev.ProbeLost(desk.serial(here[0]), faults.of(ServerBusy("Broken."))))
    assert phases(here) == [Phase.STALLED, Phase.PROBING, Phase.PROBING]
    assert not desk.hosts.hungry("https://a")


def test_who_checks_needs_no_connection() -> None:
    """While an operation checks what has come, its connection is another's."""
    desk = Desk(slots=4, per_host=1)
    first, second = desk.submit(2, "a")
    desk.answer(first, ev.Probed(desk.serial(first), Probe(10, Validator("etag", '"v"')), RangeSet()))
    assert phases([first, second]) == [Phase.RUNNING, Phase.QUEUED]
    desk.answer(first, ev.RangeLanded(desk.serial(first), RangeSet.of([(0, 10)]), 10))
    assert phases([first, second]) == [Phase.VERIFYING, Phase.PROBING]


def test_retry_after_is_for_all() -> None:
    """What a server asks of one holds for all who would ask it, and costs them no try; not for other servers."""
    desk = Desk(slots=1, per_host=2)
    ops = desk.submit(5, "a")
    desk.answer(ops[0], ev.ProbeLost(desk.serial(ops[0]), BUSY))
    assert phases(ops) == [Phase.STALLED, Phase.STALLED, Phase.STALLED, Phase.QUEUED, Phase.QUEUED]
    assert [op.retries for op in ops] == [1, 0, 0, 0, 0]
    assert [op.due for op in ops[:3]] == [1030.0] * 3, "some show the countdown; to tell all would help nobody"
    assert phases(desk.submit(1, "b")) == [Phase.PROBING]


def test_the_host_opens_again() -> None:
    """When the time is over, those that wait are asked in their order."""
    desk = Desk(slots=4, per_host=2)
    ops = desk.submit(3, "a")
    desk.answer(ops[0], ev.ProbeLost(desk.serial(ops[0]), BUSY))
    assert phases(ops) == [Phase.STALLED, Phase.PROBING, Phase.STALLED]
    desk.now += 31
    for op in (ops[0], ops[2]):
        desk.answer(op, ev.ConditionMet(desk.serial(op)))
    assert phases(ops) == [Phase.PROBING, Phase.PROBING, Phase.QUEUED]


def test_the_longest_wish_counts() -> None:
    """A shorter wish does not undo a longer one."""
    hosts = Hosts(2, lambda: 0.0)
    hosts.shut("a", 30, BUSY)
    hosts.shut("a", 10, BUSY)
    assert hosts.wait("a") == (30.0, BUSY)
    hosts.shut("a", 40, BUSY)
    assert hosts.wait("a") == (40.0, BUSY)
    assert hosts.wait("b") is None


def test_places() -> None:
    """A place that is given back can be had again; who has none gives none back."""
    hosts = Hosts(1)
    slots = Slots(3, hosts)
    slots.take("one", "a")
    slots.take("two", "a")
    assert hosts.full("a")
    assert not hosts.take("a")
    slots.disconnect("one")
    slots.disconnect("one")
    slots.release("two")
    assert not hosts.full("a")
    assert "one" in slots
    assert "two" not in slots
    assert (len(slots), slots.free) == (1, 2)


def test_a_place_beyond_all() -> None:
    """A place that was lent is for the next one; it can be had again until somebody else has ended."""
    slots = Slots(1)
    slots.take("one")
    slots.lent = True
    assert (slots.free, slots.seats) == (1, 0)
    slots.take("two")
    assert (slots.free, slots.held) == (-1, 2)
    slots.release("two")
    assert (slots.free, slots.after) == (1, "two")
    slots.take("three")
    slots.release("one")
    assert slots.free == 0
    slots.release("three")
    assert (slots.lent, slots.free) == (False, 1)


def test_a_list_goes_on_in_the_place_that_was_opened_for_it() -> None:
    """Whom nobody makes room for is called after a while; who follows him there is of the same host."""
    desk = Desk(slots=2, per_host=8)

    def pause(op: Operation) -> None:
        desk.dispatcher.happened([(op.id, ev.PauseAsked(), None)])
        desk.answer(op, ev.CutShort(desk.serial(op)))

    busy = desk.submit(3, "a")
    small = desk.submit(3, "b", first=3)
    desk.now += sharing.BEYOND
    desk.dispatcher.checkpoint()
    desk.dispatcher.turn()
    assert phases(busy) == [Phase.PROBING, Phase.PROBING, Phase.QUEUED]
    assert phases(small) == [Phase.PROBING, Phase.QUEUED, Phase.QUEUED]
    pause(small[0])
    assert phases([busy[2], *small[1:]]) == [Phase.QUEUED, Phase.PROBING, Phase.QUEUED]
    desk.dispatcher.happened([(small[2].id, ev.PauseAsked(), None)])
    pause(small[1])
    assert busy[2].phase is Phase.QUEUED
    assert not desk.dispatcher.slots.lent


def test_lanes() -> None:
    """An operation that does not say how many connections it wants has as many as the engine gives."""
    desk = Desk(slots=2, per_host=8)
    (one,) = desk.submit(1, "a")
    (other,) = desk.submit(1, "a", first=1, connections=2)
    assert (one.connections, other.connections) == (4, 2)


def test_a_deadline_is_seen() -> None:
    """What is too late is ended at the next look."""
    desk = Desk(slots=2, per_host=8)
    (late,) = desk.submit(1, "a", deadline=1005.0)
    desk.now += 10
    desk.dispatcher.checkpoint()
    desk.dispatcher.turn()
    assert isinstance(desk.planned[-1][1], do.Stop)
    desk.answer(late, ev.CutShort(desk.serial(late)))
    assert late.phase is Phase.FAILED
