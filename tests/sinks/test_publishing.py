"""The final name: given once, to the right bytes, over nothing that may not be replaced, whatever comes between."""

from __future__ import annotations

import errno
import os
import random
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbxfer.core.record import Before, Seal
from nbxfer.errors import AccessDenied, DestinationExists, SourceChanged, StorageFailed
from nbxfer.sinks import publishing
from nbxfer.sinks.localfile import LocalFile

DATA = b"right bytes" * 1000


def finished(sink: LocalFile, epoch: int = 1, data: bytes = DATA) -> Seal:
    with closing(sink.create(epoch, len(data))) as part:
        part.write_at(0, memoryview(data))
        part.sync()
        return part.seal(len(data), None)


def before_of(path: Path) -> Before:
    there = path.stat()
    return Before(there.st_size, there.st_mtime_ns)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data.bin"


@pytest.fixture
def sink(path: Path) -> LocalFile:
    return LocalFile(path, "op1")


def refuse(number: int) -> Any:
    def call(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return call


# -- the mode ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o027, 0o077, 0o177, 0o777])
def test_mode_of_a_new_file(sink: LocalFile, path: Path, mask: int) -> None:
    """A new file has the mode that any program's new file has here."""
    seal = finished(sink)
    old = os.umask(mask)
    try:
        assert publishing.umask() == mask
        sink.publish(1, seal, None)
        assert os.umask(mask) == mask
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o755, 0o666, 0o444, 0o000])
def test_mode_of_a_replaced_file(sink: LocalFile, path: Path, mode: int) -> None:
    """A replaced file keeps its mode: nobody can read it who could not before."""
    path.write_text("old")
    path.chmod(mode)
    sink.publish(1, finished(sink), before_of(path))
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.stat().st_size == len(DATA)


def test_no_special_bits(sink: LocalFile, path: Path) -> None:
    """New bytes do not inherit the right to run as somebody else."""
    path.write_text("old")
    path.chmod(0o6755)
    sink.publish(1, finished(sink), before_of(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_umask_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc does not tell, the umask learned at the beginning holds; learning it leaves it as it was."""
    mask = publishing.umask()
    assert publishing._umask_by_setting() == mask == publishing.umask()
    monkeypatch.setattr(publishing, "_umask_of_proc", lambda: None)
    monkeypatch.setattr(publishing, "_FALLBACK", 0o007)
    assert publishing.umask() == 0o007


def test_mode_cannot_be_set(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without modes does not keep a file from its name; a failing disk does."""
    seal = finished(sink)
    monkeypatch.setattr(os, "fchmod", refuse(errno.EIO))
    with pytest.raises(StorageFailed):
        sink.publish(1, seal, None)
    assert not path.exists()
    monkeypatch.setattr(os, "fchmod", refuse(errno.EPERM))
    sink.publish(1, seal, None)
    assert path.read_bytes() == DATA


# -- what is in the way -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("agreed", [False, True])
@pytest.mark.parametrize("kind", ["link", "dangling", "link to itself", "fifo", "folder", "full folder"])
def test_no_regular_file(sink: LocalFile, path: Path, kind: str, agreed: bool) -> None:
    """Links, pipes and folders under the final name are neither followed nor replaced, whatever was agreed."""
    victim = path.with_name("victim")
    victim.write_text("untouched")
    before = before_of(victim) if agreed else None
    match kind:
        case "link":
            path.symlink_to(victim)
        case "dangling":
            path.symlink_to(path.with_name("nowhere"))
        case "link to itself":
            path.symlink_to(path)
        case "fifo":
            os.mkfifo(path)
        case _:
            path.mkdir()
            if kind == "full folder":
                (path / "file").touch()
    seal = finished(sink)
    kind_of = path.lstat().st_mode
    with pytest.raises(DestinationExists) as caught:
        sink.publish(1, seal, before)
    assert caught.value.hint
    assert path.lstat().st_mode == kind_of
    assert victim.read_text() == "untouched"
    assert not path.with_name("nowhere").exists()
    if not path.is_dir() or path.is_symlink():
        path.unlink()  # what the hint says
        sink.publish(1, seal, before)
        assert path.read_bytes() == DATA


def test_linked_folder(tmp_path: Path) -> None:
    """A link among the folders of the path is the person's own way to a disk: it is followed."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "disk")
    sink = LocalFile(tmp_path / "way" / "data.bin", "op1")
    sink.publish(1, finished(sink), None)
    assert (tmp_path / "disk" / "data.bin").read_bytes() == DATA


def test_same_bytes_but_unreadable(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be compared is foreign."""
    seal = finished(sink)
    path.write_bytes(DATA)
    real = os.open

    def locked(name: Any, *args: Any, **kwargs: Any) -> int:
        if name == "data.bin":
            raise PermissionError(errno.EACCES, "no")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(os, "open", locked)
    with pytest.raises(DestinationExists):
        sink.publish(1, seal, None)


def test_swapped_while_compared(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared is what was looked at."""
    seal = finished(sink)
    path.write_bytes(DATA)
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    with pytest.raises(DestinationExists):
        sink.publish(1, seal, None)


def test_part_and_destination_are_both_foreign(sink: LocalFile, path: Path) -> None:
    """Without a part, and with something foreign in the way, nothing is fetched again for nothing."""
    seal = finished(sink)
    sink.discard()
    path.write_text("theirs")
    with pytest.raises(DestinationExists):
        sink.publish(1, seal, None)
    with pytest.raises(SourceChanged):
        sink.publish(1, seal, before_of(path))
    assert path.read_text() == "theirs"


# -- what happened to the part ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("what", ["deleted", "cut", "longer", "swapped", "link"])
def test_part_touched(sink: LocalFile, path: Path, what: str) -> None:
    """A part that somebody touched after it was sealed gets no name."""
    seal = finished(sink)
    part = path.with_name(".data.bin.op1.1.part")
    match what:
        case "deleted":
            part.unlink()
        case "cut":
            os.truncate(part, len(DATA) - 1)
        case "longer":
            os.truncate(part, len(DATA) + 1)
        case "swapped":
            part.rename(part.with_name("aside"))
            part.write_bytes(DATA)
        case "link":
            part.rename(part.with_name("aside"))
            part.symlink_to(part.with_name("aside"))
    with pytest.raises(SourceChanged):
        sink.publish(1, seal, None)
    assert not path.exists()


def test_known_by_digest(sink: LocalFile, path: Path) -> None:
    """Where inode numbers do not last (FUSE), a part is known by the digest that was asked for."""
    import hashlib

    seal = msgspec.structs.replace(finished(sink), inode=1, digest="sha256:" + hashlib.sha256(DATA).hexdigest())
    wrong = msgspec.structs.replace(seal, digest="sha256:" + "0" * 64)
    with pytest.raises(SourceChanged):
        sink.publish(1, wrong, None)
    sink.publish(1, seal, None)
    assert path.read_bytes() == DATA


def test_another_device_number(sink: LocalFile, path: Path) -> None:
    """After a reboot a network disk has another device number, and its files are the same."""
    seal = msgspec.structs.replace(finished(sink), device=12345)
    first = sink.publish(1, seal, None)
    assert sink.publish(1, seal, None) == first


def test_folder_gone(tmp_path: Path) -> None:
    """A folder that vanished is said to have vanished."""
    sink = LocalFile(tmp_path / "folder" / "data.bin", "op1")
    seal = finished(sink)
    (tmp_path / "folder").rename(tmp_path / "elsewhere")
    with pytest.raises(StorageFailed, match="not there any more"):
        sink.publish(1, seal, None)
    (tmp_path / "elsewhere").rename(tmp_path / "folder")
    sink.publish(1, seal, None)


# -- what a file system cannot do -------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", sorted(publishing.NO_LINKS), ids=errno.errorcode.get)
def test_no_links(sink: LocalFile, path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without hard links a rename that replaces nothing does the same."""
    seal = finished(sink)
    monkeypatch.setattr(os, "link", refuse(number))
    assert sink.publish(1, seal, None).atomic
    assert os.listdir(path.parent) == ["data.bin"]


def test_rename_that_replaces_nothing(tmp_path: Path) -> None:
    """The kernel's own rename without replacing gives 0, or says why not."""
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert publishing.rename_noreplace(folder, "one", "two") == errno.EEXIST
        assert publishing.rename_noreplace(folder, "one", "three") == 0
        assert publishing.rename_noreplace(folder, "one", "four") == errno.ENOENT
    finally:
        os.close(folder)
    assert sorted(os.listdir(tmp_path)) == ["three", "two"]


def test_no_renameat2(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A C library without renameat2 is like a file system that does not know it: look, then rename, and say so."""
    import ctypes

    seal = finished(sink)
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: object())
    assert sink.publish(1, seal, None).atomic is False
    assert path.read_bytes() == DATA
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert publishing.rename_noreplace(-1, "a", "b") == errno.ENOSYS


def test_comes_between_look_and_rename(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is promised, what is seen to be there is still not replaced."""
    seal = finished(sink)

    def someone_comes(*_: Any) -> int:
        path.write_text("theirs")
        return errno.EINVAL

    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    monkeypatch.setattr(publishing, "rename_noreplace", someone_comes)
    with pytest.raises(DestinationExists):
        sink.publish(1, seal, None)
    assert path.read_text() == "theirs"


def test_rename_fails(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal of the rename is told as what it is."""
    seal = finished(sink)
    monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    monkeypatch.setattr(publishing, "rename_noreplace", lambda *_: errno.EACCES)
    with pytest.raises(AccessDenied):
        sink.publish(1, seal, None)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF])
def test_folders_that_cannot_be_synced(
    sink: LocalFile, path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems know no sync of a folder; that is no failure."""
    seal = finished(sink)
    monkeypatch.setattr(os, "fsync", refuse(number))
    sink.publish(1, seal, None)
    assert path.exists()


def test_folder_sync_fails(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails when the name is synced is told; asked again, it is done."""
    seal = finished(sink)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse(errno.EIO))
        with pytest.raises(StorageFailed):
            sink.publish(1, seal, None)
    assert sink.publish(1, seal, None).size == len(DATA)


@pytest.mark.parametrize("replace", [False, True])
def test_lost_answer(sink: LocalFile, path: Path, replace: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An NFS server may do what it was asked, lose its answer and refuse when asked again: it is done all the same."""
    name = "replace" if replace else "link"
    if replace:
        path.write_text("old")
    real = getattr(os, name)

    def twice(*args: Any, **kwargs: Any) -> None:
        real(*args, **kwargs)
        real(*args, **kwargs)

    seal = finished(sink)
    monkeypatch.setattr(os, name, twice)
    sink.publish(1, seal, before_of(path) if replace else None)
    assert path.read_bytes() == DATA
    assert os.listdir(path.parent) == ["data.bin"]


def test_never_at_rest(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A destination that comes and goes all the time is given up, not watched for ever."""
    seal = finished(sink)
    monkeypatch.setattr(os, "link", refuse(errno.EEXIST))
    with pytest.raises(DestinationExists, match="keeps changing"):
        sink.publish(1, seal, None)


def test_untidy(sink: LocalFile, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part's name that cannot be taken away does not keep the file from being published."""
    seal = finished(sink)
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse(errno.EIO))
        sink.publish(1, seal, None)
    assert path.stat().st_nlink == 2
    sink.publish(1, seal, None)
    assert path.stat().st_nlink == 1


def spin(turns: int) -> None:
    """Lose a moment that no clock can tell."""
    for _ in range(turns):
        pass


# -- races ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("links", [True, False])
def test_race_with_a_creator(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else makes the same file at the same moment: one of the two has the name, and nobody is overwritten."""
    if not links:
        monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    dice = random.Random(1)
    won = 0
    for turn in range(300):
        path = tmp_path / f"{turn}.bin"
        sink = LocalFile(path, "op1")
        seal = finished(sink)
        start, theirs = threading.Barrier(2), [False]

        def create(path: Path, theirs: list[bool], start: threading.Barrier, turns: int) -> None:
            start.wait(10)
            spin(turns)
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                return
            theirs[0] = True
            os.write(fd, b"theirs")
            os.close(fd)

        creator = threading.Thread(target=create, args=(path, theirs, start, dice.randrange(4000)))
        creator.start()
        start.wait(10)
        spin(dice.randrange(4000))
        try:
            sink.publish(1, seal, None)
            ours = True
        except DestinationExists:
            ours = False
        creator.join()
        assert ours is not theirs[0]
        assert path.read_bytes() == (DATA if ours else b"theirs")
        won += ours
    assert 0 < won < 300, "this was no race"


_CREATOR = """
import os, sys
for line in sys.stdin:
    path, spin = line.split()
    for _ in range(int(spin)):
        pass
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, b"theirs")
        os.close(fd)
        print("made", flush=True)
    except FileExistsError:
        print("refused", flush=True)
"""


def test_race_with_another_process(tmp_path: Path) -> None:
    """The same with somebody who shares nothing with us."""
    dice = random.Random(2)
    won = 0
    with subprocess.Popen(
        [sys.executable, "-c", _CREATOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for turn in range(300):
            path = tmp_path / f"{turn}.bin"
            sink = LocalFile(path, "op1")
            seal = finished(sink)
            other.stdin.write(f"{path} {dice.randrange(4000)}\n")
            other.stdin.flush()
            spin(dice.randrange(8000))
            try:
                sink.publish(1, seal, None)
                ours = True
            except DestinationExists:
                ours = False
            assert (other.stdout.readline() == "refused\n") is ours
            assert path.read_bytes() == (DATA if ours else b"theirs")
            won += ours
        other.stdin.close()
    assert 0 < won < 300, "this was no race"


def test_two_publishers(tmp_path: Path) -> None:
    """A stale owner and the new one publish the same part at the same moment: both find it published."""
    for turn in range(100):
        path = tmp_path / f"{turn}.bin"
        seal = finished(LocalFile(path, "op1"))
        start = threading.Barrier(2)
        faults: list[Exception] = []

        def publish(epoch: int, path: Path, seal: Seal, start: threading.Barrier, faults: list[Exception]) -> None:
            start.wait(10)
            try:
                LocalFile(path, "op1").publish(epoch, seal, None)
            except Exception as error:
                faults.append(error)

        both = [threading.Thread(target=publish, args=(epoch, path, seal, start, faults)) for epoch in (1, 2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert not faults
        assert path.read_bytes() == DATA
    assert len(os.listdir(tmp_path)) == 100
