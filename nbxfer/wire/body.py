"""The bytes of one answer. A counted body bypasses h11: from the socket into the caller's own large buffer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from nbxfer.errors import NetworkError, WebErrorStatus
from nbxfer.wire.exchange import Head
from nbxfer.wire.sockets import Line

#: Bytes read at once of a chunked body.
PIECE: Final = 256 * 1024

#: Called once when the body is over with: True when the line is fit for another request.
Settle = Callable[[bool], None]


class Body(Protocol):
    """What follows a head. One reader at a time."""

    #: Whether the end is announced, by a length or by chunks, and so can be proven.
    proven: bool

    def read_into(self, view: memoryview) -> int:
        """Give how many of the next bytes are in ``view`` (not empty): 0 at the end, -1 when none came in 0.1 s.

        Raises NetworkError where the body ends before its announced end; foreign errors leave as they are.
        """
        ...

    def close(self) -> None:
        """Let the line go: for another request where the whole body has been read, else for good. Never raises."""
        ...


def open_body(line: Line, head: Head, settle: Settle) -> Body:
    """Give the body that ``head`` announces."""
    if head.framing == "frames":
        from nbxfer.wire.http2 import FramedBody

        return FramedBody(head.protocol, settle)
    if head.framing == "chunked":
        from nbxfer.wire.judged import ChunkedBody

        return ChunkedBody(line, head.protocol, settle, reusable=head.reusable)
    return CountedBody(line, head.rest, head.length, settle, reusable=head.reusable)


class Settled:
    """Tells ``settle`` once; the first word counts."""

    def __init__(self, settle: Settle) -> None:
        self._settle: Settle | None = settle

    def __call__(self, *, fit: bool) -> None:
        """Tell it, unless it has been told."""
        settle, self._settle = self._settle, None
        if settle is not None:
            settle(fit)


def cut_off() -> NetworkError:
    """Give the error for a body that ends before its announced end."""
    return NetworkError(
        "The connection was closed before the whole body had come.", status=WebErrorStatus.CONNECTION_ABORTED
    )


class CountedBody:
    """A body of known length, or (``length`` None) one that ends with the connection."""

    def __init__(self, line: Line, rest: bytes, length: int | None, settle: Settle, *, reusable: bool) -> None:
        self.proven = length is not None
        self._line, self._left = line, length
        self._rest = memoryview(rest) if length is None else memoryview(rest)[:length]
        # Bytes beyond the length belong to no answer of ours: nothing more is read from that line.
        self._reusable = reusable and length is not None and len(rest) <= length
        self._settle = Settled(settle)
        if length == 0:
            self._settle(fit=self._reusable)

    def read_into(self, view: memoryview) -> int:
        """See Body."""
        if self._left is not None:
            if self._left == 0:
                return 0
            view = view[: self._left]
        if self._rest:
            got = min(len(self._rest), len(view))
            view[:got] = self._rest[:got]
            self._rest = self._rest[got:]
        else:
            got = self._line.fill(view)
        if got == 0:
            if self._left is not None:
                raise cut_off()
            self._left = 0
            self._settle(fit=False)
        elif got > 0 and self._left is not None:
            self._left -= got
            if self._left == 0:
                self._settle(fit=self._reusable)
        return got

    def close(self) -> None:
        """See Body. A small body that has come already counts as read."""
        self._settle(fit=self._reusable and self._left == len(self._rest))
