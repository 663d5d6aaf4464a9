"""Every sink keeps the contract: files on all kinds of file systems, and memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from nbxfer.core.record import Before
from nbxfer.sinks import publishing
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.memory import MemorySink, Shelf
from nbxfer.testing.sinks import SinkContract


class TestMemory(SinkContract):
    """The twin in memory."""

    @pytest.fixture(autouse=True)
    def _shelf(self) -> None:
        self.shelf = Shelf(capacity=50_000_000)

    def sink(self, op_id: str = "op-one") -> MemorySink:
        return MemorySink(self.shelf, "thing", op_id)

    def put(self, data: bytes) -> Before:
        return self.shelf.put("thing", data)

    def final(self) -> bytes | None:
        return self.shelf.get("thing")

    def beside(self, name: str) -> str:
        return name

    def at(self, path: str) -> bytes | None:
        return self.shelf.get(path)

    def lay(self, path: str, data: bytes) -> None:
        self.shelf.put(path, data)

    def remove(self, path: str) -> None:
        self.shelf.finals.pop(path, None)


class TestEndlessMemory(TestMemory):
    """A shelf that nobody has measured."""

    @pytest.fixture(autouse=True)
    def _shelf(self) -> None:
        self.shelf = Shelf()


class TestLocalFile(SinkContract):
    """A file on a file system that can do everything."""

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self.path = tmp_path / "folder" / "data.bin"

    def sink(self, op_id: str = "op-one") -> LocalFile:
        return LocalFile(self.path, op_id)

    def put(self, data: bytes) -> Before:
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_bytes(data)
        there = self.path.stat()
        return Before(there.st_size, there.st_mtime_ns)

    def final(self) -> bytes | None:
        return self.at(str(self.path))

    def beside(self, name: str) -> str:
        return str(self.path.with_name(name))

    def at(self, path: str) -> bytes | None:
        return Path(path).read_bytes() if os.path.exists(path) else None

    def lay(self, path: str, data: bytes) -> None:
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(data)

    def remove(self, path: str) -> None:
        Path(path).unlink(missing_ok=True)


class TestLongName(TestLocalFile):
    """A name of as many bytes as a name may have."""

    @pytest.fixture(autouse=True)
    def _path(self, tmp_path: Path) -> None:
        self.path = tmp_path / ("é" * 127 + "x")


class TestNoLinks(TestLocalFile):
    """A file system without hard links: FAT, exFAT, SMB."""

    @pytest.fixture(autouse=True)
    def _no_links(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)


class TestBareFileSystem(TestNoLinks):
    """A file system that can neither link, nor rename without replacing, nor copy, nor tell holes, nor sync folders."""

    @pytest.fixture(autouse=True)
    def _bare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: Any, **__: Any) -> None:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

        for name in ("copy_file_range", "fchmod", "lseek", "fsync"):
            monkeypatch.setattr(os, name, refuse)
        monkeypatch.setattr(publishing, "rename_noreplace", lambda *_: errno.EINVAL)

    def test_whole_life(self) -> None:
        """It publishes all the same, and says that it could not promise to overwrite nothing."""
        sink = self.sink()
        assert sink.publish(1, self.finished(), None).atomic is False

    def test_empty(self) -> None:
        """An object of no bytes is an object."""
        self.sink().publish(1, self.finished(data=b""), None)
        assert self.final() == b""

    def test_publish_again(self) -> None:
        """What is there is known again."""
        seal = self.finished()
        first = self.sink().publish(1, seal, None)
        assert self.sink().publish(1, seal, None).mtime_ns == first.mtime_ns
