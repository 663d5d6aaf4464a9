"""What a mover leaves to its parent: one processor, while somebody computes there."""

from __future__ import annotations

import os
import sys

import pytest

from nbxfer.engine.elbowroom import EVERY, Elbowroom, parent

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has processors told to a process")


class Parent:
    """A parent on one of four processors, with a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, mine: set[int]) -> None:
        self.now, self.spent, self.last = 100.0, 7.0, 2
        self.set: list[set[int]] = []
        self.fails: Exception | None = None
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: mine)
        monkeypatch.setattr(os, "sched_setaffinity", lambda _, processors: self.set.append(set(processors)))
        self.room = Elbowroom(self.look, lambda: self.now)

    def look(self) -> tuple[int, float]:
        """See Look."""
        if self.fails is not None:
            raise self.fails
        return self.last, self.spent

    def spends(self, share: float, seconds: float = EVERY) -> int | None:
        """Let time pass in which it computes that ``share``; give the processor that is left to it then."""
        self.now += seconds
        self.spent += share * seconds
        self.room.look()
        return self.room.left


def test_it_begins_with_room_for_a_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mover is begun because somebody computes: there is no waiting for proof."""
    there = Parent(monkeypatch, {0, 1, 2, 3})
    assert there.room.left == 2
    assert all(processors == {0, 1, 3} for processors in there.set)


def test_room_comes_and_goes_with_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes the processor back when the cell is over, and leaves one again when there is another; not in between."""
    there = Parent(monkeypatch, {0, 1, 2, 3})
    assert [there.spends(share) for share in (1.0, 0.3, 0.1, 0.4, 0.6, 0.3, 0.0)] == [2, 2, None, None, 2, 2, None]
    assert there.set[-1] == {0, 1, 2, 3}


def test_it_goes_where_the_cell_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system moves a cell to another processor: that one is left to it from then on."""
    there = Parent(monkeypatch, {0, 1, 2, 3})
    there.last = 3
    assert there.spends(1.0, EVERY * 0.6) == 2
    assert there.spends(1.0, EVERY * 0.6) == 3
    assert there.set[-1] == {0, 1, 2}


def test_a_cell_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the cell runs on none of ours, none of ours has to be left to it."""
    there = Parent(monkeypatch, {0, 2})
    there.last = 7
    assert there.spends(1.0) is None


def test_one_processor_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has but one can leave none."""
    there = Parent(monkeypatch, {5})
    assert there.spends(1.0) is None
    assert there.set == []


@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError(), ValueError(), IndexError()])
def test_what_cannot_be_told_changes_nothing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Without /proc, or in a sandbox, everything stays as it is."""
    there = Parent(monkeypatch, {0, 2})
    there.fails = error
    before = list(there.set)
    assert there.spends(1.0) == there.spends(0.0) == 2
    assert there.set == before


def test_a_sandbox_that_tells_no_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it may not even be asked which processors there are, a mover works on those that it is given."""

    def forbidden(_: int) -> set[int]:
        raise PermissionError

    monkeypatch.setattr(os, "sched_getaffinity", forbidden)
    room = Elbowroom(lambda: (0, 1.0))
    room.look()
    assert room.left is None


def test_a_parent_is_seen() -> None:
    """What the system tells of who began us: a processor there is, and time that was spent."""
    processor, spent = parent()
    assert 0 <= processor < (os.cpu_count() or 1)
    assert spent >= 0.0
