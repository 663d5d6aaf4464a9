"""A web server that does what it is told, right or wrong: raw bytes on raw sockets, one script for all requests."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Asked:
    """One request as it came: ``number`` counts all of them from 0, ``connection`` says which one it came over."""

    number: int
    connection: int
    target: str
    headers: dict[str, str]
    raw: bytes = field(repr=False)

    @property
    def range(self) -> tuple[int, int | None] | None:
        """First and last byte asked for; None where there is no Range."""
        value = self.headers.get("range")
        if value is None:
            return None
        first, _, last = value.removeprefix("bytes=").partition("-")
        return int(first), int(last) if last else None


class Wire:
    """The server's end of a connection, in the hands of a script."""

    def __init__(
        self, sock: socket.socket, over: threading.Event, count: Callable[[int], None] = lambda n: None
    ) -> None:
        self.sock, self._over, self._count = sock, over, count
        self.open = True
        self.goodbye = False

    def send(self, data: bytes) -> int:
        """Send, or notice that the client has gone; give the bytes that went out (perhaps into its buffers only)."""
        view = memoryview(data)
        while self.open and view:
            try:
                sent = self.sock.send(view)
            except OSError:
                self.open = False
            else:
                view = view[sent:]
                self._count(sent)
        return len(data) - len(view)

    def wait(self, seconds: float) -> bool:
        """Say nothing for some seconds; say whether somebody is still to be served."""
        return not self._over.wait(seconds) and self.open

    def answer(self, status: int = 200, body: bytes = b"", *headers: str, length: int | None = -1) -> None:
        """Send a whole answer; ``length`` -1 is the true one, None sends none (and the end is the connection's)."""
        lines = [f"HTTP/1.1 {status} Whatever", *headers]
        if length is not None:
            lines.append(f"Content-Length: {len(body) if length < 0 else length}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        if length is None:
            self.close()

    def drip(self, data: bytes, every: float) -> None:
        """Send byte by byte, one each ``every`` seconds, as long as somebody is there."""
        for i in range(len(data)):
            if not self.open or self._over.wait(every):
                return
            self.send(data[i : i + 1])

    def hang(self) -> None:
        """Say nothing more until the server is closed."""
        self._over.wait()

    def reset(self) -> None:
        """End with an RST."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self, *, goodbye: bool = False) -> None:
        """End with a FIN; over TLS with a close_notify only for ``goodbye``: a cut connection ends without one."""
        self.open = False
        with contextlib.suppress(OSError):
            if (goodbye or self.goodbye) and isinstance(self.sock, ssl.SSLSocket):
                self.sock.settimeout(0.2)  # the client need not answer
                self.sock.unwrap()
            self.sock.close()


Script = Callable[[Asked, Wire], None]


class Rogue:
    """Serves ``script`` on a free port of ``host`` while it is entered; a thread for each connection.

    It counts: requests (``asked``), connections, how many of them stood open at once (``busiest``), and the bytes it
    has ``sent``, heads included. A connection beyond ``most`` at once is reset before a word.
    """

    def __init__(
        self, script: Script, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", most: int | None = None
    ) -> None:
        self.script, self.most, self._tls, self._host = script, most, tls, host
        self.asked: list[Asked] = []
        self.connections = self.busiest = self.sent = self.refused = 0
        self.goodbye = False  # whether TLS connections end as they should, also when they are closed by a script
        self.errors: list[BaseException] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        self._listener = socket.create_server((self._host, 0), family=family, backlog=128)
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._listener.close()
        assert not self.errors, self.errors

    def url(self, path: str = "/file.bin", host: str = "127.0.0.1") -> str:
        """The URL of ``path`` here."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    @property
    def open_connections(self) -> int:
        """How many connections stand open at this moment."""
        with self._lock:
            return len(self._open)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                sock, _ = self._listener.accept()
                number, self.connections = self.connections, self.connections + 1
                self._start(self._serve, sock, number)

    def _count(self, sent: int) -> None:
        with self._lock:
            self.sent += sent

    def _admit(self, sock: socket.socket) -> bool:
        with self._lock:
            for other in [other for other in self._open if _hung_up(other)]:
                self._open.discard(other)  # whoever serves it has not noticed yet
            if self.most is not None and len(self._open) >= self.most:
                self.refused += 1
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            self._open.add(sock)
            self.busiest = max(self.busiest, len(self._open))
            return True

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.settimeout(30)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if not self._admit(sock):
                return
            if self._tls is not None:
                plain, sock = sock, self._tls.wrap_socket(sock, server_side=True)
                with self._lock:
                    self._open.discard(plain)
                    self._open.add(sock)
            wire = Wire(sock, self._over, self._count)
            wire.goodbye = self.goodbye
            while wire.open and not self._over.is_set() and (asked := self._read(sock, number)):
                self.script(asked, wire)
        except OSError:  # a client that goes, or that does not trust us
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def _read(self, sock: socket.socket, connection: int) -> Asked | None:
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            more = sock.recv(4096)
            if not more:
                return None
            raw += more
        first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
        with self._lock:
            asked = Asked(len(self.asked), connection, first.split(" ")[1], headers, raw)
            self.asked.append(asked)
        return asked


def verbatim(data: bytes) -> Script:
    """Give the script of a server that answers everything with just these bytes."""

    def script(_: Asked, wire: Wire) -> None:
        wire.send(data)

    return script


def _hung_up(sock: socket.socket) -> bool:
    """Say whether the client has closed its end; over TLS that cannot be seen from outside."""
    if isinstance(sock, ssl.SSLSocket):
        return False
    try:  # With a timeout set, recv would wait for that long: its thread may take the bytes away before we look.
        with socket.fromfd(sock.fileno(), sock.family, sock.type) as twin:
            twin.setblocking(False)
            return not twin.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except (OSError, ValueError):  # closed already
        return True


def honest(data: bytes, etag: str | None = '"v1"', *more: str, ranges: bool = True) -> Script:
    """Give the script of a good server for ``data``: ranges, If-Range, If-None-Match."""
    own = ([f"ETag: {etag}"] if etag else []) + (["Accept-Ranges: bytes"] if ranges else []) + list(more)

    def script(asked: Asked, wire: Wire) -> None:
        if etag is not None and asked.headers.get("if-none-match") == etag:
            wire.send("\r\n".join(["HTTP/1.1 304 Not Modified", *own, "", ""]).encode())
            return
        span = asked.range if ranges and asked.headers.get("if-range", etag) == etag else None
        if span is None:
            wire.answer(200, data, *own)
        elif span[0] >= len(data):
            wire.answer(416, b"", f"Content-Range: bytes */{len(data)}", *own)
        else:
            last = len(data) - 1 if span[1] is None else min(span[1], len(data) - 1)
            body = data[span[0] : last + 1]
            wire.answer(206, body, f"Content-Range: bytes {span[0]}-{last}/{len(data)}", *own)

    return script
