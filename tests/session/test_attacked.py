"""What an attacker found: each of these once went wrong, or was told in the words of a library below."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nbxfer
from nbxfer.cache.shelf import Shelf
from nbxfer.core.probe import Validator, Want
from nbxfer.demo.server import DemoServer
from nbxfer.errors import (
    DestinationExists,
    InvalidRequest,
    InvalidTransferState,
    SourceChanged,
    StorageFailed,
    UnknownOption,
)
from nbxfer.session import Group, Session
from nbxfer.session.prefetching import Prefetcher
from nbxfer.sources.localfile import LocalSource
from tests.journeys.terminal import until
from tests.servers.moto import BUCKET, Moto, Store

URL = "http://127.0.0.1:9/a"


class _Never:
    def is_set(self) -> bool:
        """Say no."""
        return False


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Store]]:
    """Give two stores with buckets of one name."""
    log = tmp_path_factory.mktemp("moto")
    with Moto(log / "one") as one, Moto(log / "two") as two:
        one.store.bucket()
        two.store.bucket()
        yield one.store, two.store


def test_one_key_at_two_end_points(stores: tuple[Store, Store], session: Session, tmp_path: Path) -> None:
    """A file that waits to be sent to a store is not what is to be sent to another one under the same names."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 1000)
    one, two = stores
    waits = session.upload(path, f"s3://{BUCKET}/a.bin", storage_options=one.options, start=False)
    with pytest.raises(DestinationExists, match="the destination of another transfer"):
        session.upload(path, f"s3://{BUCKET}/a.bin", storage_options=two.options)
    waits.start()
    waits.result(60)
    session.upload(path, f"s3://{BUCKET}/a.bin", storage_options=two.options).result(60)
    assert one.get("a.bin") == two.get("a.bin") == path.read_bytes()


def test_two_end_points_to_copy_from(stores: tuple[Store, Store], session: Session, tmp_path: Path) -> None:
    """A copy from one store is not taken for one from another store with the same names."""
    one, two = stores
    one.put("from.bin", b"1" * 1000)
    two.put("from.bin", b"2" * 1000)
    source, target = f"s3://{BUCKET}/from.bin", f"memory://{tmp_path.name}/to.bin"
    waits = session.copy(source, target, storage_options=one.options, start=False)
    with pytest.raises(DestinationExists, match="the destination of another transfer"):
        session.copy(source, target, storage_options=two.options)
    waits.cancel()


def test_a_time_of_change_that_was_set_back(tmp_path: Path) -> None:
    """A file whose time of change is set back is another version all the same: while it is read, and the next time."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 1000)
    before = path.stat()
    stream = LocalSource(str(path)).open(Want(), _Never())
    assert stream is not None
    assert stream.read_into(memoryview(bytearray(10))) == 10
    with path.open("r+b") as file:
        file.write(b"b" * 1000)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(SourceChanged):
        stream.read_into(memoryview(bytearray(10)))
    stream.close()
    again = LocalSource(str(path)).open(Want(unless=stream.probe.validator), _Never())
    assert again is not None
    again.close()


def test_a_file_whose_last_name_goes(tmp_path: Path) -> None:
    """A file that is removed, or exchanged by a rename, while it is read is read on as it was."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"a" * 1000)
    stream = LocalSource(str(path)).open(Want(), _Never())
    assert stream is not None
    path.unlink()
    assert stream.read_into(memoryview(bytearray(1000))) == 1000
    stream.close()


def test_first_used_by_several_threads() -> None:
    """Threads that use nbxfer for the first time, all at once, each get what they ask for."""
    code = """
import threading, nbxfer
names, bad = ("Prefetcher", "download", "Session", "Group", "panel", "CompletionGroup"), []
bar = threading.Barrier(len(names))
def use(name):
    bar.wait()
    try:
        getattr(nbxfer, name)
    except BaseException as error:
        bad.append((name, error))
threads = [threading.Thread(target=use, args=(name,)) for name in names]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not bad, bad
"""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_restored_file_under_another_name(session: Session, tmp_path: Path) -> None:
    """Of files that are restored beside others, each has its own handle, in the order of the lock file."""
    with DemoServer(size=1000) as server:
        urls = [f"{server.url}?{n}" for n in range(3)]
        session.download({url: f"{n}.bin" for n, url in enumerate(urls)}, tmp_path / "was").results(30)
        lock = session.freeze(tmp_path / "data.lock")
        there = tmp_path / "new"
        there.mkdir()
        (there / "1.bin").write_bytes(b"mine")
        found = session.restore(lock, there, if_exists="unique").results(30)
    assert [path.name for path in found] == ["0.bin", "1 (1).bin", "2.bin"]


def test_a_file_that_a_forked_child_inherits(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked child does not read from its parent's connection: it is told to open the file anew."""
    monkeypatch.setenv("NBXFER_CACHE_DIR", str(tmp_path / "cache"))
    with DemoServer(size=1_000_000) as server, session.open(server.url) as file:
        assert len(file.read(10)) == 10
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                file.seek(500_000)
                file.read(10)
            except BaseException as error:
                os.write(tell, type(error).__name__.encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(tell)
        assert os.read(told, 100) == b"ForkedError"
        os.close(told)
        file.seek(500_000)
        assert len(file.read(10)) == 10


def test_a_session_that_is_closed_under_a_waiting_thread(session: Session, tmp_path: Path) -> None:
    """Who waits for a transfer in one thread while another closes the session is told so, and waits no longer."""
    told: list[str] = []
    with DemoServer(size=100_000_000, rate=100_000) as server:
        op = session.download(server.url, tmp_path / "x.bin")

        def wait() -> None:
            with pytest.raises(InvalidTransferState) as caught:
                op.result()
            told.append(str(caught.value))

        thread = threading.Thread(target=wait)
        thread.start()
        until(lambda: op.progress.received > 0)
        session.close()
        thread.join(10)
    assert "session was closed" in told[0]


def test_a_copy_that_somebody_cuts(tmp_path: Path) -> None:
    """The end of a copy that was cut is never taken for the end of the source."""
    shelf = Shelf(tmp_path)
    copy = shelf.take("https://h/x", Validator("etag", "1"), 100)
    copy.write(0, memoryview(bytes(100)))
    os.truncate(copy.folder / "data", 10)
    with pytest.raises(StorageFailed, match="was cut meanwhile"):
        copy.read_into(50, memoryview(bytearray(10)))
    shelf.give_back(copy, 1000)


def test_a_copy_taken_away_while_it_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that another process removes while it is begun is begun again."""
    true, left = os.replace, [2]

    def replace(aside: Path, about: Path) -> None:
        if left[0]:
            left[0] -= 1
            aside.unlink()
            about.parent.rmdir()
        true(aside, about)

    monkeypatch.setattr("nbxfer.cache.copy.os.replace", replace)
    shelf = Shelf(tmp_path)
    copy = shelf.take("https://h/x", Validator("etag", "1"), 100)
    assert copy.folder.is_dir()
    shelf.give_back(copy, 1000)


Call = Callable[[Session, Path], Any]

BAD: list[tuple[str, Call, str]] = [
    ("a mapping to upload", lambda s, p: s.upload({str(p): URL}, URL), "only download"),
    ("a mapping to copy", lambda s, p: s.copy({str(p): "x"}, "y"), "only download"),
    ("a method that is no text", lambda s, p: s.upload(p, URL, method=5), "method=5 sends no file"),
    ("options of stores for the web", lambda s, p: s.upload(p, URL, storage_options={"anon": True}), "are for stores"),
    ("mirrors of what is sent", lambda s, p: s.upload(p, URL, mirrors=["http://h/a"]), "mirrors="),
    ("a number to move", lambda s, _: Group("g", session=s).move(5, 0), "5 is no operation"),  # type: ignore[arg-type]
    ("a number to make current", lambda s, _: Group("g", session=s).make_current(5), "5 is no operation"),  # type: ignore[arg-type]
    ("a number to fetch ahead", lambda s, _: Prefetcher(5, session=s), "type int"),  # type: ignore[arg-type]
    ("no span", lambda s, _: Prefetcher([URL], session=s, quiet="x"), "no span of time"),  # type: ignore[arg-type]
    ("a number to freeze", lambda s, p: s.freeze(p, operations=5), "5 is no operation"),
    ("a text to freeze", lambda s, p: s.freeze(p, operations=["x"]), "'x' is no operation"),
    ("no operation to let go on", lambda s, _: s.request_unconstrained(5), "5 is no operation"),
    ("a number as completed", lambda _, __: nbxfer.as_completed(5), "5 is no operation"),  # type: ignore[arg-type]
    ("our own protocol", lambda s, _: s.open(f"nbxfer::{URL}"), "the URL that stands behind it"),
    ("a group to read in", lambda s, _: s.open(URL, group="g"), "group= is for transfers"),
    ("a tree to read in", lambda s, _: s.open(URL, complete=True, recursive=True), "no option 'recursive'"),
]


@pytest.mark.parametrize(("call", "words"), [(c, w) for _, c, w in BAD], ids=[name for name, _, _ in BAD])
def test_refused(session: Session, tmp_path: Path, call: Call, words: str) -> None:
    """What cannot be meant is refused in a sentence of ours, before anybody is asked."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"a")
    with pytest.raises((InvalidRequest, UnknownOption)) as caught:
        call(session, path)
    assert words in str(caught.value)
