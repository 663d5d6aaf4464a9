"""Ranges against the simplest model there is: a set of numbers."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet

OFFSETS = st.integers(0, 40)
PAIRS = st.lists(st.tuples(OFFSETS, OFFSETS), max_size=8)


def bytes_of(pairs: list[tuple[int, int]]) -> set[int]:
    return {i for start, stop in pairs for i in range(start, stop)}


def check(ranges: RangeSet, model: set[int]) -> None:
    assert {i for r in ranges for i in range(r.start, r.stop)} == model
    assert ranges.total == len(model)
    assert bool(ranges) == bool(model)
    ends = [end for r in ranges for end in (r.start, r.stop)]
    assert ends == sorted(set(ends)), "sorted, and none touches the next"


@given(PAIRS)
def test_of(pairs: list[tuple[int, int]]) -> None:
    """Any pairs coalesce into the bytes that they cover, in one form only."""
    made = RangeSet.of(pairs)
    check(made, bytes_of(pairs))
    assert made == RangeSet.of(reversed(pairs))
    assert made == RangeSet.of((r.start, r.stop) for r in made)


@given(PAIRS, OFFSETS, OFFSETS)
def test_add(pairs: list[tuple[int, int]], start: int, stop: int) -> None:
    """Adding adds those bytes, and nothing where the range is empty."""
    check(RangeSet.of(pairs).add(start, stop), bytes_of(pairs) | set(range(start, stop)))


@given(PAIRS, PAIRS)
def test_union(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """A union has the bytes of both."""
    check(RangeSet.of(one).union(RangeSet.of(other)), bytes_of(one) | bytes_of(other))


@given(PAIRS, OFFSETS, OFFSETS)
def test_subtract(pairs: list[tuple[int, int]], start: int, stop: int) -> None:
    """Subtracting takes those bytes away, and nothing where the range is empty."""
    check(RangeSet.of(pairs).subtract(start, stop), bytes_of(pairs) - set(range(start, stop)))


@given(PAIRS, OFFSETS, OFFSETS)
def test_missing(pairs: list[tuple[int, int]], start: int, stop: int) -> None:
    """What is missing of a stretch is what is not there."""
    made = RangeSet.of(pairs)
    check(made.missing(start, stop), set(range(start, stop)) - bytes_of(pairs))
    assert made.covers(start, stop) == (not made.missing(start, stop))


@given(PAIRS)
def test_front(pairs: list[tuple[int, int]]) -> None:
    """The front is the first byte from 0 that is not there."""
    model = bytes_of(pairs)
    assert RangeSet.of(pairs).front() == next(i for i in range(50) if i not in model)


@given(PAIRS, OFFSETS)
def test_contains(pairs: list[tuple[int, int]], offset: int) -> None:
    """A byte is in one of the ranges if it is in the set."""
    made = RangeSet.of(pairs)
    assert any(offset in r for r in made) == (offset in bytes_of(pairs))
    assert sum(len(r) for r in made) == made.total


@given(PAIRS)
def test_stored(pairs: list[tuple[int, int]]) -> None:
    """Ranges come back from JSON as they were."""
    made = RangeSet.of(pairs)
    assert msgspec.json.decode(msgspec.json.encode(made), type=RangeSet) == made


def test_block() -> None:
    """A block is 4 MiB: block logs that are on disks say so."""
    assert BLOCK == 4 << 20


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (3, 3), (4, 2), (-1, 4)])
def test_no_range(start: int, stop: int) -> None:
    """A range is never empty, backwards or below zero."""
    with pytest.raises(ValueError, match="not a byte range"):
        ByteRange(start, stop)
