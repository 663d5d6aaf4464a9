"""Copies of parts, for an owner who must not share: whole or nothing, and no larger than the part."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from nbxfer.errors import NoSpace
from nbxfer.sinks import partfile
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.partfile import PartFile

Fail = Callable[..., None]


def write(part: PartFile, data: bytes, at: int = 0) -> None:
    part.write_at(at, memoryview(data))


def only(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


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
