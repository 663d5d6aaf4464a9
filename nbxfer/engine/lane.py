"""One connection's worth of fetching: pieces from the crew, each from a body that stands where it begins."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from nbxfer.core.ranges import BLOCK, ByteRange
from nbxfer.engine.pump import Pump
from nbxfer.errors import NetworkError, TransferError
from nbxfer.sources.base import Stop, Stopped, Stream

if TYPE_CHECKING:
    from nbxfer.engine.lanes import Lanes


#: An answer that ends early with fewer bytes is a crumb; after so many in a row the connection counts as broken.
CRUMB: Final = 64 * 1024
CRUMBS: Final = 8


class Lane:
    """Fetches pieces until there is none for it. Lane 0 begins with ``stream``, the body that the probe has left open.

    The bytes up to ``front`` are here: the first ones of that body are compared with them. A lane is the Stop of its
    own waiting.
    """

    def __init__(self, number: int, crew: Lanes, stop: Stop, stream: Stream | None = None, front: int = 0) -> None:
        self.number = number
        self.placed = False  # it has a place at the host that is its own, not the operation's
        self.busy = self.idle = False  # it has a piece; it waits for one
        self.since = 0.0  # when it got its piece (monotonic)
        self.pump: Pump | None = None
        self.stalled_at = -1  # the bytes it had got when its connection was too slow
        self._crew, self._stop, self._stream, self._front = crew, stop, stream, front
        self._whole = stream is not None  # the body goes on to the end of the file
        self._opened_at = 0
        self._recalled = self._dismissed = False
        self._crumbs = 0  # answers in a row that ended after next to nothing
        self._rate, self._seen = 0.0, (time.monotonic(), 0)

    # -- from any thread -----------------------------------------------------------------------------------------
    def is_set(self) -> bool:
        """See Stop."""
        return self._recalled or self._dismissed or self._crew.ending or self._stop.is_set()

    def recall(self) -> None:
        """Have it let go of its piece, and come for another."""
        self._recalled = True

    def dismiss(self) -> None:
        """Have it let go of its piece, and go home."""
        self._dismissed = True

    @property
    def at(self) -> int | None:
        """Where its body stands, when that goes on to the end of the file; None else."""
        return self.pump.position if self._whole and self.pump is not None else None

    @property
    def heard(self) -> float:
        """When bytes came last (monotonic)."""
        return self.pump.heard if self.pump is not None else self._seen[0]

    def rate(self, now: float) -> float:
        """Give its bytes a second, over the last second or so in which it had a piece; call it a few times a second."""
        then, before = self._seen
        got = self.pump.got if self.pump is not None else 0
        if not self.busy:
            self._seen = now, got
        elif now - then >= 0.2:
            share = min(1.0, now - then) if self._rate else 1.0
            self._rate += share * ((got - before) / (now - then) - self._rate)
            self._seen = now, got
        return self._rate

    # -- its own thread ------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Work until nothing is left for it. Never raises: the crew is told what goes wrong."""
        try:
            self.pump = self._crew.pump(self)
            on = self._stream is None or self._attempt(self._begin)
            while on and (piece := self._crew.next(self)) is not None:
                on = self._attempt(partial(self._fetch, piece))
        except Stopped:
            pass
        except BaseException as error:  # noqa: BLE001 (a bug of ours, or an auth object that exits: the crew raises it)
            self._crew.fail(error if isinstance(error, Exception) else RuntimeError(type(error).__name__))
        finally:
            self._drop()
            self._crew.left(self)

    def _attempt(self, step: Callable[[], None]) -> bool:
        """Take a step; say whether to go on."""
        try:
            step()
        except Stopped:
            self._drop()
            recalled, self._recalled = self._recalled, False
            return recalled and not self._dismissed
        except TransferError as error:
            self._drop()
            return self._crew.lost(self, error)
        return True

    def _begin(self) -> None:
        assert self.pump is not None
        assert self._stream is not None
        self._take(self._stream)
        self.pump.compare(self._front)

    def _fetch(self, piece: ByteRange) -> None:
        """Fetch a piece, and give back what did not come of it."""
        pump, reached = self.pump, piece.start
        assert pump is not None
        try:
            while (limit := self._crew.enter(self, reached)) > reached and self._stand(reached, piece.stop):
                try:
                    ended = not pump.block(limit)
                finally:
                    reached = pump.position
                if ended:  # a right answer, but shorter than asked: the rest is asked for
                    self._drop()
                    self._short(pump.position - self._opened_at)
        finally:
            self._crew.give_back(self, reached)
        if not self._whole:
            self._drop()

    def _short(self, got: int) -> None:
        """Take note of an answer that ended early. Raises NetworkError where that brings nothing, or too little."""
        if not got:
            raise NetworkError("The server's answer ended before it had brought anything.")
        self._crumbs = self._crumbs + 1 if got < CRUMB else 0
        if self._crumbs >= CRUMBS:  # each is progress, and a million requests: they get the pauses of a broken line
            raise NetworkError(f"The server's answers end after a few bytes each ({got}, at last).")

    def _stand(self, start: int, stop: int) -> bool:
        """See to it that the next byte of the open body is ``start``; False where no such body can be had."""
        pump = self.pump
        assert pump is not None
        near = start - pump.position
        if self._whole and near > 0 and (near <= BLOCK or not self._crew.may_ask):
            pump.skip(start)
        if self._stream is None or pump.position != start:
            self._drop()
            stream = self._crew.part(start, stop, self)
            if stream is None:
                return False
            self._take(stream)
        return True

    def _take(self, stream: Stream) -> None:
        assert self.pump is not None
        self._stream, self._opened_at = stream, stream.probe.start
        self.pump.attach(stream)

    def _drop(self) -> None:
        stream, self._stream, self._whole = self._stream, None, False
        if stream is not None:
            stream.close()
