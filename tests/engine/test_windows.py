"""A part as its readers see it: only bytes that somebody vouches for, and of one version only."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import crc32c
import pytest

from nbxfer.core.phases import Phase
from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet
from nbxfer.core.record import Record
from nbxfer.core.spec import Spec
from nbxfer.engine import windows
from nbxfer.engine.job import Job
from nbxfer.engine.windows import Window, end_of
from nbxfer.errors import StorageFailed
from nbxfer.manifest.base import Row
from nbxfer.manifest.folder import FolderManifest
from nbxfer.sinks.base import View
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sources.base import Source
from tests.noise import noise

ID = "0123456789abcdef"
DATA = noise(7, 2 * BLOCK + 77)


def _no_source() -> Source:
    raise AssertionError("nothing is asked")


@pytest.fixture
def job(home: Path, tmp_path: Path) -> Iterator[Job]:
    """Give a job with nothing open."""
    manifest = FolderManifest(home)
    manifest.begin()
    spec = Spec("download", "https://h/x", str(tmp_path / "X"), "https://h/x")
    job = Job(ID, spec, None, _no_source, LocalFile(tmp_path / "X", ID), manifest)
    yield job
    job.close()


def _open(job: Job, epoch: int = 1) -> None:
    job.open_part(epoch, job.sink.create(epoch, None), job.manifest.blocks(ID, epoch), RangeSet())


def _land(job: Job, start: int, data: bytes) -> None:
    """Do as whoever fetches: bytes, row, landing."""
    assert job.part is not None
    assert job.blocks is not None
    job.part.write_at(start, memoryview(data))
    for block in range(start // BLOCK, -(-(start + len(data)) // BLOCK)):
        whole = job.part.read_at(block * BLOCK, BLOCK)
        job.blocks.append([Row(block, len(whole), crc32c.crc32c(whole))])
    job.landing.land(start, start + len(data))


def _read(window: Window, start: int, stop: int) -> bytes:
    buffer = memoryview(bytearray(stop - start))
    got = 0
    while got < len(buffer):
        end = window.end(start + got)
        assert end > start + got
        got += window.read_into(start + got, buffer[got : got + end - start - got])
    return bytes(buffer)


def _record(job: Job, epoch: int = 1, fresh_since: int = 1) -> Record:
    return Record(ID, epoch, job.spec, Phase.PAUSED, 0.0, 0.0, fresh_since)


def _kept(job: Job, epoch: int = 1, fresh_since: int = 1) -> windows.Kept | None:
    return windows.kept(job.sink, job.manifest, _record(job, epoch, fresh_since))


@pytest.mark.parametrize(("offset", "end"), [(0, 5), (4, 5), (5, 5), (9, 9), (10, 30), (29, 30), (30, 30), (99, 99)])
def test_the_end_of_what_is_there(offset: int, end: int) -> None:
    """From an offset bytes are there up to the next hole."""
    assert end_of(RangeSet.of([(0, 5), (10, 30)]), offset) == end
    assert end_of(RangeSet(), offset) == offset


# -- a part that is open here -----------------------------------------------------------------------------------------
def test_a_reader_sees_what_lands(job: Job) -> None:
    """What lands is seen at once, in any order; what was written and not vouched for is not."""
    assert windows.coming(job) is None
    _open(job)
    with closing(windows.coming(job) or pytest.fail("no window")) as window:
        assert window.end(0) == 0
        _land(job, BLOCK, DATA[BLOCK:])
        assert window.end(0) == 0
        assert _read(window, BLOCK + 5, len(DATA)) == DATA[BLOCK + 5 :]
        assert job.part is not None
        job.part.write_at(0, memoryview(DATA[:100]))
        assert window.end(0) == 0
        threading.Timer(0.02, _land, (job, 0, DATA[:BLOCK])).start()
        while window.end(0) == 0:
            window.wait(0)
        assert _read(window, 0, len(DATA)) == DATA


def test_what_a_reader_wants_is_told(job: Job) -> None:
    """One reader wants one thing at a time, and nothing any more when it is closed."""
    _open(job)
    with closing(windows.coming(job) or pytest.fail("no window")) as window:
        window.want(ByteRange(5, 10))
        window.want(ByteRange(5, 10))
        assert job.landing.wanted() == RangeSet.of([(5, 10)])
        window.want(ByteRange(50, 60))
        assert job.landing.wanted() == RangeSet.of([(50, 60)])
    assert not job.landing.wanted()


def test_a_window_outlives_its_part(job: Job) -> None:
    """When the part is closed, or another version takes its place, a reader still has the bytes of its own."""
    _open(job)
    _land(job, 0, DATA)
    with closing(windows.coming(job) or pytest.fail("no window")) as window:
        _open(job, 2)
        _land(job, 0, bytes(len(DATA)))
        assert window.over
        window.wait(len(DATA))
        assert _read(window, 0, len(DATA)) == DATA
        assert window.end(len(DATA)) == len(DATA)


def test_a_part_that_is_just_closed_is_not_seen(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    """A window never joins what has landed in one part with the bytes of another, whenever parts are exchanged."""
    _open(job)
    _land(job, 0, DATA)
    assert job.part is not None
    first, view = job.part, job.part.view

    def exchanged() -> View:
        seen = view()
        _open(job)
        return seen

    monkeypatch.setattr(first, "view", exchanged)
    assert windows.coming(job) is None
    assert job.part is not None
    job.part.close()
    assert windows.coming(job) is None


def test_a_finished_part_is_known(job: Job, tmp_path: Path) -> None:
    """A reader of the part knows the finished file for the same; then all of it is there. Another file it does not."""
    _open(job)
    _land(job, 0, DATA)
    with closing(windows.coming(job) or pytest.fail("no window")) as window:
        assert job.part is not None
        seal = job.part.seal(len(DATA), None)
        job.close_part()
        job.sink.publish(1, seal, None)
        assert not window.finish(_record(job))
        wrong = Record(ID, 1, job.spec, Phase.DONE, 0.0, 0.0, seal=seal.__class__(len(DATA), 0, 1))
        assert not window.finish(wrong)
        assert window.finish(Record(ID, 1, job.spec, Phase.DONE, 0.0, 0.0, seal=seal))
        assert window.end(7) == len(DATA)
        assert _read(window, 0, len(DATA)) == DATA


def test_a_part_that_is_cut_gives_no_bytes(job: Job) -> None:
    """Bytes that somebody took away after they had landed are an error, not zeros and not the end."""
    _open(job)
    _land(job, 0, DATA[:100])
    with closing(windows.coming(job) or pytest.fail("no window")) as window:
        assert job.part is not None
        job.part.truncate(0)
        with pytest.raises(StorageFailed, match="not there any more"):
            window.read_into(0, memoryview(bytearray(10)))


# -- a part that is not open here -------------------------------------------------------------------------------------
def test_what_was_kept_is_read_before_it_is_believed(job: Job, tmp_path: Path) -> None:
    """Of a part that nobody has open here those blocks are seen whose bytes are what was written, and no others."""
    assert _kept(job) is None
    _open(job)
    _land(job, 0, DATA)
    job.close_part()
    [part] = [p for p in tmp_path.iterdir() if p.name.endswith(".part")]
    with part.open("r+b") as file:
        file.seek(BLOCK + 3)
        file.write(bytes([DATA[BLOCK + 3] ^ 1]))
    with closing(_kept(job) or pytest.fail("no window")) as window:
        assert window.end(5) == BLOCK
        assert _read(window, 5, BLOCK) == DATA[5:BLOCK]
        assert window.end(BLOCK) == BLOCK
        assert window.end(BLOCK + 10) == BLOCK + 10
        assert _read(window, 2 * BLOCK, len(DATA)) == DATA[2 * BLOCK :]
        assert window.end(len(DATA)) == len(DATA)
        assert window.over


def test_the_longest_true_row_counts(job: Job) -> None:
    """A block that came in pieces is there as far as its longest row is true."""
    _open(job)
    for stop in (10, 1000, 5000):
        _land(job, 0, DATA[:stop])
    assert job.part is not None
    assert job.blocks is not None
    job.blocks.append([Row(0, 9000, 12345)])
    job.blocks.append([Row(1, 10, 12345)])
    with closing(_kept(job) or pytest.fail("no window")) as window:
        assert window.end(BLOCK) == BLOCK
    job.manifest.blocks(ID, 1, [Row(0, 5000, crc32c.crc32c(DATA[:5000]))]).close()
    with closing(_kept(job) or pytest.fail("no window")) as window:
        assert window.end(0) == 5000
        assert window.end(4999) == 5000
        assert window.end(5000) == 5000


def test_other_versions_are_not_seen(job: Job) -> None:
    """What was kept of an older version is none of this one's; what an older owner kept of this one is."""
    _open(job)
    _land(job, 0, DATA)
    job.close_part()
    assert _kept(job, 3, 2) is None
    with closing(_kept(job, 3, 1) or pytest.fail("no window")) as window:
        assert _read(window, 0, len(DATA)) == DATA


def test_no_log_is_no_bytes(job: Job) -> None:
    """A part that no row vouches for has nothing to be seen."""
    _open(job)
    assert job.part is not None
    job.part.write_at(0, memoryview(DATA))
    with closing(_kept(job) or pytest.fail("no window")) as window:
        assert window.end(0) == 0
        window.wait(0)
