"""Who reads what: each missing byte is handed out once, whatever lanes take, lose, give back, steal or make way for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbxfer.core.allotment import Allotment
from nbxfer.core.ranges import ByteRange, RangeSet

B = 10  # bytes of a block here
LANES = 4


def allotment(*missing: tuple[int, int], least: int = 2 * B, most: int = 8 * B) -> Allotment:
    """Give an allotment of small blocks."""
    return Allotment(RangeSet.of(missing), B, least, most)


class Lanes:
    """Lanes that read from an allotment, and everything that has to hold whatever they do."""

    def __init__(self, missing: RangeSet) -> None:
        self.missing = missing
        self.shares = Allotment(missing, B, 2 * B, 8 * B)
        self.read: list[tuple[int, int]] = []  # every stretch that some lane has read
        self.reading: dict[int, list[int]] = {}  # by lane: position, and how far it may go

    def take(self, lane: int, at: int | None, wanted: RangeSet, *, onward: bool) -> None:
        if lane in self.reading:
            return
        piece = self.shares.take(lane, LANES, at, wanted, onward=onward)
        if piece is not None:
            assert not onward or piece.start >= (at or 0)
            self.reading[lane] = [piece.start, piece.start]

    def steal(self, lane: int, rates: list[int]) -> None:
        if lane not in self.reading and not self.shares.free:
            worth = bool(self.shares)
            piece = self.shares.steal(lane, lambda other: float(rates[other]))
            assert (piece is not None) == worth
            if piece is not None:
                assert piece.start % B == 0
                self.reading[lane] = [piece.start, piece.start]

    def go_on(self, lane: int, count: int) -> None:
        """Read up to ``count`` bytes, as a pump does: a block at a time, each of them entered before."""
        if lane not in self.reading:
            return
        position, limit = self.reading[lane]
        while count:
            if position == limit:
                limit = self.shares.enter(lane, position)
                assert position <= limit <= position - position % B + B
                if limit == position:
                    self.shares.give_back(lane, position)
                    del self.reading[lane]
                    return
            step = min(count, limit - position)
            self.read.append((position, position + step))
            position, count = position + step, count - step
        self.reading[lane] = [position, limit]

    def fail(self, lane: int) -> None:
        if lane in self.reading:
            self.shares.give_back(lane, self.reading.pop(lane)[0])

    def make_way(self, wanted: RangeSet) -> None:
        assert set(self.shares.preempt(wanted)) <= set(self.reading)

    def check(self) -> None:
        """What is read, free, or in a span, is what was missing: each byte once."""
        spans = [(position, self.shares._spans[lane][1]) for lane, (position, _) in self.reading.items()]
        stretches = [*self.read, *spans, *((gap.start, gap.stop) for gap in self.shares.free)]
        assert sum(b - a for a, b in stretches) == self.missing.total
        assert RangeSet.of(stretches) == self.missing
        blocks = [p // B for p, limit in self.reading.values() if p < limit]
        assert len(blocks) == len(set(blocks)), "two lanes never write one block"


offsets = st.integers(0, 60 * B)
ranges = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=3)
steps = st.lists(
    st.tuples(
        st.sampled_from(["take", "onward", "steal", "go on", "go on", "go on", "fail", "make way", "cut"]),
        st.integers(0, LANES - 1),
        offsets,
        ranges,
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=4), steps)
def test_each_byte_is_handed_out_once(
    gaps: list[tuple[int, int, int]], todo: list[tuple[str, int, int, object]]
) -> None:
    """After any sequence of steps nothing is lost and nothing is read twice; and lanes can always finish."""
    pairs, base = [], 0
    for skip, into, blocks in gaps:  # gaps begin where bytes that are held end, and end with a block
        base += skip
        pairs.append((base * B + into, (base + blocks) * B))
        base += blocks
    pairs[-1] = (pairs[-1][0], pairs[-1][1] - (B - 1 - pairs[-1][0] % B) // 2)  # the last one with the file
    lanes = Lanes(RangeSet.of(pairs))
    for verb, lane, number, given_ranges in todo:
        wanted = RangeSet.of((a * B + 3, a * B + 3 + b) for a, b in given_ranges)  # type: ignore[attr-defined]
        match verb:
            case "take":
                at = number if number % 3 else None
                lanes.take(lane, at, wanted, onward=False)
            case "onward":
                lanes.take(lane, number, wanted, onward=True)
            case "steal":
                lanes.steal(lane, [number % 7, 5, 0, 100])
            case "go on":
                lanes.go_on(lane, number % (4 * B))
            case "fail":
                lanes.fail(lane)
            case "make way":
                lanes.make_way(wanted)
            case _:
                lanes.shares.cut(lane)
        lanes.check()
    while lanes.reading or lanes.shares.free:
        for lane in range(LANES):
            lanes.take(lane, None, RangeSet(), onward=False)
            lanes.steal(lane, [1, 1, 1, 1])
            lanes.go_on(lane, 3 * B)
        lanes.check()
    assert RangeSet.of(lanes.read) == lanes.missing


def test_pieces_get_smaller() -> None:
    """A piece is a share of what nobody has: large at first, small at the end, whole blocks, never below the least."""
    shares = allotment((0, 64 * B))
    sizes = []
    while (piece := shares.take(0, 4)) is not None:
        sizes.append(len(piece) // B)
        shares.give_back(0, piece.stop)
    assert sizes[0] == 8
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 2
    assert sum(sizes) == 64


def test_pieces_have_a_limit() -> None:
    """Not even the first piece of a very large file is larger than the most."""
    piece = allotment((0, 10_000 * B)).take(0, 2)
    assert piece == ByteRange(0, 8 * B)


def test_one_lane_takes_all_of_a_gap() -> None:
    """Who is alone needs no shares: one request a gap."""
    shares = allotment((5, 40 * B), (50 * B, 60 * B))
    assert shares.take(0, 1) == ByteRange(5, 40 * B)
    assert (shares.end(0), shares.end(1)) == (40 * B, 0)
    shares.give_back(0, 40 * B)
    assert shares.take(0, 1) == ByteRange(50 * B, 60 * B)
    shares.give_back(0, 60 * B)
    assert shares.take(0, 1) is None
    assert not shares


def test_who_stands_somewhere_goes_on_there() -> None:
    """A body that stands open is read on, where the bytes that follow are nobody's."""
    shares = allotment((0, 64 * B))
    assert shares.take(0, 4, at=0) == ByteRange(0, 8 * B)
    shares.give_back(0, 8 * B)
    assert shares.take(1, 4, at=40 * B) == ByteRange(40 * B, 47 * B)
    assert shares.take(2, 4, at=41 * B) == ByteRange(8 * B, 15 * B), "those are somebody's"
    assert shares.take(3, 4, at=20 * B + 1) == ByteRange(15 * B, 21 * B), "nobody begins in the middle of a block"


def test_a_body_that_is_all_there_is_goes_onward_only() -> None:
    """Where no parts can be asked for, a lane skips what is not missing, and never goes back."""
    shares = allotment((0, 3 * B), (10 * B, 20 * B))
    assert shares.take(0, 1, at=5, onward=True) == ByteRange(B, 3 * B)
    shares.give_back(0, 3 * B)
    assert shares.take(0, 1, at=3 * B, onward=True) == ByteRange(10 * B, 20 * B)
    shares.give_back(0, 20 * B)
    assert shares.take(0, 1, at=20 * B, onward=True) is None
    assert shares.free == RangeSet.of([(0, B)])


def test_what_readers_want_comes_first() -> None:
    """A wanted range is the next piece, from the start of its block and no longer than was asked for."""
    shares = allotment((0, 64 * B))
    wanted = RangeSet.of([(33 * B + 5, 34 * B + 1)])
    assert shares.take(0, 4, 0, wanted) == ByteRange(33 * B, 35 * B)
    assert shares.take(1, 4, 0, wanted) == ByteRange(0, 7 * B + B)
    long = RangeSet.of([(40 * B, 60 * B)])
    assert shares.take(2, 4, None, long) == ByteRange(40 * B, 44 * B), "it is wanted soon, so it is small"
    assert shares.take(3, 4, None, long) == ByteRange(44 * B, 48 * B)


def test_the_slowest_is_helped() -> None:
    """Who finds nothing takes half of what the lane that would come home last has not begun."""
    shares = allotment((0, 16 * B))
    assert shares.take(0, 1) == ByteRange(0, 16 * B)
    assert shares.enter(0, 0) == B
    assert shares.steal(1, lambda _: 0.0) == ByteRange(9 * B, 16 * B)
    assert shares.steal(2, {0: 1.0, 1: 50.0}.__getitem__) == ByteRange(5 * B, 9 * B)
    assert shares.enter(0, B) == 2 * B


def test_little_is_not_worth_a_request() -> None:
    """Two blocks are left to the lane that has them."""
    shares = allotment((0, 3 * B))
    shares.take(0, 1)
    shares.enter(0, 0)
    assert shares.steal(1, lambda _: 0.0) is None
    assert not shares


def test_making_way() -> None:
    """For a reader who waits far ahead, a lane stops after its block; the one who has most left, and only one."""
    shares = allotment((0, 64 * B), least=10 * B, most=16 * B)
    for lane in (0, 1):
        piece = shares.take(lane, 2)
        assert piece is not None
        shares.enter(lane, piece.start)
    wanted = RangeSet.of([(60 * B, 61 * B)])
    assert shares.preempt(wanted) == [0]
    assert shares.preempt(wanted) == [], "one is on its way already"
    assert shares.enter(0, B) == B
    shares.give_back(0, B)
    assert shares.take(0, 2, None, wanted) == ByteRange(60 * B, 61 * B)


def test_who_reads_for_a_reader_is_left_alone() -> None:
    """A lane that is there already, or soon will be, goes on; where it would take long, its end is given to others."""
    shares = allotment((0, 40 * B), least=40 * B, most=40 * B)
    shares.take(0, 2)
    shares.enter(0, 0)
    assert shares.preempt(RangeSet.of([(2 * B, 3 * B)])) == []
    assert shares.preempt(RangeSet.of([(30 * B, 31 * B)])) == [0, 0], "cut in front of it, then told to come"
    assert shares.free == RangeSet.of([(B, 40 * B)])


def test_nothing_to_cut() -> None:
    """A lane that is in its last block, or is none, has nothing to give; readers then wait for it to come."""
    shares = allotment((0, B), (20 * B, 21 * B))
    shares.take(0, 4)
    shares.enter(0, 0)
    assert not shares.cut(0)
    assert not shares.cut(3)
    assert shares.preempt(RangeSet.of([(20 * B, 21 * B)])) == []
    shares.give_back(0, B)
    assert shares.preempt(RangeSet.of([(20 * B, 21 * B)])) == [], "nobody is there to be told"


@pytest.mark.parametrize("position", [0, 7, B])
def test_what_is_given_back_can_be_had_again(position: int) -> None:
    """A lane that fails in the middle of a block leaves the rest of it to whoever comes next."""
    shares = allotment((0, 8 * B))
    shares.take(0, 4)
    shares.enter(0, 0)
    shares.give_back(0, position)
    assert shares.take(1, 4) == ByteRange(position, 3 * B if position else 2 * B)


def test_what_is_leased_is_nobody_elses() -> None:
    """Who takes a lease gets all that no lane has; what does not come of it can be had by lanes again."""
    shares = allotment((0, 10 * B))
    piece = shares.take(0, 1000)
    assert piece is not None
    leased = shares.lease()
    assert leased.total + len(piece) == 10 * B
    assert not shares.free
    assert shares.take(1, LANES) is None
    shares.restore(leased.subtract(5 * B, 10 * B))
    assert shares.free == RangeSet.of([(piece.stop, 5 * B)])


def test_a_reader_comes_before_the_first_byte_was_read() -> None:
    """A reader may want something while the lane of the file's first piece has not entered its first block."""
    shares = Allotment(RangeSet.of([(0, 40 * B)]), block=B, least=B, most=8 * B)
    assert shares.take(0, 2) is not None
    assert shares.preempt(RangeSet.of([(35 * B, 35 * B + 3)])) == [0]
