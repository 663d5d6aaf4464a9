"""Bytes from an open stream into a part, block by block; runs on a worker thread.

Large reads into a reused buffer and positional writes: both release the GIL. A block is written when it is full, or
four times a second with what has come (a row may vouch for the first bytes of a block), so that a kill costs little
on slow lines too. The row follows the write, never the other way round.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import crc32c

from nbxfer.core.policy import Patience
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.errors import SourceChanged, StorageFailed, TransferTimeout, WebErrorStatus
from nbxfer.manifest.base import BlockLog, Row
from nbxfer.sinks.base import Part
from nbxfer.sources.base import Stream

#: Seconds between two reports, and between two writes of an unfinished block.
REPORT_EVERY = 0.1
FLUSH_EVERY = 0.25
#: A sync may take at most a tenth of the time.
SYNC_EVERY = 1.0
#: One wait counts at most this long for the watchdog: a thread that could not run is no stalled server.
ONE_WAIT = 0.5

_buffers = threading.local()


def _buffer() -> memoryview:
    """Give this thread's own block buffer: one allocation a thread, not one a file."""
    view: memoryview | None = getattr(_buffers, "view", None)
    if view is None:
        view = _buffers.view = memoryview(bytearray(BLOCK))
    return view


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
    """One fetch. ``held`` is what is on the disk and vouched for; it grows while ``run`` works."""

    def __init__(
        self,
        stream: Stream,
        part: Part,
        log: BlockLog,
        held: RangeSet,
        patience: Patience,
        report: Callable[[RangeSet, int], None],
        sync: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stream, self.part, self.log, self.held = stream, part, log, held
        self.report, self.sync, self.clock = report, sync, clock
        self.watchdog = Watchdog(patience)
        self.refetched = 0
        self._view = _buffer()
        self._reported = self._flushed = self._synced = clock()

    def run(self, until: int | None) -> int:
        """Read up to ``until`` (exclusive; None: to the end of the body); give the offset reached.

        Whatever ends it, what has come is written and vouched for. Raises TransferError, Stopped.
        """
        position = self._compare(self.stream.probe.start, until)
        while until is None or position < until:
            reached = self._block(position, until)
            if reached == position:
                break
            position = reached
        return position

    def _read(self, view: memoryview) -> int:
        """Give the bytes read: 0 at the end, -1 when nothing has come yet."""
        before = self.clock()
        got = self.stream.read_into(view)
        self.watchdog.count(max(got, 0), self.clock() - before)
        return got

    def _compare(self, position: int, until: int | None) -> int:
        """Hold the first bytes against those on the disk: a server may say "same version" and be wrong."""
        front = self.held.front()
        while position < front:
            got = self._read(self._view[: min(len(self._view), front - position)])
            if got == 0:
                break
            if got < 0:
                continue
            if self.part.read_at(position, got) != self._view[:got]:
                raise SourceChanged("The server's bytes are not those that came before, though it calls them the same.")
            position += got
            self.refetched += got
        return position

    def _block(self, start: int, until: int | None) -> int:
        """Fill the block in which ``start`` lies; give where it ended (``start`` itself at the end of the body)."""
        number, offset = divmod(start, BLOCK)
        base = number * BLOCK
        limit = BLOCK if until is None else min(BLOCK, until - base)
        filled = written = offset
        crc = crc32c.crc32c(self.part.read_at(base, offset)) if offset else 0
        ended = False
        try:
            while filled < limit and not ended:
                got = self._read(self._view[filled:limit])
                ended = got == 0
                filled += max(got, 0)
                now = self.clock()
                if written < filled < limit and now - self._flushed >= FLUSH_EVERY:
                    crc = self._write(base, written, filled, crc)
                    written = filled
                if now - self._reported >= REPORT_EVERY:
                    self._tell(now)
        finally:
            if written < filled:
                self._write(base, written, filled, crc)
        return base + filled

    def _write(self, base: int, begin: int, end: int, crc: int) -> int:
        """Put bytes on the disk, then vouch for the block's first ``end`` bytes; give their checksum."""
        piece, at = self._view[begin:end], base + begin
        if at and self.held.covers(at - 1, at) and not self.part.read_at(at - 1, 1):
            raise StorageFailed(  # going on would leave a hole before this
                "The part was cut by something else while it was written.", hint="Retry: what is missing is fetched."
            )
        self.part.write_at(base + begin, piece)
        crc = crc32c.crc32c(piece, crc)
        self.log.append([Row(base // BLOCK, end, crc)])
        self.held = self.held.add(base, base + end)
        self._flushed = now = self.clock()
        if now - self._synced >= SYNC_EVERY:
            self.sync()
            after = self.clock()
            self._synced = after + 9 * (after - now)
        return crc

    def _tell(self, now: float) -> None:
        self._reported = now
        self.report(self.held, self.refetched)
        self.refetched = 0
