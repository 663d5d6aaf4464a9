"""A WSGI application between a real server and its clients, that spoils answers as a contract's Served says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nbxfer.testing.sources import Served

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Spoiling:
    """Passes everything on; answers to GET are spoiled while ``served`` says so."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.served = Served()
        self.over = threading.Event()  # lets go of those that it keeps waiting

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        served = self.served
        if environ["REQUEST_METHOD"] != "GET":
            return self._app(environ, start)
        if served.silent:
            self.over.wait(10)
        if not served.ranges:
            for name in ("HTTP_RANGE", "HTTP_IF_RANGE"):
                environ.pop(name, None)
        told: list[Any] = []
        body = self._app(environ, lambda status, headers, *rest: told.append((status, headers)))
        pieces = iter(body)
        first = next(pieces, b"")  # some applications say their head only now
        status, headers = told[-1]
        start(status, self._head(headers, served))
        limit = served.cut if served.cut is not None else served.stall
        return self._body(first, pieces, limit if status.startswith("2") else None, served)

    def _head(self, headers: list[tuple[str, str]], served: Served) -> list[tuple[str, str]]:
        gone = set() if served.validator else {"etag", "last-modified"}
        if not served.ranges:
            gone |= {"accept-ranges"}
        if not served.length:
            gone |= {"content-length"}
        kept = [(name, value) for name, value in headers if name.lower() not in gone]
        return kept + ([("Connection", "close")] if not served.length else [])

    def _body(self, first: bytes, rest: Iterator[bytes], limit: int | None, served: Served) -> Iterator[bytes]:
        given = 0
        for piece in (first, *rest) if limit is None else _chain(first, rest):
            if limit is not None and given + len(piece) > limit:
                yield piece[: limit - given]
                if served.stall is not None:
                    self.over.wait(10)
                raise ConnectionAbortedError("cut, as it was to be")
            given += len(piece)
            yield piece


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
