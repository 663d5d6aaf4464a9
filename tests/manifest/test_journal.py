"""The journal: full and failing disks, compaction beside a writer, and every call that may fail, failing."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbxfer.core.record import Record
from nbxfer.errors import AccessDenied, ForkedError, NoSpace, StorageFailed, TransferError
from nbxfer.manifest import lines, storage
from nbxfer.manifest.base import Fenced
from nbxfer.manifest.folder import FolderManifest
from nbxfer.manifest.journal import LITTLE
from nbxfer.manifest.tail import Tail
from nbxfer.testing.manifests import a_record, after


def seen(manifest: FolderManifest) -> dict[str, int]:
    """Give what another process sees: the bytes of each operation."""
    return {f.record.id: f.record.received for f in FolderManifest(manifest.layout.home).scan()}


def journal(manifest: FolderManifest) -> Path:
    """Give the path of the journal."""
    return Path(manifest.layout.journal(manifest.me.id))


# -- a disk that is full, or fails -------------------------------------------------------------------------------------
class FullDisk:
    """A stand-in for os.write that has room for so many bytes."""

    def __init__(self, room: int, number: int = errno.ENOSPC) -> None:
        self.room, self.number, self.write = room, number, os.write

    def __call__(self, fd: int, data: bytes) -> int:
        if not self.room:
            raise OSError(self.number, os.strerror(self.number))
        done = self.write(fd, data[: self.room])
        self.room -= done
        return done


@pytest.mark.parametrize("room", [0, 1, 40, 300, 600, 1000])
def test_a_full_disk(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """When the disk is full, an append raises NoSpace, the journal stays readable, and goes on when there is room."""
    first, second = a_record("/1"), a_record("/2")
    manifest.append([first])
    size = journal(manifest).stat().st_size
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(room))
        with pytest.raises(NoSpace, match="No space left"):
            manifest.append([after(first, received=1), second, a_record("/3"), a_record("/4")])
    assert journal(manifest).stat().st_size == size
    assert seen(manifest) == {first.id: 0}
    manifest.append([after(first, received=2), second])
    assert seen(manifest) == {first.id: 2, second.id: 0}


def test_a_full_disk_that_cannot_be_cut_back(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where half a record stays in the journal, what is appended later is read."""
    first, second = a_record("/1"), a_record("/2")
    manifest.append([first])
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(100))
        patch.setattr(os, "ftruncate", _fails(errno.EIO))
        with pytest.raises(NoSpace):
            manifest.append([second])
    manifest.append([second, after(first, received=2)])
    assert seen(manifest) == {first.id: 2, second.id: 0}
    manifest.compact([])
    assert seen(manifest) == {first.id: 2, second.id: 0}


def _fails(number: int) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EIO, StorageFailed),
        (errno.ESTALE, StorageFailed),
        (errno.EROFS, AccessDenied),
    ],
)
def test_a_failing_disk(
    manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch, number: int, error: type[TransferError]
) -> None:
    """What the disk says is said in the project's words, with a reason and what to do."""
    manifest.append([a_record()])
    calls: dict[str, Callable[[], None]] = {"write": lambda: manifest.append([a_record()]), "fsync": manifest.sync}
    for name, call in calls.items():
        with monkeypatch.context() as patch:
            patch.setattr(os, name, _fails(number))
            with pytest.raises(error) as caught:
                call()
        assert caught.value.hint
        assert os.strerror(number) in str(caught.value)


def test_every_error_has_a_class() -> None:
    """Every error number that the system knows is translated; ours are left as they are."""
    for number in errno.errorcode:
        found = storage.translated(OSError(number, os.strerror(number)), "It failed")
        assert type(found) in (NoSpace, AccessDenied, StorageFailed)
    ours = NoSpace("full")
    assert storage.translated(ours, "It failed") is ours
    assert str(storage.translated(OSError("odd"), "It failed")).startswith("It failed: OSError.")
    with pytest.raises(NoSpace) as caught, storage.doing("outer"), storage.doing("inner"):
        raise OSError(errno.ENOSPC, "full")
    assert caught.value.message == "inner: full."


def test_a_failed_sync_is_made_good(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed sync the journal is written anew from what the engine knows: the disk may have dropped lines."""
    record = a_record()
    manifest.append([record])
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", _fails(errno.EIO))
        with pytest.raises(StorageFailed):
            manifest.sync()
    doubtful = manifest.bulky
    os.truncate(journal(manifest), 0)  # what the disk may do
    manifest.compact([record])
    assert (doubtful, manifest.bulky) == (True, False)
    assert seen(manifest) == {record.id: 0}


def test_the_home_is_removed(manifest: FolderManifest) -> None:
    """When somebody removes the whole home under a running engine, it is fenced, as if taken over and folded."""
    manifest.append([a_record()])
    shutil.rmtree(manifest.layout.home)
    with pytest.raises(Fenced):
        manifest.touch()
    with pytest.raises(Fenced):
        manifest.append([a_record()])


@pytest.mark.parametrize("notices", ["append", "touch", "compact", "end"])
def test_a_journal_that_somebody_removed(
    manifest: FolderManifest, notices: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A journal that is removed, though nobody took it over, is put back whole at the next word, and that is said."""
    live, done = a_record("/live"), a_record("/done")
    manifest.append([live, after(live, received=7), done, after(done, phase="done")])
    journal(manifest).unlink()
    new = a_record("/new")
    if notices == "append":
        manifest.append([new])
    elif notices == "touch":
        manifest.touch()
    elif notices == "compact":
        manifest.compact([])
    else:
        manifest.end()
    assert seen(manifest).items() >= {live.id: 7}.items()
    assert (new.id in seen(manifest)) == (notices == "append")
    found = FolderManifest(manifest.layout.home).finished("/done")
    assert found is not None
    assert found.id == done.id
    assert "somebody removed" in caplog.text
    if notices != "end":
        manifest.append([after(live, received=8)])
        assert seen(manifest)[live.id] == 8
    assert not [name for name in os.listdir(manifest.layout.journals) if name.endswith(".new")]


def test_a_journal_that_was_taken_is_not_put_back(manifest: FolderManifest) -> None:
    """Where another has the journal, or a list of names that may be old still shows ours, nothing is put back."""
    manifest.append([a_record()])
    path = journal(manifest)
    taken = path.with_name(f"{manifest.me.id}.taken.{'f' * 16}.jsonl")
    path.rename(taken)
    with pytest.raises(Fenced):
        manifest.append([a_record()])
    assert os.listdir(path.parent) == [taken.name]
    taken.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storage, "names", lambda folder: [path.name])
        with pytest.raises(Fenced):
            manifest.append([a_record()])


@pytest.mark.parametrize("keep", [0, 10, 34, 35, 500])
def test_a_journal_that_somebody_cut(manifest: FolderManifest, keep: int, caplog: pytest.LogCaptureFixture) -> None:
    """A journal that is cut is noticed at the next heartbeat or append, and rewritten from what the engine knows."""
    live, other, done = a_record("/live"), a_record("/other"), a_record("/done")
    manifest.append([live, other, done])
    manifest.append([after(live, received=7), after(done, phase="done")])
    manifest.sync()
    os.truncate(journal(manifest), keep)
    bulky = [manifest.bulky]
    manifest.touch()
    bulky.append(manifest.bulky)
    assert "cut" in caplog.text
    manifest.append([after(other, received=5)])
    assert seen(manifest)[other.id] == 5
    manifest.compact([after(live, received=7), other])
    assert [*bulky, manifest.bulky] == [False, True, False]
    assert seen(manifest) == {live.id: 7, other.id: 5}
    found = FolderManifest(manifest.layout.home).finished("/done")
    assert found is not None
    assert found.id == done.id


def test_cut_in_the_middle_of_compaction(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that is cut while it is being rewritten is not replaced by half of it: the next rewriting has all."""
    live, late = a_record("/live"), a_record("/late")
    manifest.append([live, after(live, received=7)])
    fsync = os.fsync

    def meddle(fd: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        os.truncate(journal(manifest), 50)
        manifest.append([late, after(late, received=1), after(late, received=2)])
        fsync(fd)

    monkeypatch.setattr(os, "fsync", meddle)
    with pytest.raises(StorageFailed, match="cut it short"):
        manifest.compact([live])
    assert manifest.bulky
    manifest.compact([after(live, received=7)])
    assert seen(manifest) == {live.id: 7, late.id: 2}


def test_two_compactions_at_once(manifest: FolderManifest) -> None:
    """Compactions asked for by two threads come one after the other, and nothing that is appended meanwhile is lost."""
    records = [a_record(f"/{n}") for n in range(200)]
    manifest.append(records)

    def compact() -> None:
        for _ in range(20):
            manifest.compact(records)

    threads = [threading.Thread(target=compact) for _ in range(3)]
    for thread in threads:
        thread.start()
    for received in range(1, 100):
        manifest.append([after(r, received=received) for r in records[received % 5 :: 5]])
    for thread in threads:
        thread.join()
    assert seen(manifest) == {r.id: max(n for n in range(1, 100) if n % 5 == i % 5) for i, r in enumerate(records)}


def test_a_journal_that_cannot_be_put_back(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no room to put it back that is said, nothing is lost, and it is tried again at the next word."""
    live = a_record("/live")
    manifest.append([live])
    journal(manifest).unlink()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", FullDisk(60))
        with pytest.raises(NoSpace):
            manifest.append([a_record("/other")])
    assert os.listdir(manifest.layout.journals) == []
    manifest.touch()
    assert seen(manifest) == {live.id: 0}


# -- compaction --------------------------------------------------------------------------------------------------------
def test_compaction_makes_it_small(manifest: FolderManifest) -> None:
    """After compaction there is one line for each unfinished operation, and nothing of the rest."""
    records = [a_record(f"/{n}") for n in range(10)]
    for received in range(50):
        manifest.append([after(r, received=received) for r in records])
    manifest.append([after(r, phase="done") for r in records[5:]])
    manifest.compact(records[:5])
    assert len(journal(manifest).read_bytes().splitlines()) == 1 + 5
    assert os.listdir(manifest.layout.journals) == [journal(manifest).name]
    assert seen(manifest) == {r.id: 49 for r in records[:5]}


def test_lines_of_a_newer_version_are_carried_along(manifest: FolderManifest) -> None:
    """What a newer version wrote is never dropped: not by compaction, not by taking over, not by leaving."""
    mine, theirs = a_record("/1"), a_record("/2")
    newer = lines.encode(theirs, 5).replace(b'"format":1', b'"format":2')  # damaged at that, who can tell
    manifest.append([mine])
    with journal(manifest).open("ab") as file:
        file.write(newer)
    manifest.append([after(mine, received=1)])
    manifest.compact([mine])
    assert newer in journal(manifest).read_bytes()
    manifest.end()
    heir = FolderManifest(manifest.layout.home)
    heir.begin()
    got = heir.take_over(manifest.me.id)
    assert got is not None
    assert [r.id for r in got] == [mine.id]
    heir.append([after(mine, epoch=2)])
    heir.taken(manifest.me.id)
    heir.append([after(mine, epoch=2, phase="canceled")])
    heir.end()
    left = b"".join(path.read_bytes() for path in Path(manifest.layout.journals).iterdir())
    assert newer in left
    assert FolderManifest(manifest.layout.home).scan() == []


def test_appending_beside_compaction(manifest: FolderManifest) -> None:
    """Whatever is appended while a compaction runs is in the journal after it."""
    records = [a_record(f"/{n}") for n in range(300)]
    manifest.append(records)
    stop = threading.Event()
    trouble: list[BaseException] = []

    def compact() -> None:
        try:
            while not stop.is_set():
                manifest.compact(records)
                manifest.sync()
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=compact)
    thread.start()
    try:
        for received in range(400):
            manifest.append([after(r, received=received) for r in records[received % 7 :: 7]])
            if received % 100 == 99:
                manifest.append([a_record(f"/late{received}")])
    finally:
        stop.set()
        thread.join()
    assert not trouble
    found = seen(manifest)
    expected = {r.id: max(n for n in range(400) if n % 7 == i % 7) for i, r in enumerate(records)}
    assert {op_id: found[op_id] for op_id in expected} == expected
    assert len(found) == len(records) + 4


CALLS = ("open", "write", "fsync", "rename", "mkdir", "stat", "fstat", "pread", "link", "utime")


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("name", CALLS)
def test_compaction_with_every_call_failing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int
) -> None:
    """Whichever system call of a compaction fails, it raises or succeeds, and nothing is lost either way."""
    for nth in itertools.count(1):
        manifest = FolderManifest(tmp_path / f"{name}{nth}")
        manifest.begin()
        live, done = a_record("/live"), a_record("/done")
        manifest.append([live, done, after(live, received=3), after(done, phase="done")])
        calls = itertools.count(1)
        real: Callable[..., Any] = getattr(os, name)

        def maybe(*args: Any, calls: Iterator[int] = calls, nth: int = nth, real: Any = real, **more: Any) -> Any:
            if next(calls) == nth:
                raise OSError(number, os.strerror(number))
            return real(*args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, name, maybe)
            with contextlib.suppress(TransferError):
                manifest.compact([live])
        check_nothing_lost(manifest, live, done)
        manifest.append([after(live, received=4)])
        assert seen(manifest)[live.id] == 4
        manifest.compact([live])
        check_nothing_lost(manifest, live, done)
        manifest.end()
        if next(calls) <= nth:  # it was not called that often
            break
    assert nth > 1 or name in ("link", "mkdir", "stat", "utime")


def check_nothing_lost(manifest: FolderManifest, live: Record, done: Record) -> None:
    """The live one is in the journals; the finished one there or in the history."""
    reader = FolderManifest(manifest.layout.home)
    found = reader.finished(done.spec.destination)
    assert found is not None
    assert found.id == done.id
    assert seen(manifest)[live.id] >= 3


def test_taken_over_in_the_middle_of_compaction(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner that slept between its check and its rename, and was taken over then, does not come back to life."""
    record = a_record()
    manifest.append([record])
    heir = "f" * 16
    rename = os.rename

    def sleepy(source: str, target: str) -> None:
        if target == str(journal(manifest)):
            rename(target, manifest.layout.journal(manifest.me.id, heir))
        rename(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", sleepy)
        with pytest.raises(Fenced):
            manifest.compact([record])
    assert not journal(manifest).exists()
    with pytest.raises(Fenced):
        manifest.append([record])
    (found,) = FolderManifest(manifest.layout.home).scan()
    assert found.owner == heir


def test_a_rename_whose_answer_is_lost(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over NFS a rename may have happened although it failed: what lies there counts."""
    record = a_record()
    manifest.append([record, after(record, received=3)])
    rename = os.rename

    def lossy(source: str, target: str) -> None:
        rename(source, target)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", lossy)
        manifest.compact([record])
    manifest.append([after(record, received=4)])
    assert seen(manifest) == {record.id: 4}


def test_a_reader_is_not_deceived_by_file_numbers(manifest: FolderManifest) -> None:
    """A file system may give a compacted journal the number and length of one that was read before: it is read anew."""
    first, second = a_record("/1"), a_record("/2")
    manifest.append([first])
    tail = Tail()
    assert tail.follow(str(journal(manifest)))
    seen_before = journal(manifest).stat()
    data = lines.generation() + lines.encode(second, 1)
    with journal(manifest).open("r+b") as file:  # the same file, from now on with another life
        file.write(data)
    assert len(data) == seen_before.st_size
    os.utime(journal(manifest), ns=(seen_before.st_atime_ns, seen_before.st_mtime_ns + 1_000_000))
    assert tail.follow(str(journal(manifest)))
    assert set(tail.best) == {second.id}


def test_a_journal_that_cannot_be_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no room even to begin, that is said, and beginning again works when there is."""
    manifest = FolderManifest(tmp_path / "home")
    whole = len(msgspec.json.encode(manifest.me))
    for room in (0, 10, whole, whole + 5):
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", FullDisk(room))
            with pytest.raises(NoSpace):
                manifest.begin()
    manifest.begin()
    manifest.append([a_record()])
    assert len(seen(manifest)) == 1
    manifest.end()


def test_little_is_not_worth_it(manifest: FolderManifest) -> None:
    """A short journal is left as it is, however much of it is past."""
    record = a_record()
    manifest.append([record] * 100)
    assert journal(manifest).stat().st_size < LITTLE
    assert not manifest.bulky


# -- the process -------------------------------------------------------------------------------------------------------
def test_a_forked_child_is_inert(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child can neither write its parent's journal nor end it."""
    manifest.append([a_record()])
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        with pytest.raises(ForkedError):
            manifest.append([a_record()])
    assert len(seen(manifest)) == 1


def test_a_forked_child_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child that leaves takes nothing of its parent's away."""
    manifest = FolderManifest(tmp_path / "home")
    manifest.begin()
    record = a_record("/d", "done")
    manifest.append([record])
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        manifest.end()
    assert journal(manifest).exists()
    assert manifest._owners.known(manifest.me.id)
