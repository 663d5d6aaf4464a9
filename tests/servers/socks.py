"""A SOCKS 5 proxy (RFC 1928, 1929) that passes bytes on, and can be told to refuse or to talk nonsense."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from typing import Self


class Socks:
    """Listens on a free port while it is entered; with ``user`` it wants a password. ``asked`` are the targets.

    ``reply`` is the code that every connection is answered with (0: it is made); ``says`` replaces the whole answer
    to the first message.
    """

    def __init__(self, user: str = "", password: str = "", reply: int = 0, says: bytes | None = None) -> None:
        self._known = (user.encode(), password.encode())
        self.reply, self.says = reply, says
        self.asked: list[tuple[str, int]] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def url(self, scheme: str = "socks5h", userinfo: str = "") -> str:
        """Its URL; ``userinfo`` is "user:password"."""
        return f"{scheme}://{userinfo}{'@' if userinfo else ''}127.0.0.1:{self.port}"

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, EOFError):
            client.settimeout(5)
            if self._greeted(client) and (server := self._connected(client)) is not None:
                with server:
                    self._pass_on(client, server)

    def _greeted(self, client: socket.socket) -> bool:
        methods = _exactly(client, _exactly(client, 2)[1])
        if self.says is not None:
            client.sendall(self.says)
            return False
        wanted = 2 if self._known[0] else 0
        if wanted not in methods:
            client.sendall(b"\x05\xff")
            return False
        client.sendall(bytes((5, wanted)))
        if not wanted:
            return True
        user = _exactly(client, _exactly(client, 2)[1])
        password = _exactly(client, _exactly(client, 1)[0])
        known = (user, password) == self._known
        client.sendall(b"\x01\x00" if known else b"\x01\x01")
        return known

    def _connected(self, client: socket.socket) -> socket.socket | None:
        kind = _exactly(client, 4)[3]
        if kind == 3:
            host = _exactly(client, _exactly(client, 1)[0]).decode()
        else:
            family, size = (socket.AF_INET, 4) if kind == 1 else (socket.AF_INET6, 16)
            host = socket.inet_ntop(family, _exactly(client, size))
        (port,) = struct.unpack(">H", _exactly(client, 2))
        self.asked.append((host, port))
        if self.reply:
            client.sendall(bytes((5, self.reply, 0, 1)) + bytes(6))
            return None
        server = socket.create_connection((host, port), 5)
        client.sendall(b"\x05\x00\x00\x03\x04here\x00\x50")  # bound to a name: an address of another length
        return server

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        while not self._over.is_set():
            for source in select.select([client, server], [], [], 0.1)[0]:
                data = source.recv(65536)
                if not data:
                    return
                (server if source is client else client).sendall(data)


def _exactly(sock: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = sock.recv(count - len(got))
        if not more:
            raise EOFError
        got += more
    return got
