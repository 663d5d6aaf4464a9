"""One request head out, one response head in, over one line (RFC 9112). What the body is made of is told, not read."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from nbxfer.errors import NetworkError, WebErrorStatus
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


class Head(msgspec.Struct, frozen=True):
    """A final response head. Names are lower case, in the order they came.

    ``framing`` says how the body ends: after ``length`` bytes, by chunks, with the connection, or (HTTP/2) by frames.
    ``rest`` has come of the body already; for chunks and frames it is inside ``protocol``. ``reusable``: another
    request may follow the body.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    framing: Framing
    length: int | None
    reusable: bool
    rest: bytes
    protocol: Any  # h11.Connection, or http2.Exchange

    def __repr__(self) -> str:
        return f"<Head {self.status}, {self.framing}>"


class Request(msgspec.Struct, frozen=True):
    """One request without a body, as it is sent: ``fields`` begin with Host. ``text`` is the URL once more."""

    method: str
    url: Place
    fields: Sequence[tuple[bytes, bytes]]
    text: str

    def __repr__(self) -> str:
        return f"<{self.method} request>"

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
    piece = b""
    if head is not None:
        _say(line, head, deadline, tick)
        room = memoryview(bytearray(PIECE))
        while not piece:
            piece = heard(line, room, deadline, tick)
        if (told := plain_head(piece)) is not None:
            return told
    from nbxfer.wire import judged  # here: h11 takes a tenth of the time that a mover needs to begin

    protocol, said = judged.begun(method, target, fields)
    if head is None:
        _say(line, said, deadline, tick)
    return judged.head(line, protocol, piece, deadline, tick)


def _say(line: Line, head: bytes, deadline: float, tick: Tick) -> None:
    """Send a request, unless it has been sent over this line already and its answer was left to us."""
    said, line.asked = line.asked, b""
    if not said:
        line.send(head, deadline, tick)
    elif said != head:
        raise NetworkError("Another request is under way on this connection.")


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
            reusable = reusable and goes_on(((name, value),))
    if length is None:
        return None
    return Head(int(match[1]), headers, "length", int(length), reusable, piece[match.end() :], None)


def goes_on(headers: Sequence[tuple[str, str]]) -> bool:
    """Say whether the server, which speaks HTTP/1.1, leaves the connection open."""
    return "close" not in {w.strip().lower() for n, value in headers if n == "connection" for w in value.split(",")}


def heard(line: Line, room: memoryview, deadline: float, tick: Tick, who: str = "The server") -> bytes:
    """Wait a moment for the next bytes of an answer; b"" where none have come."""
    tick()
    in_time(deadline, f"{who} did not answer in time.")
    got = line.fill(room)
    if got == 0:
        raise NetworkError(
            f"{who} closed the connection before it had answered.", status=WebErrorStatus.CONNECTION_ABORTED
        )
    return bytes(room[: max(got, 0)])
