"""What is left to h11: heads that are out of the way, and bodies in chunks (RFC 9112 §7.1).

Its errors leave this module as NotHTTP and NotWritable, so that who never meets such an answer never imports it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import h11

from nbxfer.errors import BadAnswer
from nbxfer.wire.body import PIECE, Settle, Settled, cut_off
from nbxfer.wire.exchange import MAX_HEAD, MAX_INTERIM, Framing, Head, goes_on, heard
from nbxfer.wire.exchange import PIECE as HEADS
from nbxfer.wire.foreign import NotHTTP, NotWritable
from nbxfer.wire.sockets import Line, Tick


@contextmanager
def _judging() -> Iterator[None]:
    try:
        yield
    except h11.LocalProtocolError:
        raise NotWritable from None
    except h11.ProtocolError:
        raise NotHTTP from None


def begun(method: str, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> tuple[h11.Connection, bytes]:
    """Give a conversation in which this request was sent, and the request as it is sent. Raises NotWritable."""
    with _judging():
        protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        said = protocol.send(h11.Request(method=method, target=target, headers=list(fields)))
        return protocol, said + protocol.send(h11.EndOfMessage())


def response(
    line: Line, protocol: h11.Connection, piece: bytes, deadline: float, tick: Tick, who: str = "The server"
) -> h11.Response:
    """Read the head of the final answer, which begins with ``piece``; ``who`` is what the sentences call that side.

    Raises NotHTTP, and what exchange does.
    """
    room = memoryview(bytearray(HEADS))
    interim = 0
    with _judging():
        while True:
            if piece:
                protocol.receive_data(piece)
            event = protocol.next_event()
            if isinstance(event, h11.Response):
                return event
            piece = b""
            if isinstance(event, h11.InformationalResponse):
                interim += 1
                if interim > MAX_INTERIM:
                    raise BadAnswer(f"{who} sent more than {MAX_INTERIM} interim answers and no final one.")
                continue
            piece = heard(line, room, deadline, tick, who)


def head(line: Line, protocol: h11.Connection, piece: bytes, deadline: float, tick: Tick) -> Head:
    """Read the head of the final answer, and say how its body ends."""
    answer = response(line, protocol, piece, deadline, tick)
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers)
    lengths = {value for name, value in headers if name == "content-length"}
    coded = any(name == "transfer-encoding" for name, _ in headers)
    if lengths and coded:  # RFC 9112 §6.3: the mark of smuggling
        raise BadAnswer(
            "The server gives two lengths for one answer.", hint="A proxy on the way may be broken, or an attack."
        )
    status = answer.status_code
    length: int | None = None
    framing: Framing = "close"
    if status in (204, 304):  # never a body, whatever the head says (RFC 9112 §6.3)
        framing, length = "length", 0
    elif coded:
        framing = "chunked"
    elif lengths:
        framing, length = "length", int(lengths.pop())
    reusable = answer.http_version == b"1.1" and goes_on(headers) and framing != "close"
    rest = b"" if framing == "chunked" else protocol.trailing_data[0]
    return Head(status, headers, framing, length, reusable, rest, protocol)


class ChunkedBody:
    """A body in chunks (RFC 9112 §7.1), taken apart by h11; see Body."""

    proven = True

    def __init__(self, line: Line, protocol: h11.Connection, settle: Settle, *, reusable: bool) -> None:
        self._line, self._protocol, self._reusable = line, protocol, reusable
        self._settle = Settled(settle)
        self._piece = memoryview(b"")
        self._room = memoryview(b"")
        self._ended = False

    def read_into(self, view: memoryview) -> int:
        """See Body."""
        filled = 0
        while filled < len(view):
            if not self._piece:
                if self._ended:
                    break
                with _judging():
                    event = self._protocol.next_event()
                if isinstance(event, h11.Data):
                    self._piece = memoryview(event.data)
                elif isinstance(event, h11.EndOfMessage):
                    self._ended = True
                    self._settle(fit=self._reusable and not self._protocol.trailing_data[0])
                elif filled:  # give what has come before waiting for more
                    break
                elif self._more() < 0:
                    return -1
                continue
            got = min(len(self._piece), len(view) - filled)
            view[filled : filled + got] = self._piece[:got]
            self._piece = self._piece[got:]
            filled += got
        return filled

    def _more(self) -> int:
        if not self._room:
            self._room = memoryview(bytearray(PIECE))
        got = self._line.fill(self._room)
        if got == 0:
            raise cut_off()
        if got > 0:
            with _judging():
                self._protocol.receive_data(bytes(self._room[:got]))
        return got

    def close(self) -> None:
        """See Body."""
        self._settle(fit=False)
