"""What a reader sees of a file that comes: a view of its own, and which bytes of it somebody vouches for.

That is the landing of the part that is open in this process, or, where none is, the block log, whose rows are held
against the bytes first. A window is of one version for ever: another version has another part.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Final

import crc32c

from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet
from nbxfer.core.record import Record
from nbxfer.engine.job import Job
from nbxfer.engine.landing import Landing
from nbxfer.errors import StorageFailed
from nbxfer.manifest.base import Manifest, Row
from nbxfer.sinks.base import Sink, View

#: Seconds that a reader waits at once; what interrupts it waits no longer than this.
SLICE: Final = 0.1
#: Seconds between two looks at what is written down of a part that this process has not open.
LOOK_AGAIN: Final = 0.5


def end_of(held: RangeSet, offset: int) -> int:
    """Give the end of the bytes that are there without a hole from ``offset``; ``offset`` where there is none."""
    at = bisect_right(held.ranges, offset, key=lambda r: r.start) - 1
    return max(offset, held.ranges[at].stop) if at >= 0 else offset


class Window:
    """One part as one reader sees it. ``over``: nothing more comes to be seen here; there may be another window."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._whole: int | None = None  # its size, once it is known to be finished

    @property
    def over(self) -> bool:
        """Whether nothing more comes to be seen here by itself."""
        return self._whole is None

    def end(self, offset: int) -> int:
        """Give an end of bytes that are there from ``offset`` without a hole; ``offset`` where none is."""
        return offset if self._whole is None else max(offset, self._whole)

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill some of ``buffer``, which is not to reach past ``end(offset)``. Raises StorageFailed."""
        got = self._view.read_into(offset, buffer)
        if got == 0:
            raise StorageFailed("Bytes that had come are not there any more.", hint="Open it again.")
        return got

    def wait(self, offset: int) -> None:
        """Wait for the byte at ``offset``, for SLICE at most."""
        time.sleep(SLICE)

    def want(self, span: ByteRange | None) -> None:
        """Say what should come first, in place of what was said before."""

    def finish(self, record: Record) -> bool:
        """Take note that ``record`` is done: say whether this is the file that it finished, which is all here then."""
        if record.seal is not None and self._view.is_sealed(record.seal):
            self._whole = record.seal.size
        return self._whole is not None

    def close(self) -> None:
        """Let go. Never raises."""
        self.want(None)
        self._view.close()


class Finished(Window):
    """A whole file of ``size`` bytes."""

    def __init__(self, view: View, size: int) -> None:
        super().__init__(view)
        self._whole = size


class Coming(Window):
    """A part that this process has open.

    ``compared``: nothing is believed of what was there before, until bytes have landed that came with a comparison.
    """

    def __init__(self, view: View, landing: Landing, *, compared: bool = False) -> None:
        super().__init__(view)
        self.landing = landing
        self._compared = compared
        self._wanted: ByteRange | None = None

    @property
    def over(self) -> bool:
        """See Window."""
        return super().over and self.landing.ended

    def end(self, offset: int) -> int:
        """See Window."""
        held = self.landing.held
        if self._compared and held.total <= self.landing.begun.total:
            return super().end(offset)
        return max(super().end(offset), end_of(held, offset))

    def wait(self, offset: int) -> None:
        """See Window."""
        if self.landing.ended or self.landing.wait(offset, SLICE):  # there, and not to be seen yet
            time.sleep(SLICE)

    def want(self, span: ByteRange | None) -> None:
        """See Window."""
        old, self._wanted = self._wanted, span
        if span != old:
            if span is not None:
                self.landing.want(span)
            if old is not None:
                self.landing.forget(old)


class Kept(Window):
    """A part that this process has not open. Each block is read before the row that vouches for it is believed."""

    def __init__(self, view: View, manifest: Manifest, record: Record) -> None:
        super().__init__(view)
        self._manifest, self._record = manifest, record
        self._rows: dict[int, list[Row]] = {}
        self._true: dict[int, int] = {}  # how much of a block was found right
        self.until = time.monotonic() + LOOK_AGAIN  # after that there may be more than is known here
        for epoch in manifest.block_epochs(record.id):
            if record.fresh_since <= epoch <= record.epoch:
                for row in manifest.read_blocks(record.id, epoch):
                    self._rows.setdefault(row.block, []).append(row)

    def end(self, offset: int) -> int:
        """See Window."""
        block, within = divmod(offset, BLOCK)
        if block not in self._true and block in self._rows:
            self._true[block] = self._length(block)
        return max(super().end(offset), block * BLOCK + max(within, self._true.get(block, 0)))

    def _length(self, block: int) -> int:
        """Give the length of the longest row of a block that its bytes agree with."""
        rows = sorted(self._rows[block], key=lambda r: -r.length)
        buffer, got = memoryview(bytearray(rows[0].length)), 0
        while got < len(buffer) and (more := self._view.read_into(block * BLOCK + got, buffer[got:])):
            got += more
        right = (r.length for r in rows if r.length <= got and crc32c.crc32c(buffer[: r.length]) == r.crc32c)
        return next(right, 0)


def coming(job: Job) -> Coming | None:
    """Give a window on the part that a job has open; None where it has none, or just closes it. Any thread."""
    landing, part = job.landing, job.part
    if landing.ended or part is None:
        return None
    try:
        view = part.view()
    except StorageFailed:
        return None
    # A landing is ended before its part is closed, and made after the next one is there: so they belong together.
    if job.landing is landing and not landing.ended:
        return Coming(view, landing, compared=job.spec.adopted)
    view.close()
    return None


def kept(sink: Sink, manifest: Manifest, record: Record) -> Kept | None:
    """Give a window on what lies on the disk of an operation; None where it has no part.

    None also of what was adopted: its own rows vouch that it is what somebody left, not that it is what the server has.
    """
    view = sink.view(record.epoch, record.fresh_since) if not record.spec.adopted else None
    if view is None:
        return None
    try:
        return Kept(view, manifest, record)
    except BaseException:
        view.close()
        raise
