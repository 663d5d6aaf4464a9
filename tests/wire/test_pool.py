"""Kept connections: which are used again, and which never."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from nbxfer.wire.pool import IDLE, MOST, Pool, boot_clock
from nbxfer.wire.sockets import Line


def _pair() -> tuple[Line, socket.socket]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return Line(ours, public=False), theirs


def _closed(theirs: socket.socket) -> bool:
    theirs.settimeout(1)
    with theirs:
        try:
            return theirs.recv(1) == b""
        except ConnectionResetError:  # it was closed with something unread
            return True


def test_last_in_first_out() -> None:
    """The line used last is given first, and only to its own key."""
    pool = Pool()
    (a, at), (b, bt), (c, ct) = _pair(), _pair(), _pair()
    for key, line in (("k", a), ("k", b), ("other", c)):
        pool.put(key, line)
    assert (pool.take("k"), pool.take("k"), pool.take("k"), pool.idle) == (b, a, None, 1)
    pool.close()
    assert _closed(ct)
    for line, end in ((a, at), (b, bt)):
        line.close()
        end.close()


def test_old_ones_go() -> None:
    """A line that lay idle too long is closed; time goes on while the machine sleeps."""
    now = [0.0]
    pool = Pool(lambda: now[0])
    line, theirs = _pair()
    pool.put("k", line)
    now[0] = IDLE + 1
    assert pool.take("other") is None
    assert _closed(theirs)
    assert abs(boot_clock() - boot_clock()) < 1


@pytest.mark.parametrize("surprise", [b"", b"HTTP/1.1 408 Request Timeout\r\n\r\n"])
def test_lines_that_speak_unasked(surprise: bytes) -> None:
    """A line that the server closed, or said something on unasked, is not used again."""
    for kept in (False, True):
        pool = Pool()
        line, theirs = _pair()
        if kept:
            pool.put("k", line)
        theirs.sendall(surprise) if surprise else theirs.shutdown(socket.SHUT_WR)
        if not kept:
            pool.put("k", line)
        assert pool.take("k") is None
        assert _closed(theirs)


def test_not_too_many() -> None:
    """Only so many are kept, the newest; a closed pool keeps none."""
    pool = Pool()
    ends = []
    for _ in range(MOST + 2):
        line, theirs = _pair()
        pool.put("k", line)
        ends.append(theirs)
    assert pool.idle == MOST
    assert all(_closed(end) for end in ends[:2])
    pool.close()
    line, theirs = _pair()
    pool.put("k", line)
    assert pool.idle == 0
    assert _closed(theirs)
    for end in ends[2:]:
        end.close()


def test_from_many_threads() -> None:
    """Many threads take and put at once; each line is in one hand at a time."""
    pool = Pool()
    ends = []
    for _ in range(4):
        line, theirs = _pair()
        pool.put("k", line)
        ends.append(theirs)
    in_hand: set[Line] = set()
    wrong: list[str] = []

    def work() -> None:
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            line = pool.take("k")
            if line is None:
                continue
            if line in in_hand:
                wrong.append("twice")
            in_hand.add(line)
            in_hand.discard(line)
            pool.put("k", line)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert pool.idle == 4
    pool.close()
    for end in ends:
        end.close()
