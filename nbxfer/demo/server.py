"""A web server with a large made-up file: ranges, a strong ETag, a brake, and an exact count of what it has sent.

In a process::

    with DemoServer(size=200_000_000, rate=20_000_000) as server:
        print(server.url, server.sha256, server.sent)

and as one: ``python -m nbxfer.demo.server --size 200M --rate 20M`` (its first line is the URL; it ends with Ctrl-C, or
when the process that started it is gone). ``/NAME.bin`` is the file under any name, ``?rate=N`` brakes one request,
``/stats`` is what was sent, as JSON, ``/sha256`` is the file's digest.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from nbxfer.demo.answers import Answer
from nbxfer.demo.gates import Tickets
from nbxfer.demo.madeup import MadeUp, amount


class DemoServer(ThreadingHTTPServer):
    """The server; runs from ``with`` to its end, on threads of its own.

    ``size`` in bytes; ``rate`` in bytes a second for each connection (None: as fast as it goes); ``port`` 0: any.
    Another ``seed`` is another version of the file, with another ETag; ``change`` makes one.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        size: int = 200_000_000,
        rate: float | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__((host, port), Answer)
        self.rate = rate
        self.data = MadeUp(size, seed)
        self.tickets = Tickets()
        self.received: list[dict[str, Any]] = []
        self.closing = threading.Event()
        self._count = threading.Condition()
        self._sent: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._connections: set[socket.socket] = set()
        self._open: Counter[str] = Counter()
        self._most_open = 0
        self._accepted = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), name="demo server", daemon=True)

    def server_bind(self) -> None:
        """Bind, without asking any name service what this machine is called."""
        if hasattr(socket, "SO_REUSEPORT"):  # POSIX: the port of one that was killed a moment ago may be had again
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    # -- what it serves --------------------------------------------------------------------------------------------
    @property
    def url(self) -> str:
        """The URL of the file."""
        return self.url_of("data.bin")

    def ticket(self, name: str = "data.bin", share: float = 0.6) -> str:
        """Sell a ticket for a share of the file: give its URL. What is behind it is cut off, and 403 from then on."""
        return f"http://{self.server_name}:{self.server_port}" + self.tickets.sell(name, self.size, share)

    def url_of(self, name: str, rate: float | None = None) -> str:
        """Give the URL of the file under another name (``*.bin``), braked to ``rate`` bytes a second."""
        query = "" if rate is None else f"?rate={int(rate)}"
        return f"http://{self.server_name}:{self.server_port}/{name}{query}"

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self.data.size

    @property
    def etag(self) -> str:
        """The strong validator of this version."""
        return f'"made-up-{self.data.size}-{self.data.seed}"'

    @property
    def sha256(self) -> str:
        """The digest of the file, in hex."""
        return self.data.sha256

    def change(self, seed: int | None = None, size: int | None = None) -> None:
        """Serve another version from now on; answers that are on their way end with the old one."""
        old = self.data
        self.data = MadeUp(old.size if size is None else size, old.seed + 1 if seed is None else seed)

    # -- what it has done --------------------------------------------------------------------------------------------
    @property
    def sent(self) -> int:
        """The bytes of bodies that were sent, of all paths."""
        with self._count:
            return self._sent.total()

    @property
    def requests(self) -> int:
        """How often a file was asked for, or sent, under any path."""
        with self._count:
            return self._requests.total()

    def sent_of(self, path: str) -> int:
        """Give the bytes that were sent of one path (``/data.bin``)."""
        with self._count:
            return self._sent[path]

    def requests_of(self, path: str) -> int:
        """Give how often one path was asked for."""
        with self._count:
            return self._requests[path]

    @property
    def most_open(self) -> int:
        """How many files were sent at the same time, at most: several connections to one path count once."""
        with self._count:
            return self._most_open

    @contextlib.contextmanager
    def sending(self, path: str) -> Iterator[None]:
        """Take note that a body of ``path`` is being sent."""
        with self._count:
            self._open[path] += 1
            self._most_open = max(self._most_open, len(self._open))
        try:
            yield
        finally:
            with self._count:
                self._open[path] -= 1
                if not self._open[path]:
                    del self._open[path]

    def stats(self) -> dict[str, Any]:
        """Give all counts, as ``/stats`` shows them."""
        with self._count:
            paths = {p: {"requests": n, "sent": self._sent[p]} for p, n in sorted(self._requests.items())}
            return {
                "size": self.size,
                "etag": self.etag,
                "sent": self._sent.total(),
                "requests": self._requests.total(),
                "connections": self._accepted,
                "paths": paths,
            }

    def count(self, path: str, *, sent: int = 0, request: bool = False) -> None:
        """Take note of bytes, or of a request."""
        with self._count:
            self._sent[path] += sent
            self._requests[path] += request

    # -- beginning and end -------------------------------------------------------------------------------------------
    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop, and break off every answer that is on its way."""
        self.closing.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        self.server_close()
        with self._count:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._count.wait_for(lambda: not self._connections, timeout=2)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        with self._count:
            self._connections.add(request)
            self._accepted += 1
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._count:
                self._connections.discard(request)
                self._count.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let those go quietly who hang up; say what is our own fault."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to 65535")
    return int(text)


def _bytes(text: str) -> int:
    try:
        return amount(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; write it like 500, 200M or 64MiB") from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until Ctrl-C, or until the process that started this one is gone."""
    parser = argparse.ArgumentParser("python -m nbxfer.demo.server", description="Serve a large made-up file.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=0, help="0: any free one")
    parser.add_argument("--size", type=_bytes, default="200M", help="bytes; 200M, 64MiB …")
    parser.add_argument("--rate", type=_bytes, default="0", help="bytes a second for each connection; 0: no brake")
    parser.add_argument("--seed", type=int, default=0, help="another number is another version of the file")
    given = parser.parse_args(arguments)
    parent = os.getppid()
    try:
        made = DemoServer(given.size, given.rate, host=given.host, port=given.port, seed=given.seed)
    except OSError as error:
        parser.error(f"port {given.port} of {given.host} cannot be had ({error.strerror}); give another --port")
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError), made as server:
        print(server.url, flush=True)
        while os.getppid() == parent:
            server.closing.wait(0.5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
