"""A sum that is made while the bytes land: always of what is there from the start, whoever stops or cuts what."""

from __future__ import annotations

import hashlib
import threading

import pytest

from nbxfer.engine.follower import Follower
from nbxfer.engine.landing import Landing
from nbxfer.errors import StorageFailed
from nbxfer.sources.base import Stopped
from tests.engine.crews import until
from tests.noise import noise

DATA = noise(12, 3_000_000)


class Memory:
    """A part in memory."""

    def __init__(self, data: bytes) -> None:
        self.data, self.closed = data, False

    def read_at(self, offset: int, length: int) -> bytes:
        if self.closed:
            raise StorageFailed("closed")
        return self.data[offset : offset + length]


def follower(part: Memory, landing: Landing) -> Follower:
    """Give one by SHA-256."""
    return Follower(part, landing, "sha256")  # type: ignore[arg-type]


def sha256(data: bytes) -> str:
    """Give it as it is written."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_it_follows_the_front_only() -> None:
    """Bytes behind a hole are added when the hole is filled, and not before."""
    landing = Landing()
    one = follower(Memory(DATA), landing)
    one.follow()
    landing.land(2_000_000, 3_000_000)
    landing.land(0, 1_000_000)
    until(lambda: one.reached == 1_000_000)
    one.rest()
    landing.land(1_000_000, 2_000_000)
    assert one.reached == 1_000_000, "it rests"
    one.follow()
    until(lambda: one.reached == 3_000_000)
    one.rest()
    assert one.finish(len(DATA), threading.Event()) == sha256(DATA)


def test_the_rest_is_added_at_the_end() -> None:
    """Also where it never had a thread."""
    assert follower(Memory(DATA), Landing()).finish(2_500_000, threading.Event()) == sha256(DATA[:2_500_000])


def test_a_part_that_was_cut() -> None:
    """Where bytes have gone it comes to an end, and to another sum."""
    landing = Landing()
    part = Memory(DATA[:500_000])
    one = follower(part, landing)
    landing.land(0, 1_000_000)
    one.follow()
    until(lambda: one.reached == 500_000)
    assert one.finish(1_000_000, threading.Event()) == sha256(DATA[:500_000])
    one.rest()


def test_a_part_that_was_closed() -> None:
    """It goes quietly when the part is closed under it; whoever finishes is told."""
    landing = Landing()
    part = Memory(DATA)
    one = follower(part, landing)
    part.closed = True
    landing.land(0, 1_000_000)
    one.follow()
    one.rest()
    with pytest.raises(StorageFailed):
        one.finish(1_000_000, threading.Event())


def test_it_ends_with_the_landing() -> None:
    """When nothing more lands, its thread goes by itself."""
    landing = Landing()
    one = follower(Memory(DATA), landing)
    one.follow()
    landing.end()
    until(lambda: "nbxfer-digest" not in [thread.name for thread in threading.enumerate()])
    one.rest()


def test_finishing_can_be_stopped() -> None:
    """A pause does not wait for 40 GB to be read."""
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        follower(Memory(DATA), Landing()).finish(len(DATA), stop)


def test_without_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the interpreter gives none any more, all of it is read at the end."""

    def refuse(_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    one = follower(Memory(DATA), Landing())
    monkeypatch.setattr(threading.Thread, "start", refuse)
    one.follow()
    one.rest()
    assert one.finish(len(DATA), threading.Event()) == sha256(DATA)
