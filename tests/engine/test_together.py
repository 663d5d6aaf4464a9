"""Small files: fetched before they are asked for, checked and named many at once, each with its own answer."""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.ranges import RangeSet
from nbxfer.core.spec import Spec
from nbxfer.demo.server import DemoServer
from nbxfer.engine import ahead
from nbxfer.engine.job import Job
from nbxfer.engine.limits import ASIDE, RIDERS, Slots
from nbxfer.engine.perform import perform
from nbxfer.engine.together import Answers, Together
from nbxfer.engine.workers import Workers
from nbxfer.errors import NoSpace, StorageFailed
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import Session
from nbxfer.sinks import together
from nbxfer.sinks.folder import Folder
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sinks.partfile import PartFile
from nbxfer.sources.base import SMALL
from nbxfer.testing.scripted import Answer, ScriptedSource
from tests.engine.crews import until

DATA = random.Random(3).randbytes(10_000)
SHA256 = "sha256:" + hashlib.sha256(DATA).hexdigest()


class Desk:
    """Jobs with real parts and a real manifest, and the answers of groups."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.manifest, self.folder = FolderManifest(home), folder
        self.manifest.begin()
        self.answers: dict[str, ev.Event] = {}
        self.posts = 0
        self.workers = Workers(4)
        self.together = Together(self.workers, self.manifest, self._post)
        self.jobs: list[Job] = []

    def _post(self, answers: Answers) -> None:
        self.posts += 1
        self.answers.update(answers)

    def job(self, source: ScriptedSource, **options: object) -> Job:
        number = len(self.jobs)
        path = self.folder / f"{number}.bin"
        spec = Spec("download", f"https://h/{number}", str(path), f"{number}", **options)  # type: ignore[arg-type]
        sink = LocalFile(path, f"{number:016x}")
        self.jobs.append(Job(f"{number:016x}", spec, None, lambda: source, sink, self.manifest))
        return self.jobs[-1]

    def probed(self, source: ScriptedSource, **options: object) -> Job:
        """Give a job whose source has answered."""
        job = self.job(source, **options)
        answer = perform(job, do.Probe(1, 1, 1, None, None), lambda news: None)
        assert isinstance(answer, ev.Probed)
        assert not answer.held
        return job

    def fetch(self, job: Job, serial: int = 2) -> do.Fetch:
        size = len(DATA)
        return do.Fetch(serial, 1, True, size, RangeSet.of([(0, size)]).ranges)

    def all(self, actions: list[tuple[Job, do.Action]]) -> list[ev.Event]:
        """Have these done as one, and give the answers in order."""
        assert all(self.together.takes(job, action) for job, action in actions)
        self.answers.clear()
        self.together.add(actions)
        until(lambda: len(self.answers) == len(actions))
        return [self.answers[job.op_id] for job, _ in actions]

    def checked(self, jobs: list[Job], checksum: str | None = None) -> list[ev.Event]:
        return self.all([(job, do.Verify(3, 1, len(DATA), checksum)) for job in jobs])

    def named(self, jobs: list[Job], checks: list[ev.Event]) -> list[ev.Event]:
        verified = [event for event in checks if isinstance(event, ev.Verified)]
        return self.all([(j, do.Commit(4, 1, e.seal, e.by)) for j, e in zip(jobs, verified, strict=True)])

    def close(self) -> None:
        for job in self.jobs:
            job.close()
        self.manifest.end()
        self.workers.close()


@pytest.fixture
def desk(home: Path, tmp_path: Path) -> Iterator[Desk]:
    """Give a desk; its jobs are closed in the end."""
    made = Desk(home, tmp_path)
    yield made
    made.close()


def logs(desk: Desk) -> list[Path]:
    return [path for path in Path(desk.manifest.layout.folder("blocks")).rglob("*") if path.is_file()]


# -- ahead -----------------------------------------------------------------------------------------------------------
def test_a_small_file_is_there_before_it_is_asked_for(desk: Desk) -> None:
    """Its part is whole when the probe answers, and costs no block log; the fetch finds its answer at once."""
    source = ScriptedSource(DATA)
    job = desk.probed(source)
    assert (len(source.wants), source.streams) == (1, 0)
    assert job.part is not None
    assert job.part.read_at(0, SMALL) == DATA
    answer = ahead.answer(job, desk.fetch(job))
    assert answer == ev.RangeLanded(2, RangeSet.of([(0, len(DATA))]), len(DATA))
    assert logs(desk) == []


@pytest.mark.parametrize("length", ["chunked", "closed"])
def test_what_has_no_length_goes_the_usual_way(desk: Desk, length: str) -> None:
    """Nobody knows whether it is small."""
    assert desk.probed(ScriptedSource(DATA, length=length)).ahead is None


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (bytes(SMALL + 1), {}),
        (b"", {}),
        (DATA, {"max_size": 9_999}),
        (DATA, {"expect_size": 9_999}),
        (DATA, {"bandwidth": 1_000_000}),
    ],
)
def test_what_is_not_fetched_ahead(desk: Desk, data: bytes, options: dict[str, object]) -> None:
    """What is large, empty, of a wrong size or under a limit waits to be asked for, with its body open."""
    job = desk.probed(ScriptedSource(data), **options)
    assert job.ahead is None
    assert job.part is None
    assert job.stream is not None


@pytest.mark.parametrize("answer", [Answer(cut=4_000), Answer(stall=4_000)])
def test_a_body_that_does_not_come_at_once(desk: Desk, answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has come of it is not lost, and what is wrong with it is told by the fetch."""
    monkeypatch.setattr(ahead, "AT_ONCE", 0.02)
    source = ScriptedSource(DATA, [answer])
    job = desk.probed(source)
    assert job.ahead is None
    source.release()
    told = perform(job, desk.fetch(job), lambda news: None)
    assert job.part is not None
    if answer.cut is None:
        assert isinstance(told, ev.RangeLanded)
        assert job.part.read_at(0, SMALL) == DATA
    else:
        assert isinstance(told, ev.RangeLost)
        assert told.held == RangeSet.of([(0, 4_000)])
    assert (len(source.wants), source.streams) == (1, 0)


def test_a_disk_that_is_full_is_told_by_the_fetch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fetch meets the same disk, with the body that has come; when there is room again it is used."""

    def full(part: PartFile, offset: int, data: memoryview) -> None:
        raise NoSpace("full")

    with monkeypatch.context() as once:
        once.setattr(PartFile, "write_at", full)
        source = ScriptedSource(DATA)
        job = desk.probed(source)
    assert job.ahead is None
    assert isinstance(perform(job, desk.fetch(job), lambda news: None), ev.RangeLanded)
    assert job.part is not None
    assert job.part.read_at(0, SMALL) == DATA
    assert len(source.wants) == 1


def test_what_was_fetched_for_another_answer_is_not_taken(desk: Desk) -> None:
    """A part of the answer before says nothing about the one that counts now, however long it is."""
    source = ScriptedSource(DATA)
    job = desk.probed(source)
    source.data = DATA[::-1]
    answer = perform(job, do.Probe(3, 1, 1, None, None), lambda news: None)
    assert isinstance(answer, ev.Probed)
    assert ahead.answer(job, desk.fetch(job, 4)) is None
    assert isinstance(perform(job, desk.fetch(job, 4), lambda news: None), ev.RangeLanded)
    assert job.part is not None
    assert job.part.read_at(0, SMALL) == DATA[::-1]


@pytest.mark.parametrize("change", [{"epoch": 2}, {"fresh": False}, {"size": 9_999}])
def test_another_fetch_is_not_answered(desk: Desk, change: dict[str, object]) -> None:
    """Only the very fetch that was foreseen is done already."""
    job = desk.probed(ScriptedSource(DATA))
    fields = {"epoch": 1, "fresh": True, "size": len(DATA)} | change
    assert ahead.answer(job, do.Fetch(2, **fields)) is None  # type: ignore[arg-type]
    assert ahead.answer(job, do.Verify(2, 1, len(DATA), None)) is None
    assert ahead.answer(None, desk.fetch(job)) is None


# -- together --------------------------------------------------------------------------------------------------------
def test_many_are_checked_and_named_at_once(desk: Desk) -> None:
    """All answers of a group come home together, and each file has its own name and bytes."""
    jobs = [desk.probed(ScriptedSource(DATA)) for _ in range(30)]
    checks = desk.checked(jobs, SHA256)
    assert {type(event) for event in checks} == {ev.Verified}
    names = desk.named(jobs, checks)
    assert {type(event) for event in names} == {ev.Committed}
    assert desk.posts == 2
    assert sorted(os.listdir(desk.folder)) == sorted(f"{n}.bin" for n in range(30))
    assert {(desk.folder / f"{n}.bin").read_bytes() for n in range(30)} == {DATA}


def test_a_wrong_checksum_is_the_servers_doing(desk: Desk) -> None:
    """The bytes on the disk are those that came, so nothing is fetched again; those beside it are right."""
    right, wrong = desk.probed(ScriptedSource(DATA)), desk.probed(ScriptedSource(DATA[::-1]))
    one, other = desk.checked([right, wrong], SHA256)
    assert isinstance(one, ev.Verified)
    assert isinstance(other, ev.Mismatched)
    assert other.held == wrong.held


def test_a_part_that_changed_on_the_disk_is_fetched_again(desk: Desk) -> None:
    """What is not on the disk as it was written counts as not here."""
    job = desk.probed(ScriptedSource(DATA))
    (path,) = desk.folder.glob(".*.part")
    with path.open("r+b") as file:
        file.write(b"?")
    (answer,) = desk.checked([job], SHA256)
    assert isinstance(answer, ev.Mismatched)
    assert not answer.held


def test_one_that_cannot_be_synced_takes_nobody_with_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its part is closed, for nothing in it is to be believed; the others of the group go on."""
    monkeypatch.setattr(together, "syncfs", lambda fd: False)  # as where there is no such call, or it fails
    jobs = [desk.probed(ScriptedSource(DATA)) for _ in range(6)]
    sync = PartFile.sync

    def failing(part: PartFile) -> None:
        if part is jobs[2].part:
            raise StorageFailed("the disk is gone")
        sync(part)

    monkeypatch.setattr(PartFile, "sync", failing)
    checks = desk.checked(jobs)
    assert [type(event) for event in checks] == [ev.Verified] * 2 + [ev.VerifyLost] + [ev.Verified] * 3
    assert jobs[2].part is None


def test_a_part_that_was_closed_meanwhile(desk: Desk) -> None:
    """A check of what is not open any more finds no block log, and says that it is gone."""
    job = desk.probed(ScriptedSource(DATA))
    other = desk.probed(ScriptedSource(DATA))
    verify = do.Verify(3, 1, len(DATA), None)
    assert desk.together.takes(job, verify)
    desk.together.add([])
    job.close_part()
    assert not desk.together.takes(job, verify)
    one, two = desk.all([(other, verify)]), perform(job, verify, lambda news: None)
    assert isinstance(one[0], ev.Verified)
    assert isinstance(two, ev.VerifyLost)


def test_a_name_that_is_taken_stops_nobody_else(desk: Desk) -> None:
    """What somebody put there meanwhile stays, and is that one's answer."""
    jobs = [desk.probed(ScriptedSource(DATA)) for _ in range(3)]
    checks = desk.checked(jobs)
    (desk.folder / "1.bin").write_bytes(b"mine")
    names = desk.named(jobs, checks)
    assert [type(event) for event in names] == [ev.Committed, ev.CommitLost, ev.Committed]
    assert (desk.folder / "1.bin").read_bytes() == b"mine"


def test_nothing_is_done_before_its_folder_is_synced(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that goes wrong every file in it has failed; asked for again, they are found."""
    jobs = [desk.probed(ScriptedSource(DATA)) for _ in range(3)]
    checks = desk.checked(jobs)

    def failing(folder: Folder) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as once:
        once.setattr(Folder, "sync", failing)
        names = desk.named(jobs, checks)
    assert {type(event) for event in names} == {ev.CommitLost}
    assert {type(event) for event in desk.named(jobs, checks)} == {ev.Committed}


def test_nothing_is_named_before_the_decision_is_saved(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that cannot be synced means that nothing of the group gets a name."""
    jobs = [desk.probed(ScriptedSource(DATA)) for _ in range(3)]
    checks = desk.checked(jobs)

    def failing() -> None:
        raise StorageFailed("the home is gone")

    with monkeypatch.context() as once:
        once.setattr(desk.manifest, "sync", failing)
        names = desk.named(jobs, checks)
    assert {type(event) for event in names} == {ev.CommitLost}
    assert not list(desk.folder.glob("*.bin"))


def test_a_slow_file_system_is_left_alone_for_a_while(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One sync of everything that took long is not asked for again soon: somebody else writes a lot there."""
    asked: list[int] = []
    now = [100.0]

    def slow(fd: int) -> bool:
        asked.append(fd)
        now[0] += 1.0
        return True

    monkeypatch.setattr(together, "syncfs", slow)
    monkeypatch.setattr(together, "_trusted", lambda device: True)
    monkeypatch.setattr(together, "_resting_until", 0.0)
    jobs = [desk.probed(ScriptedSource(DATA)) for _ in range(4)]
    parts = [job.part for job in jobs if job.part is not None]
    for _ in range(3):
        assert together.sync(parts, lambda: now[0]) == [None] * 4
    assert len(asked) == 1
    now[0] += together.REST
    together.sync(parts, lambda: now[0])
    assert len(asked) == 2


def test_the_kind_of_a_file_system_is_known() -> None:
    """The system says of what kind it is; of a number that nobody has it says nothing."""
    kind = together._kind_of(os.stat("/proc").st_dev)
    assert kind in ("proc", "")
    assert together._kind_of(os.makedev(4000, 1)) == ""
    assert not together._trusted(os.stat("/proc").st_dev)


# -- all the way -----------------------------------------------------------------------------------------------------
def test_little_work_keeps_no_place() -> None:
    """What is soon checked and named makes way for the next, up to a bound; given back, it is gone."""
    slots = Slots(2)
    for number in range(ASIDE + 1):
        slots.take(str(number))
        slots.disconnect(str(number), little=True)
    assert slots.free == 1
    slots.release("0")
    assert slots.free == 1
    slots.release(str(ASIDE))
    assert slots.free == 2
    assert len(slots) == ASIDE - 1


def test_a_process_that_may_open_few_files() -> None:
    """What is aside has its part open: with few descriptors to spare less of it is, and with none nothing rides."""
    few, none = Slots(2, spare=48 + 6), Slots(2, spare=10)
    for slots, aside in ((few, 2), (none, 0)):
        for number in range(9):
            slots.take(str(number))
            slots.disconnect(str(number), little=True)
        assert slots.free == 2 - (9 - aside)
        slots.small = lambda host: True
    assert few.carries("h")
    assert few.passes("h")
    assert not none.carries("h")
    assert not none.passes("h")  # else what is there would wait for ever


def test_one_that_rides_has_no_place() -> None:
    """It is given one, with its connection, when it turns out to need it; or the connection goes back."""
    slots = Slots(2)
    slots.take("a", "h", ride=True)
    slots.take("b", "h", ride=True)
    assert (slots.free, slots.seats) == (2, RIDERS - 2)
    for op_id in "ab":
        assert slots.hosts.take("h")
        slots.release(op_id) if op_id == "b" else None
        slots.seat(op_id, "h")
    assert (slots.free, slots.seats) == (1, RIDERS)
    assert not slots.rides("a")
    slots.release("a")
    assert slots.hosts.take("h")
    assert slots.hosts.take("h")
    assert slots.hosts.full("h")


def test_a_list_of_small_files(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """Each is asked for once and ends up right; of one that was fetched at once the story says the same as ever."""
    server = serve(20_000)
    batch = sessions().download([server.url_of(f"{n}.bin") for n in range(120)], tmp_path / "out")
    batch.wait(progress=False)
    assert server.requests == 120
    assert {hashlib.sha256(path.read_bytes()).hexdigest() for path in batch.results()} == {server.sha256}
    assert len(os.listdir(tmp_path / "out")) == 120
    words = [entry.what for entry in batch[7].snapshot.story]
    assert words == ["probed", "all landed", "verified", "committed"]
    assert batch[7].snapshot.integrity == "validator"
