"""One request at a time over HTTP/2 (RFC 9113), taken apart by h2; imported only where a server has chosen it.

It is there for servers that speak nothing else. Ranges go better over HTTP/1.1: one lost connection costs one request.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.exceptions import H2Error, InvalidBodyLengthError
from h2.settings import SettingCodes, Settings
from hpack import HeaderTuple, NeverIndexedHeaderTuple

from nbxfer.errors import BadAnswer, NetworkError, TransferError, WebErrorStatus
from nbxfer.wire.body import PIECE, Settle, Settled, cut_off
from nbxfer.wire.exchange import MAX_HEAD, MAX_INTERIM, Head, HTTP11Wanted, Request
from nbxfer.wire.sockets import Line, Tick, in_time

#: How much a server may send ahead of the reader, and we may owe the server (bytes).
WINDOW: Final = 4 * 1024 * 1024
MOST_OWED: Final = 1024 * 1024

#: Fields of one connection, which have no meaning here (RFC 9113 §8.2.2); Host is :authority.
_LEFT_OUT: Final = frozenset(b"host connection keep-alive proxy-connection transfer-encoding upgrade".split())

#: What is never put into the table of fields that a connection shares (RFC 7541 §7.1.3).
_SECRET: Final = frozenset(b"authorization cookie".split())

# At DEBUG the library logs every field with its value.
logging.getLogger("hpack").setLevel(logging.INFO)


class Session:
    """What stays between two requests over one line."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._room = memoryview(bytearray(PIECE))
        self._owed = memoryview(b"")
        self.protocol = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.protocol.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEAD,
            },
        )
        self.protocol.initiate_connection()
        self.protocol.increment_flow_control_window(WINDOW)
        self.leaving = False  # the server wants no further request here

    def receive(self) -> list[Event]:
        """Wait at most 0.1 s; give what has come. Raises NetworkError at the end of the line, BadAnswer."""
        self.flush()
        got = self.line.fill(self._room)
        if got == 0:
            raise cut_off()
        if got < 0:
            return []
        try:
            events = self.protocol.receive_data(bytes(self._room[:got]))
        except H2Error as error:
            raise foreign(error) from None
        self.flush()
        return events

    def flush(self) -> None:
        """Send of what we owe (acknowledgements, room to send more) as much as goes out now."""
        owed = self.protocol.data_to_send()
        if owed:
            self._owed = memoryview(bytes(self._owed) + owed)
        while self._owed and (sent := self.line.offer(self._owed)):
            self._owed = self._owed[sent:]
        if len(self._owed) > MOST_OWED:
            raise NetworkError("The server asks and asks, and does not listen.")

    def pending(self) -> bytes:
        """Take what has to go out before anything else."""
        owed, self._owed = bytes(self._owed), memoryview(b"")
        return owed + self.protocol.data_to_send()


def foreign(error: H2Error) -> TransferError:
    """Give our error for one of h2's; their texts are not passed on."""
    if isinstance(error, InvalidBodyLengthError):  # h2 has dropped what was too much: it is asked for again
        return cut_off()
    return BadAnswer("The server does not speak HTTP/2 as it should.")


class Exchange:
    """One request and its answer."""

    def __init__(self, session: Session, stream: int) -> None:
        self.session, self.stream = session, stream
        self.pieces: deque[tuple[memoryview, int]] = deque()  # with the room in the window that each takes
        self.ended = False
        self.head: list[tuple[bytes, bytes]] | None = None
        self.interim = 0

    def more(self) -> bool:
        """Wait at most 0.1 s; say whether anything has come for us. Raises NetworkError, BadAnswer."""
        told = False
        for event in self.session.receive():
            if isinstance(event, ConnectionTerminated):
                self._terminated(event)
            elif getattr(event, "stream_id", None) == self.stream and not self.ended:
                told = True
                self._take(event)
        return told

    def _terminated(self, event: ConnectionTerminated) -> None:
        self.session.leaving = True
        if not self.ended:  # h2 reads nothing after a GOAWAY, though the server might go on with this one
            raise NetworkError(
                "The server closed the connection (GOAWAY) before the whole answer had come.",
                status=WebErrorStatus.CONNECTION_ABORTED,
            )

    def _take(self, event: Event) -> None:
        match event:
            case InformationalResponseReceived():
                self.interim += 1
                if self.interim > MAX_INTERIM:
                    raise BadAnswer(f"The server sent more than {MAX_INTERIM} interim answers and no final one.")
            case ResponseReceived():
                self.head = [(bytes(name), bytes(value)) for name, value in event.headers or ()]
            case DataReceived():
                self.pieces.append((memoryview(event.data or b""), event.flow_controlled_length or 0))
            case StreamEnded():
                self.ended = True
            case StreamReset():
                self.session.leaving = True
                if event.error_code == ErrorCodes.HTTP_1_1_REQUIRED:
                    raise HTTP11Wanted("The server wants HTTP/1.1 for this.")
                raise NetworkError(
                    "The server broke the answer off (RST_STREAM).", status=WebErrorStatus.CONNECTION_RESET
                )

    def consumed(self, room: int) -> None:
        """Let the server send as much again."""
        try:
            self.session.protocol.acknowledge_received_data(room, self.stream)
        except H2Error as error:
            raise foreign(error) from None
        self.session.flush()


def exchange(line: Line, request: Request, within: float, tick: Tick) -> Head:
    """Send ``request``, which has no body, and read the head of the final answer; as wire.exchange does."""
    deadline = time.monotonic() + within
    session = line.session = line.session or Session(line)
    try:
        current = Exchange(session, session.protocol.get_next_available_stream_id())
        session.protocol.send_headers(current.stream, _fields(request), end_stream=True)
    except H2Error as error:
        raise foreign(error) from None
    line.send(session.pending(), deadline, tick)
    while current.head is None:
        tick()
        in_time(deadline, "The server did not answer in time.")
        current.more()
    return _head(current)


def _fields(request: Request) -> list[tuple[bytes, bytes]]:
    url = request.url
    own = [
        (NeverIndexedHeaderTuple if name.lower() in _SECRET else HeaderTuple)(name.lower(), value)
        for name, value in request.fields
        if name.lower() not in _LEFT_OUT
    ]
    return [
        (b":method", request.method.encode()), (b":authority", url.netloc), (b":scheme", url.scheme.encode()),
        (b":path", url.raw_path), *own,
    ]  # fmt: skip


def _head(current: Exchange) -> Head:
    fields = dict.fromkeys((n.decode("latin-1"), v.decode("latin-1")) for n, v in current.head or ())
    status = next((value for name, value in fields if name == ":status"), "")
    if not status.isascii() or not status.isdigit():
        raise BadAnswer("The server gave an answer without a status.")
    headers = tuple((name, value) for name, value in fields if not name.startswith(":"))
    return Head(int(status), headers, "frames", None, reusable=True, rest=b"", protocol=current)


class FramedBody:
    """A body in frames (RFC 9113 §8.1). Its end is always announced."""

    proven = True

    def __init__(self, current: Exchange, settle: Settle) -> None:
        self._current = current
        self._settle = Settled(settle)
        self._look_at_end()

    def _look_at_end(self) -> None:
        if self._current.ended and not self._current.pieces:
            self._settle(fit=not self._current.session.leaving)

    def read_into(self, view: memoryview) -> int:
        """See Body."""
        current = self._current
        if not current.pieces and not current.ended:
            current.more()
        if not current.pieces:
            self._look_at_end()
            return 0 if current.ended else -1
        filled = 0
        while current.pieces and filled < len(view):
            piece, room = current.pieces[0]
            got = min(len(piece), len(view) - filled)
            view[filled : filled + got] = piece[:got]
            filled += got
            current.pieces[0] = (piece[got:], room)
            if got == len(piece):
                current.pieces.popleft()
                if room:
                    current.consumed(room)
        self._look_at_end()
        return filled or -1  # an empty frame is no end

    def close(self) -> None:
        """See Body."""
        self._settle(fit=False)
