"""What is asked next, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.plan import OVERLAP, WORTH_SHARING, complete, first_want, plan, provable
from nbxfer.core.probe import Probe, Validator, Want, same_version
from nbxfer.core.ranges import ByteRange, RangeSet
from tests.core.life import V1, V2, WEAK, upto

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("held", "size", "pinned", "want"),
    [
        (RangeSet(), None, None, Want()),
        (RangeSet(), 10 * MIB, V1, Want()),
        (upto(MIB), 10 * MIB, V1, Want(MIB - OVERLAP, None, V1, 10 * MIB, OVERLAP)),
        (upto(100), 1000, V1, Want(0, None, V1, 1000, 100)),
        (upto(MIB), None, V1, Want(MIB - OVERLAP, None, V1, None, OVERLAP)),
        (upto(MIB), 10 * MIB, None, Want(MIB - OVERLAP, None, None, 10 * MIB, OVERLAP)),
        (upto(MIB), None, None, Want()),
        (upto(MIB, 10), 10 * MIB, V1, Want(0, None, V1, 10 * MIB, 0)),
        (upto(MIB, 10), 10 * MIB, None, Want()),
        (upto(MIB, 10), 10 * MIB, WEAK, Want()),
    ],
)
def test_first_want(held: RangeSet, size: int | None, pinned: Validator | None, want: Want) -> None:
    """A first request is plain; a later one overlaps what is here and names the version, or begins anew."""
    assert first_want(held, size, pinned) == want
    if held:
        assert provable(held, size, pinned) == (want != Want())


@pytest.mark.parametrize(
    ("probe", "held", "first", "why"),
    [
        (Probe(None), RangeSet(), None, "does not say how long"),
        (Probe(0, V1, ranges=True), RangeSet(), None, "would not pay"),
        (Probe(10, V1, ranges=False), RangeSet(), (0, 10), "does not offer ranges"),
        (Probe(10, WEAK, ranges=True), upto(4), (4, 10), "no strong validator"),
        (Probe(10, None, ranges=True), upto(4), (4, 10), "no strong validator"),
        (Probe(10, WEAK, ranges=True), RangeSet.of([(2, 4), (6, 7)]), (0, 2), "no strong validator"),
        (Probe(10, V1, ranges=True), upto(4), (4, 10), "would not pay"),
    ],
)
def test_one_connection(probe: Probe, held: RangeSet, first: tuple[int, int] | None, why: str) -> None:
    """A plan has what is missing, or its first stretch, and says why there is but one connection."""
    made = plan(probe, held, 4)
    assert (made.segments, made.lanes) == (() if first is None else (ByteRange(*first),), 1)
    assert why in made.why


def test_several_connections() -> None:
    """A large file behind ranges and a strong validator is shared, unless a person or the server is against it."""
    probe, held = Probe(WORTH_SHARING + 11, V1, ranges=True), RangeSet.of([(2, 4), (6, 7)])
    holes = (ByteRange(0, 2), ByteRange(4, 6), ByteRange(7, WORTH_SHARING + 11))
    assert (plan(probe, held, 4).segments, plan(probe, held, 4).lanes) == (holes, 4)
    assert "up to 4 connections" in plan(probe, held, 4).why
    assert (plan(probe, held, 1).segments, plan(probe, held, 1).lanes) == (holes, 1)
    assert "as asked" in plan(probe, held, 1).why
    assert (plan(probe, held, 4, alone=True).segments, plan(probe, held, 4, alone=True).lanes) == (holes[:1], 1)
    assert plan(probe, upto(WORTH_SHARING + 11, 20), 4).lanes == 1


def test_an_adopted_part() -> None:
    """Of somebody else's part nothing is known: its own bytes have to prove that they belong."""
    assert first_want(upto(MIB), None, None, adopted=True) == Want(MIB - OVERLAP, overlap=OVERLAP)
    assert provable(upto(MIB), None, None, adopted=True)
    assert not provable(upto(MIB, 10), None, None, adopted=True)


def test_ranges_asked_for() -> None:
    """Who needs ranges asks for one at once."""
    assert first_want(RangeSet(), None, None, ranged=True) == Want(ranged=True)


@given(st.integers(0, 20), st.integers(0, 20))
def test_complete(size: int, have: int) -> None:
    """All is here when every byte of a known size is here."""
    assert complete(upto(have), size) == (have >= size)
    assert not complete(upto(have), None)


def test_same_version() -> None:
    """Two validators of one kind tell versions apart; of different kinds they tell nothing."""
    assert same_version(V1, Validator("etag", '"v1"')) is True
    assert same_version(V1, V2) is False
    assert same_version(V1, Validator("modified", "yesterday")) is None
    assert same_version(V1, None) is None
    assert same_version(None, V1) is None


def test_a_date_gets_stronger() -> None:
    """The same date names the same version, though an hour later it proves more than in its first second."""
    early = Validator("modified", "Mon, 02 Nov 2026 10:00:00 GMT", strong=False)
    late = Validator("modified", early.value)
    assert same_version(early, late) is same_version(late, early) is True
