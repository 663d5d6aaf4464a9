"""Tidying: a long journal gets shorter, and what is over reaches the history, without the past being read."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.core.record import Record
from nbxfer.errors import TransferError
from nbxfer.manifest import history, lines
from nbxfer.manifest import journal as journals
from nbxfer.manifest.base import Claim
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record, after


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it be worth it with few operations already."""
    monkeypatch.setattr(journals, "LITTLE", 4000)
    monkeypatch.setattr(journals, "MANY", 5)


def seen(manifest: FolderManifest) -> dict[str, int]:
    """Give what another process sees: the bytes of each unfinished operation."""
    return {
        f.record.id: f.record.received for f in FolderManifest(manifest.layout.home).scan() if f.record.phase != "done"
    }


def path(manifest: FolderManifest) -> Path:
    """Give the path of the journal."""
    return Path(manifest.layout.journal(manifest.me.id))


def number(name: str) -> list[Record]:
    """Give so many operations."""
    return [a_record(f"/{name}/{n}") for n in range(20)]


def no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to have a record decoded."""

    def refuse(*_: Any) -> Any:
        raise AssertionError("the past was read")

    monkeypatch.setattr(lines, "decode", refuse)


def test_what_is_over_reaches_the_history_before_there_is_much_of_it(
    manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once some are over they are handed on, undecoded, their claims given up; the journal stays as it is."""
    monkeypatch.setattr(journals, "LITTLE", 1 << 30)
    live, over = a_record("/live"), number("d")
    manifest.append([live, *over])
    for record in over:
        manifest.claim(record.spec.destination, Claim(record.id, manifest.me.id, record.spec.identity))
    manifest.append([after(r, phase="done") for r in over[:3]])
    assert manifest.tidy()
    assert history.done(manifest.layout, over[0].spec.destination) is None
    manifest.append([after(r, phase="done") for r in over[3:]])
    before = path(manifest).read_bytes()
    with monkeypatch.context() as patch:
        no_reading(patch)
        assert manifest.tidy()
    for record in over:
        there = history.done(manifest.layout, record.spec.destination)
        assert there is not None
        assert there.id == record.id
        assert manifest.claimed(record.spec.destination) is None
    assert path(manifest).read_bytes() == before
    assert seen(manifest) == {live.id: 0}


def test_the_newest_line_of_each_is_copied(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worn journal is rewritten with the newest line of each that is unfinished, again and again, nothing decoded."""
    records = number("n")
    rng = random.Random(7)
    with monkeypatch.context() as patch:
        no_reading(patch)
        for _ in range(200):
            some = rng.sample(range(len(records)), 3)
            for n in some:
                records[n] = after(records[n], received=records[n].received + 1)
            manifest.append([records[n] for n in some])
            assert manifest.tidy()
            assert path(manifest).stat().st_size < 40_000
    assert seen(manifest) == {r.id: r.received for r in records if r.received}


@pytest.mark.parametrize("at", [0.3, 0.9])
def test_a_line_that_is_not_as_it_was_written(manifest: FolderManifest, at: float) -> None:
    """Where somebody has changed the file, it is not copied by its places: the engine has to say what is live."""
    records = number("n")
    manifest.append(records)
    manifest.append([after(r, received=1) for r in records] * 3)
    data = bytearray(path(manifest).read_bytes())
    newest = len(data) - int(len(data) / 8 * at)
    data[newest] ^= 1
    path(manifest).write_bytes(data)
    assert not manifest.tidy()
    manifest.compact([after(r, received=1, changed=r.changed + 5) for r in records])
    assert seen(manifest) == {r.id: 1 for r in records}
    assert manifest.tidy()


def test_what_is_over_and_was_damaged(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the line of one that is over is damaged, the history gets it from what this process knows."""
    monkeypatch.setattr(journals, "LITTLE", 1 << 30)
    over = number("d")
    manifest.append([after(r, phase="done") for r in over])
    data = bytearray(path(manifest).read_bytes())
    data[-10] ^= 1
    path(manifest).write_bytes(data)
    assert not manifest.tidy()
    assert manifest.bulky
    manifest.compact([])
    assert all(history.done(manifest.layout, r.spec.destination) for r in over)


def test_lines_of_a_newer_version_stay(manifest: FolderManifest) -> None:
    """What somebody else has written into it is never dropped by tidying, whenever that was."""
    records = number("n")
    newer = lines.encode(a_record("/newer"), 5).replace(b'"format":1', b'"format":2')
    manifest.append(records)
    with path(manifest).open("ab") as file:
        file.write(newer)
    for _ in range(2):
        manifest.append([after(r, received=1) for r in records] * 3)
        assert not manifest.tidy()
        manifest.compact([])
        assert newer in path(manifest).read_bytes()
    assert seen(manifest) == {r.id: 1 for r in records}


def test_a_foreign_line_at_the_very_end(manifest: FolderManifest) -> None:
    """The same for what was written after the last word of ours."""
    records = number("n")
    manifest.append([after(r, received=1) for r in records] * 4)
    newer = lines.encode(a_record("/newer"), 5).replace(b'"format":1', b'"format":2')
    with path(manifest).open("ab") as file:
        file.write(newer)
    assert not manifest.tidy()


def test_a_journal_that_was_cut_is_not_tidied_by_its_places(manifest: FolderManifest) -> None:
    """After somebody has cut it, the engine says what is live, and tidying works again after that."""
    records = number("n")
    manifest.append(records)
    os.truncate(path(manifest), 500)
    manifest.touch()
    manifest.append([after(records[0], received=1)])
    assert not manifest.tidy()
    manifest.compact(records)
    records = [after(r, received=2) for r in records]
    manifest.append(records * 4)
    assert manifest.tidy()
    assert seen(manifest) == {r.id: 2 for r in records}


def test_appending_beside_tidying(manifest: FolderManifest) -> None:
    """Whatever is appended while it is tidied is in the journal after it, or in the history."""
    records = number("n")
    manifest.append(records)
    stop = threading.Event()
    trouble: list[BaseException] = []

    def tidy() -> None:
        try:
            while not stop.is_set():
                assert manifest.tidy()
        except BaseException as error:
            trouble.append(error)

    thread = threading.Thread(target=tidy)
    thread.start()
    over: list[Record] = []
    try:
        for received in range(1, 300):
            manifest.append([after(r, received=received) for r in records])
            over += [after(a_record(f"/over/{received}"), phase="done")]
            manifest.append(over[-1:])
    finally:
        stop.set()
        thread.join()
    assert not trouble
    assert seen(manifest) == {r.id: 299 for r in records}
    manifest.compact([])
    assert all(history.done(manifest.layout, r.spec.destination) for r in over)


@pytest.mark.parametrize("name", ["open", "write", "fsync", "rename", "mkdir", "fstat", "stat", "pread", "dup"])
def test_tidying_with_every_call_failing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whichever system call fails, it raises, says no, or succeeds, and nothing is lost either way."""
    for nth in itertools.count(1):
        manifest = FolderManifest(tmp_path / f"{name}{nth}")
        manifest.begin()
        live, over = a_record("/live"), [a_record(f"/d{n}") for n in range(8)]
        manifest.append([live, *over, *[after(live, received=3)] * 20, *[after(r, phase="done") for r in over]])
        calls = itertools.count(1)
        real: Callable[..., Any] = getattr(os, name)

        def maybe(*args: Any, calls: Iterator[int] = calls, nth: int = nth, real: Any = real, **more: Any) -> Any:
            if next(calls) == nth:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(*args, **more)

        with monkeypatch.context() as patch:
            patch.setattr(os, name, maybe)
            with contextlib.suppress(TransferError):
                manifest.tidy()
        for record in over:
            there = FolderManifest(manifest.layout.home).finished(record.spec.destination)
            assert there is not None
            assert there.id == record.id
        manifest.append([after(live, received=4)])
        assert seen(manifest) == {live.id: 4}
        if not manifest.tidy():
            manifest.compact([live])
        assert seen(manifest) == {live.id: 4}
        manifest.end()
        if next(calls) <= nth:
            break
    assert nth > 1 or name == "mkdir"
