"""One request head out, one response head in, over one line (RFC 9112). What the body is made of is told, not read."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import h11

from nbxfer.errors import BadAnswer, NetworkError, WebErrorStatus
from nbxfer.wire.sockets import Line, Tick, in_time

if TYPE_CHECKING:
    import httpx

    from nbxfer.wire.proxies import Proxy

#: The longest head that is read (bytes), and the most interim answers (1xx) in front of the final one.
MAX_HEAD: Final = 64 * 1024
MAX_INTERIM: Final = 20

#: Bytes read at once: most heads, and with them a small body.
PIECE: Final = 16 * 1024

Framing = Literal["length", "chunked", "close", "frames"]


class HTTP11Wanted(NetworkError):
    """The server wants this request over HTTP/1.1 (RFC 9113 §7). Never leaves the wire."""


@dataclass(frozen=True)
class Head:
    """A final response head. Names are lower case, in the order they came.

    ``framing`` says how the body ends: after ``length`` bytes, by chunks, with the connection, or (HTTP/2) by frames.
    ``rest`` has come of the body already; for chunks and frames it is inside ``protocol``. ``reusable``: another
    request may follow the body.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    framing: Framing
    length: int | None
    reusable: bool
    rest: bytes = field(repr=False)
    protocol: Any = field(repr=False)  # h11.Connection, or http2.Exchange


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request without a body, as it is sent: ``fields`` begin with Host. ``text`` is the URL once more."""

    method: str
    url: httpx.URL
    fields: Sequence[tuple[bytes, bytes]]
    text: str

    @classmethod
    def of(cls, signed: httpx.Request) -> Request:
        """Give what httpx has made."""
        return cls(signed.method, signed.url, signed.headers.raw, str(signed.url))


def exchange(line: Line, request: Request, within: float, tick: Tick, proxy: Proxy | None = None) -> Head:
    """Send ``request``, which has no body, and read the head of the final answer.

    ``within`` seconds are for all of it: a server that drips, or sends interim answers for ever, gains nothing by it.
    ``proxy`` is who reads it first, and wants to know the whole URL (RFC 9112 §3.2.2). Raises TransferTimeout,
    NetworkError, BadAnswer, NeedsAttention; foreign errors leave as they are.
    """
    target, fields = written(request, proxy)
    return converse(line, request.method, target, fields, within, tick)


def written(request: Request, proxy: Proxy | None) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Give the target and the fields of ``request`` as they are sent, where ``proxy`` reads it first."""
    target, fields = request.url.raw_path, list(request.fields)
    if proxy is not None:
        target = b"http://" + request.url.netloc + target
        fields += proxy.authorization()
    return target, fields


def converse(
    line: Line, method: str, target: bytes, fields: Sequence[tuple[bytes, bytes]], within: float, tick: Tick
) -> Head:
    """Send a request as it is written here, and read the head of the final answer; see ``exchange``."""
    deadline = time.monotonic() + within
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    head = protocol.send(h11.Request(method=method, target=target, headers=list(fields)))
    line.send(head + protocol.send(h11.EndOfMessage()), deadline, tick)
    return _head(response(line, protocol, deadline, tick), protocol)


def response(
    line: Line, protocol: h11.Connection, deadline: float, tick: Tick, who: str = "The server"
) -> h11.Response:
    """Read the head of the final answer; ``who`` is what the sentences call the other side."""
    room = memoryview(bytearray(PIECE))
    interim = 0
    while True:
        event = protocol.next_event()
        if isinstance(event, h11.Response):
            return event
        if isinstance(event, h11.InformationalResponse):
            interim += 1
            if interim > MAX_INTERIM:
                raise BadAnswer(f"{who} sent more than {MAX_INTERIM} interim answers and no final one.")
            continue
        tick()
        in_time(deadline, f"{who} did not answer in time.")
        got = line.fill(room)
        if got == 0:
            raise NetworkError(
                f"{who} closed the connection before it had answered.", status=WebErrorStatus.CONNECTION_ABORTED
            )
        if got > 0:
            protocol.receive_data(bytes(room[:got]))


def _head(response: h11.Response, protocol: h11.Connection) -> Head:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
    lengths = {value for name, value in headers if name == "content-length"}
    coded = any(name == "transfer-encoding" for name, _ in headers)
    if lengths and coded:  # RFC 9112 §6.3: the mark of smuggling
        raise BadAnswer(
            "The server gives two lengths for one answer.", hint="A proxy on the way may be broken, or an attack."
        )
    words = {w.strip().lower() for name, value in headers if name == "connection" for w in value.split(",")}
    status = response.status_code
    length: int | None = None
    framing: Framing = "close"
    if status in (204, 304):  # never a body, whatever the head says (RFC 9112 §6.3)
        framing, length = "length", 0
    elif coded:
        framing = "chunked"
    elif lengths:
        framing, length = "length", int(lengths.pop())
    reusable = response.http_version == b"1.1" and "close" not in words and framing != "close"
    rest = b"" if framing == "chunked" else protocol.trailing_data[0]
    return Head(status, headers, framing, length, reusable, rest, protocol)
