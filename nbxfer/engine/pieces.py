"""One piece of a source as a far side takes it: read as it is sent, or at once; never faster than was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

import crc32c

from nbxfer.engine import pace
from nbxfer.engine.job import Job
from nbxfer.engine.pump import Watchdog
from nbxfer.errors import BadAnswer
from nbxfer.sinks.far import Bytes, Cut
from nbxfer.sources.base import Stopped, Stream

#: The most that is read at once where the piece is not held in memory (bytes).
CHUNK: Final = 256 * 1024


class Brake:
    """The Stop of the lanes: the operation's, or their own when one has met what ends them all."""

    def __init__(self, job: Job) -> None:
        self.ending = False
        self._job = job

    def is_set(self) -> bool:
        """See Stop."""
        return self.ending or self._job.stop.is_set()


class Piece:
    """One piece of the source; see sinks.far.Body. ``told`` hears how many bytes have been given out so far."""

    def __init__(
        self, job: Job, stream: Stream, span: tuple[int, int | None], stop: Brake, told: Callable[[int], None]
    ) -> None:
        self.start, self.stop = span
        self.last = False
        self.given = 0
        self.crc = 0
        self._job, self._stream, self._stop, self._told = job, stream, stop, told
        self._paces = (job.pace, job.shared)
        self._watchdog = Watchdog(job.spec.patience)

    def _read(self, view: memoryview) -> int:
        """Give the number of bytes read, 0 at the end of the piece."""
        while True:
            if self._stop.is_set():
                raise Cut
            before = time.monotonic()
            try:
                got = self._stream.read_into(view[: pace.portion(self._paces)])
            except Stopped:
                raise Cut from None
            self._watchdog.count(max(got, 0), time.monotonic() - before)
            if got >= 0:
                break
            self._told(self.given)
        if got:
            self.crc = crc32c.crc32c(view[:got], self.crc)
            self.given += got
            try:
                pace.take(self._paces, got, self._stop)
            except Stopped:
                raise Cut from None
            self._told(self.given)
        return got

    def chunks(self) -> Iterator[memoryview]:
        """See Body."""
        view = memoryview(bytearray(CHUNK))
        while (left := self._left(len(view))) and (got := self._read(view[:left])):
            yield view[:got]

    def whole(self) -> Bytes:
        """See Body."""
        assert self.stop is not None
        data = Bytes(self.stop - self.start)
        with data.view as view:
            while self.given < len(view) and self._read(view[self.given :]):
                pass
        if self.short:
            raise BadAnswer("The source ended before all of it had come.")
        return data

    def _left(self, most: int) -> int:
        return most if self.stop is None else min(most, self.stop - self.start - self.given)

    @property
    def short(self) -> bool:
        """Whether the source ended before the piece did."""
        return self.stop is not None and self.given < self.stop - self.start


class Kept(Piece):
    """A piece that is in memory already, because only its end told how long it is."""

    def keep(self, data: bytearray) -> Kept:
        """Take its bytes."""
        self._data = memoryview(data)
        return self

    def chunks(self) -> Iterator[memoryview]:
        """See Body."""
        yield from (self._data[at : at + CHUNK] for at in range(0, len(self._data), CHUNK))

    def whole(self) -> Bytes:
        """See Body."""
        data = Bytes(len(self._data))
        with data.view as view:
            view[:] = self._data
        return data
