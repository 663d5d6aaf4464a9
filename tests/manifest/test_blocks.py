"""The block log: rows come back, and damage costs the damaged row only."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from crc32c import crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from nbxfer.core.ranges import BLOCK
from nbxfer.errors import NoSpace
from nbxfer.manifest import blocks
from nbxfer.manifest.base import Row
from nbxfer.manifest.folder import FolderManifest

OP = "ab" * 8
HEADER, ROW = 32, 16

_rows = st.lists(
    st.builds(Row, st.integers(0, 2**32 - 1), st.integers(1, BLOCK), st.integers(0, 2**32 - 1)), max_size=20
)


@pytest.fixture
def manifest(tmp_path: Path) -> FolderManifest:
    """Give a manifest that has begun."""
    made = FolderManifest(tmp_path / "home")
    made.begin()
    return made


def stored(manifest: FolderManifest, rows: list[Row], epoch: int = 1) -> bytes:
    """Write rows; give the file's bytes."""
    log = manifest.blocks(OP, epoch)
    for row in rows:
        log.append([row])
    log.close()
    return Path(manifest.layout.blocks(OP, epoch)).read_bytes()


@settings(max_examples=40)
@given(rows=_rows)
def test_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    """Of each block the newest row comes back, whatever is in it; a row takes sixteen bytes."""
    manifest = FolderManifest(tmp_path_factory.mktemp("home"))
    manifest.begin()
    data = stored(manifest, rows)
    newest = {row.block: row for row in rows}
    assert manifest.read_blocks(OP, 1) == [newest[block] for block in sorted(newest)]
    assert len(data) == HEADER + ROW * len(rows)


def test_flipped_at_every_byte(manifest: FolderManifest) -> None:
    """Whichever byte is flipped, at most one row is lost, and no row is given that was not written."""
    rows = [Row(n, BLOCK - n, n * 77) for n in range(10)]
    data = stored(manifest, rows)
    for at in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[at] ^= flip
            left = blocks.parse(bytes(damaged), OP, 1)
            lost = (at - HEADER) // ROW if at >= HEADER else None
            assert left == [row for n, row in enumerate(rows) if n != lost]


def test_an_older_row_stands_in(manifest: FolderManifest) -> None:
    """Where the newest row of a block is damaged, the one before it is given."""
    data = stored(manifest, [Row(0, 100, 1), Row(0, 200, 2)])
    assert blocks.parse(data[:-1] + b"x", OP, 1) == [Row(0, 100, 1)]


def test_cut_at_every_offset(manifest: FolderManifest) -> None:
    """Wherever the file ends, every whole row is given."""
    rows = [Row(n, BLOCK, n) for n in range(10)]
    data = stored(manifest, rows)
    for at in range(len(data) + 1):
        assert blocks.parse(data[:at], OP, 1) == rows[: max(0, at - HEADER) // ROW]


@settings(max_examples=100)
@given(junk=st.binary(max_size=400))
def test_junk(junk: bytes) -> None:
    """Whatever stands in a block log, reading it raises nothing, and what it gives could be in a part."""
    for row in blocks.parse(junk, OP, 1):
        assert 0 < row.length <= BLOCK


def test_rows_that_cannot_be(manifest: FolderManifest) -> None:
    """An empty row, or one longer than a block, is no row."""
    assert blocks.parse(stored(manifest, [Row(0, 0, 1), Row(1, BLOCK + 1, 1), Row(2, BLOCK, 1)]), OP, 1) == [
        Row(2, BLOCK, 1)
    ]


def test_somebody_elses(manifest: FolderManifest) -> None:
    """The log of another operation, epoch or version is not read as this one's."""
    data = stored(manifest, [Row(0, 1, 1)])
    assert blocks.parse(data, "cd" * 8, 1) == []
    assert blocks.parse(data, OP, 2) == []
    header = bytearray(data[:HEADER])
    header[8] = 2  # the version
    header[-4:] = crc32c(bytes(header[:-4])).to_bytes(4, "little")
    assert blocks.parse(bytes(header) + data[HEADER:], OP, 1) == []


@pytest.mark.parametrize("room", range(0, 40, 3))
@pytest.mark.parametrize("cut", [True, False])
def test_a_full_disk(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch, room: int, cut: bool) -> None:
    """When the disk is full, appending raises NoSpace; rows that are added later are found in their places."""
    log = manifest.blocks(OP, 1)
    log.append([Row(0, 1, 1)])
    write = os.write
    left = room

    def full(fd: int, data: bytes) -> int:
        nonlocal left
        if not left:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(fd, data[:left])
        left -= done
        return done

    def refuse(fd: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        if not cut:
            patch.setattr(os, "ftruncate", refuse)
        with pytest.raises(NoSpace):
            log.append([Row(1, 1, 1), Row(2, 1, 1), Row(3, 1, 1)])
    log.append([Row(4, 1, 1)])
    log.append([Row(5, 1, 1)])
    log.close()
    found = {row.block for row in manifest.read_blocks(OP, 1)}
    assert {0, 4, 5} <= found
    assert found <= {0, 1, 2, 4, 5}


def test_a_log_that_cannot_be_begun(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is said when a log is begun, and no file is left open."""

    def full(fd: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    open_before = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(NoSpace):
            manifest.blocks(OP, 1)
    assert len(os.listdir("/proc/self/fd")) == open_before
    assert manifest.read_blocks(OP, 1) == []
    assert os.listdir(manifest.layout.shelf(OP)) == []


def test_begun_anew_or_not_at_all(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that is begun anew with its good rows is the old one until it is the new one."""
    old = [Row(n, BLOCK, n) for n in range(5)]
    stored(manifest, old)
    for name in ("write", "rename"):

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(NoSpace):
                manifest.blocks(OP, 1, old[:3])
        assert manifest.read_blocks(OP, 1) == old
    manifest.blocks(OP, 1, old[:3]).close()
    assert manifest.read_blocks(OP, 1) == old[:3]


def test_a_stale_writer_writes_elsewhere(manifest: FolderManifest) -> None:
    """Who still holds the log that was begun anew does not write into the new one."""
    stale = manifest.blocks(OP, 1)
    fresh = manifest.blocks(OP, 1)
    stale.append([Row(7, 1, 1)])
    fresh.append([Row(8, 1, 1)])
    stale.close()
    fresh.close()
    assert manifest.read_blocks(OP, 1) == [Row(8, 1, 1)]


def test_other_files_are_no_logs(manifest: FolderManifest) -> None:
    """Files with other names beside the logs are not taken for logs, and not removed."""
    manifest.blocks(OP, 3).close()
    shelf = Path(manifest.layout.shelf(OP))
    for name in (f"{OP}.0", f"{OP}.x", f"{OP}.03", f"{OP}.3.new", f"{OP}", f"{OP[:-1]}.3"):
        (shelf / name).touch()
    assert manifest.block_epochs(OP) == [3]
    manifest.forget_blocks(OP)
    assert len(list(shelf.iterdir())) == 6
