"""The bytes of one operation on their way to a far side: pieces of the source, each sent by one of a few lanes.

A lane that fails gives its piece back and goes home; the others go on. What ended the last one is the answer. So the
machine above sees one fetch with one end, as it does where bytes come.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.probe import Want
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.core.record import Ticket
from nbxfer.engine import parts as parted
from nbxfer.engine.job import Job
from nbxfer.engine.pieces import Brake, Kept, Piece
from nbxfer.errors import BadAnswer, TransferError, WebErrorStatus
from nbxfer.manifest.base import BlockLog, Row
from nbxfer.sinks.far import Cut, Far
from nbxfer.sources.base import Stopped, Stream

#: Seconds between two reports.
REPORT_EVERY: Final = 0.1
#: Bytes of pieces that are held in memory at once.
BUDGET: Final = 32 * 1024 * 1024


class Span(NamedTuple):
    """What one piece has, from ``start`` to ``stop`` (exclusive); an empty object is one empty piece."""

    start: int
    stop: int


class Senders:
    """Sends what ``action`` names, beginning with the open ``stream``."""

    def __init__(
        self, job: Job, far: Far, ticket: Ticket, action: do.Fetch, stream: Stream, report: Callable[[ev.Event], None]
    ) -> None:
        self._job, self._far, self._ticket, self._action, self._report = job, far, ticket, action, report
        self._stream: Stream | None = stream
        self._stop = Brake(job)
        self._lock = threading.Lock()
        self._pieces = self._cut(ticket.unit)
        self._fatal: BaseException | None = None
        self._last: TransferError | None = None
        self._alive = 0
        self._reported = time.monotonic()
        self._proven = stream.length_proven
        self._size = action.size
        self._log: BlockLog | None = None
        self._stood = stream.probe.start  # where the open body stands

    def _cut(self, unit: int) -> list[Span]:
        """Give the pieces of what is missing, the first one last."""
        pieces: list[Span] = []
        for span in self._action.segments:
            if not unit:
                pieces.append(Span(span.start, span.stop))
                continue
            pieces += [
                Span(max(at, span.start), min(at + unit, span.stop))
                for at in range(span.start // unit * unit, span.stop, unit)
            ]
        if self._action.size == 0:
            pieces = [Span(0, 0)]
        return pieces[::-1]

    def run(self) -> ev.Event:
        """Send everything; give the answer. Raises Stopped."""
        job, serial = self._job, self._action.serial
        if self._far.ledger:
            self._log = job.manifest.blocks(job.op_id, self._ticket.epoch)
        try:
            if self._action.size is None:
                self._to_the_end()
            else:
                self._all()
        except TransferError as error:
            if not self._ticket.unit:
                job.sends(RangeSet())
            return ev.RangeLost(serial, faults.of(error), job.held)
        except (Stopped, Cut):
            if not self._ticket.unit:
                job.sends(RangeSet())
            raise
        finally:
            stream, self._stream = self._stream, None
            if stream is not None:
                stream.close()
            if self._log is not None:
                self._log.close()
        return ev.RangeLanded(serial, job.held, self._size, self._proven)

    # -- lanes -------------------------------------------------------------------------------------------------------
    def _all(self) -> None:
        width = self._width()
        if width <= 1:
            self._alive = 1
            self._lane()
        else:
            self._side_by_side(width)
        if self._fatal is not None:
            raise self._fatal
        if self._job.stop.is_set():
            raise Stopped
        if self._pieces and self._last is not None:
            raise self._last

    def _width(self) -> int:
        unit = self._ticket.unit
        most = min(self._far.lanes, len(self._pieces), max(1, BUDGET // unit) if unit else 1)
        return min(self._action.lanes, most)

    def _side_by_side(self, width: int) -> None:
        host, hosts = self._job.host, self._job.hosts
        placed = 0
        while placed < width - 1 and hosts.take(host):
            placed += 1
        self._alive = placed + 1
        if self._stream is not None and placed:  # each lane asks for its own pieces
            self._stream.close()
            self._stream = None
        threads: list[threading.Thread] = []
        try:
            for _ in range(placed):
                run = contextvars.Context().run
                thread = threading.Thread(target=run, args=(self._lane,), name="nbxfer-sender", daemon=True)
                try:
                    thread.start()
                except RuntimeError:  # the interpreter is leaving
                    self._alive -= 1
                    continue
                threads.append(thread)
            self._lane()
        finally:
            if self._fatal is not None:
                self._stop.ending = True
            for thread in threads:
                while thread.is_alive():
                    thread.join(REPORT_EVERY)
                    self._tell()
            for _ in range(placed):
                hosts.release(host)
            self._tell(always=True)

    def _lane(self) -> None:
        """Send pieces until there are none. Never raises."""
        try:
            while not self._stop.is_set() and (piece := self._next()) is not None:
                try:
                    self._put(piece)
                except BaseException:
                    with self._lock:
                        self._pieces.append(piece)
                    raise
        except (Stopped, Cut):
            pass
        except TransferError as error:
            with self._lock:
                self._last = error
                if not error.retryable or self._alive <= 1:
                    self._fatal = self._fatal or error
                    self._stop.ending = True
        except BaseException as error:  # noqa: BLE001 (a bug of ours or of a library: told once, above)
            self._fatal = self._fatal or error
            self._stop.ending = True
        finally:
            with self._lock:
                self._alive -= 1

    def _next(self) -> Span | None:
        with self._lock:
            return self._pieces.pop() if self._pieces else None

    def _put(self, span: Span) -> None:
        stream, mine = self._at(span)
        done = False
        try:
            body = Piece(self._job, stream, (span.start, span.stop), self._stop, self._sent(span))
            body.last = span.stop == self._action.size
            self._far.put(self._ticket, body, self._action.size, self._stop)
            if body.short:
                raise BadAnswer("The source ended before all of it had come.")
            done = True
        finally:
            if not mine or not done:
                stream.close()
                if mine:
                    self._stream = None
        self._landed(span.start, span.stop, body.crc)

    def _at(self, span: Span) -> tuple[Stream, bool]:
        """Give a body that stands where the piece begins; say whether it is the one that goes on behind it."""
        stream = self._stream
        if stream is not None and self._stood == span.start:
            return stream, True
        if stream is not None:
            self._stream = None
            stream.close()
        want = Want(span.start, span.stop, self._action.pinned, self._action.size, part=True)
        if span.start == span.stop:
            want = Want(0, None, self._action.pinned, self._action.size)
        return parted.opened(self._job.source, want, self._stop), False

    # -- what is told ------------------------------------------------------------------------------------------------
    def _sent(self, span: Span) -> Callable[[int], None]:
        """Give what hears how far a piece is: where the whole object is one piece, that is the progress."""

        def told(given: int) -> None:
            if not self._ticket.unit and given:
                self._job.landing.land(span.start, span.start + given)
            self._tell()

        return told

    def _landed(self, start: int, stop: int, crc: int) -> None:
        if self._log is not None and stop > start:
            self._log.append([Row(start // BLOCK, stop - start // BLOCK * BLOCK, crc)])
        if self._stream is not None:
            self._stood = stop
        if stop > start:
            self._job.landing.land(start, stop)
        self._tell()

    def _tell(self, *, always: bool = False) -> None:
        now = time.monotonic()
        with self._lock:
            if not always and now - self._reported < REPORT_EVERY:
                return
            self._reported = now
        self._report(ev.BlocksLanded(self._action.serial, self._job.held))

    # -- a source that does not say how long it is ---------------------------------------------------------------------
    def _to_the_end(self) -> None:
        stream, unit, most = self._stream, self._ticket.unit, self._action.most
        assert stream is not None
        at, ahead, ended = 0, bytearray(), False
        while not ended:
            span = (at, at + unit if unit else None)
            body: Piece = Piece(self._job, stream, span, self._stop, self._sent(Span(at, at)))
            if unit:
                data, ended = self._gathered(stream, ahead, unit)
                ahead = data[unit:]
                kept = Kept(self._job, stream, (at, at + min(len(data), unit)), self._stop, lambda given: None)
                body = kept.keep(data[:unit])
                body.last = ended
                stop = at + len(data[:unit])
            else:
                body.last = ended = True
            self._far.put(self._ticket, body, None, self._stop)
            if not unit:
                stop = at + body.given
            self._landed(at, stop, 0)
            at = stop
            if most is not None and at > most:
                raise BadAnswer(
                    f"The server sends more than {most} bytes, the most that may come.",
                    status=WebErrorStatus.FILE_TOO_LARGE,
                    hint="Give a larger max_size.",
                )
        self._size, self._proven = at, stream.length_proven

    def _gathered(self, stream: Stream, ahead: bytearray, unit: int) -> tuple[bytearray, bool]:
        """Read one piece and a little of the next, so that the last one is known as the last."""
        data = bytearray(ahead)
        reader = Piece(self._job, stream, (0, None), self._stop, lambda given: self._tell())
        for chunk in reader.chunks():
            data += chunk
            if len(data) > unit:
                return data, False
        return data, True
