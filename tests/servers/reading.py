"""Opening and reading sources as the engine does, in one call."""

from __future__ import annotations

import threading

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.sources.base import Stream
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import Access, access

#: Nobody wants it to stop.
GO_ON = threading.Event()
#: Short enough for a test, long enough for a busy machine.
PATIENCE = Patience(connect=5, response=5)


_made: list[HttpSource] = []


def source(url: str | Access, patience: Patience = PATIENCE) -> HttpSource:
    """Give a source; a plain URL is all that some of them need. ``close_all`` closes it at the latest."""
    made = HttpSource(access(url) if isinstance(url, str) else url, patience)
    _made.append(made)
    return made


def close_all() -> None:
    """Close every source made here."""
    while _made:
        _made.pop().close()


def opened(src: HttpSource, want: Want | None = None) -> Stream:
    """Open; the source is not the version ``want.unless``."""
    stream = src.open(want or Want(), GO_ON)
    assert stream is not None
    return stream


def read_all(stream: Stream, piece: int = 65536, into: bytearray | None = None) -> bytes:
    """Read to the end, and close; ``into`` has what came, in any case."""
    whole, view = bytearray() if into is None else into, memoryview(bytearray(piece))
    try:
        while got := stream.read_into(view):
            whole += view[: max(got, 0)]
    finally:
        stream.close()
    return bytes(whole)


def fetch(url: str | Access, want: Want | None = None, patience: Patience = PATIENCE) -> tuple[Stream, bytes]:
    """Open, read to the end, close all."""
    src = source(url, patience)
    try:
        stream = opened(src, want)
        return stream, read_all(stream)
    finally:
        src.close()
