"""A file at a URL that is read here and there: little is fetched, it is kept, and every byte is right."""

from __future__ import annotations

import io
import os
import random
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.cache.shelf import Shelf
from nbxfer.errors import InvalidRequest, Offline, SourceChanged, SourceNotFound, UnknownOption
from nbxfer.session import Session
from nbxfer.testing.source_world import made_up
from tests.servers.nginx import Nginx

MIB = 1 << 20
Sessions = Callable[[], Session]


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """A server of which a connection gives 5 MB/s below /paced/."""
    with Nginx(tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("run"), paced=5_000_000) as server:
        yield server


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of one test."""
    monkeypatch.setenv("NBXFER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def served(nginx: Nginx, data: bytes, name: str = "x.bin") -> str:
    """Serve ``data``, settled, and give its URL."""
    path = nginx.root / name
    path.write_bytes(data)
    old = time.time() - 1000 - random.randrange(100_000)
    os.utime(path, (old, old))
    return nginx.url(f"/{name}")


# -- little ------------------------------------------------------------------------------------------------------------
def test_what_is_not_read_is_not_fetched(session: Session, nginx: Nginx, cache: Path) -> None:
    """Two places of a large file cost two pieces of it, on the wire and on the disk."""
    data = made_up(64 * MIB)
    url = served(nginx, data, "large.bin")
    with session.open(url) as file:
        assert file.seek(0, os.SEEK_END) == len(data)
        file.seek(30 * MIB)
        assert file.read(1000) == data[30 * MIB : 30 * MIB + 1000]
        file.seek(-10, os.SEEK_END)
        assert file.read() == data[-10:]
    [kept] = Shelf(cache).kept()
    assert kept.size < MIB
    assert session.operations(scope="all") == []


def test_a_column_of_a_table(session: Session, nginx: Nginx) -> None:
    """Schema and one column chunk of 200 MB at 5 MB/s: in 3 s, with 6 requests at most."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 1_000_000
    numbers = np.random.default_rng(1)
    table = pa.table({f"c{i}": numbers.random(rows) for i in range(25)})
    path = nginx.root / "t.parquet"
    pq.write_table(table, path, row_group_size=250_000, compression="none", use_dictionary=False)
    assert path.stat().st_size > 195_000_000
    os.utime(path, (1_700_000_000, 1_700_000_000))
    before, begun = len(nginx.requests()), time.monotonic()
    with session.open(nginx.url("/paced/t.parquet")) as file:
        found = pq.ParquetFile(file)
        assert found.schema_arrow.names == table.column_names
        column = found.read_row_group(2, columns=["c7"])["c7"]
    took = time.monotonic() - begun
    assert column.equals(table["c7"].slice(500_000, 250_000))
    assert len(nginx.requests()) - before <= 6
    assert took <= 3.0
    path.unlink()


# -- kept --------------------------------------------------------------------------------------------------------------
def test_kept_for_the_next_time(sessions: Sessions, nginx: Nginx) -> None:
    """What was read once is not fetched again, by another session either; only the version is asked for."""
    data = made_up(3 * MIB)
    url = served(nginx, data, "kept.bin")
    with sessions().open(url) as file:
        assert file.read() == data
    before = len(nginx.requests())
    with sessions().open(url) as file:
        assert file.read() == data
        assert file.requests == 0  # type: ignore[attr-defined]  # ours
    assert len(nginx.requests()) - before == 1


def test_a_new_version_is_a_new_file(session: Session, nginx: Nginx, cache: Path) -> None:
    """Who opens it after a change gets the new one, from its first byte; the old copy is gone."""
    for seed in (1, 2):
        data = made_up(MIB, seed)
        with session.open(served(nginx, data, "changing.bin")) as file:
            assert file.read() == data
    assert len(Shelf(cache).kept()) == 1


def test_a_change_under_a_reader(session: Session, nginx: Nginx) -> None:
    """A reader never sees two versions: it is told, and what it has read is what it was."""
    data = made_up(4 * MIB)
    with session.open(served(nginx, data, "under.bin")) as file:
        assert file.read(100) == data[:100]
        served(nginx, made_up(4 * MIB, 5), "under.bin")
        file.seek(2 * MIB)
        with pytest.raises(SourceChanged):
            file.read(100)
        file.seek(0)
        assert file.read(100) == data[:100]


def test_without_the_network(session: Session, nginx: Nginx, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read is there offline; what was not is said to be missing."""
    data = made_up(4 * MIB)
    url = served(nginx, data, "away.bin")
    with session.open(url) as file:
        file.read(100)
    monkeypatch.setenv("NBXFER_OFFLINE", "1")
    with session.open(url) as file:
        assert file.read(100) == data[:100]
        file.seek(2 * MIB)
        with pytest.raises(Offline):
            file.read(1)
    with pytest.raises(Offline):
        session.open(nginx.url("/never.bin"))


def test_damage_on_the_disk(sessions: Sessions, nginx: Nginx, cache: Path) -> None:
    """Bytes that are not what their row says are fetched again."""
    data = made_up(2 * MIB)
    url = served(nginx, data, "damaged.bin")
    with sessions().open(url) as file:
        file.read()
    [kept] = Shelf(cache).kept()
    with open(kept.folder / "data", "r+b") as disk:
        disk.seek(MIB)
        disk.write(b"not this")
    with open(kept.folder / "rows", "ab") as disk:
        disk.write(b"torn")
    with sessions().open(url) as file:
        assert file.read() == data


def test_the_bound(session: Session, nginx: Nginx, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more is kept than may be; what was not used for longest goes first."""
    monkeypatch.setenv("NBXFER_CACHE_SIZE", "3 MiB")
    for number in range(4):
        with session.open(served(nginx, made_up(MIB, number), f"bound{number}.bin")) as file:
            file.read()
        time.sleep(0.02)
    kept = Shelf(cache).kept()
    assert len(kept) == 2
    assert {k.folder.parent.name for k in kept} == {
        Shelf(cache)._place(nginx.url(f"/bound{n}.bin")).name for n in (2, 3)
    }


# -- readers -----------------------------------------------------------------------------------------------------------
def test_readers_are_independent(session: Session, nginx: Nginx) -> None:
    """Eight threads read at random, all of one file: right bytes, and hardly anything fetched twice."""
    data = made_up(8 * MIB)
    url = served(nginx, data, "many.bin")
    wrong: list[int] = []

    def read(seed: int) -> None:
        chance = random.Random(seed)
        with session.open(url) as file:
            for _ in range(100):
                at, many = chance.randrange(len(data)), chance.randrange(1, 50_000)
                file.seek(at)
                if file.read(many) != data[at : at + many]:
                    wrong.append(at)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_what_a_file_can_do(session: Session, nginx: Nginx) -> None:
    """It is a binary file for reading, and lines, text and archives can be read from it."""
    text = "\n".join(f"line {n} é" for n in range(20_000))
    url = served(nginx, text.encode(), "text.txt")
    with session.open(url) as file:
        assert file.readable()
        assert file.seekable()
        assert not file.writable()
        assert file.readline() == b"line 0 \xc3\xa9\n"
        assert io.TextIOWrapper(file, encoding="utf-8").read() == text.partition("\n")[2]
    with session.open(url) as file:
        with pytest.raises(OSError, match="Invalid"):
            file.seek(-1)
        with pytest.raises(ValueError, match="whence"):
            file.seek(0, 7)
        with pytest.raises(io.UnsupportedOperation):
            file.write(b"x")
        assert "text.txt" in repr(file)
    with pytest.raises(ValueError, match="closed"):
        file.read()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.bin", made_up(MIB))
        archive.writestr("b.txt", "hello")
    with session.open(served(nginx, packed.getvalue(), "a.zip")) as file, zipfile.ZipFile(file) as archive:
        assert archive.read("b.txt") == b"hello"


def test_all_of_it(session: Session, nginx: Nginx, cache: Path) -> None:
    """complete=True is a transfer that the reader steers; the next time it is there."""
    data = made_up(12 * MIB)
    url = served(nginx, data, "whole.bin").replace("/whole", "/brisk/whole")
    with session.open(url, complete=True) as file:
        file.seek(10 * MIB)
        assert file.read(100) == data[10 * MIB : 10 * MIB + 100]
    [op] = session.operations(scope="all")
    assert op.result(30).read_bytes() == data
    with session.open(url, complete=True) as file:
        assert file.read() == data
    [kept] = Shelf(cache).kept()
    assert kept.size >= len(data)


def test_a_source_without_ranges(session: Session, nginx: Nginx) -> None:
    """What cannot be read in any order comes as a whole, and can be read all the same."""
    text = b"plain text " * 1000
    served(nginx, text, "ranges.txt")
    with session.open(nginx.url("/chunked/ranges.txt")) as file:
        file.seek(1000)
        assert file.read() == text[1000:]


def test_empty(session: Session, nginx: Nginx) -> None:
    """Of nothing, everything can be read."""
    with session.open(served(nginx, b"", "empty.bin")) as file:
        assert file.read() == b""


@pytest.mark.parametrize(
    ("arguments", "options", "kind"),
    [
        (("http://h/x", "wb"), {}, InvalidRequest),
        (("http://h/x",), {"complete": 1}, InvalidRequest),
        (("http://h/x",), {"into": "y"}, UnknownOption),
        (("nope://h/x",), {}, InvalidRequest),
        ((5,), {}, InvalidRequest),
    ],
)
def test_refused(session: Session, arguments: tuple[Any, ...], options: dict[str, Any], kind: type[Exception]) -> None:
    """What cannot be done as written is said before anything moves."""
    with pytest.raises(kind):
        session.open(*arguments, **options)


def test_missing(session: Session, nginx: Nginx) -> None:
    """What is not there is not there."""
    with pytest.raises(SourceNotFound):
        session.open(nginx.url("/nothing.bin"))


def test_old_copies_are_cleaned(session: Session, nginx: Nginx, cache: Path) -> None:
    """A copy is listed and removed when it is older than was said, and not while somebody has it open."""
    with session.open(served(nginx, made_up(MIB), "old.bin")) as file:
        file.read()
        assert [left.kind for left in session.leftovers(0)] == ["copy"]
        assert session.clean(0) == []
    assert session.leftovers(1000) == []
    assert [left.kind for left in session.clean(0)] == ["copy"]
    assert Shelf(cache).kept() == []
