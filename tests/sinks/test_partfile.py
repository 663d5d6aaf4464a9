"""Open parts: private, written whole, never believed after a failed sync."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from nbxfer.errors import NoSpace, StorageFailed
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.partfile import WORTH_A_NAME, PartFile

Fail = Callable[..., None]


def write(part: PartFile, data: bytes, at: int = 0) -> None:
    part.write_at(at, memoryview(data))


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_private(sink: LocalFile, tmp_path: Path) -> None:
    """A part is nobody else's to read, whatever the umask, and its name says whose it is."""
    old = os.umask(0)
    try:
        sink.create(3, 10).close()
    finally:
        os.umask(old)
    part = only(tmp_path)
    assert part.name == ".data.bin.op1.3.part"
    assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_folders_are_made(tmp_path: Path) -> None:
    """Missing folders are made, and each is known on the disk."""
    sink = LocalFile(tmp_path / "a" / "b" / "c" / "data.bin", "op1")
    assert sink.reopen(1, 1, proven=True) is None
    sink.discard()
    assert sink.room()
    sink.create(1, 4).close()
    assert len(os.listdir(tmp_path / "a" / "b" / "c")) == 1


def test_a_file_in_the_path(tmp_path: Path) -> None:
    """A file where a folder should be is said to be one."""
    (tmp_path / "a").write_text("file")
    sink = LocalFile(tmp_path / "a" / "data.bin", "op1")
    with pytest.raises(StorageFailed, match="a file, not a folder"):
        sink.create(1, 4)
    sink.discard()


@pytest.mark.parametrize("kind", ["link", "fifo", "folder"])
def test_planted_part(tmp_path: Path, kind: str) -> None:
    """What somebody plants under a part's name is neither followed, nor waited for, nor taken for a part."""
    victim, planted = tmp_path / "victim", tmp_path / ".data.bin.op1.1.part"
    victim.write_text("untouched")
    match kind:
        case "link":
            planted.symlink_to(victim)
        case "fifo":
            os.mkfifo(planted)
        case _:
            planted.mkdir()
    sink = LocalFile(tmp_path / "data.bin", "op1")
    assert sink.reopen(1, 1, proven=True) is None
    if kind == "folder":
        with pytest.raises(StorageFailed):
            sink.create(1, 4)
        return
    with closing(sink.create(1, 4)) as part:
        write(part, b"data")
    assert victim.read_text() == "untouched"
    assert planted.read_bytes() == b"data"


def test_a_backup_by_hard_links(tmp_path: Path) -> None:
    """A part that has a second name is copied: the other name keeps what it has."""
    sink = LocalFile(tmp_path / "data.bin", "op1")
    with closing(sink.create(1, 4)) as part:
        write(part, b"then")
    os.link(only(tmp_path), tmp_path / "backup")
    with closing(sink.reopen(1, 1, proven=True) or pytest.fail("no part")) as part:
        write(part, b"now!")
    assert (tmp_path / "backup").read_bytes() == b"then"
    assert (tmp_path / ".data.bin.op1.1.part").read_bytes() == b"now!"


def test_short_writes(sink: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that writes a little at a time writes all in the end."""
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:3], at))
    with closing(sink.create(1, 10)) as part:
        write(part, b"0123456789", 5)
        assert part.read_at(5, 10) == b"0123456789"


def test_short_reads(sink: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that reads a little at a time gives all in the end."""
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, at: real(fd, min(3, length), at))
    with closing(sink.create(1, 10)) as part:
        write(part, b"0123456789")
        assert part.read_at(0, 10) == b"0123456789"
        assert part.read_at(8, 10) == b"89"


def test_writes_nothing(sink: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that writes nothing is not asked for ever."""
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    with closing(sink.create(1, 10)) as part, pytest.raises(StorageFailed):
        write(part, b"0123456789")


def test_full_while_writing(sink: LocalFile, fail: Fail) -> None:
    """A disk that is full says so; the part stays as it is, and goes on when there is room."""
    with closing(sink.create(1, 10)) as part:
        write(part, b"01234")
        fail("pwrite", errno.EDQUOT, times=1)
        with pytest.raises(NoSpace, match="quota"):
            write(part, b"56789", 5)
        write(part, b"56789", 5)
        assert part.read_at(0, 10) == b"0123456789"


@pytest.mark.parametrize(("number", "error"), [(errno.EIO, StorageFailed), (errno.ENOSPC, NoSpace)])
def test_failed_sync(sink: LocalFile, fail: Fail, number: int, error: type[Exception]) -> None:
    """After a failed sync the part refuses everything, for a second sync would say yes to bytes that are lost."""
    part = sink.create(1, 10)
    write(part, b"0123456789")
    fail("fdatasync", number, times=1)
    with pytest.raises(error):
        part.sync()
    with pytest.raises(StorageFailed, match="not to be trusted"):
        part.sync()
    with pytest.raises(StorageFailed):
        part.seal(10, None)
    part.close()
    with closing(sink.reopen(1, 1, proven=True) or pytest.fail("no part")) as again:
        again.sync()


def test_any_failed_sync_is_the_disk(sink: LocalFile, fail: Fail) -> None:
    """Whatever a sync fails with, it means that the part is not on the disk."""
    with closing(sink.create(1, 10)) as part:
        fail("fdatasync", errno.EROFS)
        with pytest.raises(StorageFailed):
            part.sync()


def test_the_name_is_synced_too(sink: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large part must not vanish by a power cut because its name was never on the disk; a small one may."""
    synced: list[int] = []
    real = os.fsync

    def noted(fd: int) -> None:
        synced.append(fd)
        real(fd)

    monkeypatch.setattr(os, "fsync", noted)
    with closing(sink.create(1, None)) as part:
        write(part, b"small")
        part.sync()
        assert not synced
        part.truncate(WORTH_A_NAME)
        part.sync()
        part.sync()
        assert len(synced) == 1


def test_without_fdatasync(sink: LocalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no fdatasync, fsync does."""
    monkeypatch.delattr(os, "fdatasync")
    with closing(sink.create(1, None)) as part:
        write(part, b"data")
        part.sync()


def test_closed_under_a_writer(sink: LocalFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is closed while a thread writes lets it end: its descriptor is nobody else's file by then."""
    inside, go, real = threading.Event(), threading.Event(), os.pwrite

    def slow(fd: int, data: memoryview, at: int) -> int:
        inside.set()
        assert go.wait(10)
        return real(fd, data, at)

    part = sink.create(1, 4)
    monkeypatch.setattr(os, "pwrite", slow)
    writer = threading.Thread(target=write, args=(part, b"data"))
    writer.start()
    assert inside.wait(10)
    part.close()
    victim = os.open(tmp_path / "victim", os.O_RDWR | os.O_CREAT)
    go.set()
    writer.join()
    assert os.fstat(victim).st_size == 0
    os.close(victim)
    assert (tmp_path / ".data.bin.op1.1.part").read_bytes() == b"data"


def test_close_never_raises(sink: LocalFile, fail: Fail) -> None:
    """NFS tells lost writes at close; who relied on them had synced."""
    part = sink.create(1, 4)
    fail("close", errno.EIO, times=1)
    part.close()


def test_repr(sink: LocalFile) -> None:
    """A part and a sink say what they are."""
    part = sink.create(1, 4)
    assert repr(part).startswith("<the part of /")
    assert repr(part).endswith(", open>")
    part.close()
    assert repr(part).endswith(", closed>")
    assert repr(sink).endswith("data.bin>")
