"""Open parts: private, written whole, never believed after a failed sync."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nbxfer.errors import InvalidRequest, NoSpace, StorageFailed
from nbxfer.sinks import partfile
from nbxfer.sinks.folder import PartNames
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.partfile import WORTH_A_NAME, PartFile

Fail = Callable[..., None]


@pytest.fixture
def sink(tmp_path: Path) -> LocalFile:
    return LocalFile(tmp_path / "data.bin", "op1")


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Let a system call fail with one errno; ``times`` times, then be itself."""

    def fail(name: str, number: int, times: int = 10**9) -> None:
        real, left = getattr(os, name), [times]

        def call(*args: Any, **kwargs: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0:
                raise OSError(number, os.strerror(number))
            return real(*args, **kwargs)

        monkeypatch.setattr(os, name, call)

    return fail


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


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "漢" * 85, "a" * 99 + "漢" * 52, "\udcff" * 255])
def test_long_names(tmp_path: Path, name: str) -> None:
    """A name of 255 bytes has parts, whose names are cut between characters and can be found again."""
    sink = LocalFile(tmp_path / name, "o" * 32)
    with closing(sink.create(12, 4)) as part:
        write(part, b"data")
        seal = part.seal(4, None)
    assert len(os.fsencode(only(tmp_path).name)) < 143
    sink.publish(12, seal, None)
    assert os.listdir(tmp_path) == [name]


def test_too_long_a_name(tmp_path: Path) -> None:
    """A name that the file system cannot hold is refused before anything is fetched."""
    sink = LocalFile(tmp_path / ("é" * 128), "op1")
    with pytest.raises(InvalidRequest) as caught:
        sink.create(1, 4)
    assert caught.value.hint
    assert not os.listdir(tmp_path)


def test_name_that_is_not_accepted(sink: LocalFile, fail: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    """A colon on FAT is a matter of the name."""
    real = os.open

    def refuse(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if flags & os.O_CREAT:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return real(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InvalidRequest):
        sink.create(1, 4)


@pytest.mark.parametrize(("path", "op_id"), [("/", "op"), ("/tmp/a", "../x"), ("/tmp/a", ""), ("/tmp/a", "o" * 65)])
def test_no_name_at_all(path: str, op_id: str) -> None:
    """What cannot be the name of a file, or stand in one, is refused at once."""
    with pytest.raises(InvalidRequest):
        LocalFile(Path(path), op_id)


def test_nul(tmp_path: Path) -> None:
    """A NUL is in no path."""
    with pytest.raises(InvalidRequest):
        LocalFile(tmp_path / "a\0b", "op1")
    with pytest.raises(InvalidRequest):
        LocalFile(tmp_path / "a\0b" / "c", "op1").create(1, 1)


def test_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file lands is settled when it is asked for, not by a later change of folder."""
    monkeypatch.chdir(tmp_path)
    sink = LocalFile(Path("data.bin"), "op1")
    monkeypatch.chdir("/")
    sink.create(1, 4).close()
    assert only(tmp_path).name.startswith(".data.bin")


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


def test_clone_keeps_holes(tmp_path: Path) -> None:
    """A copy of a sparse part takes no more room than the part."""
    sink = LocalFile(tmp_path / "data.bin", "op1")
    with closing(sink.create(1, None)) as part:
        write(part, bytes(range(256)) * 4096, 64 << 20)
        part.truncate(256 << 20)
        part.sync()
    before = only(tmp_path).stat()
    with closing(sink.reopen(2, 1, proven=False) or pytest.fail("no part")) as part:
        part.sync()
    after = only(tmp_path).stat()
    assert after.st_ino != before.st_ino
    assert after.st_size == before.st_size
    assert after.st_blocks <= before.st_blocks + 16


@pytest.mark.parametrize("broken", ["", "copy_file_range", "lseek", "both", "zero"])
def test_copy(tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little a system helps, a copy is the same; a part that shrinks meanwhile gives what it has."""

    def refuse(*_: Any) -> int:
        if broken == "zero":
            return 0
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    for name in {"both": ["copy_file_range", "lseek"], "zero": ["copy_file_range"], "": []}.get(broken, [broken]):
        monkeypatch.setattr(os, name, refuse)
    data = os.urandom(1_500_000) + bytes(3_000_000) + os.urandom(1_500_000)
    (tmp_path / "source").write_bytes(data)
    with (tmp_path / "source").open("r+b") as source, (tmp_path / "target").open("w+b") as target:
        partfile.copy(source.fileno(), target.fileno())
    assert (tmp_path / "target").read_bytes() == data


def test_copy_of_what_shrinks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that is cut while it is copied ends the copy; what is missing is a hole that nobody vouches for."""
    monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, at: real(fd, length, at) if at == 0 else b"")
    (tmp_path / "source").write_bytes(bytes(range(256)) * 8192)
    with (tmp_path / "source").open("r+b") as source, (tmp_path / "target").open("w+b") as target:
        partfile.copy(source.fileno(), target.fileno())
        assert os.fstat(target.fileno()).st_size == 256 * 8192


def test_full_while_copying(sink: LocalFile, tmp_path: Path, fail: Fail) -> None:
    """A copy that does not fit leaves nothing behind, and the old part as it was."""
    with closing(sink.create(1, 4)) as part:
        write(part, b"data")
    fail("copy_file_range", errno.ENOSPC)
    with pytest.raises(NoSpace):
        sink.reopen(2, 1, proven=False)
    assert only(tmp_path).name == ".data.bin.op1.1.part"


def test_part_names() -> None:
    """Only what is a part of this very operation is taken for one."""
    names = PartNames("data.bin", "op1")
    assert names.epoch_of(names.part(7)) == 7
    assert names.epoch_of(names.clone(8)) == 8
    for other in (
        "data.bin",
        ".data.bin.op1.part",
        ".data.bin.op1.x.part",
        ".data.bin.op11.1.part",
        ".data.bin.op1.².",
    ):
        assert names.epoch_of(other) is None
    assert names.epoch_of(PartNames("data.bin", "op").part(1)) is None
