"""The contract of sinks that have their store take an object of its own by itself, as a class to be subclassed.

In short::

    class TestMine(DrawnContract):
        def sink(self, op_id="op-one") -> Far: ...       # a new one, as another process would make it
        def origin(self) -> Access: ...                  # of an object in the same store
        def elsewhere(self) -> Access: ...               # of one in another store of the kind
        def put(self, data: bytes) -> Validator | None: ...   # lay that object down; give what tells its version
        def final(self) -> bytes | None: ...             # what is at the destination, without asking nbxfer
        def beside(self) -> list[str]: ...               # what else is there of the upload

Where a server refuses, it may: the engine reads and sends then, which is for the tests of whole copies.
"""

from __future__ import annotations

import random
import threading
from contextlib import closing

import pytest

from nbxfer.core.probe import Validator
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import SourceChanged
from nbxfer.sinks.far import Far
from nbxfer.wire.access import Access

__all__ = ["DrawnContract"]


class DrawnContract:
    """The rules of ``Far.draw`` as tests. All sinks of one test have one and the same destination."""

    #: Bytes of an object that is taken in several pieces, where the store does so.
    size = 5 * 1024 * 1024 + 12_345
    #: Whether the store binds what it takes to the version.
    binds = True

    stop = threading.Event()

    def sink(self, op_id: str = "op-one") -> Far:
        """Give a new sink object, as another process would make it."""
        raise NotImplementedError

    def origin(self) -> Access:
        """Give the way in to the object that is copied."""
        raise NotImplementedError

    def elsewhere(self) -> Access:
        """Give the way in to an object of another store, or of another person's."""
        raise NotImplementedError

    def put(self, data: bytes) -> Validator | None:
        """Lay ``data`` down as the object that is copied; give what tells its version."""
        raise NotImplementedError

    def final(self) -> bytes | None:
        """Give what is at the destination, without asking nbxfer."""
        raise NotImplementedError

    def beside(self) -> list[str]:
        """Name what else is at the far side of the copy: parts, uploads that are open."""
        raise NotImplementedError

    # -- small steps -------------------------------------------------------------------------------------------------
    def drawing(self, op_id: str = "op-one") -> Far:
        """Give a sink that is to take the object by itself."""
        far = self.sink(op_id)
        assert far.draws(self.origin())
        far.origin = self.origin()
        return far

    def pieces(self, ticket: Ticket, size: int) -> list[ByteRange]:
        """Give the pieces, in order."""
        unit = ticket.unit or size
        return [ByteRange(at, min(at + unit, size)) for at in range(0, size, unit)]

    def publish(self, far: Far, ticket: Ticket, size: int) -> Published:
        """Give it its name."""
        return far.publish(ticket, Seal(size, 0, 0), replace=True, stop=self.stop)

    # -- the rules -----------------------------------------------------------------------------------------------------
    def test_one_store(self) -> None:
        """Only what lies in the same store, for the same person, is taken so."""
        with closing(self.sink()) as far:
            assert far.draws(self.origin())
            assert not far.draws(self.elsewhere())

    @pytest.mark.parametrize("size", [1, 100_000])
    def test_small(self, size: int) -> None:
        """What was there is there twice; nothing else stays."""
        data = random.Random(size).randbytes(size)
        pinned = self.put(data)
        with closing(self.drawing()) as far:
            ticket = far.begin(1, size, None, self.stop)
            for piece in self.pieces(ticket, size):
                far.draw(ticket, piece, size, pinned, self.stop)
            assert self.final() is None
            assert self.publish(far, ticket, size).size == size
        assert self.final() == data
        assert self.beside() == []

    def test_another_process_goes_on(self) -> None:
        """What was taken is known to the store; another process has the rest taken, and it has its name once whole."""
        data = random.Random(7).randbytes(self.size)
        pinned = self.put(data)
        with closing(self.drawing()) as far:
            ticket = far.begin(1, self.size, None, self.stop)
            first, *_ = self.pieces(ticket, self.size)
            far.draw(ticket, first, self.size, pinned, self.stop)
        with closing(self.drawing()) as far:
            held = far.held(ticket, self.size, RangeSet.of([(first.start, first.stop)]), self.stop) or RangeSet()
            assert not held or held == RangeSet.of([(first.start, first.stop)])
            for piece in self.pieces(ticket, self.size):
                if not held.covers(piece.start, piece.stop):
                    far.draw(ticket, piece, self.size, pinned, self.stop)
            assert self.final() is None
            self.publish(far, ticket, self.size)
        assert self.final() == data
        assert self.beside() == []

    def test_another_version(self) -> None:
        """Bound to a version that is gone, nothing is done; where the store does not heed that, it is found out."""
        pinned = self.put(b"old" * 1000)
        self.put(b"new" * 1000)
        with closing(self.drawing()) as far:
            ticket = far.begin(1, 3000, None, self.stop)
            try:
                for piece in self.pieces(ticket, 3000):
                    far.draw(ticket, piece, 3000, pinned, self.stop)
                if self.binds:
                    self.publish(far, ticket, 3000)
            except SourceChanged:
                assert self.binds
            else:
                assert not self.binds, "the store was not bound"
            far.discard(ticket, self.stop)
        assert self.beside() == []

    def test_given_up(self) -> None:
        """What is given up leaves nothing, and the object that was to be copied is as it was."""
        pinned = self.put(random.Random(8).randbytes(self.size))
        with closing(self.drawing()) as far:
            ticket = far.begin(1, self.size, None, self.stop)
            far.draw(ticket, self.pieces(ticket, self.size)[0], self.size, pinned, self.stop)
            far.discard(ticket, self.stop)
        assert self.beside() == []
        assert self.final() is None
