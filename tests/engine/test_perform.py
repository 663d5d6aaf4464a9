"""Looking, checking, naming: what comes before the first byte of an operation and after the last."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import crc32c
import pytest

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.ranges import BLOCK
from nbxfer.core.record import Before
from nbxfer.errors import BadAnswer, ServerBusy
from nbxfer.manifest.base import Row
from nbxfer.sinks.base import Part
from nbxfer.testing.scripted import HONEST, Answer, ScriptedSource
from tests.engine.crews import Bench, Ruled, benches, held
from tests.noise import noise

DATA = noise(9, 5 * BLOCK + 77)
SIZE = len(DATA)
SHA256 = "sha256:" + hashlib.sha256(DATA).hexdigest()
CRC32C = f"crc32c:{crc32c.crc32c(DATA):08x}"
Make = Callable[..., Bench]


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Make]:
    """Give a maker of one bench; what is left is looked at in the end."""
    with benches(home, tmp_path) as (make, _):
        yield make


class Watched:
    """A part that counts what is read of it."""

    def __init__(self, part: Part) -> None:
        self._part, self.read = part, 0

    def read_at(self, offset: int, length: int) -> bytes:
        data = self._part.read_at(offset, length)
        self.read += len(data)
        return data

    def __getattr__(self, name: str) -> object:
        return getattr(self._part, name)


def edit(bench: Bench, offset: int) -> None:
    """Change a byte of the part, as a broken disk would."""
    (part,) = bench.folder.glob(".X.*.part")
    with part.open("r+b") as file:
        file.seek(offset)
        file.write(bytes([DATA[offset] ^ 1]))


# -- checking ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("algorithm", ["sha256", "md5", "blake2b", "crc32"])
def test_it_adds_up_on_the_way(bench: Make, lanes: int, algorithm: str) -> None:
    """A digest is made while the bytes land; at the end the rest is added, and nothing is read twice."""
    digest = {"crc32": "crc32:00000000"}.get(algorithm) or f"{algorithm}:{hashlib.new(algorithm, DATA).hexdigest()}"
    one = bench(Ruled(DATA, rate=lambda want: 40e6))
    assert isinstance(one.fetch(lanes, digest), ev.RangeLanded)
    follower = one.job.follower
    assert follower is not None
    assert follower.reached > BLOCK
    missing = SIZE - follower.reached
    watched = Watched(follower.part)
    follower.part = one.job.part = watched  # type: ignore[assignment]
    answer = one.verify(digest)
    if algorithm == "crc32":
        assert isinstance(answer, ev.Mismatched)
    else:
        assert isinstance(answer, ev.Verified)
        assert (answer.by, answer.seal.digest) == ("digest", digest)
        assert watched.read == missing


def test_it_goes_on_adding_after_a_break(bench: Make) -> None:
    """A retry goes on with the sum of what has come before."""
    source = Ruled(DATA, lambda want: Answer(cut=3 * BLOCK))
    one = bench(source)
    assert isinstance(one.fetch(1, SHA256), ev.RangeLost)
    first = one.job.follower
    assert first is not None
    source.rule = lambda want: HONEST
    assert isinstance(one.fetch(1, SHA256), ev.RangeLanded)
    assert one.job.follower is first
    assert isinstance(one.verify(SHA256), ev.Verified)


def test_crc32c_needs_no_reading(bench: Make) -> None:
    """The CRC-32C of the file is put together from those of its blocks."""
    one = bench(Ruled(DATA))
    assert isinstance(one.fetch(4, CRC32C), ev.RangeLanded)
    assert one.job.follower is None
    assert one.job.part is not None
    watched = Watched(one.job.part)
    one.job.part = watched  # type: ignore[assignment]
    answer = one.verify(CRC32C, "store checksum")
    assert isinstance(answer, ev.Verified)
    assert (answer.by, answer.seal.digest) == ("store checksum", None)
    assert watched.read == 0


def test_crc32c_where_a_row_is_missing(bench: Make) -> None:
    """Without all rows the file is read."""
    one = bench(Ruled(DATA))
    assert isinstance(one.fetch(1), ev.RangeLanded)
    assert one.job.blocks is not None
    one.job.blocks.append([Row(2, 5, 0)])
    assert isinstance(one.verify(CRC32C), ev.Verified)
    one.job.blocks.append([Row(2, BLOCK, crc32c.crc32c(DATA[2 * BLOCK : 3 * BLOCK]))])


def test_without_a_checksum_nothing_is_claimed(bench: Make) -> None:
    """What was held against nothing was verified by nothing."""
    one = bench(Ruled(DATA))
    one.fetch(1)
    answer = one.verify(None)
    assert isinstance(answer, ev.Verified)
    assert answer.by == "nothing"


def test_a_wrong_digest_of_the_person(bench: Make) -> None:
    """The person is told both digests, and what to check."""
    one = bench(Ruled(DATA))
    one.fetch(4, "md5:" + 32 * "0")
    answer = one.verify("md5:" + 32 * "0")
    assert isinstance(answer, ev.Mismatched)
    assert answer.held == held((0, SIZE))
    assert answer.fault.error == "ChecksumMismatch"
    assert hashlib.md5(DATA).hexdigest() in answer.fault.message
    assert "Check the checksum you gave" in str(answer.fault.hint)


def test_a_wrong_digest_of_the_server(bench: Make) -> None:
    """Where the server contradicts itself, the person is told that, and how to take the file all the same."""
    one = bench(Ruled(DATA))
    one.fetch(1)
    answer = one.verify("sha256:" + 64 * "0", "server digest")
    assert isinstance(answer, ev.Mismatched)
    assert answer.fault.message == (
        f"The server says that the file's sha256 is {64 * '0'}, but what it sent has {SHA256[7:]}."
    )
    assert "checksum=False" in str(answer.fault.hint)


def test_what_the_disk_has_lost_is_fetched_again(bench: Make) -> None:
    """When the bytes are not those that were written, the blocks that are wrong are given up, and no others."""
    one = bench(Ruled(DATA))
    one.fetch(1)  # without a digest on the way: those bytes are read at the end
    edit(one, 2 * BLOCK + 5)
    answer = one.verify(SHA256)
    assert isinstance(answer, ev.Mismatched)
    assert answer.held == held((0, 2 * BLOCK), (3 * BLOCK, SIZE))
    assert isinstance(one.fetch(1, SHA256), ev.RangeLanded)
    assert isinstance(one.verify(SHA256), ev.Verified)


def test_nothing_is_wrong_before_all_of_it_was_read(bench: Make) -> None:
    """A sum made on the way that does not come out right is made once more, from the disk."""
    one = bench(Ruled(DATA))
    one.fetch(1, SHA256)
    assert one.job.follower is not None
    one.job.follower._digest.update(b"by a cosmic ray")
    assert isinstance(one.verify(SHA256), ev.Verified)


def test_algorithms_that_nobody_knows(bench: Make) -> None:
    """A server's word in an unknown language proves nothing; a person is told."""
    one = bench(Ruled(DATA))
    one.fetch(1, "crc64nvme:0000000000000000")
    answer = one.verify("crc64nvme:0000000000000000", "store checksum")
    assert isinstance(answer, ev.Verified)
    assert answer.by == "nothing"
    answer = one.verify("crc64nvme:0000000000000000")
    assert isinstance(answer, ev.VerifyLost)
    assert answer.fault.error == "InvalidRequest"


def test_checking_can_be_stopped(bench: Make) -> None:
    """A pause need not wait for the file to be read; and the part that was cut meanwhile is not called whole."""
    one = bench(Ruled(DATA))
    one.fetch(1)
    one.job.stop.set()
    assert isinstance(one.verify(SHA256), ev.CutShort)
    one.job.stop.clear()
    assert isinstance(one.verify(SHA256), ev.Verified)


def test_the_time_of_the_version_is_the_file_s(bench: Make) -> None:
    """Where it is wished, the file says when the server's was changed."""
    one = bench(Ruled(DATA))
    one.fetch(1)
    verified = one.perform(lambda n: do.Verify(n, 1, SIZE, None, "nothing", 1_234_567_890.0))
    assert isinstance(verified, ev.Verified)
    done = one.perform(lambda n: do.Commit(n, 1, verified.seal, "nothing"))
    assert isinstance(done, ev.Committed)
    assert os.stat(done.published.path).st_mtime == 1_234_567_890.0


# -- names -------------------------------------------------------------------------------------------------------
def finished(one: Bench) -> ev.Verified:
    """Fetch and check."""
    one.fetch(1)
    verified = one.verify(None)
    assert isinstance(verified, ev.Verified)
    return verified


def test_a_name_by_the_server_that_is_taken(bench: Make, tmp_path: Path) -> None:
    """What has that name is kept; the next free one is told, before the ending, and then given."""
    one = bench(Ruled(DATA), naming="server")
    for taken in ("data.tar.gz", "data (1).tar.gz"):
        (tmp_path / taken).write_text("mine")
    verified = finished(one)
    answer = one.perform(lambda n: do.Commit(n, 1, verified.seal, "nothing", str(tmp_path / "data.tar.gz")))
    assert isinstance(answer, ev.NameTaken)
    assert answer.path == str(tmp_path / "data (2).tar.gz")
    done = one.perform(lambda n: do.Commit(n, 1, verified.seal, "nothing", answer.path))
    assert isinstance(done, ev.Committed)
    assert done.published.path == answer.path
    assert Path(answer.path).read_bytes() == DATA
    assert (tmp_path / "data.tar.gz").read_text() == "mine"


@pytest.mark.parametrize("how", [{"if_exists": "error"}, {}])
def test_a_name_that_may_not_be_another(bench: Make, tmp_path: Path, how: dict[str, str]) -> None:
    """A person's own name, and any where ``if_exists`` is "error", is never made another."""
    one = bench(Ruled(DATA), **how)
    (tmp_path / "X").write_text("mine")
    verified = finished(one)
    path = str(tmp_path / "X") if how else ""
    answer = one.perform(lambda n: do.Commit(n, 1, verified.seal, "nothing", path))
    assert isinstance(answer, ev.CommitLost)
    assert answer.fault.error == "DestinationExists"


@pytest.mark.parametrize(
    ("naming", "name", "refused"),
    [
        ("server", "theirs.csv", True),
        ("auto", "theirs.csv", True),
        ("url", "theirs.csv", False),
        ("server", "", False),
    ],
)
def test_a_taken_name_is_refused_before_a_byte_comes(
    bench: Make, tmp_path: Path, naming: str, name: str, refused: bool
) -> None:
    """With ``if_exists="error"`` nobody waits for hours to hear that the server's name is taken."""
    (tmp_path / "theirs.csv").write_text("mine")
    source = ScriptedSource(DATA, name=name)
    one = bench(source, naming=naming, if_exists="error")
    answer = one.probe()
    if refused:
        assert isinstance(answer, ev.ProbeLost)
        assert answer.fault.error == "DestinationExists"
        assert (tmp_path / "theirs.csv").read_text() == "mine"
    else:
        assert isinstance(answer, ev.Probed)
    one.job.park(None)
    assert source.streams == 0


# -- looking -----------------------------------------------------------------------------------------------------
def test_a_file_of_checksums_is_read_first(bench: Make) -> None:
    """Its line for this file comes with the first answer, and it is read once."""
    asked: list[str] = []

    def small(url: str, most: int) -> bytes:
        asked.append(url)
        return f"{SHA256[7:]}  x\n{64 * '0'}  other\n".encode()

    one = bench(ScriptedSource(DATA), checksum_at="https://h/SHA256SUMS", small=small)
    for _ in range(2):
        answer = one.probe()
        assert isinstance(answer, ev.Probed)
        assert answer.checksum == SHA256
    assert asked == ["https://h/SHA256SUMS"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [(BadAnswer("None."), "BadAnswer"), (ServerBusy("Later."), "ServerBusy"), (b"nothing of use", "BadAnswer")],
)
def test_a_file_of_checksums_that_does_not_help(bench: Make, wrong: BadAnswer | bytes, error: str) -> None:
    """Where it cannot be had, or has no line, nothing is fetched unchecked."""

    def small(url: str, most: int) -> bytes:
        if isinstance(wrong, bytes):
            return wrong
        raise wrong

    source = ScriptedSource(DATA)
    one = bench(source, checksum_at="https://h/SHA256SUMS", small=small)
    answer = one.probe()
    assert isinstance(answer, ev.ProbeLost)
    assert answer.fault.error == error
    one.job.park(None)
    assert source.streams == 0


def test_without_a_way_to_it_a_file_of_checksums_is_a_fault(bench: Make) -> None:
    """Who makes a job without it is told so, not left with an unchecked file."""
    one = bench(ScriptedSource(DATA), checksum_at="https://h/SHA256SUMS")
    answer = one.probe()
    assert isinstance(answer, ev.ProbeLost)
    assert answer.fault.error == "BadAnswer"


def test_random_access_is_refused_at_once_where_there_is_none(bench: Make) -> None:
    """Who needs any byte at any time hears it before the first one where the server gives no ranges."""
    one = bench(ScriptedSource(DATA, ranges=False), random_access=True)
    answer = one.probe()
    assert isinstance(answer, ev.ProbeLost)
    assert answer.fault.status == 22


def test_what_lies_there_may_be_enough(bench: Make, tmp_path: Path) -> None:
    """A file with the right checksum is the result, by any algorithm; one with another is in the way."""
    (tmp_path / "X").write_bytes(DATA)
    there = (tmp_path / "X").stat()
    for checksum, right in ((SHA256, True), (CRC32C, True), ("md5:" + 32 * "0", False)):
        one = bench(ScriptedSource(DATA), checksum=checksum)
        before = Before(SIZE, there.st_mtime_ns)
        answer = one.perform(lambda n, b=before: do.Probe(n, 1, 1, None, None, b))  # type: ignore[misc]
        assert isinstance(answer, ev.Unchanged) is right, answer
        if isinstance(answer, ev.Unchanged):
            assert answer.published.integrity == "digest"


def test_another_version_closes_the_part(bench: Make) -> None:
    """When the probe finds another version, nothing of the old one is held, and readers are told."""
    source = Ruled(DATA, lambda want: Answer(cut=BLOCK + 5))
    one = bench(source)
    assert isinstance(one.fetch(1), ev.RangeLost)
    landing = one.job.landing
    source.rule = lambda want: Answer(data=DATA[::-1])
    answer = one.probe()
    assert isinstance(answer, ev.Probed)
    assert answer.restarted
    assert not answer.held
    assert landing.ended
    assert one.job.part is None


def test_a_fetch_without_a_body_comes_home(bench: Make) -> None:
    """Where the body was closed meanwhile there is nothing to read; that is no fault."""
    one = bench(ScriptedSource(DATA))
    one.probe()
    one.job.park(None)
    answer = one.perform(lambda n: do.Fetch(n, 1, True, SIZE))
    assert isinstance(answer, ev.CutShort)


def test_a_part_that_cannot_be_made_closes_the_body(bench: Make, tmp_path: Path) -> None:
    """When there is no folder to write into, the connection does not stay open."""
    source = ScriptedSource(DATA)
    one = bench(source)
    one.probe()
    one.job.sink.create = None  # type: ignore[method-assign, assignment]
    assert isinstance(one.perform(lambda n: do.Fetch(n, 1, True, SIZE)), ev.RangeLost)
    assert source.streams == 0


def test_the_rows_outlive_the_job(bench: Make) -> None:
    """What several lanes wrote is believed again, block by block, when it is opened anew."""
    source = Ruled(DATA, rate=lambda want: None if want.part else 40e6)
    source.rule = lambda want: Answer(cut=BLOCK // 2) if want.part else Answer(cut=BLOCK + 9)
    one = bench(source)
    assert isinstance(one.fetch(4), ev.RangeLost)
    had = one.job.held
    assert len(had.ranges) > 1
    one.job.close()
    source.rule = lambda want: HONEST
    answer = one.probe()
    assert isinstance(answer, ev.Probed)
    assert answer.held == had
    assert isinstance(one.fetch(4), ev.RangeLanded)
    assert one.data() == DATA
