"""A relay between a client and a server of HTTP: it swallows answers, and cuts requests, when it is told to."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import Final, Self

_HEAD: Final = re.compile(rb"(?:GET|HEAD|PUT|POST|DELETE|PROPFIND|MOVE|PATCH) [^\r\n]*")


class Relay:
    """Listens on ``port`` while it is entered. Rules are used up one after the other; ``done`` counts them."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._rules: list[tuple[str, re.Pattern[bytes], int]] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.done = 0
        #: The first lines of all requests.
        self.asked: list[bytes] = []

    def swallow(self, pattern: bytes, times: int = 1) -> None:
        """Let requests whose first line matches reach the server, and drop what it answers."""
        self._rules += [("swallow", re.compile(pattern), 0)] * times

    def cut(self, pattern: bytes, after: int, times: int = 1) -> None:
        """Drop the connection after so many bytes of a request that matches, its head included."""
        self._rules += [("cut", re.compile(pattern), after)] * times

    def forget(self) -> None:
        """Let everything through, and begin to count anew."""
        with self._lock:
            self._rules.clear()
            self.done = 0

    def _rule(self, line: bytes) -> tuple[str, int] | None:
        with self._lock:
            self.asked.append(line)
            for rule in self._rules:
                if rule[1].search(line):
                    self._rules.remove(rule)
                    self.done += 1
                    return rule[0], rule[2]
        return None

    # -- running -----------------------------------------------------------------------------------------------------
    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        with self._lock:
            for one in list(self._open):
                _close(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                _close(client)
                continue
            with self._lock:
                self._open |= {client, server}
            threading.Thread(target=_Pair(self, client, server).up, daemon=True).start()


class _Pair:
    """One connection through the relay."""

    def __init__(self, relay: Relay, client: socket.socket, server: socket.socket) -> None:
        self.relay, self.client, self.server = relay, client, server
        self.swallowing = False
        threading.Thread(target=self.down, daemon=True).start()

    def up(self) -> None:
        left: int | None = None
        with contextlib.suppress(OSError):
            while data := self.client.recv(65536):
                if head := _HEAD.match(data):
                    rule = self.relay._rule(head.group())
                    self.swallowing = rule is not None and rule[0] == "swallow"
                    left = rule[1] if rule is not None and rule[0] == "cut" else None
                if left is not None:
                    self.server.sendall(data[:left])
                    left -= len(data)
                    if left <= 0:
                        break
                else:
                    self.server.sendall(data)
        self.close()

    def down(self) -> None:
        with contextlib.suppress(OSError):
            while data := self.server.recv(65536):
                if self.swallowing and not data.startswith(b"HTTP/1.1 100"):
                    break
                self.client.sendall(data)
        self.close()

    def close(self) -> None:
        with self.relay._lock:
            self.relay._open -= {self.client, self.server}
        _close(self.client)
        _close(self.server)


def _close(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
