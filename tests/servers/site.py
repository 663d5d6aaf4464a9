"""One file on a rogue server: right in everything that its faults leave alone.

A fault takes the right answer and spoils it. Faults may be put together; ``Site.tells_on_itself`` keeps the one lie out
that nobody could notice without a digest: other bytes under a version's tag, in an answer without a contradiction.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.servers.rogue import Asked, Wire

#: When the server's clock says that it answers; every date of a version lies well before.
NOW = "Mon, 02 Nov 2026 10:00:00 GMT"


@dataclass(frozen=True)
class Version:
    """What the server has, under what it calls it."""

    data: bytes = field(repr=False)
    tag: str | None = '"v1"'
    modified: str | None = None

    def lines(self) -> list[str]:
        """Give the fields that name this version."""
        tag = [f"ETag: {self.tag}"] if self.tag else []
        return [*tag, *([f"Last-Modified: {self.modified}", f"Date: {NOW}"] if self.modified else [])]


class Reply:
    """The answer to one request; ``number`` counts those of its site. Made right; faults change what they like."""

    def __init__(self, version: Version, asked: Asked, number: int) -> None:
        self.version, self.asked, self.number = version, asked, number
        self.deaf: set[str] = set()  # header fields that are not heard
        self.lines = [*version.lines(), "Accept-Ranges: bytes"]
        self.early = self.late = b""  # before the head, after the body
        self.length: int | None = 0  # what is announced; None: nothing is
        self.chunked = False
        self.cut: int | None = None  # so many bytes of the body are sent, and then it ends
        self.end = "close"  # how: close, reset, hang
        self.every, self.piece = 0.0, 65536  # seconds between two pieces
        self.gate: threading.Event | None = None  # the second half of the body waits for it, for some seconds
        self.hear()

    # -- the right answer (RFC 9110 §13.2.2, §14.2) ----------------------------------------------------------------
    def hear(self, *deaf: str) -> None:
        """Answer the request, without the fields in ``deaf``."""
        self.deaf.update(deaf)
        heard = {name: value for name, value in self.asked.headers.items() if name not in self.deaf}
        own, data = self.version, self.version.data
        self.span: list[int] | None = None
        self.status, self.body = 200, data
        strong = own.tag if own.tag and not own.tag.startswith("W/") else None
        if heard.get("if-match", strong) != strong or heard.get("if-unmodified-since", own.modified) != own.modified:
            self.status, self.body = 412, b""
        elif own.tag and heard.get("if-none-match") == own.tag:
            self.status, self.body = 304, b""
        elif "range" in heard and heard.get("if-range", strong or own.modified) in (strong, own.modified):
            span = self.asked.range
            assert span is not None
            start, last = span[0], len(data) - 1 if span[1] is None else min(span[1], len(data) - 1)
            if start > last:
                self.status, self.body = 416, b""
            else:
                self.status, self.body, self.span = 206, data[start : last + 1], [start, last, len(data)]
        self.length = len(self.body)

    @property
    def ranged(self) -> bool:
        """Whether a range was asked for."""
        return "range" in self.asked.headers

    @property
    def part(self) -> bool:
        """Whether it is one of several requests for one version: no other answer will do."""
        return self.ranged and not {"if-match", "if-unmodified-since"}.isdisjoint(self.asked.headers)

    def say(self, status: int, *lines: str, body: bytes = b"") -> None:
        """Answer something else altogether."""
        self.status, self.body, self.span, self.length = status, body, None, len(body)
        self.lines = list(lines)

    # -- on the wire -----------------------------------------------------------------------------------------------
    def head(self) -> bytes:
        """Give status line and fields."""
        lines = [f"HTTP/1.1 {self.status} Whatever", *self.lines]
        if self.span is not None:
            lines.append("Content-Range: bytes {}-{}/{}".format(*self.span))
        elif self.status == 416:
            lines.append(f"Content-Range: bytes */{len(self.version.data)}")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.length is not None and self.status != 304:
            lines.append(f"Content-Length: {self.length}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def framed(self) -> bytes:
        """Give the body as it goes over the wire."""
        body = self.body if self.cut is None else self.body[: self.cut]
        if not self.chunked:
            return body + self.late
        pieces = [body[at : at + 9999] for at in range(0, len(body), 9999)]
        last = b"0\r\n\r\n" if self.cut is None else b""
        return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + last + self.late

    def send(self, wire: Wire) -> int:
        """Put it on the wire; give the bytes of the body that went out."""
        wire.send(self.early + self.head())
        body, sent = self.framed(), 0
        if self.gate is not None:
            sent = wire.send(body[: len(body) // 2])
            self.gate.wait(3)
            sent += wire.send(body[len(body) // 2 :])
        elif not self.every:
            sent = wire.send(body)
        else:
            for at in range(0, len(body), self.piece):
                if not wire.wait(self.every):
                    return sent
                sent += wire.send(body[at : at + self.piece])
        if self.cut is not None or (self.length is None and not self.chunked):
            {"close": wire.close, "reset": wire.reset, "hang": wire.hang}[self.end]()
        return sent

    def tells_on_itself(self) -> bool:
        """Say whether a careful reader can notice what is wrong with it; True, too, where nothing is."""
        if any(line.startswith(("Content-Encoding", "Content-Type: text/html")) for line in self.lines):
            return True
        truth, start, stop = self.version.data, 0, len(self.version.data)
        if self.status == 206 and self.span is not None:
            start, stop = self.span[0], self.span[1] + 1
            if self.span[2] != len(truth) or (not self.chunked and self.length not in (None, stop - start)):
                return True
        elif self.status not in (200, 206):
            return True
        shown = (self.body if self.cut is None else self.body[: self.cut]) + (b"" if self.chunked else self.late)
        whole = self.cut is None
        if not self.chunked and self.length is not None:
            shown, whole = shown[: self.length], len(shown) >= self.length
        elif not self.chunked:
            whole = True  # the end of the connection is its only end
        if self.status == 206:
            shown = shown[: max(stop - start, 0)]
        true = truth[max(start, 0) : stop]
        return true.startswith(shown) and not (whole and len(shown) < len(true))


Fault = Callable[[Reply], None]


class Site:
    """A script for one file: ``versions`` in the order in which they come, ``faults`` on every answer.

    ``sent`` counts bytes of bodies, ``asked`` holds the requests, ``busiest`` how many were answered at once.
    ``before`` is called at the beginning of each request.
    """

    def __init__(self, *versions: Version, faults: Sequence[Fault] = ()) -> None:
        self.versions, self.faults = versions, list(faults)
        self.current = 0
        self.asked: list[Asked] = []
        self.sent = self.busiest = self._busy = 0
        self.before: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    @property
    def version(self) -> Version:
        """What the server has at this moment."""
        return self.versions[self.current]

    def change(self) -> None:
        """Put the next version in place (after the last comes the first)."""
        self.current = (self.current + 1) % len(self.versions)

    def __call__(self, asked: Asked, wire: Wire) -> None:
        with self._lock:
            number = len(self.asked)
            self.asked.append(asked)
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
        try:
            self.before()
            reply = self.answer(asked, number)
            sent = reply.send(wire)
            with self._lock:
                self.sent += sent
        finally:
            with self._lock:
                self._busy -= 1

    def answer(self, asked: Asked, number: int) -> Reply:
        """Give the answer, faults and all."""
        reply = Reply(self.version, asked, number)
        for fault in self.faults:
            fault(reply)
        return reply


def street(sites: dict[str, Site]) -> Callable[[Asked, Wire], None]:
    """Give the script of a server with many files, by the first word of their paths; more may be added."""

    def script(asked: Asked, wire: Wire) -> None:
        site = sites.get(asked.target.split("/")[1])
        if site is None:
            wire.answer(404)
        else:
            site(asked, wire)

    return script
