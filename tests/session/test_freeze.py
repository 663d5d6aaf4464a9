"""``freeze`` and ``restore``: the same data elsewhere, byte for byte, and nothing outside of the folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.demo.server import DemoServer
from nbxfer.errors import ChecksumMismatch, InvalidRequest, UnknownOption
from nbxfer.session import Session


def test_there_and_back(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path, canary: Callable[[str], str]
) -> None:
    """What is frozen here is restored there with the same bytes; a second time it costs no request."""
    server, session = serve(300_000), sessions()
    here, there = tmp_path / "here", tmp_path / "there"
    secret = canary("token")
    batch = session.download(
        {server.url_of("a.bin"): here / "x/a.bin", f"{server.url_of('b.bin')}?token={secret}": here / "b.bin"}
    )
    batch.results()
    lock = session.freeze(tmp_path / "data.lock")
    text = lock.read_text()
    assert secret not in text
    written = json.loads(text)["files"]
    assert [(one["path"], one["size"]) for one in written] == [("b.bin", 300_000), ("x/a.bin", 300_000)]
    assert written[0]["sha256"] == hashlib.sha256((here / "b.bin").read_bytes()).hexdigest()
    assert written[0]["validator"]["value"] == server.etag

    other = sessions()
    restored = other.restore(lock, there)
    assert [path.relative_to(there).as_posix() for path in restored.results()] == ["b.bin", "x/a.bin"]
    assert (there / "x/a.bin").read_bytes() == (here / "x/a.bin").read_bytes()
    assert {operation.progress.integrity for operation in restored} == {"digest"}
    asked = server.requests
    assert len(other.restore(lock, there).results()) == 2
    assert server.requests == asked


def test_a_folder_below_the_working_folder(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the folder is written, the batch has every file of the list, each once."""
    server, session = serve(20_000), sessions()
    session.download([server.url_of(f"{name}.bin") for name in "abc"], tmp_path / "here").results()
    lock = session.freeze(tmp_path / "data.lock")
    monkeypatch.chdir(tmp_path)
    for folder in ("there", "there2/", "./x/../there3", str(tmp_path) + "//there4/"):
        paths = session.restore(lock, folder).results()
        assert [path.name for path in paths] == ["a.bin", "b.bin", "c.bin"], folder
        assert [path.name for path in session.restore(lock, folder).results()] == ["a.bin", "b.bin", "c.bin"]


def test_data_that_has_changed(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """Where the server has other bytes now, the restored file is refused, and does not get its name."""
    server, session = serve(50_000), sessions()
    operation = session.download(server.url, tmp_path / "a.bin")
    operation.result(10)
    lock = session.freeze(tmp_path / "data.lock", operation)
    server.change(seed=99)
    restored = session.restore(lock, tmp_path / "there")
    with pytest.raises(ExceptionGroup) as failed:
        restored.results()
    assert failed.group_contains(ChecksumMismatch)
    assert not (tmp_path / "there" / "a.bin").exists()


def test_what_cannot_be_frozen(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """What has not finished, was changed since, or lies outside of the root is refused; nobody's is left out."""
    server, session = serve(50_000, 10_000.0), sessions()
    with pytest.raises(InvalidRequest, match="nothing to freeze"):
        session.freeze(tmp_path / "data.lock")
    slow = session.download(server.url, tmp_path / "slow.bin")
    with pytest.raises(InvalidRequest, match="has not finished"):
        session.freeze(tmp_path / "data.lock", slow)
    slow.cancel()
    done = session.download(serve(10).url, tmp_path / "a.bin")
    done.result(10)
    with pytest.raises(InvalidRequest, match="root"):
        session.freeze(tmp_path / "data.lock", [done], tmp_path / "elsewhere")
    (tmp_path / "a.bin").write_text("edited")
    with pytest.raises(InvalidRequest, match="as it was fetched"):
        session.freeze(tmp_path / "data.lock", [done])
    with pytest.raises(InvalidRequest, match="nothing to freeze"):
        session.freeze(tmp_path / "data.lock")


def test_nothing_outside_of_the_folder(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """A path that leads out, by its name or by a link in the folder, is refused before anything is asked."""
    server, session = serve(10), sessions()
    session.download(server.url, tmp_path / "a" / "b.bin").result(10)
    session.download(server.url_of("c.bin"), tmp_path / "c.bin").result(10)
    lock = session.freeze(tmp_path / "data.lock")
    asked = server.requests
    there, outside = tmp_path / "there", tmp_path / "outside"
    there.mkdir()
    outside.mkdir()
    (there / "a").symlink_to(outside)
    with pytest.raises(InvalidRequest, match="leads out"):
        session.restore(lock, there)
    lock.write_text(lock.read_text().replace("a/b.bin", "../b.bin"))
    with pytest.raises(InvalidRequest, match="leads out"):
        session.restore(lock, tmp_path / "new")
    with pytest.raises(InvalidRequest, match="cannot be read"):
        session.restore(tmp_path / "none.lock")
    with pytest.raises(UnknownOption):
        session.restore(lock, checksum=None)
    assert server.requests == asked
    assert list(outside.iterdir()) == []
