"""A source read through a sparse copy: what is asked for and not there is fetched, and nothing else.

All readers of one version in this process share its copy; what one of them is fetching, the others wait for. Every
part is tied to the version that the first answer named: a source that has changed says so, to every reader.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import Final

from nbxfer.cache.copy import Copy
from nbxfer.cache.shelf import Shelf
from nbxfer.core.plan import OVERLAP
from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe, Want
from nbxfer.engine.stretch import Stretches, Terms, doubtful
from nbxfer.errors import BadAnswer, NetworkError, RangesRefused, SourceChanged, TransferError
from nbxfer.sources.base import Source, Stop, Stopped

#: What is fetched is rounded to so many bytes, for who reads little reads near there again.
PAGE: Final = 64 << 10
#: The first answer brings so much of the beginning, a look at the end so much of that: there formats have their tables.
HEAD: Final = 64 << 10
TAIL: Final = 256 << 10
#: Who reads on and on is fetched ahead for, up to so many bytes.
AHEAD: Final = 8 << 20


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

    def __init__(
        self, source: Source, shelf: Shelf, copy: Copy, where: str, stretches: Stretches, away: TransferError | None
    ) -> None:
        self.copy, self.where, self.away = copy, where, away
        self._source, self._shelf, self._stretches = source, shelf, stretches
        turns = _turns.setdefault(copy, _Turns())
        self._bell, self._coming = turns.bell, turns.coming

    @property
    def requests(self) -> int:
        """How many parts were asked for."""
        return self._stretches.requests

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
        if not self.copy.doubted and self.copy.missing(offset, end):
            self._have(offset, end, ahead, stop)
        got = self.copy.read_into(offset, buffer[: end - offset])
        if self.copy.doubted:  # by another reader of it, perhaps
            raise doubtful(self.where)
        return got

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

    def _fetch(self, start: int, stop: int, halt: Stop) -> None:
        if self.away is not None:
            raise self.away
        try:
            self._stretches.fetch(start, stop, halt)
        except SourceChanged:
            if self.copy.doubted:  # who opens it anew begins with nothing
                self._shelf.disown(self.copy)
            raise


def open_sparse(
    source: Source,
    shelf: Shelf,
    identity: str,
    where: str,
    patience: Patience,
    stop: Stop,
    most: int,
    terms: Terms,
    away: TransferError | None = None,
) -> Sparse:
    """Ask what the source is, and give it with its copy. Raises NotSparse, TransferError.

    Where it cannot be asked at the moment (or is not to be: ``away`` says why), and a copy is kept, what is in that
    can be read, and nothing else. ``most`` is the bound of all copies (bytes).
    """
    known = shelf.newest(identity)

    def made(copy: Copy, away: TransferError | None) -> Sparse:
        return Sparse(source, shelf, copy, where, Stretches(source, copy, where, patience, terms), away)

    if away is not None:
        if known is None:
            raise away
        return made(known, away)
    try:
        probe, begun = _probe(source, OVERLAP if known is not None and known.total else HEAD, stop)
        terms.came(len(begun))
    except NetworkError as error:
        if known is None:
            raise
        return made(known, error)
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
    if not copy.fits(0, begun):  # it calls another file by the same name: what was kept of that is not this one's
        shelf.disown(copy)
        shelf.give_back(copy, most)
        copy = shelf.take(identity, version, size)
    if begun and copy.missing(0, len(begun)):
        copy.write(0, memoryview(begun))
    return made(copy, None)


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
