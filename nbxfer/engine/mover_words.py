"""What kernel and mover tell each other, and the channel that carries it: frames of msgpack, and descriptors.

Ranges are pairs (start, stop), stop exclusive. ``task`` numbers the fetches of one mover.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from nbxfer.core.faults import Fault
from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator, Want
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.engine import platform
from nbxfer.wire.prepared import Prepared

#: To be counted up with every change of what is said.
PROTOCOL: Final = 1

Pairs = tuple[tuple[int, int], ...]
_LENGTH: Final = struct.Struct("<I")
#: The longest frame (bytes): the ranges of a part with 100,000 holes, and a head of 64 KiB.
LONGEST: Final = 8 * 1024 * 1024


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Anything that is said."""


# -- by the kernel -------------------------------------------------------------------------------------------------
class Order(Message, frozen=True):
    """A fetch begins; beside it come the descriptors of the part and of its block log."""

    task: int
    prepared: Prepared
    size: int
    pinned: Validator
    patience: Patience
    lanes: int


class Lease(Message, frozen=True):
    """These bytes are the mover's to fetch."""

    task: int
    pairs: Pairs


class Breadth(Message, frozen=True):
    """So many connections there may be from now on."""

    task: int
    lanes: int


class Wanted(Message, frozen=True):
    """Readers wait for these."""

    task: int
    pairs: Pairs


class Grant(Message, frozen=True):
    """So many bytes more may come, at about ``rate`` bytes a second; None: there is no limit."""

    task: int
    more: int
    rate: int | None


class Verdict(Message, frozen=True):
    """What follows from answer ``number``: ask by ``prepared`` from now on, or take ``fault`` for it."""

    task: int
    number: int
    prepared: Prepared | None = None
    fault: Fault | None = None


class Halt(Message, frozen=True):
    """Come home at once, say Done, and forget the task."""

    task: int


# -- by the mover --------------------------------------------------------------------------------------------------
class Hello(Message, frozen=True):
    """It is there, still. ``stamp`` is that of its code: another one may lie on the disk since the kernel began."""

    stamp: str


class Landed(Message, frozen=True):
    """All that has landed since the task began; ``again`` bytes came that were here, ``spent`` came in all."""

    task: int
    pairs: Pairs
    again: int
    spent: int
    lanes: int


class Answered(Message, frozen=True):
    """Another answer than the one that was expected."""

    task: int
    number: int
    want: Want
    status: int
    headers: tuple[tuple[str, str], ...]


class Shut(Message, frozen=True):
    """The server asks to be left alone for so many seconds."""

    task: int
    seconds: float
    fault: Fault


class Done(Message, frozen=True):
    """A lease is over: all of it landed, or ``fault`` ended it. ``refused``: the server gives no parts.

    ``last``: nothing of the task is under way any more, nor will be.
    """

    task: int
    pairs: Pairs
    again: int
    fault: Fault | None = None
    refused: bool = False
    most_lanes: int | None = None
    last: bool = False


Words = Order | Lease | Breadth | Wanted | Grant | Verdict | Halt | Hello | Landed | Answered | Shut | Done
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Words).decode


def stamp() -> str:
    """Give what two processes must have in common to understand each other."""
    return f"{getattr(sys.modules['nbxfer'], '__version__', '')} {PROTOCOL} {BLOCK}"


def pairs_of(ranges: RangeSet) -> Pairs:
    """Give the ranges as they are sent."""
    return tuple((r.start, r.stop) for r in ranges)


class Channel:
    """One end of the pipe between kernel and mover. Sending and receiving are each for one thread at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.setblocking(False)
        self._unread = bytearray()
        self._unsent: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._descriptors: deque[int] = deque()

    def put(self, message: Words, descriptors: Sequence[int] = ()) -> None:
        """Send a message, or keep it until there is room (``flush``); ``descriptors`` are closed when sent.

        Raises OSError where nobody is there.
        """
        data = _encode(message)
        self._unsent.append((_LENGTH.pack(len(data)) + data, tuple(descriptors)))
        self.flush()

    def flush(self) -> bool:
        """Send what is kept; say whether nothing is left."""
        while self._unsent:
            data, descriptors = self._unsent[0]
            try:
                sent = platform.send(self.sock, data, descriptors)
            except BlockingIOError:
                return False
            for descriptor in descriptors:
                os.close(descriptor)
            if sent < len(data):
                self._unsent[0] = (data[sent:], ())
            else:
                self._unsent.popleft()
        return True

    def take(self) -> tuple[list[Words], bool]:
        """Give what has come, and whether the other side is still there. Never waits. Raises OSError, ValueError."""
        there = True
        while True:
            try:
                data, descriptors = platform.receive(self.sock, 65536)
            except BlockingIOError:
                break
            self._descriptors.extend(descriptors)
            if not data:
                there = False
                break
            self._unread += data
        return list(self._frames()), there

    def _frames(self) -> Iterable[Words]:
        while len(self._unread) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._unread)
            if length > LONGEST:
                raise ValueError("a frame is longer than any can be")
            if len(self._unread) < _LENGTH.size + length:
                return
            frame = bytes(self._unread[_LENGTH.size : _LENGTH.size + length])
            del self._unread[: _LENGTH.size + length]
            yield _decode(frame)

    def descriptor(self) -> int:
        """Give the next descriptor that came; who takes it closes it."""
        return self._descriptors.popleft()

    def wait(self, seconds: float, *others: int) -> None:
        """Wait until something has come, here or at ``others``, or what is kept can be sent."""
        watch = select.poll()
        watch.register(self.sock, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        for other in others:
            watch.register(other, select.POLLIN)
        watch.poll(seconds * 1000)

    def close(self) -> None:
        """Close, with what came and nobody took. Never raises."""
        for descriptor in (*self._descriptors, *(fd for _, fds in self._unsent for fd in fds)):
            os.close(descriptor)
        self._descriptors.clear()
        self._unsent.clear()
        self.sock.close()
