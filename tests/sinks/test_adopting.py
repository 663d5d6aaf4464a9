"""Somebody's unfinished file becomes a part, and is theirs again where that did not work out."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import crc32c
import pytest

from nbxfer.core.ranges import BLOCK
from nbxfer.engine import adoption
from nbxfer.errors import AccessDenied, InvalidRequest, NoSpace, StorageFailed
from nbxfer.manifest.base import Row
from nbxfer.manifest.folder import FolderManifest
from nbxfer.sinks.adopting import Theirs
from nbxfer.sinks.localfile import LocalFile

Fail = Callable[..., None]
ID = "0123456789abcdef"
DATA = b"what came before" * 1000


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Give somebody's file."""
    (tmp_path / "down").mkdir()
    path = tmp_path / "down" / "data.bin.part"
    path.write_bytes(DATA)
    path.chmod(0o644)
    return path


def parts(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.name.startswith(".")]


# -- what cannot be taken over ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("what", ["link", "folder", "fifo", "nothing"])
def test_no_ordinary_file(sink: LocalFile, tmp_path: Path, theirs: Path, what: str, move: bool) -> None:
    """A link, a folder, a FIFO: none of them is somebody's unfinished file, and none is waited for."""
    path = tmp_path / "other"
    match what:
        case "link":
            path.symlink_to(theirs)
        case "folder":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
    with pytest.raises(InvalidRequest) as caught:
        sink.adopt(path, 1, move=move)
    assert caught.value.hint
    assert not parts(tmp_path)
    assert theirs.read_bytes() == DATA


def test_a_file_of_several_names(sink: LocalFile, tmp_path: Path, theirs: Path) -> None:
    """What has another name is somebody's backup, perhaps: it is copied, never moved."""
    os.link(theirs, tmp_path / "backup")
    with pytest.raises(InvalidRequest, match="2 names"):
        sink.adopt(theirs, 1, move=True)
    part, length = sink.adopt(theirs, 1, move=False)
    with closing(part):
        assert length == len(DATA)
        part.write_at(0, memoryview(b"ours"))
    assert (tmp_path / "backup").read_bytes() == DATA


def test_a_file_of_another_user(sink: LocalFile, theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to somebody else is copied, never moved."""
    monkeypatch.setattr(os, "geteuid", lambda: theirs.stat().st_uid + 1)
    with pytest.raises(AccessDenied, match="another user"):
        sink.adopt(theirs, 1, move=True)


@pytest.mark.parametrize("move", [False, True])
def test_a_file_that_is_exchanged(theirs: Path, move: bool) -> None:
    """Between looking and opening somebody may put another file there, or a link."""
    seen = Theirs(theirs, move=move)
    theirs.rename(theirs.with_name("aside"))
    theirs.write_bytes(DATA)
    with pytest.raises(StorageFailed, match="exchanged"):
        seen.open()
    theirs.unlink()
    theirs.symlink_to(theirs.with_name("aside"))
    with pytest.raises(StorageFailed, match="exchanged"):
        seen.open()
    assert not seen.remove()
    assert theirs.is_symlink()


def test_a_name_that_is_exchanged(
    sink: LocalFile, tmp_path: Path, theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening and linking, too: the wrong file gets no second name."""
    real = os.link

    def link(*args: object, **kwargs: object) -> None:
        theirs.rename(theirs.with_name("aside"))
        theirs.write_bytes(b"another")
        real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StorageFailed, match="exchanged"):
        sink.adopt(theirs, 1, move=True)
    assert not parts(tmp_path)
    assert theirs.read_bytes() == b"another"


# -- moved, or copied ------------------------------------------------------------------------------------------------
def test_moving_copies_nothing(sink: LocalFile, tmp_path: Path, theirs: Path) -> None:
    """A file that is moved is the part, made private; its old name goes when the caller says so."""
    seen = Theirs(theirs, move=True)
    part, _ = sink.adopt(theirs, 1, move=True)
    part.close()
    [own] = parts(tmp_path)
    assert own.stat().st_ino == theirs.stat().st_ino
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert seen.remove()
    assert seen.remove()
    assert not theirs.exists()
    assert own.read_bytes() == DATA


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP])
def test_where_it_cannot_be_moved(sink: LocalFile, tmp_path: Path, theirs: Path, fail: Fail, number: int) -> None:
    """From another file system, or where files have one name only, it is copied, and removed after that."""
    fail("link", number)
    seen = Theirs(theirs, move=True)
    part, length = sink.adopt(theirs, 1, move=True)
    with closing(part):
        assert part.read_at(0, 2 * len(DATA)) == DATA
        assert length == len(DATA)
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o644
    assert seen.remove()
    assert not theirs.exists()
    assert len(parts(tmp_path)) == 1


def test_a_link_that_fails(sink: LocalFile, tmp_path: Path, theirs: Path, fail: Fail) -> None:
    """A disk that fails is no reason to copy."""
    fail("link", errno.EIO)
    with pytest.raises(StorageFailed):
        sink.adopt(theirs, 1, move=True)
    assert theirs.read_bytes() == DATA
    assert not parts(tmp_path)


def test_no_room_for_the_copy(sink: LocalFile, tmp_path: Path, theirs: Path, fail: Fail) -> None:
    """A copy that does not fit is taken back."""
    fail("copy_file_range", errno.ENOSPC)
    with pytest.raises(NoSpace):
        sink.adopt(theirs, 1, move=False)
    assert not parts(tmp_path)


@pytest.mark.parametrize("what", ["written", "longer", "gone"])
def test_what_somebody_touched_is_not_removed(theirs: Path, what: str) -> None:
    """A file that changed after we looked keeps its name: it is somebody's work. One that is gone is gone."""
    seen = Theirs(theirs, move=True)
    match what:
        case "written":
            os.utime(theirs, ns=(0, 1))
        case "longer":
            with theirs.open("ab") as file:
                file.write(b"more")
        case "gone":
            theirs.unlink()
    assert seen.remove() is (what == "gone")
    assert theirs.exists() is (what != "gone")


def test_what_was_not_to_be_moved_stays(theirs: Path) -> None:
    """Without move the file is never removed, nor is it where that is refused."""
    assert not Theirs(theirs, move=False).remove()
    assert theirs.exists()


def test_removal_that_is_refused(theirs: Path, fail: Fail) -> None:
    """A folder that may not be written keeps the file."""
    seen = Theirs(theirs, move=True)
    fail("unlink", errno.EACCES)
    assert not seen.remove()


# -- holes -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("move", [False, True])
def test_what_lies_behind_a_hole_does_not_count(sink: LocalFile, theirs: Path, move: bool) -> None:
    """Who fetches in pieces leaves holes: what comes after the first one may or may not be there."""
    with theirs.open("r+b") as file:
        file.truncate(0)
        file.write(bytes(BLOCK))
        file.seek(3 * BLOCK)
        file.write(DATA)
    part, length = sink.adopt(theirs, 1, move=move)
    part.close()
    assert length == BLOCK


def test_a_file_system_that_tells_no_holes(sink: LocalFile, theirs: Path, fail: Fail) -> None:
    """Where holes cannot be seen, all of it counts; the comparison with the server finds what is not right."""
    fail("lseek", errno.EINVAL)
    part, length = sink.adopt(theirs, 1, move=False)
    part.close()
    assert length == len(DATA)


# -- with its rows -----------------------------------------------------------------------------------------------------
@pytest.fixture
def manifest(home: Path) -> FolderManifest:
    """Give a home."""
    manifest = FolderManifest(home)
    manifest.begin()
    return manifest


def test_rows_vouch_for_it(tmp_path: Path, theirs: Path, manifest: FolderManifest) -> None:
    """Every block that came has a row; for the last byte nobody vouches."""
    data = os.urandom(BLOCK + 5)
    theirs.write_bytes(data)
    adopted = adoption.adopt(LocalFile(tmp_path / "X", ID), manifest, ID, theirs, move=False)
    assert adopted.length == len(data) - 1
    rows = [Row(0, BLOCK, crc32c.crc32c(data[:BLOCK])), Row(1, 4, crc32c.crc32c(data[BLOCK:-1]))]
    assert manifest.read_blocks(ID, 1) == rows
    for few in (b"", b"x"):
        theirs.write_bytes(few)
        assert adoption.adopt(LocalFile(tmp_path / "X", ID), manifest, ID, theirs, move=False).length == 0
        assert manifest.read_blocks(ID, 1) == []


@pytest.mark.parametrize("move", [False, True])
def test_a_file_that_is_still_written(
    tmp_path: Path, theirs: Path, manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch, move: bool
) -> None:
    """A file that changes while it is read has a writer that will go on: it is refused, and left as it was."""
    real = LocalFile.adopt

    def adopt(*args: object, **kwargs: object) -> object:
        given = real(*args, **kwargs)  # type: ignore[arg-type]
        with theirs.open("ab") as file:
            file.write(b"more")
        return given

    monkeypatch.setattr(LocalFile, "adopt", adopt)
    with pytest.raises(InvalidRequest, match="still being written"):
        adoption.adopt(LocalFile(tmp_path / "X", ID), manifest, ID, theirs, move=move)
    assert theirs.read_bytes() == DATA + b"more"
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o644
    assert not parts(tmp_path)
    assert not manifest.block_epochs(ID)


@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("call", ["fdatasync", "write", "pread"])
def test_giving_up(tmp_path: Path, theirs: Path, manifest: FolderManifest, fail: Fail, call: str, move: bool) -> None:
    """Whatever fails on the way, the file is as it was, and nothing is left of ours."""
    fail(call, errno.EIO)
    with pytest.raises(StorageFailed):
        adoption.adopt(LocalFile(tmp_path / "X", ID), manifest, ID, theirs, move=move)
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o644
    assert not parts(tmp_path)
    with theirs.open("rb") as file:
        assert file.read() == DATA


def test_an_interrupt_gives_up(
    tmp_path: Path, theirs: Path, manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C while a large file is read leaves everything as it was."""

    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "pread", interrupt)
    with pytest.raises(KeyboardInterrupt):
        adoption.adopt(LocalFile(tmp_path / "X", ID), manifest, ID, theirs, move=True)
    assert not parts(tmp_path)
    assert theirs.exists()


# -- views -------------------------------------------------------------------------------------------------------------
def test_a_view_is_closed_under_nobody(sink: LocalFile) -> None:
    """Closing while others read gives them an error, never the bytes of a file that was opened since."""
    with closing(sink.create(1, None)) as part:
        part.write_at(0, memoryview(b"x" * 4096))
        view = part.view()
    seen: list[object] = []

    def read() -> None:
        buffer = memoryview(bytearray(4096))
        try:
            while True:
                view.read_into(0, buffer)
                seen.append(bytes(buffer) == b"x" * 4096)
        except StorageFailed as error:
            seen.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    view.close()
    with open("/dev/zero", "rb"):
        for thread in threads:
            thread.join()
    assert all(s is True or isinstance(s, StorageFailed) for s in seen)


def test_a_view_of_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Where there is no folder there is no part."""
    assert LocalFile(tmp_path / "gone" / "X", "op1").view(3, 1) is None
