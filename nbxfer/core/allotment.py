"""Who reads what: the bytes that are missing, handed out piece by piece to the lanes that fetch side by side.

Guided self-scheduling (Polychronopoulos and Kuck, 1987): a piece is a share of what nobody has yet, so pieces are
large at first and small at the end, and all lanes come home at about the same time. Every byte that is missing is, at
any moment, either free or in the span of exactly one lane. Nothing here locks: who shares one, holds a lock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet

#: The least and the most bytes of a piece, and the most of one that a reader waits for.
LEAST: Final = 2 * BLOCK
MOST: Final = 32 * BLOCK
SOON: Final = 4 * BLOCK
#: So many blocks have to be left of a span for half of it to be worth another request.
WORTH: Final = 2


class Allotment:
    """``missing`` bytes and the lanes (any numbers) that read them.

    A span begins anywhere, but is only ever cut on the border of a block: two lanes never write one block. Of its
    span a lane has *entered* the block that it reads at the moment; what it has entered cannot be taken from it.
    """

    def __init__(self, missing: RangeSet, block: int = BLOCK, least: int = LEAST, most: int = MOST) -> None:
        self.free = missing
        self._block, self._least, self._most = block, least, most
        self._spans: dict[int, tuple[int, int]] = {}  # by lane: from where on it is not entered, and its end

    def __bool__(self) -> bool:
        """Whether a lane that comes now would find something to read."""
        return bool(self.free) or any(self._worth(lane) for lane in self._spans)

    def take(
        self, lane: int, lanes: int, at: int | None = None, wanted: RangeSet | None = None, *, onward: bool = False
    ) -> ByteRange | None:
        """Give ``lane`` a piece that nobody has, one of ``lanes``; None when there is none for it.

        What readers have ``wanted`` comes first, then what goes on from byte ``at``, where its body stands, then what
        is nearest to the start. ``onward``: its body is all it can read, so give the first piece from ``at`` on.
        """
        if onward:
            piece = self._from(at or 0, self._size(lanes))
        else:
            piece = self._first(wanted or RangeSet()) or self._here(at, lanes) or self._from(0, self._size(lanes))
        if piece is not None:
            self.free = self.free.subtract(piece.start, piece.stop)
            self._spans[lane] = (piece.start, piece.stop)
        return piece

    def _size(self, lanes: int) -> int:
        left = self.free.total
        return left if lanes <= 1 else min(max(left // (2 * lanes), self._least), self._most)

    def _first(self, wanted: RangeSet) -> ByteRange | None:
        """Give the first of what readers wait for, no more than they asked for and SOON, whole blocks."""
        for want in wanted:
            for gap in self.free:
                start = max(gap.start, self._floor(want.start))
                stop = min(gap.stop, self._ceil(want.stop), self._floor(start) + SOON // BLOCK * self._block)
                if start < stop:
                    return ByteRange(start, stop)
        return None

    def _here(self, at: int | None, lanes: int) -> ByteRange | None:
        piece = self._from(at, self._size(lanes)) if at is not None else None
        return piece if piece is not None and piece.start == at else None

    def _from(self, at: int, size: int) -> ByteRange | None:
        """Give about ``size`` bytes of the first gap from ``at`` on; never from inside a block that is missing."""
        for gap in self.free:
            start = gap.start if at <= gap.start else self._ceil(at)
            if start < gap.stop:
                return ByteRange(start, min(gap.stop, self._ceil(start + size)))
        return None

    def enter(self, lane: int, position: int) -> int:
        """Let ``lane``, which has read up to ``position``, enter the block there; give how far it may read now.

        That is ``position`` itself when its span is over, or was cut off there meanwhile.
        """
        entered, stop = self._spans[lane]
        entered = max(entered, min(stop, self._floor(position) + self._block))
        self._spans[lane] = (entered, stop)
        return entered

    def give_back(self, lane: int, position: int) -> None:
        """Take back what ``lane`` has not read of its span: from ``position`` on, which may be its end."""
        _, stop = self._spans.pop(lane)
        self.free = self.free.add(position, stop)

    def end(self, lane: int) -> int:
        """Give where the span of ``lane`` ends (exclusive); 0 when it has none."""
        return self._spans.get(lane, (0, 0))[1]

    def cut(self, lane: int) -> bool:
        """End the span of ``lane`` with the block that it is in; say whether that freed anything."""
        start, stop = self._spans.get(lane, (0, 0))
        return start < stop and self._cut(lane, start)

    def _cut(self, lane: int, at: int) -> bool:
        start, stop = self._spans[lane]
        self._spans[lane] = (start, at)
        self.free = self.free.add(at, stop)
        return True

    def lease(self) -> RangeSet:
        """Hand out all that nobody has, to somebody who sees to it alone; what does not come of it is restored."""
        leased, self.free = self.free, RangeSet()
        return leased

    def restore(self, ranges: RangeSet) -> None:
        """Take back what was leased and did not come."""
        self.free = self.free.union(ranges)

    def steal(self, lane: int, rate: Callable[[int], float]) -> ByteRange | None:
        """Give ``lane``, which found nothing free, half of what the slowest has not entered; None: not worth it.

        ``rate`` tells the bytes a second of a lane. The slowest is the one that would come home last.
        """
        victims = [other for other in self._spans if other != lane and self._worth(other)]
        if not victims:
            return None
        slowest = max(victims, key=lambda v: (self._spans[v][1] - self._spans[v][0]) / max(rate(v), 1.0))
        start, stop = self._spans[slowest]
        middle = self._ceil(start + (stop - start) // 2)
        self._spans[slowest] = (start, middle)
        self._spans[lane] = (middle, stop)
        return ByteRange(middle, stop)

    def _worth(self, lane: int) -> bool:
        start, stop = self._spans[lane]
        return stop - start > WORTH * self._block

    def preempt(self, wanted: RangeSet) -> list[int]:
        """Make way for readers: give the lanes whose spans were cut short for it.

        A wanted byte that its lane will not reach within WORTH blocks is freed; and where something wanted is free
        and no lane is about to come for its next piece, the one that has most before it, elsewhere, is made to.
        """
        cut = [lane for want in wanted for lane in list(self._spans) if self._make_way(lane, want.start)]
        waiting = sum(self._first(RangeSet((want,))) is not None for want in wanted)
        coming = sum(start >= stop for start, stop in self._spans.values())
        while coming < waiting:
            free = [v for v in self._spans if self._spans[v][0] < self._spans[v][1] and not self._serves(v, wanted)]
            if not free:
                break
            victim = max(free, key=lambda v: self._spans[v][1] - self._spans[v][0])
            self._cut(victim, self._spans[victim][0])
            cut.append(victim)
            coming += 1
        return cut

    def _make_way(self, lane: int, byte: int) -> bool:
        start, stop = self._spans[lane]
        border = self._floor(byte)
        return start + WORTH * self._block < border < stop and self._cut(lane, border)

    def _serves(self, lane: int, wanted: RangeSet) -> bool:
        start, stop = self._spans[lane]
        begin = max(0, start - self._block)  # the block that it reads; of the first piece it may not have begun
        return wanted.missing(begin, stop).total < stop - begin

    def _floor(self, offset: int) -> int:
        return offset - offset % self._block

    def _ceil(self, offset: int) -> int:
        return self._floor(offset + self._block - 1)
