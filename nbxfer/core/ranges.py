"""Byte ranges as values: half-open, in bytes from the start of the object."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator

import msgspec

#: A block is the unit of landing, checksum and re-fetch (bytes).
BLOCK = 4 * 1024 * 1024


class ByteRange(msgspec.Struct, frozen=True, order=True, gc=False):
    """The bytes from ``start`` (inclusive) to ``stop`` (exclusive); never empty, never negative."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop:
            raise ValueError(f"not a byte range: [{self.start}, {self.stop})")

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, offset: int) -> bool:
        return self.start <= offset < self.stop


class RangeSet(msgspec.Struct, frozen=True, gc=False):
    """A set of bytes as sorted ranges that neither touch nor overlap; ``of`` makes one of any pairs."""

    ranges: tuple[ByteRange, ...] = ()

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> RangeSet:
        """Coalesce any pairs ``(start, stop)``, stop exclusive; empty pairs vanish."""
        merged: list[tuple[int, int]] = []
        for start, stop in sorted((a, b) for a, b in pairs if a < b):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
            else:
                merged.append((start, stop))
        return cls(tuple(ByteRange(a, b) for a, b in merged))

    @property
    def total(self) -> int:
        """The number of bytes in the set."""
        ranges = self.ranges
        if len(ranges) == 1:
            return ranges[0].stop - ranges[0].start
        return sum(r.stop - r.start for r in ranges)

    def __iter__(self) -> Iterator[ByteRange]:
        return iter(self.ranges)

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def add(self, start: int, stop: int) -> RangeSet:
        """Give this set with ``[start, stop)`` in it: O(log n) to find the place, O(n) to copy."""
        if start >= stop:
            return self
        ranges = self.ranges
        if not ranges or start > ranges[-1].stop:  # the common case: bytes land in order
            return RangeSet((*ranges, ByteRange(start, stop)))
        first = bisect_left(ranges, start, key=lambda r: r.stop)
        last = first
        while last < len(ranges) and ranges[last].start <= stop:
            start, stop = min(start, ranges[last].start), max(stop, ranges[last].stop)
            last += 1
        return RangeSet((*ranges[:first], ByteRange(start, stop), *ranges[last:]))

    def union(self, other: RangeSet) -> RangeSet:
        """Give the bytes that are in either set."""
        return RangeSet.of((r.start, r.stop) for s in (self, other) for r in s.ranges)

    def subtract(self, start: int, stop: int) -> RangeSet:
        """Give this set without ``[start, stop)``."""
        kept: list[tuple[int, int]] = []
        for r in self.ranges:
            kept += [(r.start, min(r.stop, start)), (max(r.start, stop), r.stop)]
        return RangeSet.of(kept) if start < stop else self

    def missing(self, start: int, stop: int) -> RangeSet:
        """Give the bytes of ``[start, stop)`` that are not in this set."""
        gaps: list[ByteRange] = []
        for r in self.ranges:
            if r.stop <= start:
                continue
            if r.start >= stop:
                break
            if start < r.start:
                gaps.append(ByteRange(start, r.start))
            start = r.stop
        if start < stop:
            gaps.append(ByteRange(start, stop))
        return RangeSet(tuple(gaps))

    def front(self) -> int:
        """Give the end of the bytes that are there without a hole from 0 (0 if byte 0 is missing)."""
        return self.ranges[0].stop if self.ranges and self.ranges[0].start == 0 else 0

    def covers(self, start: int, stop: int) -> bool:
        """Say whether every byte of ``[start, stop)`` is in this set."""
        if start >= stop:
            return True
        for r in self.ranges:  # noqa: SIM110 -- any() of a generator takes three times as long for the one that there is
            if r.start <= start and stop <= r.stop:
                return True
        return False
