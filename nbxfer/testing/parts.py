"""The first half of what every sink has to keep: parts and their epochs. SinkContract has the rest."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable
from contextlib import closing

import pytest

from nbxfer.core.record import Before, Seal
from nbxfer.errors import StorageFailed
from nbxfer.sinks.base import Part, Sink

DATA = random.Random(0).randbytes(300_000)
OTHER = random.Random(1).randbytes(1234)


def _write(part: Part, data: bytes, at: int = 0) -> None:
    part.write_at(at, memoryview(data))


class PartContract:
    """The rules of sinks/base.py as tests. All sinks of one test have one and the same destination."""

    def sink(self, op_id: str = "op-one") -> Sink:
        """Give a new sink object, as another process would make it; the operation of that id may have parts there."""
        raise NotImplementedError

    def put(self, data: bytes) -> Before:
        """Let somebody else put ``data`` under the final name, replacing what is there; give what describes it."""
        raise NotImplementedError

    def final(self) -> bytes | None:
        """Give what is under the final name."""
        raise NotImplementedError

    def finished(self, epoch: int = 1, data: bytes = DATA, op_id: str = "op-one") -> Seal:
        """Make a finished part and give its seal."""
        with closing(self.sink(op_id).create(epoch, len(data))) as part:
            _write(part, data)
            part.sync()
            return part.seal(len(data), None)

    def held(self, epoch: int, fresh_since: int = 1, op_id: str = "op-one") -> bytes | None:
        """Give what a part holds, opened anew; None when there is none."""
        part = self.sink(op_id).reopen(epoch, fresh_since, proven=True)
        if part is None:
            return None
        with closing(part):
            return part.read_at(0, 10 * len(DATA))

    # -- a part ----------------------------------------------------------------------------------------------------
    def test_whole_life(self) -> None:
        """Bytes written in any order are one object at the end, and nothing is under the final name before."""
        sink = self.sink()
        with closing(sink.create(1, len(DATA))) as part:
            for at in (200_000, 0, 100_000):
                _write(part, DATA[at : at + 100_000], at)
            assert part.read_at(99_990, 20) == DATA[99_990:100_010]
            part.sync()
            seal = part.seal(len(DATA), "sha256:" + hashlib.sha256(DATA).hexdigest())
            assert self.final() is None
        published = sink.publish(1, seal, None)
        assert self.final() == DATA
        assert (published.size, published.atomic) == (len(DATA), True)
        assert self.held(1) is None

    def test_empty(self) -> None:
        """An object of no bytes is an object."""
        published = self.sink().publish(1, self.finished(data=b""), None)
        assert (self.final(), published.size) == (b"", 0)

    def test_no_size(self) -> None:
        """A part can be begun while nobody knows its size."""
        with closing(self.sink().create(1, None)) as part:
            _write(part, DATA)
            seal = part.seal(len(DATA), None)
        self.sink().publish(1, seal, None)
        assert self.final() == DATA

    def test_holes_and_ends(self) -> None:
        """What was jumped over is zeros; what lies past the end is not there."""
        with closing(self.sink().create(1, 10)) as part:
            _write(part, b"end", 7)
            _write(part, b"", 100)
            assert part.read_at(0, 100) == bytes(7) + b"end"
            assert part.read_at(8, 1) == b"n"
            assert part.read_at(10, 5) == b""

    def test_truncate(self) -> None:
        """A part can be cut, and extended with zeros."""
        with closing(self.sink().create(1, 10)) as part:
            _write(part, b"0123456789")
            part.truncate(4)
            assert part.read_at(0, 100) == b"0123"
            part.truncate(6)
            assert part.read_at(0, 100) == b"0123\0\0"

    def test_seal_cuts_and_refuses(self) -> None:
        """Sealed is what was written: surplus is cut off, and a part that is too short is none."""
        with closing(self.sink().create(1, 10)) as part:
            _write(part, b"0123456789")
            assert part.seal(8, None).size == 8
            assert part.read_at(0, 100) == b"01234567"
            with pytest.raises(StorageFailed):
                part.seal(9, None)

    def test_threads(self) -> None:
        """Several threads may write to one part at once."""
        with closing(self.sink().create(1, len(DATA))) as part:
            pieces = [
                threading.Thread(target=_write, args=(part, DATA[at : at + 10_000], at))
                for at in range(0, len(DATA), 10_000)
            ]
            for thread in pieces:
                thread.start()
            for thread in pieces:
                thread.join()
            assert part.read_at(0, len(DATA)) == DATA

    def test_closed(self) -> None:
        """A closed part may be closed again; everything else it refuses."""
        part = self.sink().create(1, 10)
        part.close()
        part.close()
        refused: list[Callable[[], object]] = [
            lambda: _write(part, b"late"),
            lambda: part.read_at(0, 1),
            part.sync,
            lambda: part.truncate(0),
            lambda: part.seal(0, None),
        ]
        for late in refused:
            with pytest.raises(StorageFailed):
                late()

    # -- epochs ----------------------------------------------------------------------------------------------------
    def test_nothing_to_reopen(self) -> None:
        """Where nothing was begun there is nothing to go on with."""
        assert self.sink().reopen(3, 1, proven=True) is None
        assert self.sink().reopen(3, 1, proven=False) is None

    def test_reopen(self) -> None:
        """A later process finds what an earlier one wrote, and goes on."""
        with closing(self.sink().create(1, 6)) as part:
            _write(part, b"012")
        with closing(self.sink().reopen(1, 1, proven=True) or pytest.fail("no part")) as part:
            _write(part, b"345", 3)
        assert self.held(1) == b"012345"

    def test_create_begins_anew(self) -> None:
        """A part that is begun again is empty, in the same epoch too."""
        self.finished(1)
        with closing(self.sink().create(1, 5)) as part:
            assert part.read_at(0, 100) == b""

    def test_older_parts_go(self) -> None:
        """Beginning a new epoch removes the parts of those before."""
        for epoch in (1, 2, 9, 40):
            self.finished(epoch)
            assert self.held(epoch - 1) is None

    @pytest.mark.parametrize("proven", [True, False])
    @pytest.mark.parametrize("epoch", [2, 60])
    def test_next_owner(self, proven: bool, epoch: int) -> None:  # noqa: FBT001
        """A new owner goes on with the bytes of the one before; only of a dead one is the very part used."""
        late = self.sink().create(1, len(DATA))
        _write(late, DATA)
        with closing(self.sink().reopen(epoch, 1, proven=proven) or pytest.fail("no part")) as part, closing(late):
            assert part.read_at(0, len(DATA)) == DATA
            _write(late, b"who wakes up late")
            assert (part.read_at(0, len(DATA)) == DATA) is not proven
        assert self.held(epoch - 1) is None
        assert self.held(epoch) is not None

    def test_clone_keeps_holes_and_length(self) -> None:
        """A copy for a new owner is as long as the part, and its holes are zeros."""
        with closing(self.sink().create(1, None)) as part:
            _write(part, b"far", 5_000_000)
            part.truncate(6_000_000)
        with closing(self.sink().reopen(2, 1, proven=False) or pytest.fail("no part")) as part:
            assert part.read_at(0, 7_000_000) == bytes(5_000_000) + b"far" + bytes(999_997)

    def test_stale_parts(self) -> None:
        """A part of another version, from before ``fresh_since``, is rubbish."""
        self.finished(2)
        assert self.held(5, fresh_since=3) is None

    def test_newer_part_stays(self) -> None:
        """A stale owner removes nothing of the new one's."""
        self.finished(7)
        self.sink().create(3, 5).close()
        assert self.held(7) == DATA
