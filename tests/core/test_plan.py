"""What is asked next, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.plan import OVERLAP, complete, first_want, plan, provable
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
        (Probe(0, V1, ranges=True), RangeSet(), None, "one stream"),
        (Probe(10, V1, ranges=False), RangeSet(), (0, 10), "does not offer ranges"),
        (Probe(10, WEAK, ranges=True), upto(4), (4, 10), "no strong validator"),
        (Probe(10, None, ranges=True), upto(4), (4, 10), "no strong validator"),
        (Probe(10, V1, ranges=True), RangeSet.of([(2, 4), (6, 7)]), (0, 2), "one stream"),
    ],
)
def test_plan(probe: Probe, held: RangeSet, first: tuple[int, int] | None, why: str) -> None:
    """A plan has the first stretch that is missing, and says why there is but one stream."""
    made = plan(probe, held)
    assert made.segments == (() if first is None else (ByteRange(*first),))
    assert why in made.why


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
