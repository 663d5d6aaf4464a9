"""Small files in few calls: the same parts, modes, names and refusals as one by one, or nothing at all."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from nbxfer.core.record import Published, Seal
from nbxfer.errors import TransferError
from nbxfer.sinks import publishing, together, tray
from nbxfer.sinks.localfile import SHORT, LocalFile
from nbxfer.sinks.together import Shelf
from nbxfer.sinks.tray import Tray
from tests.sinks.conftest import Fail

BODY = b"right bytes" * 900
ID = "0011223344556677"


@pytest.fixture
def into() -> Iterator[Tray]:
    """Give a tray, and see that it lets go of its folders."""
    one, before = Tray(), len(os.listdir("/dev/fd"))
    yield one
    one.close()
    assert len(os.listdir("/dev/fd")) == before


def put(into: Tray, path: Path) -> Seal:
    """Put a file into its part, to the disk, and give what is written down of it."""
    slip = into.put(str(path), ID, memoryview(BODY))
    assert slip is not None
    assert together.sync([slip]) == [None]
    seal = slip.seal(0o644)
    slip.close()
    return seal


def name(path: Path, seal: Seal, mask: int = 0o022) -> Published | None:
    """Give a part its name."""
    with Shelf() as shelf:
        shelf.umask = mask
        done = tray.named(shelf, str(path), ID, seal)
        assert shelf.sync() == {}
    return done


def test_the_part_is_the_one_that_a_sink_knows(into: Tray, path: Path) -> None:
    """A kill between the part and its name leaves what the usual way finds, publishes, and takes away."""
    seal = put(into, path)
    assert not path.exists()
    published = LocalFile(path, ID).publish(1, seal, None)
    assert (published.size, path.read_bytes()) == (len(BODY), BODY)
    other = path.with_name("other.bin")
    put(into, other)
    LocalFile(other, ID).discard()
    assert os.listdir(path.parent) == [path.name]


def test_the_name_is_what_a_sink_gives(into: Tray, path: Path) -> None:
    """Size, time, mode and path as LocalFile says them; the part is gone; who asks again sees that it is done."""
    seal = put(into, path)
    done = name(path, seal)
    there = path.stat()
    assert done == Published(str(path), len(BODY), there.st_mtime_ns)
    assert (stat.S_IMODE(there.st_mode), there.st_ino) == (0o644, seal.inode)
    assert os.listdir(path.parent) == [path.name]
    again = LocalFile(path, ID).publish(1, seal, None)
    assert (again.path, again.mtime_ns) == (str(path), there.st_mtime_ns)


def test_while_it_is_written_it_is_private(into: Tray, path: Path) -> None:
    """Nobody else may read a part before all of it is there, and on the disk."""
    slip = into.put(str(path), ID, memoryview(BODY))
    assert slip is not None
    (part,) = path.parent.iterdir()
    assert stat.S_IMODE(part.stat().st_mode) == 0o600
    slip.close()


def test_nothing_is_replaced(into: Tray, path: Path) -> None:
    """What stands under the name, be it a link to nowhere, stays, and the part: the usual way says what is wrong."""
    seal = put(into, path)
    path.symlink_to("nowhere")
    assert name(path, seal) is None
    path.unlink()
    path.write_bytes(b"somebody's")
    assert name(path, seal) is None
    assert path.read_bytes() == b"somebody's"
    assert len(os.listdir(path.parent)) == 2


@pytest.mark.parametrize("how", ["cut", "another", "link", "mode", "umask", "gone"])
def test_only_the_part_that_was_sealed_is_named(into: Tray, path: Path, how: str) -> None:
    """A part that somebody has altered, exchanged or removed, or that has another mode, is looked at by others."""
    seal, mask = put(into, path), 0o022
    (part,) = path.parent.iterdir()
    if how == "cut":
        os.truncate(part, 5)
    elif how == "another":
        part.rename(path.with_name("aside"))
        part.write_bytes(BODY)
        part.chmod(0o644)
    elif how == "link":
        part.rename(path.with_name("aside"))
        part.symlink_to("aside")
    elif how == "mode":
        part.chmod(0o600)
    elif how == "umask":
        mask = 0o077
    else:
        part.unlink()
    assert name(path, seal, mask) is None
    assert not path.exists()


def test_a_system_without_such_a_rename(into: Tray, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where names cannot be given without replacing in one call, nothing is done here."""
    seal = put(into, path)
    monkeypatch.setattr(tray, "rename_noreplace", lambda *_: errno.EINVAL)
    assert name(path, seal) is None
    assert LocalFile(path, ID).publish(1, seal, None).size == len(BODY)


@pytest.mark.parametrize("odd", ["x" * (SHORT + 1), "a/../b", "gone/b", "./b", "b/", ".", "nul\0"])
def test_what_is_not_plain_is_left_to_others(into: Tray, tmp_path: Path, odd: str) -> None:
    """Long names, paths that are not what they seem, and folders that are not there."""
    assert into.put(f"{tmp_path}/{odd}", ID, memoryview(BODY)) is None
    assert into.put(f"{tmp_path}/b", "no id", memoryview(BODY)) is None
    with Shelf() as shelf:
        assert tray.named(shelf, f"{tmp_path}/{odd}", ID, Seal(1, 1, 1)) is None
    assert os.listdir(tmp_path) == []


def test_a_part_that_is_there_already(into: Tray, path: Path) -> None:
    """What a life before has left is for the usual way, which removes it first."""
    put(into, path)
    assert into.put(str(path), ID, memoryview(BODY)) is None


def test_there_is_no_room(into: Tray, path: Path, monkeypatch: pytest.MonkeyPatch, fail: Fail) -> None:
    """Bytes and names are counted from what there was; a disk that is full all the same leaves no open file."""
    room = SimpleNamespace(f_bavail=5, f_frsize=4096, f_files=10, f_favail=1)
    monkeypatch.setattr(os, "fstatvfs", lambda _: room)
    assert into.put(str(path), ID, memoryview(bytes(20481))) is None
    put(into, path)
    assert into.put(str(path.with_name("b")), ID, memoryview(BODY)) is None  # its name would be one too many
    into.close()
    room.f_files = 0  # it does not count names
    fail("pwrite", errno.ENOSPC)
    assert into.put(str(path.with_name("c")), ID, memoryview(BODY)) is None
    into.close()
    fail("fstatvfs", errno.EIO)
    assert into.put(str(path.with_name("d")), ID, memoryview(BODY)) is None


def test_a_disk_that_fails(into: Tray, path: Path, fail: Fail) -> None:
    """A sync or a look that fails is told; a mode that cannot be set is left to who gives the name."""
    slip = into.put(str(path), ID, memoryview(BODY))
    assert slip is not None
    fail("fchmod", errno.EPERM, 1)
    assert slip.seal(0o644).size == len(BODY)
    os.truncate(next(path.parent.iterdir()), 5)
    with pytest.raises(TransferError, match="altered"):
        slip.seal(0o644)
    fail("fdatasync", errno.EIO)
    (wrong,) = together.sync([slip])
    assert isinstance(wrong, TransferError)
    slip.close()


def test_the_rename_itself(path: Path) -> None:
    """It says why it was refused."""
    path.write_bytes(b"")
    fd = os.open(path.parent, os.O_RDONLY)
    try:
        assert publishing.rename_noreplace(fd, path.name, path.name) == errno.EEXIST
    finally:
        os.close(fd)
