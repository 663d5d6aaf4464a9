"""Bytes from a stream into a part: what is vouched for is there, whatever ends it."""

from __future__ import annotations

import contextlib
import random
import threading
from collections import deque

import crc32c
import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.engine.landing import Landing
from nbxfer.engine.pump import Pump, Watchdog
from nbxfer.engine.writer import Writer
from nbxfer.errors import NetworkError, NoSpace, SourceChanged, TransferTimeout
from nbxfer.manifest.base import Row, good_ranges
from nbxfer.testing.clock import HandWoundClock


class Body:
    """A stream that gives its bytes in the pieces that a script says; -1 for a pause, an exception to raise."""

    def __init__(self, data: bytes, start: int = 0, pieces: list[int | Exception] | None = None) -> None:
        self.data, self.position, self.pieces = data, start, list(pieces or [])
        self.probe = Probe(len(data), start=start)
        self.restarted = False
        self.length_proven = True

    def read_into(self, buffer: memoryview) -> int:
        piece = self.pieces.pop(0) if self.pieces else len(buffer)
        if isinstance(piece, Exception):
            raise piece
        if piece < 0:
            return -1
        chunk = self.data[self.position : self.position + min(piece, len(buffer))]
        buffer[: len(chunk)] = chunk
        self.position += len(chunk)
        return len(chunk)

    def close(self) -> None:
        """Nothing is open."""


class Memory:
    """A part in memory that may run out of room."""

    def __init__(self, data: bytes = b"", room: int | None = None) -> None:
        self.data, self.room, self.syncs = bytearray(data), room, 0

    def write_at(self, offset: int, data: memoryview) -> None:
        if self.room is not None and offset + len(data) > self.room:
            raise NoSpace("full")
        if len(self.data) < offset:
            self.data.extend(bytes(offset - len(self.data)))
        self.data[offset : offset + len(data)] = data

    def read_at(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def sync(self) -> None:
        self.syncs += 1


class Log(list[Row]):
    """A block log in memory."""

    def append(self, rows: list[Row]) -> None:  # type: ignore[override]  # many at once, as block logs take them
        self.extend(rows)

    def close(self) -> None:
        """Nothing is open."""


class Reading:
    """A pump on one body, as a lane works it; ``held`` is what is vouched for."""

    def __init__(
        self, body: Body, part: Memory, log: Log, held: RangeSet | None = None, clock: HandWoundClock | None = None
    ) -> None:
        clock = clock or HandWoundClock()
        self.told: list[RangeSet] = []
        self.refetched = 0
        self.landing = Landing(held)
        self.writer = Writer(part, log, self.landing, self.tell, part.sync, clock)  # type: ignore[arg-type]
        self.pump = Pump(self.writer, Patience(), threading.Event(), (), self.writer.look, clock)
        self.pump.attach(body)

    def tell(self, held: RangeSet, again: int) -> None:
        self.told.append(held)
        self.refetched += again

    @property
    def held(self) -> RangeSet:
        return self.landing.held

    def run(self, until: int) -> int:
        try:
            self.pump.compare(self.held.front())
            while self.pump.position < until and self.pump.block(until):
                pass
        finally:
            self.writer.tell()
        return self.pump.position


def _pump(
    body: Body, part: Memory, log: Log, held: RangeSet | None = None, clock: HandWoundClock | None = None
) -> Reading:
    return Reading(body, part, log, held, clock)


def _vouched(part: Memory, log: Log) -> RangeSet:
    """Give what the newest rows vouch for, having checked each against the part."""
    newest = {row.block: row for row in log}
    for row in newest.values():
        data = part.read_at(row.block * BLOCK, row.length)
        assert crc32c.crc32c(data) == row.crc32c
    return good_ranges(newest.values(), BLOCK)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 77])
def test_a_whole_body_lands(size: int) -> None:
    """Every byte is in the part and vouched for, block by block."""
    data = random.Random(size).randbytes(size)
    part, log = Memory(), Log()
    pump = _pump(Body(data), part, log)
    assert pump.run(size) == size
    assert bytes(part.data) == data
    assert _vouched(part, log).covers(0, size)
    assert pump.held == _vouched(part, log)


@pytest.mark.parametrize("seed", range(20))
def test_any_pieces_and_any_break_leave_only_what_is_vouched_for(seed: int) -> None:
    """A body that comes in odd pieces and breaks anywhere can be gone on with from what is held."""
    chance = random.Random(seed)
    data = chance.randbytes(BLOCK + chance.randrange(2 * BLOCK))
    part, log, held = Memory(), Log(), RangeSet()
    for _ in range(50):
        front = held.front()
        start = max(0, front - 4096)
        pieces: list[int | Exception] = [chance.choice([-1, 1, 100, 65536, 10**6]) for _ in range(chance.randrange(30))]
        body = Body(data, start, [*pieces, NetworkError("reset")])
        pump = _pump(body, part, log, held)
        with contextlib.suppress(NetworkError):  # it may have come to its end before the break
            pump.run(len(data))
        held = pump.held
        assert held == _vouched(part, log)
        assert bytes(part.data[: held.front()]) == data[: held.front()]
        if held.covers(0, len(data)):
            return
    pump = _pump(Body(data, max(0, held.front() - 4096)), part, log, held)
    assert pump.run(len(data)) == len(data)
    assert bytes(part.data) == data


def test_other_bytes_under_the_same_name_are_noticed() -> None:
    """The first bytes of a resumed body are held against the disk: one wrong byte is another version."""
    data = random.Random(1).randbytes(10_000)
    part, log = Memory(), Log()
    _pump(Body(data), part, log).run(8_000)
    other = bytearray(data)
    other[6_000] ^= 1
    pump = _pump(Body(bytes(other), 8_000 - 4096), part, log, RangeSet.of([(0, 8_000)]))
    with pytest.raises(SourceChanged):
        pump.run(10_000)
    assert pump.held == RangeSet.of([(0, 8_000)])


def test_the_overlap_counts_as_fetched_twice() -> None:
    """What is only compared is told as refetched."""
    data = bytes(10_000)
    part, log = Memory(data[:8_000]), Log()
    pump = _pump(Body(data, 8_000 - 4096), part, log, RangeSet.of([(0, 8_000)]))
    pump.run(10_000)
    assert pump.refetched == 4096


def test_a_full_disk_keeps_what_was_written() -> None:
    """NoSpace comes out; the blocks before it are held."""
    data = random.Random(2).randbytes(2 * BLOCK)
    part, log = Memory(room=BLOCK + 10), Log()
    pump = _pump(Body(data), part, log)
    with pytest.raises(NoSpace):
        pump.run(len(data))
    assert pump.held == RangeSet.of([(0, BLOCK)])
    assert _vouched(part, log) == pump.held


def test_slow_lines_are_vouched_for_every_second() -> None:
    """A block that takes minutes is written and vouched for as it comes."""
    clock = HandWoundClock()
    data = bytes(1000)
    part, log = Memory(), Log()

    class Slow(Body):
        def read_into(self, buffer: memoryview) -> int:
            clock.wind(0.4)
            return super().read_into(buffer[:10])

    pump = _pump(Slow(data), part, log, clock=clock)
    pump.run(1000)
    assert len(log) > 20
    assert len(pump.told) > 20
    assert part.syncs > 10


def test_the_watchdog_finds_a_drip() -> None:
    """One byte each 0.4 s is noticed within the window; one wait of a starved thread is not."""
    dog = Watchdog(Patience(stall_after=60, stall_rate=1024))
    dog.count(0, 3600.0)  # a laptop that slept, or a thread that could not run
    for _ in range(140):
        dog.count(1, 0.4)
    with pytest.raises(TransferTimeout):
        deque(map(dog.count, [1] * 20, [0.4] * 20), maxlen=0)


def test_the_watchdog_lets_a_slow_line_be() -> None:
    """2 KiB a second is slow, not stalled."""
    dog = Watchdog(Patience(stall_after=60, stall_rate=1024))
    for _ in range(1000):
        dog.count(1024, 0.5)
