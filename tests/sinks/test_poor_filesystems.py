"""File systems that cannot do this or that, and servers that lose their answers."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from nbxfer.errors import AccessDenied, DestinationExists, StorageFailed
from nbxfer.sinks import publishing
from nbxfer.sinks.localfile import LocalFile
from tests.sinks.parts import DATA, before_of, finished, refuse


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
    monkeypatch.setattr(publishing, "_renameat2", publishing._renameat2.__wrapped__)  # what it remembers is of this one
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
