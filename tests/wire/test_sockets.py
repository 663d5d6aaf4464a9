"""One line at a time: it never waits long, it sends all or says so, and TLS may want to write in order to read."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbxfer.errors import TransferTimeout
from nbxfer.wire.dial import secured
from nbxfer.wire.sockets import POLL, Line, ready


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give both ends of a connection; ours does not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


class Moody:
    """A TLS socket as it is while keys are renewed: each call first wants what the script says."""

    def __init__(self, sock: socket.socket, *moods: type[Exception]) -> None:
        self._sock, self._moods = sock, list(moods)

    def _mood(self) -> None:
        if self._moods:
            raise self._moods.pop(0)

    def fileno(self) -> int:
        return self._sock.fileno()

    def recv_into(self, view: memoryview) -> int:
        self._mood()
        return self._sock.recv_into(view)

    def send(self, data: memoryview) -> int:
        self._mood()
        return self._sock.send(data[:3])

    def do_handshake(self) -> None:
        self._mood()

    def close(self) -> None:
        self._sock.close()


def _line(sock: Any) -> Line:
    return Line(sock, public=False)


def test_nothing_yet(ends: tuple[socket.socket, socket.socket]) -> None:
    """Where nothing comes, it says so after a tenth of a second; an end is an end."""
    ours, theirs = ends
    line, view = _line(ours), memoryview(bytearray(10))
    start = time.monotonic()
    assert line.fill(view) == -1
    assert POLL * 0.9 <= time.monotonic() - start < POLL * 3
    assert line.heard is False
    theirs.sendall(b"hello")
    assert line.fill(view) == 5
    assert vars(line)["heard"] is True
    theirs.close()
    assert line.fill(view) == 0


def test_as_much_as_there_is(ends: tuple[socket.socket, socket.socket]) -> None:
    """All that has come is taken at once, up to the room there is; the end is shown at the next call."""
    ours, theirs = ends
    theirs.sendall(b"x" * 50)
    theirs.close()
    line = _line(ours)
    assert line.fill(memoryview(bytearray(20))) == 20
    assert line.fill(memoryview(bytearray(100))) == 30
    assert line.fill(memoryview(bytearray(100))) == 0


def test_what_came_before_the_break_counts(ends: tuple[socket.socket, socket.socket]) -> None:
    """Bytes that came just before a reset, or before TLS ended without goodbye, are given; then comes the break."""

    class Breaks(Moody):
        def recv_into(self, view: memoryview) -> int:
            got = super().recv_into(view) if not self.given else 0
            self.given += got
            if not got:
                raise ssl.SSLEOFError(8, "EOF")
            return got

        given = 0

    ours, theirs = ends
    theirs.sendall(b"hello")
    line = _line(Breaks(ours))
    assert line.fill(memoryview(bytearray(100))) == 5
    for _ in range(2):
        with pytest.raises(ssl.SSLEOFError):
            line.fill(memoryview(bytearray(100)))
    assert not line.quiet()


@pytest.mark.parametrize("mood", [BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError])
def test_moods(ends: tuple[socket.socket, socket.socket], mood: type[Exception]) -> None:
    """Reading may have to wait for writing, writing for reading: both go on when they can."""
    ours, theirs = ends
    theirs.sendall(b"hello")
    assert _line(Moody(ours, mood)).fill(memoryview(bytearray(10))) == 5
    theirs.sendall(b"x")  # so that waiting to read ends
    ticks: list[int] = []
    _line(Moody(ours, mood)).send(b"a request", time.monotonic() + 5, lambda: ticks.append(1))
    assert theirs.recv(100) == b"a request"
    assert len(ticks) == 4


def test_a_server_that_does_not_read(ends: tuple[socket.socket, socket.socket]) -> None:
    """A request that nobody takes is given up in time."""
    with pytest.raises(TransferTimeout):
        _line(ends[0]).send(b"x" * 10_000_000, time.monotonic() + 0.3, lambda: None)


def test_handshakes(ends: tuple[socket.socket, socket.socket]) -> None:
    """A handshake waits for whatever it wants, until its deadline."""

    class Trust:
        def __init__(self, *moods: type[Exception]) -> None:
            self.moods = moods

        def wrap_socket(self, sock: socket.socket, **_: object) -> Moody:
            return Moody(sock, *self.moods)

    tries: Any = Trust(ssl.SSLWantWriteError, ssl.SSLWantWriteError)
    assert secured(ends[0], tries, b"h", time.monotonic() + 5, lambda: None, "It").fileno() > 0
    with pytest.raises(TransferTimeout):
        secured(ends[0], tries, b"h", time.monotonic() - 1, lambda: None, "It")


def test_closing_never_fails(ends: tuple[socket.socket, socket.socket]) -> None:
    """Closing what is broken is no error; a broken line is not fit for another request."""

    class Stuck(Moody):
        def close(self) -> None:
            raise OSError("it is all over")

    line = _line(Stuck(ends[0], ConnectionResetError))
    ends[1].sendall(b"x")
    assert not line.quiet()
    line.close()


def test_without_poll(ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no poll (Windows), select does."""
    monkeypatch.delattr(select, "poll")
    ours, theirs = ends
    assert not ready(ours)
    assert ready(ours, write=True)
    theirs.sendall(b"x")
    assert ready(ours, seconds=1)
