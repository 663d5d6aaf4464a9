"""What sinks of object stores have in common: pieces in any order, and one step that makes an object of them.

What fits into one piece is held in memory and put in one request when it is published. An object of ours carries a
mark, so that an answer that was lost can be made up for by a look at what is there. Where the object comes out of the
same store, the store takes it by itself: small ones in one request, when they are published.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar, Final

from nbxfer.core.probe import Validator
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    DestinationExists,
    InvalidRequest,
    NetworkError,
    ServerBusy,
    SourceChanged,
    SourceNotFound,
    TransferError,
    TransferTimeout,
)
from nbxfer.sinks.far import DRAWN, PIECE, Body, Bytes, Far, Stop, Unwilling
from nbxfer.wire.access import Access
from nbxfer.wire.neighbours import one_store

#: The place of an upload that is a single put.
WHOLE: Final = "put"
MARK: Final = "nbxfer"
#: Seconds for one request about no bytes, and for one with bytes, or that completes an upload.
SHORT: Final = 60.0
LONG: Final = 600.0
#: Bytes; the pieces of large objects are whole numbers of these.
STEP: Final = 1024 * 1024
#: Of an object whose size nobody knows (bytes): 10,000 of them make 156 GiB.
UNKNOWN: Final = 16 * 1024 * 1024
#: What may follow on an answer that did not come.
LOST: Final = (NetworkError, TransferTimeout, ServerBusy, BadAnswer)


class StoreObject(Far):
    """One object of a store. ``mark`` names this upload among all."""

    lanes: ClassVar[int] = 8
    proves: ClassVar[bool] = True
    #: The most pieces, and bytes, that the store takes.
    most: ClassVar[int]
    largest: ClassVar[int]
    #: What a piece is called there, and what is made of them.
    piece: ClassVar[str]
    kind: ClassVar[str] = "an object"
    #: Bytes of a piece that it takes by itself.
    drawn: ClassVar[int] = DRAWN

    def __init__(self, access: Access, mark: str) -> None:
        self._access, self._mark, self.shown = access, mark, access.safe_url
        self._making = threading.Lock()
        self._whole: Bytes | None = None  # what is put in one request
        self._drawn: Validator | None = None  # the version that is taken in one request
        self._takes = False  # it is known which

    def __repr__(self) -> str:
        return f"<{self.kind.partition(' ')[2]} {self.shown}>"

    def _name(self, ticket: Ticket) -> str:
        return f"{self._mark}.{ticket.epoch}"

    # -- what the stores do in ways of their own -----------------------------------------------------------------------
    @abstractmethod
    def _place(self, ticket: Ticket, stop: Stop) -> str:
        """Begin an upload in pieces; give what it is called there."""

    @abstractmethod
    def _spans(self, ticket: Ticket, size: int | None, stop: Stop) -> RangeSet | None:
        """Give what is there of an upload in pieces."""

    @abstractmethod
    def _send(self, ticket: Ticket, number: int, data: Bytes, stop: Stop) -> None:
        """Send the piece of that number, from 0."""

    @abstractmethod
    def _put_whole(self, ticket: Ticket, data: Bytes, stop: Stop, *, replace: bool) -> None:
        """Make the object, in one request."""

    @abstractmethod
    def _complete(self, ticket: Ticket, seal: Seal, stop: Stop, *, replace: bool) -> None:
        """Make the object of its pieces. Raises SourceChanged where some are not there."""

    def _draw_piece(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """Have the store take a piece by itself."""
        raise NotImplementedError

    def _draw_whole(self, ticket: Ticket, seal: Seal, pinned: Validator | None, stop: Stop, *, replace: bool) -> None:
        """Have the store make the object of that of the same store, in one request. Raises Unwilling, SourceChanged."""
        raise NotImplementedError

    def _published(self, ticket: Ticket, stop: Stop) -> None:
        """Clear away what is of no use any more."""

    # -- uploads -----------------------------------------------------------------------------------------------------
    def draws(self, origin: Access) -> bool:
        """See Far."""
        return one_store(origin, self._access)

    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        self._whole, self._drawn, self._takes = None, None, False
        self._forget()
        unit = self._unit(size)
        if size is not None and size <= unit:
            return Ticket(epoch, WHOLE, unit)
        ticket = Ticket(epoch, "", unit)
        return Ticket(epoch, self._place(ticket, stop), unit)

    def _forget(self) -> None:
        """Forget what was known of the pieces of an upload."""

    def _unit(self, size: int | None) -> int:
        """Give the bytes of a piece. Raises InvalidRequest for what the store does not take."""
        if size is None:
            return UNKNOWN
        if size > self.largest:
            most = f"{self.largest}, {self.largest // 1024**4} TiB"
            raise InvalidRequest(
                f"{size} bytes are more than {self.kind} may have ({most}), so {self.shown} cannot take them.",
                hint="Send it in several files.",
            )
        return max(self.drawn if self.origin is not None else PIECE, -(size // -(self.most * STEP)) * STEP)

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        if ticket.place != WHOLE:
            return self._spans(ticket, size, stop)
        if self._takes:
            return RangeSet.of([(0, size or 0)])
        return RangeSet.of([(0, len(self._whole))]) if self._whole is not None else RangeSet()

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        data = body.whole()
        if ticket.place == WHOLE:
            self._whole = data
            return
        self._send(ticket, self._number(ticket, body.start), data, stop)

    def _number(self, ticket: Ticket, start: int) -> int:
        number = start // ticket.unit
        if number >= self.most:
            raise InvalidRequest(
                f"{self.shown} would need more than {self.most} {self.piece}s.", hint="Give expect_size."
            )
        return number

    def draw(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """See Far."""
        if ticket.place == WHOLE:
            self._drawn, self._takes = pinned, True
            return
        self._draw_piece(ticket, span, size, pinned, stop)

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        mark, there = self._name(ticket), self.standing(stop)
        if there is None or there.mark != mark:  # else the answer was lost
            if there is not None and not replace:
                raise self._is_there("Give if_exists='overwrite' to replace it.")
            try:
                self._make(ticket, seal, stop, replace=replace)
            except (*LOST, DestinationExists) as error:
                there = self.standing(stop)
                if there is None or there.mark != mark:
                    if error.http_status in (409, 412) and not replace:
                        raise self._is_there("Give another destination.") from None
                    raise
            there = self.standing(stop)
        if there is None or there.size != seal.size:
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        self._whole, self._takes = None, False
        with suppress(TransferError):  # it has its name; what cannot be removed is not worth an error
            self._published(ticket, stop)
        return Published(self.shown, there.size, 0, version=there.version)

    def _make(self, ticket: Ticket, seal: Seal, stop: Stop, *, replace: bool) -> None:
        if ticket.place != WHOLE:
            return self._complete(ticket, seal, stop, replace=replace)
        if self._takes:
            return self._draw_whole(ticket, seal, self._drawn, stop, replace=replace)
        if self._whole is None or len(self._whole) != seal.size:
            raise SourceChanged("What was to be put is not in memory any more.")
        return self._put_whole(ticket, self._whole, stop, replace=replace)

    def _is_there(self, hint: str) -> DestinationExists:
        return DestinationExists(f"{self.shown} is there already.", hint=hint)

    def _look_around(self, ask: Callable[[], object], what: str) -> None:
        """Tell a missing bucket from a missing object. Who may not ask that finds out when it is written to."""
        try:
            ask()
        except SourceNotFound:
            raise SourceNotFound(
                f"There is no {what}.", http_status=404, hint="Check the URL, or make it first."
            ) from None
        except (NetworkError, TransferTimeout, ServerBusy):
            raise
        except TransferError:
            return


@contextmanager
def drawing() -> Iterator[None]:
    """Tell, of what a store answers to a copy within itself, that it will not from that the source is another now."""
    try:
        yield
    except SourceNotFound:  # the source, or the upload: a look at both says which
        raise SourceChanged("What was to be copied is not there any more.") from None
    except (AccessDenied, BadAnswer, InvalidRequest) as error:
        if error.http_status == 412:
            raise SourceChanged("What was to be copied is another version now.") from None
        word = f"the store does not do it ({error.http_status or type(error).__name__})"
        raise Unwilling(word, always=error.http_status in (405, 501)) from None
