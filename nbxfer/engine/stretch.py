"""Stretches of one version into a sparse copy: asked for as parts, held against what is there beside them.

A server may call two versions by one name, or send other bytes than its Content-Range says. So each part reaches a
little into what is there before and behind it, as every resume of a download does, and is only believed where it
says the same. It comes no faster than is wanted, and not at all where the network is not to be used.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nbxfer.cache.copy import Copy
from nbxfer.core.plan import OVERLAP
from nbxfer.core.policy import Patience, Retry
from nbxfer.core.probe import Want
from nbxfer.engine import pace
from nbxfer.engine.pace import Pace
from nbxfer.engine.workers import Workers
from nbxfer.errors import Offline, RangesRefused, SourceChanged, TransferError, TransferTimeout
from nbxfer.sources.base import Source, Stop, Stopped, Stream

#: A stretch of more than two of these is fetched over several connections.
SHARE: Final = 8 << 20
LANES: Final = 4
_BUFFER: Final = 1 << 20


@dataclass(frozen=True)
class Terms:
    """On what terms bytes come: how fast, whether at all (``refusal`` gives why not), and who counts them."""

    paces: Sequence[Pace] = ()
    refusal: Callable[[], TransferError | None] = lambda: None
    came: Callable[[int], None] = lambda n: None


def doubtful(where: str) -> SourceChanged:
    """Give the error for bytes that are not what they were under the same name."""
    return SourceChanged(
        f"The bytes of {where} are not those that came before, though the server calls them the same.",
        hint="Open it again, and read from the beginning.",
    )


class Stretches:
    """Fetches what is missing of one copy. Any thread."""

    def __init__(self, source: Source, copy: Copy, where: str, patience: Patience, terms: Terms) -> None:
        self._source, self._copy, self._where, self._patience, self._terms = source, copy, where, patience, terms
        self.requests = 0

    def fetch(self, start: int, stop: int, halt: Stop) -> None:
        """Fetch what is missing of ``[start, stop)``. Raises TransferError (SourceChanged for other bytes), Stopped."""
        refused = self._terms.refusal()
        if refused is not None:
            raise refused
        gaps = self._copy.missing(start, stop)
        if gaps.total <= 2 * SHARE:
            for gap in gaps.ranges:
                self._piece(gap.start, gap.stop, halt)
            return
        pieces = [(at, min(at + SHARE, gap.stop)) for gap in gaps.ranges for at in range(gap.start, gap.stop, SHARE)]
        # What comes beside each other is held against each other when all of it is there.
        for at, seen in self._side_by_side(pieces, halt):
            self._same(at, seen)

    def _side_by_side(self, pieces: list[tuple[int, int]], halt: Stop) -> list[tuple[int, bytes]]:
        left, lock, errors = list(reversed(pieces)), threading.Lock(), list[Exception]()
        done, beyond = threading.Semaphore(0), list[tuple[int, bytes]]()
        lanes = min(LANES, len(pieces))

        def lane() -> None:
            try:
                while not errors and not halt.is_set():
                    with lock:
                        piece = left.pop() if left else None
                    if piece is None:
                        return
                    beyond.append((piece[1], self._piece(*piece, halt, beyond=True)))
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
        return beyond

    def _piece(self, start: int, stop: int, halt: Stop, *, beyond: bool = False) -> bytes:
        """Fetch a stretch; try again, with growing pauses, as long as that may help.

        Gives some bytes from ``stop`` on where they came, too: those there, or with ``beyond`` in any case.
        """
        retry, at = Retry(), start
        tries, seen = 0, b""
        while at < stop:
            before = at
            try:
                at, seen = self._part(at, stop, halt, beyond=beyond)
            except TransferError as error:
                held = self._copy.missing(before, stop).ranges
                at = held[0].start if held else stop
                tries = 0 if at > before else tries + 1
                if not error.retryable or isinstance(error, Offline | RangesRefused) or tries > retry.first:
                    raise
                time.sleep(min(retry.base * 2**tries, 2.0) * random.uniform(0.5, 1.0))
        return seen

    def _part(self, start: int, stop: int, halt: Stop, *, beyond: bool) -> tuple[int, bytes]:
        """Ask once; give how far it came, and what was seen behind ``stop``."""
        begin, end = self._beside(start, stop, beyond=beyond)
        self.requests += 1
        stream = self._source.open(Want(begin, end, self._copy.version, self._copy.size, part=True), halt)
        assert stream is not None
        body = _Body(stream, self._where, self._patience, self._terms, halt)
        try:
            self._same(begin, body.read(start - begin))
            at = self._land(body, start, stop)
            seen = body.read(end - stop) if at == stop else b""
            if at == stop:
                body.end()
            self._same(stop, seen)
            return at, seen
        finally:
            stream.close()

    def _beside(self, start: int, stop: int, *, beyond: bool) -> tuple[int, int]:
        """Widen a stretch by what is there just before and just behind it, a little of either."""
        before = self._copy.held(max(start - OVERLAP, 0), start).ranges
        begin = before[-1].start if before and before[-1].stop == start else start
        most = min(stop + OVERLAP, self._copy.size)
        behind = self._copy.held(stop, most).ranges
        end = most if beyond else behind[0].stop if behind and behind[0].start == stop else stop
        return begin, end

    def _same(self, at: int, seen: bytes) -> None:
        """Hold bytes against those of the copy, as far as those are there."""
        if not self._copy.fits(at, seen):
            self._copy.doubted = True
            raise doubtful(self._where)

    def _land(self, body: _Body, start: int, stop: int) -> int:
        """Write what comes, a megabyte at a time; give how far it came."""
        at, filled = start, 0
        buffer = memoryview(bytearray(min(_BUFFER, stop - start)))
        try:
            while at + filled < stop and (got := body.into(buffer[filled : min(len(buffer), stop - at)])):
                filled += got
                if filled == len(buffer):
                    self._copy.write(at, buffer)
                    at, filled = at + filled, 0
        except Stopped:  # who closed it has let go of the copy
            filled = 0
            raise
        finally:
            if filled:
                self._copy.write(at, buffer[:filled])
                at += filled
        return at


class _Body:
    """An open body, read no faster than is wanted."""

    def __init__(self, stream: Stream, where: str, patience: Patience, terms: Terms, halt: Stop) -> None:
        self._stream, self._where, self._patience, self._terms, self._halt = stream, where, patience, terms, halt

    def into(self, buffer: memoryview) -> int:
        """Fill some of ``buffer``; 0 at the end. Raises TransferTimeout where nothing comes any more, Stopped."""
        heard = time.monotonic()
        while (got := self._stream.read_into(buffer[: pace.portion(self._terms.paces)])) < 0:
            if time.monotonic() - heard > self._patience.response:
                raise TransferTimeout(f"Nothing comes any more from {self._where}.")
        if got:
            self._terms.came(got)
            pace.take(self._terms.paces, got, self._halt)
        return got

    def read(self, n: int) -> bytes:
        """Give ``n`` bytes, fewer where it ends before."""
        room, filled = memoryview(bytearray(n)), 0
        while filled < n and (got := self.into(room[filled:])):
            filled += got
        return bytes(room[:filled])

    def end(self) -> None:
        """Read its end: then the connection can be used again."""
        self._stream.read_into(memoryview(bytearray(1)))


_lanes: Final = Workers(LANES * 2, "nbxfer-sparse")
