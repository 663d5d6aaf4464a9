"""Which connections serve again, and which never."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from nbxfer.core.probe import Want
from nbxfer.errors import BadAnswer, NetworkError
from nbxfer.sources.base import Stream
from tests.servers.reading import GO_ON, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest, verbatim

DATA = random.Random(2).randbytes(300_000)
HEAD = b"HTTP/1.1 200 OK\r\n"


def _connections(script: Script, read: Callable[[Stream], object] = read_all, times: int = 3) -> int:
    with Rogue(script) as server:
        src = source(server.url())
        for _ in range(times):
            read(opened(src))
        src.close()
    return server.connections


def test_connections_are_kept() -> None:
    """A body that was read to its end leaves a connection for the next request; so does a small one that came whole."""
    assert _connections(honest(DATA)) == 1
    assert _connections(honest(b"small"), lambda stream: stream.close()) == 1


@pytest.mark.parametrize(
    "script",
    [honest(DATA, '"v1"', "Connection: close"), honest(DATA, '"v1"', "connection: X, Close"),
     lambda _, wire: wire.send(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")],
)  # fmt: skip
def test_connections_that_are_over(script: Script) -> None:
    """Connection: close, in any dress, and HTTP/1.0 end a connection."""
    assert _connections(script) == 3


def test_a_body_that_is_left() -> None:
    """A body that was not read to its end takes its connection with it."""
    assert _connections(honest(DATA * 100), lambda stream: stream.close()) == 3


def test_a_kept_connection_that_closes_at_the_request() -> None:
    """A kept connection that the server closes just when it is asked is replaced by a fresh one, once."""

    def script(asked: Asked, wire: Wire) -> None:
        if asked.number in (1, 3, 4):
            return wire.close()
        return honest(DATA)(asked, wire)

    with Rogue(script) as server:
        src = source(server.url())
        for _ in range(2):
            assert read_all(opened(src)) == DATA
        with pytest.raises(NetworkError):  # the fresh one closed, too
            opened(src)
        src.close()
    assert [a.connection for a in server.asked] == [0, 0, 1, 1, 2]


def test_a_kept_connection_that_began_to_answer() -> None:
    """Once a byte of the answer has come, the request is not sent again behind anybody's back."""

    def script(asked: Asked, wire: Wire) -> None:
        if asked.number == 1:
            wire.send(b"HTTP")
            return wire.close()
        return honest(DATA)(asked, wire)

    with Rogue(script) as server:
        src = source(server.url())
        assert read_all(opened(src)) == DATA
        with pytest.raises(NetworkError):
            opened(src)
        src.close()
    assert len(server.asked) == 2


def test_errors_leave_no_connection_open(recwarn: pytest.WarningsRecorder) -> None:
    """Whatever goes wrong, the socket is closed: the server sees each connection end."""
    with Rogue(verbatim(HEAD + b"nonsense\r\n\r\n")) as server:
        src = source(server.url())
        for _ in range(3):
            with pytest.raises(BadAnswer):
                src.open(Want(), GO_ON)
        deadline = time.monotonic() + 2
        while server.open_connections and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not server.open_connections
