"""A process that dies between any two system calls of a sink leaves what the next one can go on with.

``os`` is patched so that the k-th call kills: nothing that comes after it is done, not even cleaning up. Closing is,
for that is what a dying process does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from nbxfer.core.record import Before, Seal
from nbxfer.sinks.localfile import LocalFile

DATA = b"right bytes" * 100_000
OLD = b"old"
CALLS = (
    "chmod close copy_file_range fchmod fdatasync fsync fstat ftruncate link listdir lseek mkdir open pread pwrite "
    "replace stat statvfs unlink"
).split()


class Killed(BaseException):
    """The process is dead."""


class Death:
    """Kills at the ``at``-th call, before or after it is done."""

    def __init__(self, at: int, *, done: bool) -> None:
        self.at, self.done = at, done
        self.calls = 0
        self.dead = False

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if self.dead and name != "close":
                raise Killed
            self.calls += 1
            if self.calls != self.at:
                return real(*args, **kwargs)
            self.dead = True
            if self.done or name == "close":
                given = real(*args, **kwargs)
                if name == "open":
                    os.close(given)
            raise Killed

        return call


@contextmanager
def killed(at: int, *, done: bool) -> Iterator[Death]:
    """Let whatever is inside die at its ``at``-th system call."""
    death = Death(at, done=done)
    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, death.wrap(name, getattr(os, name)))
        try:
            yield death
        except Killed:
            assert death.dead


def deaths(act: Callable[[], object], again: Callable[[], None], begin: Callable[[], None]) -> int:
    """Begin, act and die at each call in turn, before and after it, and look whether all is well again."""
    for done in (False, True):
        for at in range(1, 200):
            begin()
            with killed(at, done=done) as death:
                act()
            again()
            if not death.dead:
                break
        else:
            pytest.fail("it never came to its end")
    return death.calls


class Room:
    """A folder, one destination in it, and how often it is emptied."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "data.bin"
        self.seal: Seal
        self.before: Before | None = None

    def sink(self) -> LocalFile:
        return LocalFile(self.path, "op1")

    def empty(self) -> None:
        for name in os.listdir(self.folder):
            os.unlink(self.folder / name)

    def part(self, epoch: int, data: bytes = DATA) -> None:
        with closing(self.sink().create(epoch, len(data))) as part:
            part.write_at(0, memoryview(data))
            part.sync()
            self.seal = part.seal(len(data), None)

    def old(self) -> None:
        self.path.write_bytes(OLD)
        there = self.path.stat()
        self.before = Before(there.st_size, there.st_mtime_ns)

    def names(self) -> list[str]:
        return sorted(os.listdir(self.folder))


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.mark.parametrize("epoch", [1, 2, 30])
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("links", [True, False])
def test_publish(room: Room, monkeypatch: pytest.MonkeyPatch, replace: bool, epoch: int, links: bool) -> None:
    """The final name is absent, old or complete at every instant; publishing again ends it, by whoever owns it then."""
    if not links:

        def refuse(*_: Any, **__: Any) -> None:
            raise PermissionError(1, "no links here")

        monkeypatch.setattr(os, "link", refuse)

    def begin() -> None:
        room.empty()
        if replace:
            room.old()
        room.part(1)

    def again() -> None:
        there = room.path.read_bytes() if room.path.exists() else None
        assert there in ((OLD if replace else None), DATA)
        published = room.sink().publish(epoch, room.seal, room.before)
        assert published.size == len(DATA)
        assert room.path.read_bytes() == DATA
        assert room.names() == ["data.bin"]
        assert room.sink().publish(epoch, room.seal, room.before) == published

    steps = deaths(lambda: room.sink().publish(1, room.seal, room.before), again, begin)
    assert steps >= 10


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("old", [1, 2])
def test_reopen(room: Room, proven: bool, old: int) -> None:
    """Taking a part over loses no byte of it, and a copy that was not whole is taken for nothing."""

    def begin() -> None:
        room.empty()
        room.part(old)

    def act() -> None:
        part = room.sink().reopen(2, 1, proven=proven)
        assert part is not None
        part.close()

    def again() -> None:
        with closing(room.sink().reopen(3, 1, proven=proven) or pytest.fail("the part is lost")) as part:
            assert part.read_at(0, 2 * len(DATA)) == DATA
        assert room.names() == [".data.bin.op1.3.part"]

    assert deaths(act, again, begin) >= 5


def test_create(room: Room) -> None:
    """A part that was not begun properly is begun again, and nothing is left of either."""

    def begin() -> None:
        room.empty()
        room.part(1)

    def again() -> None:
        room.sink().create(2, 4).close()
        assert room.names() == [".data.bin.op1.2.part"]
        room.sink().discard()
        assert not room.names()

    assert deaths(lambda: room.sink().create(2, 4).close(), again, begin) >= 5


def test_discard(room: Room) -> None:
    """Discarding that was cut short is done the next time."""

    def begin() -> None:
        room.empty()
        room.part(1)
        room.old()
        os.link(room.folder / ".data.bin.op1.1.part", room.folder / ".data.bin.op1.2.clone")

    def again() -> None:
        room.sink().discard()
        assert room.names() == ["data.bin"]

    assert deaths(room.sink().discard, again, begin) >= 3
