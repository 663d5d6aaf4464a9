"""Bytes from an open stream into a part, block by block; runs on a worker thread.

Large reads into a reused buffer and positional writes: both release the GIL. A block is written when it is full, or
four times a second with what has come (a row may vouch for the first bytes of a block), so that a kill costs little
on slow lines too. The row follows the write, never the other way round.
"""

from __future__ import annotations

import mmap
import threading
import time
from collections.abc import Callable, Sequence

import crc32c

from nbxfer.core.policy import Patience
from nbxfer.core.ranges import BLOCK
from nbxfer.engine import pace
from nbxfer.engine.pace import Pace
from nbxfer.engine.writer import Writer
from nbxfer.errors import SourceChanged, TransferTimeout, WebErrorStatus
from nbxfer.sources.base import Stop, Stopped, Stream

#: Seconds between two writes of an unfinished block.
FLUSH_EVERY = 0.25
#: One wait counts at most this long for the watchdog: a thread that could not run is no stalled server.
ONE_WAIT = 0.5

_buffers = threading.local()


def own_buffer(size: int = BLOCK) -> memoryview:
    """Give this thread's own buffer of so many bytes: one allocation a thread, not one a file.

    It begins with a page, as a block does. A large bytearray begins 16 bytes behind one, and a copy out of the socket
    to there takes the processor half as long again (docs/decisions.md).
    """
    view: memoryview | None = getattr(_buffers, "view", None)
    if view is None or len(view) < size:
        view = _buffers.view = memoryview(mmap.mmap(-1, size))
    return view[:size]


class Watchdog:
    """Finds a server that sends next to nothing; a read timeout does not (one byte each 0.7 s passes for ever)."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._waited = 0.0
        self._got = 0

    def count(self, got: int, took: float) -> None:
        """Take one read: raise TransferTimeout when a whole window of waiting brought too little."""
        self._got += got
        self._waited += min(took, ONE_WAIT)
        if self._waited < self.patience.stall_after:
            return
        if self._got < self.patience.stall_rate * self._waited:
            raise TransferTimeout(
                f"The server sent {self._got} bytes in {self._waited:.0f} s.", status=WebErrorStatus.STALLED
            )
        self._waited, self._got = 0.0, 0


class Pump:
    """What one lane reads. ``position`` is the offset of the next byte of the open body.

    Make it on the thread that uses it. ``stop`` makes it come home, ``look`` is called between reads. Whatever ends
    a call, what has come is written and vouched for. ``stroke`` is the most that is read before it is written (bytes):
    a whole block where each call into the system may have to wait for the interpreter.

    All of them raise TransferError and Stopped.
    """

    def __init__(
        self,
        writer: Writer,
        patience: Patience,
        stop: Stop,
        paces: Sequence[Pace] = (),
        look: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        stroke: int = BLOCK,
    ) -> None:
        self.writer, self.stop = writer, stop
        self.position = 0
        self.got = 0  # bytes, from all bodies
        self.heard = clock()  # when bytes came last
        self._patience, self._paces, self._look, self._clock = patience, paces, look, clock
        self._view = own_buffer(stroke)
        self._flushed = clock()
        self._watchdog = Watchdog(patience)  # of all bodies together: many small ones are no faster than a slow one
        self._ended: float | None = None  # the last read

    def attach(self, stream: Stream) -> None:
        """Take an open body."""
        self._stream, self.position = stream, stream.probe.start
        now = self._clock()
        if self._ended is not None:  # what it takes to get the next body is time without bytes, too
            self._watchdog.count(0, now - self._ended)
        self.heard = self._ended = now

    def _read(self, view: memoryview) -> int:
        """Give the bytes read: 0 at the end, -1 when nothing has come yet."""
        if self.stop.is_set():
            raise Stopped
        self._look()
        before = self._clock()
        got = self._stream.read_into(view[: pace.portion(self._paces)])
        after = self._clock()
        self._ended = after
        self._watchdog.count(max(got, 0), after - before)
        if got > 0:
            self.got += got
            self.heard = after
        return got

    def _pay(self, got: int) -> None:
        """Wait until what has come is within the limits; that is no stall."""
        if got > 0:
            pace.take(self._paces, got, self.stop)
            self.heard = self._clock()

    def compare(self, front: int) -> None:
        """Hold the first bytes, up to ``front``, against those on the disk: a server may say the same and be wrong."""
        while (got := self._next(front)) > 0:
            if self.writer.part.read_at(self.position, got) != self._view[:got]:
                raise SourceChanged("The server's bytes are not those that came before, though it calls them the same.")
            self.position += got
            self.writer.again(got)
            self._pay(got)

    def skip(self, upto: int) -> None:
        """Read on to ``upto`` without keeping anything: what lies between is here, or comes otherwise."""
        while (got := self._next(upto)) > 0:
            self.position += got
            self.writer.again(got)
            self._pay(got)

    def _next(self, upto: int) -> int:
        """Read once, not past ``upto``; give the number of bytes, 0 when it is reached or the body has ended."""
        while self.position < upto:
            got = self._read(self._view[: min(len(self._view), upto - self.position)])
            if got >= 0:
                return got
        return 0

    def block(self, until: int | None) -> bool:
        """Read to the end of the block that ``position`` is in, or up to ``until`` (exclusive); False when it ended."""
        base = self.position // BLOCK * BLOCK
        filled = written = self.position - base
        limit = BLOCK if until is None else min(BLOCK, until - base)
        crc = crc32c.crc32c(self.writer.part.read_at(base, filled)) if filled else 0
        ended = False
        try:
            while filled < limit and not ended:
                got = self._read(self._view[filled - written : limit - written])
                ended = got == 0
                filled += max(got, 0)
                self._pay(got)
                full = filled - written == len(self._view)
                if written < filled < limit and (full or self._clock() - self._flushed >= FLUSH_EVERY):
                    crc = self._write(base, written, filled, crc)
                    written = filled
        finally:
            if written < filled:
                self._write(base, written, filled, crc)
        return not ended

    def _write(self, base: int, begin: int, end: int, crc: int) -> int:
        crc = self.writer.write(base, begin, self._view[: end - begin], crc)
        self.position = base + end
        self._flushed = self._clock()
        return crc
