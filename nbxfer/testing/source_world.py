"""What the contract of sources is made of: what is served, with which vices, and how a stream is opened and read."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

import msgspec

from nbxfer.core.probe import Validator, Want
from nbxfer.sources.base import Source, Stop, Stream

#: Longer than any buffer on the way, so that a stall or a cut comes in the middle.
LONG: Final = 700_001
#: How long a test waits for anything.
_PATIENCE: Final = 10.0


class Served(msgspec.Struct, frozen=True, kw_only=True):
    """What the server has, and its vices.

    ``validator``: it names the version, strongly. ``ranges``: it can give a part. ``length``: it tells the size first
    (else the body ends with the connection). ``cut``: every body breaks after so many bytes. ``stall``: after so many
    bytes of a body nothing more comes. ``silent``: it takes the question and never answers. ``surplus``: bytes that it
    sends after the promised end. ``missing``: it says that there is no such thing. ``name`` is what it calls the file;
    ``claim``: it tells the sha256 of all of it; ``modified`` is when the file was made (Unix time).
    """

    data: bytes = b""
    validator: bool = True
    ranges: bool = True
    length: bool = True
    cut: int | None = None
    stall: int | None = None
    silent: bool = False
    surplus: bytes = b""
    missing: bool = False
    name: str = ""
    claim: bool = False
    modified: float | None = None


def made_up(size: int, seed: int = 0) -> bytes:
    """Give ``size`` bytes, the same for the same seed."""
    return random.Random(seed).randbytes(size)


def read_all(stream: Stream, piece: int = 50_000, into: bytearray | None = None) -> bytes:
    """Read a stream to its proven end; AssertionError when that takes too long. ``into`` has what came, in any case."""
    buffer = memoryview(bytearray(piece))
    given = bytearray() if into is None else into
    until = time.monotonic() + _PATIENCE
    while (got := stream.read_into(buffer)) != 0:
        assert -1 <= got <= piece
        assert time.monotonic() < until, f"only {len(given)} bytes in {_PATIENCE} s"
        given += buffer[: max(got, 0)]
    return bytes(given)


class Opening:
    """A source of what is served, and its streams."""

    def serve(self, served: Served) -> Source:
        """Give a source of what is served. Called again in one test: the same address now serves this."""
        raise NotImplementedError

    @contextmanager
    def opened(self, source: Source, want: Want, stop: Stop | None = None) -> Iterator[Stream]:
        """Open what must be there, and close it at the end."""
        stream = source.open(want, stop or threading.Event())
        assert stream is not None
        with closing(stream):
            yield stream

    def version(self, source: Source) -> Validator | None:
        """Give what the source says of itself now."""
        with self.opened(source, Want()) as stream:
            return stream.probe.validator
