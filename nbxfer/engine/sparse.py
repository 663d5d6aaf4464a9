"""A source read through a sparse copy: what is asked for and not there is fetched, and nothing else.

All readers of one version in this process share its copy; what one of them is fetching, the others wait for. Every
part is tied to the version that the first answer named: a source that has changed says so, to every reader.
"""

from __future__ import annotations

import random
import threading
import time
import weakref
from typing import Final

from nbxfer.cache.copy import Copy
from nbxfer.cache.shelf import Shelf
from nbxfer.core.policy import Patience, Retry
from nbxfer.core.probe import Probe, Want
from nbxfer.engine.workers import Workers
from nbxfer.errors import BadAnswer, NetworkError, Offline, RangesRefused, TransferError, TransferTimeout
from nbxfer.sources.base import Source, Stop, Stopped, Stream

#: What is fetched is rounded to so many bytes, for who reads little reads near there again.
PAGE: Final = 64 << 10
#: The first answer brings so much of the beginning, a look at the end so much of that: there formats have their tables.
HEAD: Final = 64 << 10
TAIL: Final = 256 << 10
#: Who reads on and on is fetched ahead for, up to so many bytes.
AHEAD: Final = 8 << 20
#: A stretch of more than two of these is fetched over several connections.
SHARE: Final = 8 << 20
LANES: Final = 4
_BUFFER: Final = 1 << 20


class NotSparse(Exception):
    """This source cannot be read in any order; the reason is a TransferError. It can be fetched as a whole."""

    def __init__(self, error: TransferError) -> None:
        super().__init__(str(error))
        self.error = error


class _Turns:
    """What is being fetched into one copy, by whomever."""

    def __init__(self) -> None:
        self.bell = threading.Condition()
        self.coming: list[tuple[int, int]] = []


_turns: Final[weakref.WeakKeyDictionary[Copy, _Turns]] = weakref.WeakKeyDictionary()


class Sparse:
    """One version of one source, and its copy, for one reader; made by :func:`open_sparse`."""

    def __init__(self, source: Source, copy: Copy, where: str, patience: Patience, away: TransferError | None) -> None:
        self.copy, self.where, self.away = copy, where, away
        self._source, self._patience = source, patience
        turns = _turns.setdefault(copy, _Turns())
        self._bell, self._coming = turns.bell, turns.coming
        self.requests = 0

    @property
    def size(self) -> int:
        """The length of the source (bytes)."""
        return self.copy.size

    def close(self) -> None:
        """Let go of the source; who took the copy gives it back."""
        self._source.close()

    def read_into(self, offset: int, buffer: memoryview, ahead: int, stop: Stop) -> int:
        """Fill ``buffer`` from ``offset`` on, fetching what is missing, and ``ahead`` bytes behind it.

        Gives the number of bytes, 0 only at the end. Raises TransferError, Stopped.
        """
        end = min(offset + len(buffer), self.size)
        if end <= offset:
            return 0
        if self.copy.missing(offset, end):
            self._have(offset, end, ahead, stop)
        return self.copy.read_into(offset, buffer[: end - offset])

    def _have(self, start: int, stop: int, ahead: int, halt: Stop) -> None:
        """Come back when ``[start, stop)`` is there; somebody else may fetch some of it."""
        while missing := self.copy.missing(start, stop):
            gap = missing.ranges[0]
            with self._bell:
                if any(a < gap.stop and gap.start < b for a, b in self._coming):
                    self._bell.wait(0.1)
                    if halt.is_set():
                        raise Stopped
                    continue
                span = self._span(gap.start, missing.ranges[-1].stop, ahead)
                self._coming.append(span)
            try:
                self._fetch(*span, halt)
            finally:
                with self._bell:
                    self._coming.remove(span)
                    self._bell.notify_all()

    def _span(self, start: int, stop: int, ahead: int) -> tuple[int, int]:
        """Round a stretch to pages, without what is there or coming already behind it."""
        begin = start // PAGE * PAGE if self.size - stop > TAIL else min(start, max(self.size - TAIL, 0))
        begin = max([begin, *(b for _, b in self._coming if b <= start)])
        held = self.copy.held(begin, start).ranges
        begin = held[-1].stop if held else begin
        end = min(-(-(stop + ahead) // PAGE) * PAGE, self.size)
        end = min([end, *(a for a, _ in self._coming if a >= stop)])
        beyond = self.copy.held(stop, end).ranges
        if beyond:
            end = max(beyond[0].start, stop)
        return begin, end

    # -- fetching ------------------------------------------------------------------------------------------------
    def _fetch(self, start: int, stop: int, halt: Stop) -> None:
        if self.away is not None:
            raise self.away
        gaps = self.copy.missing(start, stop)
        pieces = (
            [(at, min(at + SHARE, gap.stop)) for gap in gaps.ranges for at in range(gap.start, gap.stop, SHARE)]
            if gaps.total > 2 * SHARE
            else [(gap.start, gap.stop) for gap in gaps.ranges]
        )
        if len(pieces) == 1:
            self._piece(*pieces[0], halt)
        else:
            self._side_by_side(pieces, halt)

    def _side_by_side(self, pieces: list[tuple[int, int]], halt: Stop) -> None:
        left, lock, errors = list(reversed(pieces)), threading.Lock(), list[Exception]()
        done = threading.Semaphore(0)
        lanes = min(LANES, len(pieces))

        def lane() -> None:
            try:
                while not errors and not halt.is_set():
                    with lock:
                        piece = left.pop() if left else None
                    if piece is None:
                        return
                    self._piece(*piece, halt)
            except Exception as error:  # noqa: BLE001 (who reads raises it)
                errors.append(error)
            finally:
                done.release()

        for _ in range(lanes):
            _lanes.submit(lane)
        for _ in range(lanes):
            while not done.acquire(timeout=0.1):
                pass
        if errors:
            raise errors[0]

    def _piece(self, start: int, stop: int, halt: Stop) -> None:
        """Fetch a stretch; try again, with growing pauses, as long as that may help."""
        retry, at = Retry(), start
        tries = 0
        while at < stop:
            before = at
            try:
                at = self._part(at, stop, halt)
            except TransferError as error:
                held = self.copy.missing(before, stop).ranges
                at = held[0].start if held else stop
                tries = 0 if at > before else tries + 1
                if not error.retryable or isinstance(error, Offline | RangesRefused) or tries > retry.first:
                    raise
                time.sleep(min(retry.base * 2**tries, 2.0) * random.uniform(0.5, 1.0))

    def _part(self, start: int, stop: int, halt: Stop) -> int:
        want = Want(start, stop, self.copy.version, self.size, part=True)
        self.requests += 1
        stream = self._source.open(want, halt)
        assert stream is not None
        try:
            return self._land(stream, start, stop)
        finally:
            stream.close()

    def _land(self, stream: Stream, start: int, stop: int) -> int:
        """Write what comes, a megabyte at a time; give how far it came."""
        at, heard = start, time.monotonic()
        buffer = memoryview(bytearray(min(_BUFFER, stop - start)))
        filled = 0
        try:
            while at + filled < stop:
                got = stream.read_into(buffer[filled : min(len(buffer), stop - at)])
                now = time.monotonic()
                if got > 0:
                    filled, heard = filled + got, now
                elif got == 0:
                    break
                elif now - heard > self._patience.response:
                    raise TransferTimeout(f"Nothing comes any more from {self.where}.")
                if filled == len(buffer):
                    self.copy.write(at, buffer)
                    at, filled = at + filled, 0
            if at + filled == stop:
                stream.read_into(memoryview(bytearray(1)))  # its end: then the connection can be used again
        finally:
            if filled:
                self.copy.write(at, buffer[:filled])
                at += filled
        return at


_lanes: Final = Workers(LANES * 2, "nbxfer-sparse")


def open_sparse(
    source: Source,
    shelf: Shelf,
    identity: str,
    where: str,
    patience: Patience,
    stop: Stop,
    most: int,
    away: TransferError | None = None,
) -> Sparse:
    """Ask what the source is, and give it with its copy. Raises NotSparse, TransferError.

    Where it cannot be asked at the moment (or is not to be: ``away`` says why), and a copy is kept, what is in that
    can be read, and nothing else. ``most`` is the bound of all copies (bytes).
    """
    known = shelf.newest(identity)
    if away is not None:
        if known is None:
            raise away
        return Sparse(source, known, where, patience, away)
    try:
        probe, begun = _probe(source, 1 if known is not None and known.total else HEAD, stop)
    except NetworkError as error:
        if known is None:
            raise
        return Sparse(source, known, where, patience, error)
    except BaseException:
        if known is not None:
            shelf.give_back(known, most)
        raise
    if known is not None:
        shelf.give_back(known, most)
    version, size = probe.validator, probe.size
    if version is None or not version.strong or size is None or not probe.ranges:
        lack = "nothing tells its versions apart for certain" if probe.ranges else "it gives no ranges"
        raise NotSparse(RangesRefused(f"{where} cannot be read in any order: {lack}."))
    copy = shelf.take(identity, version, size)
    if begun and copy.missing(0, len(begun)):
        copy.write(0, memoryview(begun))
    return Sparse(source, copy, where, patience, None)


def _probe(source: Source, head: int, stop: Stop) -> tuple[Probe, bytes]:
    """Ask for the first bytes, so that the answer shows that parts can be had."""
    try:
        stream = source.open(Want(0, head, ranged=True), stop)
    except BadAnswer as error:
        raise NotSparse(error) from None
    assert stream is not None
    room, filled = memoryview(bytearray(head)), 0
    try:
        until = time.monotonic() + 60
        while filled < head and (got := stream.read_into(room[filled:])) and time.monotonic() < until:
            filled += max(got, 0)
        if filled == head:
            stream.read_into(memoryview(bytearray(1)))
        return stream.probe, bytes(room[:filled])
    finally:
        stream.close()
