"""What the demo server answers: plain HTTP/1.1 (RFC 9110, RFC 9112), one range at a time."""

from __future__ import annotations

import json
import re
import socket
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from nbxfer.demo import receiving
from nbxfer.demo.gates import COOKIE, Refusal, check
from nbxfer.demo.madeup import MadeUp, amount

if TYPE_CHECKING:
    from nbxfer.demo.server import DemoServer

WELCOME: Final = """\
nbxfer's demo server
/data.bin, /NAME.bin     the file, under any name; ?rate=2M brakes it
/private/NAME.bin        for demo, with the password "open sesame"
/members/NAME.bin        with the cookie that /login gives
/ticket                  the path of the file with a ticket that is good for six tenths of it
/list                    the URLs of five files
/form, /upload/NAME      take in what is sent (POST, PUT); /received tells what that was
/sha256, /stats          its digest; what was sent of it
"""
_PIECE: Final = 256 * 1024
#: Bytes that the socket of a braked connection holds, at most.
_BRAKED: Final = 128 * 1024
#: A braked connection sends so many pieces a second.
_BEATS: Final = 50
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Answer(BaseHTTPRequestHandler):
    """One connection: HTTP/1.1, one range at a time."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60.0
    server: DemoServer

    def version_string(self) -> str:
        """Give the Server header."""
        return "nbxfer-demo"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in http.server
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer with the headers of the whole file."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer with the file, a range of it, or what was sent."""
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # a body that nobody reads
        url = urlsplit(self.path)
        if url.path == "/stats":
            self._text("application/json", json.dumps(self.server.stats(), indent=2) + "\n")
        elif url.path == "/sha256":
            self._text("text/plain", self.server.sha256 + "\n")
        elif url.path == "/list":
            self._text("text/plain", "".join(f"{self.server.url_of(f'file{n}.bin')}\n" for n in range(1, 6)))
        elif url.path == "/ticket":
            self._text("text/plain", self.server.tickets.sell("data.bin", self.server.size) + "\n")
        elif url.path == "/login":
            self._text("text/plain", "welcome\n", more={"Set-Cookie": f"{COOKIE[0]}={COOKIE[1]}; Path=/"})
        elif url.path == "/received":
            self._text("application/json", json.dumps(self.server.received, indent=2) + "\n")
        elif url.path == "/":
            self._text("text/plain", WELCOME)
        elif url.path.endswith(".bin"):
            self._gated(url.path, parse_qs(url.query))
        else:
            self._text("text/plain", "there is no such thing\n", HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """Take in what is sent to ``/form`` or ``/upload/…``, and answer with what came."""
        self.close_connection = True
        path, length = urlsplit(self.path).path, self.headers.get("Content-Length")
        if path != "/form" and not path.startswith("/upload/"):
            return self._text("text/plain", "nothing is received here\n", HTTPStatus.METHOD_NOT_ALLOWED)
        self.server.count(path, request=True)
        if not (length or "0").isdigit() or int(length or 0) > receiving.LARGEST:
            return self._text("text/plain", "that is too much\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(HTTPStatus.CONTINUE)
            self.end_headers()
        body = receiving.pieces(self.rfile, int(length) if length is not None else None)
        seen = receiving.received(path, self.command, self.headers.get("Content-Type", ""), body)
        self.server.received.append(seen)
        return self._text("application/json", json.dumps(seen) + "\n", HTTPStatus.CREATED)

    def do_PUT(self) -> None:
        """Take in what is sent to ``/upload/…``."""
        self.do_POST()

    def _gated(self, path: str, query: dict[str, list[str]]) -> None:
        """Answer with a file, where the request may have it."""
        ticket = query.get("ticket", [""])[-1]
        left = self.server.tickets.left(ticket)
        try:
            check(path, self.headers.get("Authorization", ""), self.headers.get("Cookie", ""), left)
            rate = amount(query.get("rate", ["0"])[-1]) or self.server.rate
        except Refusal as refusal:
            self.server.count(path, request=True)
            self._text("text/plain", refusal.text, refusal.status, refusal.headers)
        except ValueError:
            self._text("text/plain", "rate= is a number of bytes a second, like 20M\n", HTTPStatus.BAD_REQUEST)
        else:
            self._file(path, rate, ticket if path.startswith("/tickets/") else "")

    def _text(
        self, kind: str, text: str, status: HTTPStatus = HTTPStatus.OK, more: dict[str, str] | None = None
    ) -> None:
        body = text.encode()
        told = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        self._head(status, told | (more or {}))
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _file(self, path: str, rate: float | None, ticket: str = "") -> None:
        data, etag = self.server.data, self.server.etag
        self.server.count(path, request=True)
        same = {"ETag": etag, "Accept-Ranges": "bytes"}
        # RFC 9110 §13.2.2: If-Match, then If-None-Match, then Range with If-Range.
        if not self._names(etag, "If-Match", absent=True, weak=False):
            return self._head(HTTPStatus.PRECONDITION_FAILED, {**same, "Content-Length": "0"})
        if self._names(etag, "If-None-Match", absent=False, weak=True):
            return self._head(HTTPStatus.NOT_MODIFIED, same)
        start, stop = 0, data.size
        asked = self._range(data.size) if self.headers.get("If-Range", etag).strip() == etag else None
        status, more = HTTPStatus.OK, {"Content-Type": "application/octet-stream"}
        if asked is not None:
            start, stop = asked
            if start >= stop:
                none = {**same, "Content-Range": f"bytes */{data.size}", "Content-Length": "0"}
                return self._head(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, none)
            status = HTTPStatus.PARTIAL_CONTENT
            more["Content-Range"] = f"bytes {start}-{stop - 1}/{data.size}"
        self._head(status, {**same, **more, "Content-Length": str(stop - start)})
        if self.command != "HEAD":
            if rate or ticket:  # what is sent shall be what has left: a socket takes many megabytes in advance
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BRAKED)
            with self.server.sending(path):
                self._send(path, data, start, stop, rate, ticket)

    def _names(self, etag: str, header: str, *, absent: bool, weak: bool) -> bool:
        """Say whether a list of tags names this version; ``absent`` is the answer when there is no such header."""
        lines = self.headers.get_all(header)
        if not lines:
            return absent
        tags = [tag.strip() for tag in ",".join(lines).split(",")]
        return "*" in tags or etag in tags or (weak and f"W/{etag}" in tags)

    def _range(self, size: int) -> tuple[int, int] | None:
        """Give the range asked for (start, stop; empty when there is no such byte), or None: the whole."""
        found = _RANGE.fullmatch(self.headers.get("Range", "").replace(" ", ""))
        if self.command != "GET" or found is None or found[1] == found[2] == "":
            return None
        if not found[1]:  # the last so many
            return max(0, size - int(found[2])), size
        if found[2] and int(found[2]) < int(found[1]):
            return None
        return int(found[1]), min(size, int(found[2]) + 1) if found[2] else size

    def _send(self, path: str, data: MadeUp, start: int, stop: int, rate: float | None, ticket: str) -> None:
        piece = _PIECE if not rate else max(1, min(_PIECE, int(rate / _BEATS)))
        begun = time.monotonic()
        for at in range(start, stop, piece):
            if rate and self.server.closing.wait(max(0.0, begun + (at - start) / rate - time.monotonic())):
                break
            view = memoryview(data.read(at, min(at + piece, stop)))
            if ticket and (drawn := self.server.tickets.draw(ticket, len(view))) < len(view):
                view, self.close_connection = view[:drawn], True  # it breaks off, and is worth nothing more
            while view:
                # Counted first and corrected after: who has read the last byte must find it counted.
                self.server.count(path, sent=len(view))
                gone = 0
                try:
                    gone = self.connection.send(view)
                finally:
                    self.server.count(path, sent=gone - len(view))
                view = view[gone:]
            if ticket and self.close_connection:
                break
