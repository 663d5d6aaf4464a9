"""Taking over where the file system lies, fails or was tampered with: never half, never twice, never lost."""

from __future__ import annotations

import errno
import itertools
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbxfer.core.lease import Hold, Process
from nbxfer.core.record import Record
from nbxfer.errors import AccessDenied, StorageFailed
from nbxfer.manifest import history, lines, machine, storage
from nbxfer.manifest.base import Wish
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record, after


def dead(home: Path, *records: Record) -> FolderManifest:
    """Give the manifest of a process that is gone."""
    me = msgspec.structs.replace(machine.this_owner(), process=Process(2**22 + 1, "1"))
    manifest = FolderManifest(home, me=me)
    manifest.begin()
    manifest.append(records)
    return manifest


def heir(home: Path) -> FolderManifest:
    """Give one that may take over."""
    manifest = FolderManifest(home)
    manifest.begin()
    return manifest


def test_a_rename_whose_answer_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over NFS a rename may have happened although it failed: who finds the name there has won."""
    record = a_record()
    victim, me = dead(tmp_path, record), heir(tmp_path)
    rename = os.rename

    def lossy(source: str, target: str) -> None:
        rename(source, target)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", lossy)
        assert me.take_over(victim.me.id) == [record]


def test_a_rename_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When somebody was faster there is nothing to take; when the disk fails that is said, and all is as it was."""
    record = a_record()
    victim, me = dead(tmp_path, record), heir(tmp_path)
    for number in (errno.ENOENT, errno.EIO):

        def refuse(*_: object, number: int = number) -> None:
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", refuse)
            if number == errno.ENOENT:
                assert me.take_over(victim.me.id) is None
            else:
                with pytest.raises(StorageFailed):
                    me.take_over(victim.me.id)
    assert me.take_over(victim.me.id) == [record]


def test_an_heir_that_left_no_journal(tmp_path: Path) -> None:
    """Where the journal of a dead heir has vanished, what it had taken is taken from it all the same."""
    record = a_record()
    first = dead(tmp_path, record)
    second = dead(tmp_path)
    assert second.take_over(first.me.id) == [record]
    os.unlink(second.layout.journal(second.me.id))
    me = heir(tmp_path)
    assert [f.owner for f in me.scan()] == [second.me.id]
    assert me.take_over(second.me.id) == [record]
    assert [f.owner for f in FolderManifest(tmp_path).scan()] == [me.me.id]
    me.append([after(record, epoch=2)])
    me.taken(second.me.id)
    assert os.listdir(me.layout.journals) == [f"{me.me.id}.jsonl"]


def test_a_journal_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When what was won cannot be read at the moment, nothing of it is cleared away, and asking again gives it."""
    record = a_record()
    victim, me = dead(tmp_path, record), heir(tmp_path)
    pread = os.pread

    def failing(*_: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", failing)
        with pytest.raises(StorageFailed):
            me.take_over(victim.me.id)
    me.taken(victim.me.id)
    assert os.pread is pread
    assert me.take_over(victim.me.id) == [record]


def test_others_journals_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that cannot be read at the moment does not hide the others, nor what was read of it before."""
    mine, theirs = a_record("/1"), a_record("/2")
    me, other = heir(tmp_path), dead(tmp_path, theirs)
    me.append([mine])
    assert len(me.scan()) == 2
    other.append([after(theirs, received=5)])
    real_open = os.open

    def stale(path: Any, *args: Any, **more: Any) -> int:
        if other.me.id in str(path):
            raise OSError(errno.ESTALE, "Stale file handle")
        return real_open(path, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", stale)
        assert {f.record.id: f.record.received for f in me.scan()} == {mine.id: 0, theirs.id: 0}
        assert me.hold_of(other.me.id) is Hold.THEIRS  # its owner file cannot be read either: its age counts
    assert {f.record.id: f.record.received for f in me.scan()} == {mine.id: 0, theirs.id: 5}


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the journals' folder cannot be listed, that is said; of the rest the answer is that nothing is known."""
    me = heir(tmp_path)
    me.append([a_record("/d", "done")])
    me.compact([])

    def refuse(*_: object) -> list[str]:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    with pytest.raises(AccessDenied):
        me.scan()
    assert me.wishes() == []
    assert history.done(me.layout, "/d") is None


def test_renamed_while_looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that changes hands between listing and opening is looked for again, so nothing is ever missing."""
    record = a_record()
    victim, me = dead(tmp_path, record), heir(tmp_path)
    reader = FolderManifest(tmp_path)
    real = storage.names
    asked = itertools.count()

    def late(folder: str) -> list[str]:
        found = real(folder)
        if next(asked) == 0:
            assert me._succession._win(victim.me.id)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(storage, "names", late)
        found = reader.scan()
    assert [(f.record.id, f.owner) for f in found] == [(record.id, me.me.id)]


def test_two_that_name_each_other(tmp_path: Path) -> None:
    """Journals that were tampered with so that two have taken each other lead nobody in circles."""
    me = heir(tmp_path)
    a, b = "a" * 16, "b" * 16
    record = a_record()
    for owner, taker in ((a, b), (b, a)):
        path = Path(me.layout.journal(owner, taker))
        path.write_bytes(lines.encode(record, 1))
        os.utime(path, (0, 0))
    assert [f.record.id for f in me.scan()] == [record.id]
    assert me.look(record.id, a) is not None
    got = me.take_over(a)
    assert got is None or [r.id for r in got] == [record.id]


def test_everything_of_a_dead_owner_goes(tmp_path: Path) -> None:
    """Once folded, a dead owner's journal, file, wishes and half-made compactions are gone; others' are not."""
    record = a_record()
    victim, me = dead(tmp_path, record), heir(tmp_path)
    me.wish(victim.me.id, Wish("pause", record.id))
    for owner in (victim.me.id, me.me.id):
        Path(me.layout.aside(owner)).touch()
    assert me.take_over(victim.me.id) == [record]
    me.append([after(record, epoch=2)])
    me.taken(victim.me.id)
    left = [str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if victim.me.id in p.name]
    assert left == []
    assert len(os.listdir(me.layout.journals)) == 2


def test_clearing_that_fails_may_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no room for the history, what was taken over stays until it can be cleared."""
    done = a_record("/d", "done")
    victim, me = dead(tmp_path, done), heir(tmp_path)
    assert me.take_over(victim.me.id) == [done]

    def full(*_: object) -> None:
        raise StorageFailed("full")

    with monkeypatch.context() as patch:
        patch.setattr(history, "add", full)
        with pytest.raises(StorageFailed):
            me.taken(victim.me.id)
    assert FolderManifest(tmp_path).finished("/d") == done
    me.taken(victim.me.id)
    assert FolderManifest(tmp_path).finished("/d") == done
    assert os.listdir(me.layout.journals) == [f"{me.me.id}.jsonl"]


def test_a_lapsed_owner_that_only_beats(tmp_path: Path) -> None:
    """A heartbeat never raises, not even when owner file or home are gone."""
    me = heir(tmp_path / "home")
    os.unlink(me.layout.owner(me.me.id))
    me.touch()


def test_free_for_anybody(tmp_path: Path) -> None:
    """What is free for anybody is asked about in the history once, not at every look."""
    parked = [a_record(f"/{n}", handed_to="*") for n in range(20)]
    me = heir(tmp_path)
    me.append(parked)
    old = os.stat(me.layout.folder("history")).st_mtime - 100
    os.utime(me.layout.folder("history"), (old, old))
    assert len(me.scan()) == 20
    assert len(me._reading._open) == 20
    other = heir(tmp_path)
    ended = after(parked[3], epoch=2, handed_to=None, phase="done")
    other.append([ended])
    other.end()
    assert {f.record.id for f in me.scan()} == {r.id for r in parked} - {ended.id}
