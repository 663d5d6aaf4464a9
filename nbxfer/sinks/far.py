"""The shape of a sink at a far side: a store or a server that takes an object in pieces, or whole.

There is no part file: what is held is what the far side says it has. Blocking calls from worker threads; one object an
operation. The order is::

    begin → (the ticket is written down) → put, put … → publish        or discard
    held  → put what is missing → publish                              after a crash, with the ticket

Whatever is written before ``publish`` is under no final name, except where ``direct`` says that the far side knows no
such thing.

The *ticket* is in the record: ``epoch``, ``place`` (what the far side calls it: an upload id, a URL; never a secret),
``unit`` (bytes of a piece, 0 for one whole body) and ``once`` (it may have been done, and is done again only when a
person says so). Temporary names, in the folder of the final one, and the mark of objects of S3::

    .<NAME up to 100 bytes>.<id>.<epoch>.part
    x-amz-meta-nbxfer: <id>.<epoch>
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar, Final, Protocol

import msgspec

from nbxfer.core.probe import Claim, Validator
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.sinks.base import Sink
from nbxfer.wire.access import Access
from nbxfer.wire.storing import GivenUp, Unwilling

__all__ = ["Begun", "Body", "Bytes", "Cut", "Far", "Listing", "Standing", "Stop", "Unwilling", "here"]

#: The bytes of a piece, where the far side leaves that to us.
PIECE: Final = 8 * 1024 * 1024
#: And of one that a store takes by itself: nothing of it is held here, and each is one request.
DRAWN: Final = 64 * 1024 * 1024


class Stop(Protocol):
    """How a sink learns that nobody wants its answer any more."""

    def is_set(self) -> bool:
        """Say whether to come home at once."""
        ...


class Cut(GivenUp):
    """Raised by a sink that came home because ``Stop`` was set. Never leaves the engine."""


class Standing(msgspec.Struct, frozen=True):
    """What lies at the destination at this moment.

    ``version`` is what the store calls it; ``claims`` what it says that its bytes add up to; ``parted`` the sizes of
    the pieces of which ``claims`` speak one by one (S3's composite tags), 0 for the whole. ``mark`` is ours, where an
    upload of ours left one.
    """

    size: int
    version: str = ""
    claims: tuple[Claim, ...] = ()
    parted: int = 0
    modified: float | None = None
    mark: str = ""


class Begun(msgspec.Struct, frozen=True):
    """An upload that is not finished, as its store tells of it: the URL of the object, its id, when it was begun."""

    url: str
    place: str
    at: float  # Unix time
    size: int = 0  # bytes that the store holds of it


class Listing(Protocol):
    """What a store tells of uploads that are not finished, where it tells of them at all."""

    def begun(self, prefix: str, stop: Stop) -> list[Begun]:
        """Give those to objects whose URLs begin with ``prefix``. Raises TransferError, Cut."""
        ...

    def give_up(self, upload: Begun, stop: Stop) -> None:
        """Have the store forget one; no matter if it has done so already. Raises TransferError, Cut."""
        ...


class Bytes(io.BytesIO):
    """The bytes of one piece, as clients read them; a type of its own, so that nobody's log shows them."""

    def __init__(self, size: int = 0) -> None:
        super().__init__()
        self.size = size
        if size:
            self.seek(size - 1)
            self.write(b"\0")
            self.seek(0)

    @property
    def view(self) -> memoryview:
        """The bytes themselves, to be read or filled; let it go before the bytes are given away."""
        return self.getbuffer()

    def close(self) -> None:
        """Stay open: some clients close what they have sent, and have to send it again."""

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        return f"<{self.size} bytes>"


class Body(Protocol):
    """The bytes of one piece, from ``start`` to ``stop`` (exclusive; None: to the end, which nobody knows yet)."""

    @property
    def start(self) -> int:
        """Where it begins."""
        ...

    @property
    def stop(self) -> int | None:
        """Where it ends."""
        ...

    @property
    def last(self) -> bool:
        """Whether nothing follows it."""
        ...

    def chunks(self) -> Iterator[memoryview]:
        """Give the bytes, in order, a little at a time; each view is good until the next is asked for.

        Raises what the source raises, and Cut.
        """
        ...

    def whole(self) -> Bytes:
        """Give all of them at once; for pieces that fit into memory. Raises the same."""
        ...


class Far(ABC):
    """Where bytes go, far away. Raises TransferError, and Cut when ``stop`` is set."""

    #: The most pieces that may be under way beside each other; 1: in order.
    lanes: ClassVar[int] = 1
    #: Whether bytes are seen under the final name while they come.
    direct: ClassVar[bool] = False
    #: Whether the far side holds what it gets against a checksum that comes along.
    proves: ClassVar[bool] = False
    #: Whether its word needs what was written down here beside it: pieces are to be of one block then.
    ledger: ClassVar[bool] = False
    #: Whether what another publishes at that place may have the far side throw away what it holds: it is sent again.
    alone: ClassVar[bool] = False
    #: Whether it can go on from what the far side has.
    resumable: ClassVar[bool] = True

    #: What the far side answered that a person should know of; "" for nothing.
    said: str = ""
    #: What the store is to take by itself, where that lies in the same store; None: the bytes are brought to it.
    origin: Access | None = None

    def draws(self, origin: Access) -> bool:
        """Say whether the store could take what ``origin`` names by itself. Asks nobody."""
        return False

    def draw(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """Have the store take one piece of ``origin`` by itself; return when it has it. As ``put`` otherwise.

        Where the store can be bound to the version ``pinned`` it is; the engine looks at that version once more before
        all is published. Raises Unwilling, SourceChanged, what ``put`` raises. What is drawn in one request may wait
        for ``publish``, which raises Unwilling then.
        """
        raise Unwilling("it has no copy of its own")

    def check(self) -> None:  # noqa: B027 (most have nothing to look at)
        """Look, without asking anybody, whether this can be done at all. Raises InvalidRequest."""

    @abstractmethod
    def standing(self, stop: Stop) -> Standing | None:
        """Give what lies at the destination; None where nothing does.

        Raises AccessDenied, SourceNotFound (no such bucket).
        """

    @abstractmethod
    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """Begin an upload, and give what goes on with it. Raises InvalidRequest where ``size`` is too much."""

    @abstractmethod
    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """Give what the far side has of it: whole pieces, or a front; None where it does not know of it any more.

        ``acknowledged`` is what was written down here as taken, where this process or another did so.
        """

    @abstractmethod
    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """Send one piece, and return when the far side has taken it (for good, where it can say so)."""

    @abstractmethod
    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """Give the object its name; may be called again when the answer to it was lost.

        Raises DestinationExists where something is there that may not be replaced, SourceChanged where what was
        sent is not there any more (send again), ChecksumMismatch where the far side has other bytes.
        """

    @abstractmethod
    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """Give up an upload: nothing of it stays."""

    def close(self) -> None:  # noqa: B027 (most have nothing open)
        """Let go of what is open. Never raises."""


def here(sink: Sink | Far) -> Sink:
    """Give a sink that is one of this machine; nobody asks this of another."""
    assert not isinstance(sink, Far)
    return sink
