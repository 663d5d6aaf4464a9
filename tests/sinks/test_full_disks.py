"""Disks that are really full: small tmpfs mounts. Mounting needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nbxfer.errors import NoSpace, StorageFailed
from nbxfer.sinks.localfile import LocalFile

Mount = Callable[[str], Path]
PAGE = os.sysconf("SC_PAGESIZE")


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Give a maker of file systems in memory; its argument are mount options."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        where = tmp_path / f"disk{len(mounted)}"
        where.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "nbxfer-test", where], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"no real full disk is tested: a tmpfs cannot be mounted here ({done.stderr.strip()})")
        mounted.append(where)
        return where

    if os.geteuid() != 0:
        pytest.skip("no real full disk is tested: mounting a tmpfs needs root")
    yield mount
    for where in mounted:
        subprocess.run(["umount", where], check=True)


def test_refused_before_it_begins(mount: Mount) -> None:
    """What cannot fit is refused before the first byte, and nothing is left behind."""
    disk = mount("size=1m")
    sink = LocalFile(disk / "new" / "data.bin", "op1")
    assert sink.room() == 1 << 20
    with pytest.raises(StorageFailed, match="whole disk") as caught:  # waiting for room would not help
        sink.create(1, (1 << 20) + 1)
    assert caught.value.hint
    assert not os.listdir(disk)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(PAGE))
    with pytest.raises(NoSpace) as full:
        sink.create(1, 1 << 20)
    assert full.value.hint
    ballast.unlink()
    assert not os.listdir(disk)
    sink.create(1, (1 << 20) - PAGE).close()


def test_full_while_writing(mount: Mount) -> None:
    """A disk that fills up stops the writing; what was written is there, and it goes on when there is room."""
    disk = mount("size=1m")
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(700_000))
    sink = LocalFile(disk / "data.bin", "op1")
    data = os.urandom(600_000)
    with closing(sink.create(1, None)) as part:
        part.write_at(0, memoryview(data)[:200_000])
        with pytest.raises(NoSpace, match="full"):
            part.write_at(200_000, memoryview(data)[200_000:])
        assert part.read_at(0, 200_000) == data[:200_000]
        assert (sink.room() or 0) < 2 * PAGE
        ballast.unlink()
        assert (sink.room() or 0) > 400_000
        part.write_at(200_000, memoryview(data)[200_000:])
        part.sync()
        seal = part.seal(len(data), None)
    sink.publish(1, seal, None)
    assert (disk / "data.bin").read_bytes() == data


def test_an_older_part_makes_room(mount: Mount) -> None:
    """The rubbish of an older version is not in the way of the new one."""
    sink = LocalFile(mount("size=1m") / "data.bin", "op1")
    with closing(sink.create(1, 800_000)) as part:
        part.write_at(0, memoryview(bytes(800_000)))
    sink.create(2, 800_000).close()


def test_no_room_for_a_copy(mount: Mount) -> None:
    """A copy that does not fit is taken back, and the part stays."""
    disk = mount("size=1m")
    sink = LocalFile(disk / "data.bin", "op1")
    with closing(sink.create(1, 700_000)) as part:
        part.write_at(0, memoryview(bytes(700_000)))
    with pytest.raises(NoSpace):
        sink.reopen(2, 1, proven=False)
    assert os.listdir(disk) == [".data.bin.op1.1.part"]
    with closing(sink.reopen(2, 1, proven=True) or pytest.fail("no part")) as part:
        assert part.read_at(0, 800_000) == bytes(700_000)


def test_no_more_files(mount: Mount) -> None:
    """A disk that can hold no more files has no room, however many bytes are free; a part that is there goes on."""
    disk = mount("size=1m,nr_inodes=6")
    going = LocalFile(disk / "going.bin", "op1")
    part = going.create(1, 5)
    while True:
        try:
            (disk / f"file{len(os.listdir(disk))}").touch()
        except OSError:
            break
    new = LocalFile(disk / "data.bin", "op2")
    assert new.room() == 0
    assert (going.room() or 0) > 900_000
    with pytest.raises(NoSpace):
        new.create(1, None)
    with pytest.raises(NoSpace):
        new.create(1, 5)
    with closing(part):
        part.write_at(0, memoryview(b"bytes"))
        seal = part.seal(5, None)
    assert going.publish(1, seal, None).atomic
    assert (disk / "going.bin").read_bytes() == b"bytes"
    (disk / "file1").unlink()
    new.create(1, 5).close()


def test_read_only_disk(mount: Mount) -> None:
    """A disk that became read-only refuses, and the part outlives it."""
    from nbxfer.errors import AccessDenied

    disk = mount("size=1m")
    sink = LocalFile(disk / "data.bin", "op1")
    with closing(sink.create(1, 4)) as part:
        part.write_at(0, memoryview(b"data"))
        seal = part.seal(4, None)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    for refused in (lambda: sink.create(2, 4), lambda: sink.publish(1, seal, None), sink.discard):
        with pytest.raises(AccessDenied, match="read-only"):
            refused()
    subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
    assert sink.publish(1, seal, None).size == 4


def test_full_in_the_middle_of_several(mount: Mount) -> None:
    """A part that is written in several places at once has holes, which take no room: the disk says when it is full."""
    disk = mount("size=4m")
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(2 << 20))
    sink = LocalFile(disk / "data.bin", "op1")
    data = os.urandom(3 << 20)
    with pytest.raises(NoSpace):
        sink.create(1, len(data))
    ballast.write_bytes(bytes(900_000))
    part = sink.create(1, len(data))
    ballast.write_bytes(bytes(2 << 20))  # somebody was quicker: nothing of the room is reserved
    with closing(part):
        part.write_at(2 << 20, memoryview(data)[2 << 20 :])
        part.write_at(0, memoryview(data)[: 512 << 10])
        with pytest.raises(NoSpace, match="full"):
            part.write_at(1 << 20, memoryview(data)[1 << 20 : 2 << 20])
        assert part.read_at(0, 512 << 10) == data[: 512 << 10]
        assert part.read_at(2 << 20, 1 << 20) == data[2 << 20 :]
        part.sync()
        ballast.unlink()
        assert (sink.room() or 0) >= 1536 << 10
        part.write_at(512 << 10, memoryview(data)[512 << 10 : 2 << 20])
        seal = part.seal(len(data), None)
    sink.publish(1, seal, None)
    assert (disk / "data.bin").read_bytes() == data


def test_adopted_where_there_is_no_room(mount: Mount) -> None:
    """A file that does not fit twice is refused, and stays; moved, it takes no room."""
    disk = mount("size=2m")
    theirs = disk / "theirs.part"
    theirs.write_bytes(bytes(1 << 20) + b"end")
    sink = LocalFile(disk / "data.bin", "op1")
    with pytest.raises(NoSpace):
        sink.adopt(theirs, 1, move=False)
    assert os.listdir(disk) == ["theirs.part"]
    part, length = sink.adopt(theirs, 1, move=True)
    part.close()
    assert length == (1 << 20) + 3
