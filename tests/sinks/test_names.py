"""Names of files and of their parts: whatever a file may be called, and nothing that it may not."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nbxfer.errors import InvalidRequest
from nbxfer.sinks.folder import PartNames
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.partfile import PartFile

Fail = Callable[..., None]


def write(part: PartFile, data: bytes, at: int = 0) -> None:
    part.write_at(at, memoryview(data))


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


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
