"""One request head out, one response head in, over one line (RFC 9112). What the body is made of is told, not read."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

import h11

from nbxfer.errors import BadAnswer, NetworkError, WebErrorStatus
from nbxfer.wire.place import Place, place
from nbxfer.wire.sockets import Line, Tick, in_time

if TYPE_CHECKING:
    import httpx

    from nbxfer.wire.proxies import Proxy

#: The longest head that is read (bytes), and the most interim answers (1xx) in front of the final one.
MAX_HEAD: Final = 64 * 1024
MAX_INTERIM: Final = 20

#: Bytes read at once: most heads, and with them a small body.
PIECE: Final = 16 * 1024

#: Heads that need no look by h11, for it would make the same of them: ten thousand small files have nothing else. What
#: is here is narrower than RFC 9112 in every place: one blank, CRLF, printable ASCII, no folded lines.
_FIELD: Final = rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ([\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*)\r\n"
_ASKED: Final = re.compile(rb"GET [\x21-\x7e]+ HTTP/1\.1\r\nHost: [\x21-\x7e]+\r\n(?:" + _FIELD + rb")*\r\n")
_TOLD: Final = re.compile(rb"HTTP/1\.1 (20[06]) [\x20-\x7e]+\r\n((?:" + _FIELD + rb")+)\r\n")
_FIELDS: Final = re.compile(_FIELD.decode(), re.ASCII)
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
#: A request with one of these (or a second Host) is h11's to judge.
_STEERING: Final = frozenset((b"host", b"content-length", b"transfer-encoding", b"connection", b"expect", b"upgrade"))

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
    url: Place
    fields: Sequence[tuple[bytes, bytes]]
    text: str

    @classmethod
    def of(cls, signed: httpx.Request) -> Request:
        """Give what httpx has made."""
        return cls(signed.method, place(signed.url), signed.headers.raw, str(signed.url))


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
    head = plainly(method, target, fields)
    if head is None:
        protocol, head = _begun(method, target, fields)
        _say(line, head, deadline, tick)
        return _head(response(line, protocol, deadline, tick), protocol)
    _say(line, head, deadline, tick)
    room, piece = memoryview(bytearray(PIECE)), b""
    while not piece:
        piece = _heard(line, room, deadline, tick)
    if (told := plain_head(piece)) is not None:
        return told
    protocol, _ = _begun(method, target, fields)
    protocol.receive_data(piece)
    return _head(response(line, protocol, deadline, tick), protocol)


def _say(line: Line, head: bytes, deadline: float, tick: Tick) -> None:
    """Send a request, unless it has been sent over this line already and its answer was left to us."""
    said, line.asked = line.asked, b""
    if not said:
        line.send(head, deadline, tick)
    elif said != head:
        raise NetworkError("Another request is under way on this connection.")


def _begun(method: str, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> tuple[h11.Connection, bytes]:
    """Give a conversation in which this request was sent, and the request as it is sent."""
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    head = protocol.send(h11.Request(method=method, target=target, headers=list(fields)))
    return protocol, head + protocol.send(h11.EndOfMessage())


def plainly(method: str, target: bytes, fields: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Give the request where nothing about it is out of the way."""
    if any(name.lower() in _STEERING for name, _ in fields[1:]):
        return None
    lines = b"".join([b"%s: %s\r\n" % pair for pair in fields])
    head = b"%s %s HTTP/1.1\r\n%s\r\n" % (method.encode(), target, lines)
    return head if _ASKED.fullmatch(head) and head.count(b"\r\n") == len(fields) + 2 else None


def plain_head(piece: bytes) -> Head | None:
    """Give the head that ``piece`` begins with where nothing about it is out of the way, and it has one length."""
    match = _TOLD.match(piece)
    if match is None:
        return None
    headers = tuple([(name.lower(), value) for name, value in _FIELDS.findall(match[2].decode("ascii"))])
    length: str | None = None
    reusable = True
    for name, value in headers:
        if name == "content-length":
            if length is not None or not _LENGTH.fullmatch(value):
                return None
            length = value
        elif name == "transfer-encoding":
            return None
        elif name == "connection":
            reusable = reusable and _goes_on(((name, value),))
    if length is None:
        return None
    return Head(int(match[1]), headers, "length", int(length), reusable, piece[match.end() :], None)


def _goes_on(headers: Sequence[tuple[str, str]]) -> bool:
    """Say whether the server, which speaks HTTP/1.1, leaves the connection open."""
    return "close" not in {w.strip().lower() for n, value in headers if n == "connection" for w in value.split(",")}


def _heard(line: Line, room: memoryview, deadline: float, tick: Tick, who: str = "The server") -> bytes:
    """Wait a moment for the next bytes of an answer; b"" where none have come."""
    tick()
    in_time(deadline, f"{who} did not answer in time.")
    got = line.fill(room)
    if got == 0:
        raise NetworkError(
            f"{who} closed the connection before it had answered.", status=WebErrorStatus.CONNECTION_ABORTED
        )
    return bytes(room[: max(got, 0)])


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
        if piece := _heard(line, room, deadline, tick, who):
            protocol.receive_data(piece)


def _head(response: h11.Response, protocol: h11.Connection) -> Head:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers)
    lengths = {value for name, value in headers if name == "content-length"}
    coded = any(name == "transfer-encoding" for name, _ in headers)
    if lengths and coded:  # RFC 9112 §6.3: the mark of smuggling
        raise BadAnswer(
            "The server gives two lengths for one answer.", hint="A proxy on the way may be broken, or an attack."
        )
    status = response.status_code
    length: int | None = None
    framing: Framing = "close"
    if status in (204, 304):  # never a body, whatever the head says (RFC 9112 §6.3)
        framing, length = "length", 0
    elif coded:
        framing = "chunked"
    elif lengths:
        framing, length = "length", int(lengths.pop())
    reusable = response.http_version == b"1.1" and _goes_on(headers) and framing != "close"
    rest = b"" if framing == "chunked" else protocol.trailing_data[0]
    return Head(status, headers, framing, length, reusable, rest, protocol)
