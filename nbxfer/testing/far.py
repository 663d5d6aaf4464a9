"""What every sink at a far side has to keep: subclass FarContract, say how one is made, and have the whole suite.

::

    class TestMine(FarContract):
        def sink(self, op_id: str = "op-one") -> Far: ...      # a new one, as another process would make it
        def put(self, data: bytes) -> None: ...                # somebody else puts that at the destination
        def final(self) -> bytes | None: ...                   # what is there, read without nbxfer
        def beside(self) -> list[str]: ...                     # what else is there: parts, uploads that are open

What a backend cannot do it says in its class (``lanes``, ``direct``, ``alone``, ``resumable``); those tests ask less of
it then.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import DestinationExists, SourceChanged, TransferError
from nbxfer.sinks.far import Bytes, Cut, Far

__all__ = ["FarContract", "Given"]

SMALL = random.Random(2).randbytes(100_000)
OTHER = random.Random(3).randbytes(1_234)


class Given:
    """A piece of bytes that are at hand; see Body. ``broken`` is raised after so many bytes (``after``)."""

    def __init__(
        self, data: bytes, start: int, stop: int, *, broken: BaseException | None = None, after: int = 0
    ) -> None:
        self.start, self.stop = start, stop
        self.last = stop == len(data)
        self._data, self._broken, self._after = data[start:stop], broken, after

    def chunks(self) -> Iterator[memoryview]:
        """See Body."""
        for at in range(0, len(self._data), 65_536):
            if self._broken is not None and at >= self._after:
                raise self._broken
            yield memoryview(self._data)[at : at + 65_536]

    def whole(self) -> Bytes:
        """See Body."""
        data = b"".join(bytes(chunk) for chunk in self.chunks())
        kept = Bytes(len(data))
        with kept.view as view:
            view[:] = data
        return kept


class FarContract:
    """The rules of sinks/far.py as tests. All sinks of one test have one and the same destination."""

    #: More than two pieces of it.
    large = random.Random(1).randbytes(2 * 8 * 1024 * 1024 + 12_345)

    def sink(self, op_id: str = "op-one") -> Far:
        """Give a new sink object, as another process would make it."""
        raise NotImplementedError

    def put(self, data: bytes) -> None:
        """Let somebody else put ``data`` at the destination."""
        raise NotImplementedError

    def final(self) -> bytes | None:
        """Give what is at the destination, without asking nbxfer."""
        raise NotImplementedError

    def beside(self) -> list[str]:
        """Name what else is at the far side: parts, uploads that are open."""
        raise NotImplementedError

    # -- small steps -------------------------------------------------------------------------------------------------
    stop = threading.Event()

    def begun(self, far: Far, data: bytes, epoch: int = 1) -> Ticket:
        """Begin an upload of ``data``."""
        return far.begin(epoch, len(data), None, self.stop)

    def pieces(self, ticket: Ticket, data: bytes) -> list[tuple[int, int]]:
        """Give the pieces of ``data``, in order."""
        unit = ticket.unit or len(data) or 1
        return [(at, min(at + unit, len(data))) for at in range(0, len(data), unit)] or [(0, 0)]

    def send(self, far: Far, ticket: Ticket, data: bytes, missing: RangeSet | None = None) -> RangeSet:
        """Send what is missing of ``data``; give what was taken."""
        taken = RangeSet()
        for start, stop in self.pieces(ticket, data):
            if missing is None or any(gap.start < stop and start < gap.stop for gap in missing.ranges) or not data:
                far.put(ticket, Given(data, start, stop), len(data), self.stop)
            taken = taken.add(start, stop)
        return taken

    def sent(self, data: bytes, op_id: str = "op-one", *, replace: bool = True) -> Published:
        """Send ``data`` and give it its name."""
        with closing(self.sink(op_id)) as far:
            ticket = self.begun(far, data)
            self.send(far, ticket, data)
            return far.publish(ticket, Seal(len(data), 0, 0), replace=replace, stop=self.stop)

    # -- whole lives -------------------------------------------------------------------------------------------------
    @pytest.mark.parametrize("size", [0, 1, 100_000])
    def test_small(self, size: int) -> None:
        """What is sent is what is there, also where there is nothing of it; nothing else stays."""
        published = self.sent(SMALL[:size])
        assert self.final() == SMALL[:size]
        assert published.size == size
        assert self.beside() == []

    def test_large(self) -> None:
        """Pieces make one object; it has its name when it is whole, and not before."""
        with closing(self.sink()) as far:
            ticket = self.begun(far, self.large)
            self.send(far, ticket, self.large)
            if not far.direct:
                assert self.final() is None
            far.publish(ticket, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() == self.large
        assert self.beside() == []

    def test_any_order(self) -> None:
        """Where pieces may be under way beside each other, their order is nobody's business."""
        with closing(self.sink()) as far:
            if far.lanes == 1:
                return
            ticket = self.begun(far, self.large)
            threads = [
                threading.Thread(target=far.put, args=(ticket, Given(self.large, *piece), len(self.large), self.stop))
                for piece in reversed(self.pieces(ticket, self.large))
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            far.publish(ticket, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() == self.large

    def test_another_process_goes_on(self) -> None:
        """What was taken is known to the far side; another process sends the rest, and nothing twice."""
        with closing(self.sink()) as far:
            if not far.resumable:
                return
            ticket = self.begun(far, self.large)
            first = self.pieces(ticket, self.large)[0]
            far.put(ticket, Given(self.large, *first), len(self.large), self.stop)
        with closing(self.sink()) as far:
            held = far.held(ticket, len(self.large), RangeSet.of([first]), self.stop)
            assert held == RangeSet.of([first])
            self.send(far, ticket, self.large, RangeSet(held.missing(0, len(self.large)).ranges))
            far.publish(ticket, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() == self.large

    def test_published_by_another_process(self) -> None:
        """A process that dies before it can publish leaves that to the next."""
        with closing(self.sink()) as far:
            if not far.resumable:
                return
            ticket = self.begun(far, self.large)
            taken = self.send(far, ticket, self.large)
        with closing(self.sink()) as far:
            assert far.held(ticket, len(self.large), taken, self.stop) == taken
            far.publish(ticket, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() == self.large

    def test_the_answer_was_lost(self) -> None:
        """Asked again to publish what has its name already, it says so and changes nothing."""
        with closing(self.sink()) as far:
            if not far.resumable:
                return
            ticket, seal = self.begun(far, self.large), Seal(len(self.large), 0, 0)
            self.send(far, ticket, self.large)
            first = far.publish(ticket, seal, replace=True, stop=self.stop)
            assert far.publish(ticket, seal, replace=True, stop=self.stop) == first
        with closing(self.sink()) as far:
            assert far.publish(ticket, seal, replace=True, stop=self.stop) == first
        assert self.final() == self.large

    # -- what is there -----------------------------------------------------------------------------------------------
    def test_nothing_stands(self) -> None:
        """Where there is nothing, nothing is told of."""
        with closing(self.sink()) as far:
            assert far.standing(self.stop) is None

    def test_what_stands(self) -> None:
        """What somebody put there is told of, and replaced when that was agreed."""
        self.put(OTHER)
        with closing(self.sink()) as far:
            standing = far.standing(self.stop)
            assert standing is not None
            assert standing.size == len(OTHER)
        self.sent(SMALL)
        assert self.final() == SMALL

    def test_what_stands_is_kept(self) -> None:
        """What may not be replaced is not."""
        with closing(self.sink()) as far:
            if far.direct:
                return
        self.put(OTHER)
        with pytest.raises(DestinationExists) as caught:
            self.sent(SMALL, replace=False)
        assert caught.value.hint
        assert self.final() == OTHER

    # -- what goes wrong ---------------------------------------------------------------------------------------------
    def test_discarded(self) -> None:
        """What is given up leaves nothing; it may be given up twice."""
        self.put(OTHER)
        with closing(self.sink()) as far:
            ticket = self.begun(far, self.large)
            if ticket.unit:
                far.put(ticket, Given(self.large, *self.pieces(ticket, self.large)[0]), len(self.large), self.stop)
            far.discard(ticket, self.stop)
        with closing(self.sink()) as far:
            far.discard(ticket, self.stop)
            if far.resumable:
                assert not far.held(ticket, len(self.large), RangeSet(), self.stop)
        assert self.beside() == []
        assert self.final() == OTHER

    def test_gone(self) -> None:
        """What is not there any more cannot be published: it is sent again."""
        with closing(self.sink()) as far:
            if far.direct:
                return
            ticket = self.begun(far, self.large)
            self.send(far, ticket, self.large)
            far.discard(ticket, self.stop)
        with closing(self.sink()) as far, pytest.raises(SourceChanged):
            far.publish(ticket, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() is None

    @pytest.mark.parametrize("error", [TransferError("The source broke."), Cut()])
    def test_a_piece_breaks(self, error: Exception) -> None:
        """A piece whose source breaks is not taken; sent again, all is right."""
        with closing(self.sink()) as far:
            ticket = self.begun(far, self.large)
            start, stop = self.pieces(ticket, self.large)[0]
            with pytest.raises(type(error)):
                far.put(
                    ticket,
                    Given(self.large, start, stop, broken=error, after=BLOCK // 4),
                    len(self.large),
                    self.stop,
                )
            held = far.held(ticket, len(self.large), RangeSet(), self.stop)
            assert held is None or held.total < stop - start
            ticket = self.begun(far, self.large, 2)
            self.send(far, ticket, self.large)
            far.publish(ticket, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() == self.large

    def test_two_at_once(self) -> None:
        """Two operations with one destination do not meet: what is there at the end is one of the two, whole."""
        with closing(self.sink("op-one")) as one, closing(self.sink("op-two")) as two:
            first, second = self.begun(one, self.large), self.begun(two, SMALL)
            for start, stop in self.pieces(first, self.large)[:1]:
                one.put(first, Given(self.large, start, stop), len(self.large), self.stop)
            self.send(two, second, SMALL)
            two.publish(second, Seal(len(SMALL), 0, 0), replace=True, stop=self.stop)
            rest = self.pieces(first, self.large)[1:]
            for start, stop in rest:
                one.put(first, Given(self.large, start, stop), len(self.large), self.stop)
            try:
                one.publish(first, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
            except SourceChanged:
                assert one.alone
                assert self.final() == SMALL
                held = one.held(first, len(self.large), RangeSet(), self.stop) or RangeSet()
                self.send(one, first, self.large, RangeSet(held.missing(0, len(self.large)).ranges))
                one.publish(first, Seal(len(self.large), 0, 0), replace=True, stop=self.stop)
        assert self.final() == self.large

    def test_nobody_wants_it(self) -> None:
        """Who is told to stop comes home at once, and has sent nothing more."""
        stop = threading.Event()
        with closing(self.sink()) as far:
            ticket = self.begun(far, self.large)
            piece = self.pieces(ticket, self.large)[0]
            stop.set()
            with pytest.raises(Cut):
                far.put(ticket, Given(self.large, *piece, broken=Cut()), len(self.large), stop)
            far.discard(ticket, self.stop)
        assert self.beside() == []
