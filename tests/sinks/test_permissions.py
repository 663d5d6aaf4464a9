"""Folders and files that may not be touched. Root may touch everything: there a child process becomes somebody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY, SOMEBODY = 65534, 65533

#: Imports first, then becomes NOBODY where it may, for that one may not read the packages.
_PREAMBLE = f"""
import ctypes, os, sys
from contextlib import closing
from pathlib import Path
from nbxfer.errors import AccessDenied, DestinationExists
from nbxfer.sinks.localfile import LocalFile
folder = Path(sys.argv[1])
sink = LocalFile(folder / "data.bin", "op1")
if os.geteuid() == 0:
    os.setgroups([])
    os.setegid({NOBODY})
    os.seteuid({NOBODY})

def refused(act):
    try:
        act()
    except AccessDenied as error:
        assert error.hint, error
    else:
        sys.exit(f"not refused: {{act}}")

def finished(epoch=1):
    with closing(sink.create(epoch, 4)) as part:
        part.write_at(0, memoryview(b"data"))
        return part.seal(4, None)
"""

Run = Callable[[str], None]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that NOBODY owns and can reach (pytest's own are closed to others)."""
    made = Path(tempfile.mkdtemp(prefix="nbxfer-"))
    if os.geteuid() == 0:
        os.chown(made, NOBODY, NOBODY)
    yield made
    made.chmod(0o700)
    shutil.rmtree(made)


@pytest.fixture
def run(folder: Path) -> Run:
    """Run lines of Python as somebody who is not root."""

    def run(lines: str) -> None:
        done = subprocess.run(
            [sys.executable, "-c", _PREAMBLE + lines, folder], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    return run


def needs_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("files of other people are not tested: only root can make them")


def test_read_only_folder(folder: Path, run: Run) -> None:
    """A folder that may not be written is said to be one; the finished part waits until it may."""
    run("""
seal = finished()
os.chmod(folder, 0o555)
refused(lambda: sink.create(2, 4))
refused(lambda: sink.reopen(2, 1, proven=True))
refused(lambda: sink.reopen(2, 1, proven=False))
refused(lambda: sink.publish(1, seal, None))
refused(sink.discard)
assert sink.room() > 0
os.chmod(folder, 0o700)
assert sink.publish(1, seal, None).size == 4
""")


def test_closed_folder(folder: Path, run: Run) -> None:
    """A folder that may not be entered refuses everything, and nothing takes that for "there is nothing"."""
    run("""
seal = finished()
os.chmod(folder, 0o000)
for act in (lambda: sink.create(1, 4), lambda: sink.reopen(1, 1, proven=True), sink.discard,
            lambda: sink.publish(1, seal, None), lambda: LocalFile(folder / "new" / "x", "op1").create(1, 4)):
    refused(act)
sink.room()
""")


def test_drop_box(folder: Path, run: Run) -> None:
    """A folder that may be written but not listed takes a file all the same."""
    run("""
os.chmod(folder, 0o300)
seal = finished()
sink.reopen(2, 1, proven=False).close()
refused(sink.discard)
refused(lambda: sink.reopen(99, 1, proven=True))
seal = finished(3)
assert sink.publish(3, seal, None).size == 4
""")


@pytest.mark.parametrize("mode", ["0o444", "0o000", "0o200"])
def test_about_to_become_read_only(folder: Path, run: Run, mode: str) -> None:
    """A part that got the mode of the read-only file it was to replace, just before a crash, is still ours."""
    run(f"""
seal = finished()
os.chmod(folder / ".data.bin.op1.1.part", {mode})
with closing(sink.reopen(1, 1, proven=True)) as part:
    part.write_at(0, memoryview(b"DATA"))
os.chmod(folder / ".data.bin.op1.1.part", {mode})
sink.publish(2, seal, None)
assert (folder / "data.bin").read_bytes() == b"DATA"
""")


def test_replaced_file_of_another_user(folder: Path, run: Run) -> None:
    """A file of somebody else in our folder is replaced when that was agreed; one that cannot be read is foreign."""
    needs_root()
    theirs = folder / "data.bin"
    theirs.write_bytes(b"data")
    theirs.chmod(0o600)
    run("""
from nbxfer.core.record import Before
seal = finished()
try:
    sink.publish(1, seal, None)
except DestinationExists:
    pass
else:
    sys.exit("it said that it was ours")
there = os.stat(folder / "data.bin")
sink.publish(1, seal, Before(there.st_size, there.st_mtime_ns))
assert os.stat(folder / "data.bin").st_uid == os.geteuid()
""")


def test_part_of_another_user(folder: Path, run: Run) -> None:
    """A part that somebody else planted in a shared folder is not gone on with: they could change it later."""
    needs_root()
    os.chown(folder, SOMEBODY, SOMEBODY)
    folder.chmod(0o777)
    planted = folder / ".data.bin.op1.1.part"
    planted.write_bytes(b"evil")
    planted.chmod(0o666)
    run("""
assert sink.reopen(1, 1, proven=True) is None
seal = finished()
assert sink.publish(1, seal, None).size == 4
assert (folder / "data.bin").read_bytes() == b"data"
""")


def test_mounts_with_one_owner(folder: Path, run: Run) -> None:
    """Where a mount shows one owner for everything, its files are as good as ours."""
    needs_root()
    os.chown(folder, SOMEBODY, SOMEBODY)
    folder.chmod(0o777)
    part = folder / ".data.bin.op1.1.part"
    part.write_bytes(b"data")
    part.chmod(0o666)
    os.chown(part, SOMEBODY, SOMEBODY)
    run("""
with closing(sink.reopen(2, 1, proven=True)) as part:
    assert part.read_at(0, 9) == b"data"
""")
