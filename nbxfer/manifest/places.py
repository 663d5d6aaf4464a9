"""Where the newest line of each operation stands in our own journal.

Who knows that copies what is to be kept, and hands on what is over, without looking at the rest. A place is one
number, offset and length together: a list of a hundred thousand operations has as many of them.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.record import Record
from nbxfer.manifest import lines
from nbxfer.manifest.lines import MAX_LINE

_BITS: Final = (MAX_LINE + 1).bit_length()  # a line with its newline
_LENGTH: Final = (1 << _BITS) - 1
_CHUNK: Final = 1024 * 1024


class Ended(NamedTuple):
    """One operation that is over: the line of its end, with its newline."""

    op_id: str
    destination: str
    line: bytes


class Unsound(Exception):
    """A line is not where it was written: somebody has changed the file, or the disk has."""


class Written:
    """Lines on their way into the journal: ids, and the lengths of the lines; where those that are over have led to."""

    def __init__(self, seq: int) -> None:
        self._seq = seq
        self.ids: list[str] = []
        self.lengths = array("L")
        self.over: dict[str, str] = {}  # destination by id
        self.size = 0

    def pieces(self, records: Iterable[Record]) -> Iterator[bytes]:
        """Encode so many at a time that they are no burden to the memory. Raises InvalidRequest."""
        piece: list[bytes] = []
        size = 0
        for seq, record in enumerate(records, self._seq + 1):
            line = lines.encode(record, seq)
            piece.append(line)
            size += len(line)
            self.ids.append(record.id)
            self.lengths.append(len(line))
            if record.phase in FINAL:
                self.over[record.id] = record.spec.destination
            if size >= _CHUNK:
                self.size += size
                yield b"".join(piece)
                piece, size = [], 0
        self.size += size
        yield b"".join(piece)


class Places:
    """Of the unfinished (``live``) and of what is over and not yet in the history (``ended``, with its destination)."""

    def __init__(self) -> None:
        self.live: dict[str, int] = {}
        self.ended: dict[str, tuple[int, str]] = {}
        self.bytes = 0  # of the lines of the unfinished

    def note(self, written: Written, at: int) -> None:
        """Note lines that were written one after the other from offset ``at`` on."""
        for op_id, length in zip(written.ids, written.lengths, strict=True):
            place = at << _BITS | length
            at += length
            if op_id in written.over:
                self.drop(op_id)
                self.ended[op_id] = place, written.over[op_id]
            else:
                self.bytes += length - (self.live.get(op_id, 0) & _LENGTH)
                self.live[op_id] = place

    def drop(self, op_id: str) -> None:
        """Forget an unfinished operation."""
        self.bytes -= self.live.pop(op_id, 0) & _LENGTH

    def clear(self) -> None:
        """Forget all: the file is not what it was."""
        self.live, self.ended, self.bytes = {}, {}, 0

    def settled(self, op_ids: Iterable[str]) -> None:
        """Forget what is in the history."""
        for op_id in op_ids:
            self.ended.pop(op_id, None)

    def moved(self, kept: Mapping[str, int], since: int, by: int) -> None:
        """Take in that another file is in the old one's place.

        ``kept`` stand there now; what had been written from offset ``since`` on stands ``by`` bytes further; nothing
        else is there.
        """
        shift = by << _BITS
        self.ended = {i: (p + shift, where) for i, (p, where) in self.ended.items() if p >> _BITS >= since}
        later = {i: p + shift for i, p in self.live.items() if p >> _BITS >= since}
        self.live = {i: p for i, p in kept.items() if i not in self.ended} | later
        self.bytes = sum(place & _LENGTH for place in self.live.values())


def found(fd: int, places: Iterable[tuple[int, str]]) -> Iterator[tuple[str, bytes]]:
    """Read the lines at these (place, id), with their newlines, in the order of the file. Raises Unsound, OSError."""
    chunk, start = b"", 0
    for place, op_id in sorted(places):
        at, length = place >> _BITS, place & _LENGTH
        if at + length > start + len(chunk):
            start, chunk = at, os.pread(fd, max(_CHUNK, length), at)
        line = chunk[at - start : at - start + length]
        good = lines.stored(line[:-1])
        if good is None or good[0] != op_id or len(line) != length or line[-1:] != b"\n":
            raise Unsound
        yield op_id, line


def ended(fd: int, places: Mapping[str, tuple[int, str]]) -> list[Ended]:
    """Read the lines of what is over. Raises Unsound, OSError."""
    there = found(fd, [(place, op_id) for op_id, (place, _) in places.items()])
    return [Ended(op_id, places[op_id][1], line) for op_id, line in there]


def copied(write: Callable[[bytes], int], kept: Iterable[tuple[str, bytes]]) -> dict[str, int]:
    """Write these lines (id or "", line) in large pieces; give where they stand. ``write`` gives the offset after."""
    places: dict[str, int] = {}
    piece: list[tuple[str, bytes]] = []
    size = 0
    for one in kept:
        piece.append(one)
        size += len(one[1])
        if size >= _CHUNK:
            _put(write, piece, size, places)
            piece, size = [], 0
    _put(write, piece, size, places)
    return places


def _put(write: Callable[[bytes], int], piece: list[tuple[str, bytes]], size: int, places: dict[str, int]) -> None:
    at = write(b"".join([line for _, line in piece])) - size
    for op_id, line in piece:
        if op_id:
            places[op_id] = at << _BITS | len(line)
        at += len(line)


def noting(records: Iterable[Record], done: dict[str, Record]) -> Iterator[Record]:
    """Give the records; those that are done are noted by their destinations on the way."""
    for record in records:
        if record.phase is Phase.DONE:
            done[record.spec.destination] = record
        yield record
