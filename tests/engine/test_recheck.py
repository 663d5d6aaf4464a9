"""What an earlier life left: believed block by block, and never lost on the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.core.spec import Spec
from nbxfer.engine import recheck
from nbxfer.engine.job import Job
from nbxfer.engine.landing import Landing
from nbxfer.engine.pump import Pump
from nbxfer.engine.writer import Writer
from nbxfer.manifest.folder import FolderManifest
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sources.base import Source, Stopped
from tests.noise import noise

ID = "0123456789abcdef"
DATA = noise(5, 3 * BLOCK + 77)


class Body:
    """A stream of DATA."""

    probe = Probe(len(DATA))
    restarted = False
    length_proven = True

    def __init__(self) -> None:
        self.position = 0

    def read_into(self, buffer: memoryview) -> int:
        """Give the next bytes."""
        chunk = DATA[self.position : self.position + len(buffer)]
        buffer[: len(chunk)] = chunk
        self.position += len(chunk)
        return len(chunk)

    def close(self) -> None:
        """Nothing is open."""


def _no_source() -> Source:
    raise AssertionError("nothing is asked")


def _job(home: Path, folder: Path) -> Job:
    manifest = FolderManifest(home)
    manifest.begin()
    spec = Spec("download", "https://h/x", str(folder / "X"), "https://h/x")
    return Job(ID, spec, None, _no_source, LocalFile(folder / "X", ID), manifest)


@pytest.fixture
def job(home: Path, tmp_path: Path) -> Job:
    """Give a job with a whole part of epoch 1, closed."""
    job = _job(home, tmp_path)
    part, log = job.sink.create(1, len(DATA)), job.manifest.blocks(ID, 1)
    pump = Pump(Writer(part, log, Landing(), lambda *_: None, lambda: None), Patience(), job.stop)
    pump.attach(Body())
    while pump.position < len(DATA):
        pump.block(len(DATA))
    part.close()
    log.close()
    return job


def _part(folder: Path) -> Path:
    [part] = [p for p in folder.iterdir() if p.name.endswith(".part")]
    return part


def test_everything_that_is_right_is_held(job: Job) -> None:
    """A part that nobody touched is believed whole, under a newer epoch too."""
    recheck.reopen(job, 3, 1)
    assert job.held == RangeSet.of([(0, len(DATA))])
    assert job.manifest.block_epochs(ID) == [3]
    job.close()


@pytest.mark.parametrize("offset", [0, BLOCK - 1, BLOCK, 2 * BLOCK + 5, len(DATA) - 1])
def test_an_edited_byte_costs_its_block(job: Job, tmp_path: Path, offset: int) -> None:
    """Whoever edits the part makes one block bad; the others are kept."""
    with _part(tmp_path).open("r+b") as file:
        file.seek(offset)
        file.write(bytes([DATA[offset] ^ 1]))
    recheck.reopen(job, 1, 1)
    start = offset // BLOCK * BLOCK
    assert job.held == RangeSet.of([(0, start), (min(start + BLOCK, len(DATA)), len(DATA))])
    job.close()


def test_a_part_that_was_cut_or_removed_costs_what_is_gone(job: Job, tmp_path: Path) -> None:
    """A truncated part is believed up to its last whole row; one that is gone is nothing."""
    os.truncate(_part(tmp_path), BLOCK + 10)
    recheck.reopen(job, 1, 1)
    assert job.held == RangeSet.of([(0, BLOCK)])
    job.close()
    _part(tmp_path).unlink()
    recheck.reopen(job, 1, 1)
    assert not job.held
    assert job.part is None


def test_older_versions_are_not_believed(job: Job) -> None:
    """A part from before the source changed is rubbish, whatever its rows say."""
    recheck.reopen(job, 2, 2)
    assert not job.held


def test_a_kill_between_the_old_log_and_the_new_one_loses_nothing(
    job: Job, monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path
) -> None:
    """Reopened in the same epoch, the log is replaced at once or not at all."""

    class Killed(BaseException):
        """The process ends here."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    for call in ("rename", "write"):
        monkeypatch.setattr(os, call, die)
        with pytest.raises(Killed):
            recheck.reopen(job, 1, 1)
        monkeypatch.undo()
        again = _job(home, tmp_path)
        recheck.reopen(again, 1, 1)
        assert again.held.total == len(DATA)
        again.close()


def test_checking_can_be_stopped(job: Job) -> None:
    """A pause need not wait for 40 GB to be read."""
    job.stop.set()
    with pytest.raises(Stopped):
        recheck.reopen(job, 1, 1)


def test_what_somebody_else_may_still_write_to_is_copied_once(job: Job, home: Path, tmp_path: Path) -> None:
    """A silent owner's part is copied; the copy is nobody else's, so the next owner goes on with it in place."""
    first = _part(tmp_path).stat().st_ino
    job.unproven = 1
    recheck.reopen(job, 2, 1)
    copy = _part(tmp_path).stat().st_ino
    assert copy != first
    assert job.held.total == len(DATA)
    job.close()
    again = _job(home, tmp_path)
    again.unproven = 1
    recheck.reopen(again, 3, 1)
    assert _part(tmp_path).stat().st_ino == copy
    assert again.held.total == len(DATA)
    again.close()
