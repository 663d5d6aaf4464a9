"""The final name: given once, to the right bytes, over nothing that may not be replaced, whatever comes between."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbxfer.errors import DestinationExists, SourceChanged, StorageFailed
from nbxfer.sinks import publishing
from nbxfer.sinks.localfile import LocalFile
from tests.sinks.parts import DATA, before_of, finished, refuse


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
