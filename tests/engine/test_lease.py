"""What a mover is given of a fetch that threads have begun: what nobody has, and what they have not come to yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbxfer.core import events as ev
from nbxfer.core.probe import Want
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.engine.crew import Crew
from nbxfer.testing.scripted import HONEST, Answer
from tests.engine.crews import Bench, Ruled, benches, beside, held, until
from tests.noise import noise

DATA = noise(9, 12 * BLOCK + 12_345)
SIZE = len(DATA)
#: What two lanes have at first: each a quarter of what is left, in whole blocks.
GIVEN = (4 + 3) * BLOCK


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Callable[[Ruled], Bench]]:
    """Give a maker of one bench."""
    with benches(home, tmp_path) as (make, _):
        yield make


@pytest.fixture
def crews(monkeypatch: pytest.MonkeyPatch) -> list[Crew]:
    """Give the crews that begin, as they begin."""
    begun, run = list[Crew](), Crew.run

    def noted(crew: Crew) -> None:
        begun.append(crew)
        run(crew)

    monkeypatch.setattr(Crew, "run", noted)
    return begun


def ended(one: Bench, answers: list[ev.Event], thread: threading.Thread) -> None:
    """See that all of it landed, right."""
    thread.join(30)
    (answer,) = answers
    assert isinstance(answer, ev.RangeLanded), answer
    assert answer.held == held((0, SIZE))
    assert one.data() == DATA


def test_who_takes_a_lease_gets_what_lanes_have_before_them(bench: Callable[[Ruled], Bench], crews: list[Crew]) -> None:
    """Once parts are known to be had, lanes keep the block that they read; and fetch again what is given back."""
    source = Ruled(DATA, rate=lambda want: 16e6)
    one, answers = bench(source), list[ev.Event]()
    thread = beside(lambda: answers.append(one.fetch(2)))
    until(lambda: crews and crews[0]._answered and sum(lane.busy for lane in crews[0]._lanes) == 2)
    leased = crews[0].lease()
    assert leased.total >= SIZE - one.job.landing.held.total - 2 * BLOCK
    assert leased.total > SIZE - GIVEN
    crews[0].returned(leased)
    ended(one, answers, thread)


def test_before_parts_are_known_to_be_had_lanes_keep_what_they_have(
    bench: Callable[[Ruled], Bench], crews: list[Crew]
) -> None:
    """The one body that is sure to bring everything is not cut short for a promise."""
    gate = threading.Event()

    def rule(want: Want) -> Answer:
        if want.part:
            gate.wait(30)
        return HONEST

    source = Ruled(DATA, rule, lambda want: 16e6)
    one, answers = bench(source), list[ev.Event]()
    thread = beside(lambda: answers.append(one.fetch(2)))
    until(lambda: source.parts)
    leased: RangeSet = crews[0].lease()
    assert leased.total <= SIZE - 3 * BLOCK
    crews[0].returned(leased)
    gate.set()
    ended(one, answers, thread)
