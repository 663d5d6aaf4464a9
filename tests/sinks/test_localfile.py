"""What a local file costs, and what it says of its disk."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from nbxfer.errors import NoSpace
from nbxfer.sinks.localfile import LocalFile


def test_room_is_asked_of_the_nearest_folder(tmp_path: Path) -> None:
    """Folders that are not there yet will be on the disk of the nearest one that is."""
    disk = os.statvfs(tmp_path)
    room = LocalFile(tmp_path / "a" / "b" / "data.bin", "op1").room()
    assert room is not None
    assert abs(room - disk.f_bavail * disk.f_frsize) < 1 << 30


def test_disks_that_do_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems say that they have no blocks at all, or nothing: then nobody knows, and it is tried."""
    sink = LocalFile(tmp_path / "data.bin", "op1")
    nothing = SimpleNamespace(f_blocks=0, f_bavail=0, f_frsize=4096, f_files=0, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda _: nothing)
    assert sink.room() is None
    sink.create(1, 10**18).close()

    def refuse(_: object) -> None:
        raise OSError(5, "I/O error")

    monkeypatch.setattr(os, "statvfs", refuse)
    assert sink.room() is None


def test_disks_without_inodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On btrfs there are no counted inodes: none free there means nothing."""
    sink = LocalFile(tmp_path / "data.bin", "op1")
    btrfs = SimpleNamespace(f_blocks=100, f_bavail=10, f_frsize=4096, f_files=0, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda _: btrfs)
    assert sink.room() == 40960
    with pytest.raises(NoSpace, match="40961 bytes"):
        sink.create(1, 40961)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(**{**vars(btrfs), "f_files": 9}))
    assert LocalFile(tmp_path / "gone" / "data.bin", "op1").room() == 0


def test_a_crowded_folder_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of 100,000 files an ordinary transfer looks at its own names only."""

    def refuse(*_: object) -> list[str]:
        raise AssertionError("the folder was listed")

    monkeypatch.setattr(os, "listdir", refuse)
    monkeypatch.setattr(os, "scandir", refuse)
    sink = LocalFile(tmp_path / "data.bin", "op1")
    for epoch in (1, 2):
        part = sink.create(epoch, 4)
        part.write_at(0, memoryview(b"data"))
        part.close()
    part = sink.reopen(3, 1, proven=True) or pytest.fail("no part")
    seal = part.seal(4, None)
    part.close()
    sink.publish(3, seal, None)
