"""fetch(): the path of a right copy, from a cache where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nbxfer
from nbxfer.demo.server import DemoServer
from nbxfer.errors import ChecksumMismatch, InvalidRequest, NeedsAttention, Offline, SourceNotFound, UnknownOption
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of the cache."""
    monkeypatch.setenv("NBXFER_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_checksum_and_a_copy_cost_no_request(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """Fetched once, it is there for ever after: also for the next kernel, also with the server gone."""
    server = serve(MIB)
    first = sessions()
    path = first.fetch(server.url, checksum=server.sha256)
    assert path.is_relative_to(cache)
    assert sha256(path) == server.sha256
    asked = server.requests
    assert first.fetch(server.url, checksum=f"sha256:{server.sha256}") == path
    first.close()
    second = sessions()
    assert second.fetch(server.url, checksum=server.sha256) == path
    assert server.requests == asked
    assert not second._engine.running


def test_a_copy_that_nobody_remembers_is_held_against_the_checksum(
    sessions: Sessions, serve: Serve, tmp_path: Path
) -> None:
    """A folder that came from somewhere else: what has the checksum is right, whoever wrote it."""
    server = serve(MIB)
    path = sessions().fetch(server.url, checksum=server.sha256, folder=tmp_path / "a")
    copy = tmp_path / "b" / "data.bin"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    asked = server.requests
    assert sessions().fetch(server.url, checksum=server.sha256, folder=tmp_path / "b") == copy
    assert server.requests == asked


def test_without_a_checksum_the_server_is_asked(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """Unchanged, no byte moves; changed, the copy is replaced; out of reach, the copy is given all the same."""
    server, session = serve(MIB), sessions()
    path = session.fetch(server.url)
    sent = server.sent
    assert session.fetch(server.url) == path
    assert server.sent == sent
    server.change()
    assert sha256(session.fetch(server.url)) == server.sha256
    server.close()
    assert session.fetch(server.url) == path


def test_a_copy_that_somebody_changed_is_fetched_again(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """The cache is nbxfer's own: what was edited or cut there is not given out."""
    server, session = serve(MIB), sessions()
    for checksum in (None, server.sha256):
        path = session.fetch(server.url, checksum=checksum)
        path.write_text("mine now")
        assert sha256(session.fetch(server.url, checksum=checksum)) == server.sha256


def test_equal_names_do_not_clash(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """Each source has a folder of its own; a signature does not make another source, and a key may say so."""
    server, session = serve(1000), sessions()
    one = session.fetch(server.url + "?v=1")
    two = session.fetch(server.url + "?v=2")
    assert one != two
    assert one.name == two.name == "data.bin"
    assert session.fetch(server.url + "?v=1&X-Amz-Signature=abc") == one
    assert session.fetch(server.url + "?v=3", key="k") == session.fetch(server.url + "?v=4", key="k")
    assert session.fetch(server.url, name="other.bin").name == "other.bin"


def test_what_is_wrong_is_never_given(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """Another checksum raises, and the right copy stays; what is not there raises, too."""
    server, session = serve(1000), sessions()
    path = session.fetch(server.url, checksum=server.sha256)
    with pytest.raises(ChecksumMismatch):
        session.fetch(server.url, checksum="sha256:" + "0" * 64)
    assert sha256(path) == server.sha256
    with pytest.raises(SourceNotFound):
        session.fetch(server.url.replace("data.bin", "missing"))


def test_offline_asks_nobody(
    sessions: Sessions, serve: Serve, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With NBXFER_OFFLINE what is here is given, and what is not raises Offline; the server hears of neither."""
    server, session = serve(1000), sessions()
    path = session.fetch(server.url)
    done = session.download(server.url, tmp_path / "x").result(10)
    asked = server.requests
    monkeypatch.setenv("NBXFER_OFFLINE", "1")
    assert session.fetch(server.url) == path
    assert session.download(server.url, tmp_path / "x").result(10) == done
    assert session.download(server.url, tmp_path / "x", if_exists="skip").result(10) == done
    assert session.download(server.url, tmp_path / "x", checksum=server.sha256).result(10) == done
    for ask in (
        lambda: session.fetch(server.url + "?other"),
        lambda: session.download(server.url, tmp_path / "y"),
        lambda: session.download(server.url, tmp_path / "x", if_exists="overwrite"),
    ):
        with pytest.raises(Offline, match="NBXFER_OFFLINE"):
            ask()
    batch = session.download({server.url: tmp_path / "x", server.url + "?other": tmp_path / "z"})
    assert batch[0].result(10) == done
    assert isinstance(batch[1].exception(10), Offline)
    assert server.requests == asked


def test_many_threads_fetch_it_once(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """Twelve threads at once: the same path for all, and the bytes come once."""
    server, session = serve(MIB, 4.0 * MIB), sessions()
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(session.fetch(server.url))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(found) == 12
    assert len(set(found)) == 1
    assert server.sent < 2 * MIB


def test_many_processes_fetch_it_at_once(home: Path, serve: Serve, cache: Path) -> None:
    """Four processes at once: each has the right bytes, and no part is left behind."""
    server = serve(MIB, 4.0 * MIB)
    code = f"import nbxfer; print(nbxfer.fetch({server.url!r}, checksum={server.sha256!r}))"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    said = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    [path] = {out.strip() for out, _ in said}
    assert sha256(Path(path)) == server.sha256
    assert os.listdir(Path(path).parent) == ["data.bin"]


def test_it_is_quiet(serve: Serve, cache: Path) -> None:
    """A library that calls it prints nothing; progress=True shows a bar, or log lines where nobody looks."""
    server = serve(1000)
    code = textwrap.dedent(f"""
        import nbxfer
        path = nbxfer.fetch({server.url!r})
        assert nbxfer.fetch({server.url!r}, progress=True) == path
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (run.stdout, run.stderr) == ("", "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"into": "x"}, "fetch() has no option 'into'"),
        ({"if_exists": "skip"}, "replaces a copy that is not right"),
        ({"start": False}, "To start later"),
        ({"zzz": 1}, "has no option 'zzz'"),
        ({"checksum": "crc99:00"}, "names no algorithm"),
        ({"folder": 5}, "into is of type int"),
        ({"progress": 5}, "neither True nor False"),
        ({"timeout": "x"}, "no number of seconds"),
        ({"name": "a/b"}, "not a file name"),
        ({"key": 5}, "names no source"),
        ({"secret_query": 5}, "no list of names"),
    ],
)
def test_wrong_values_are_refused(options: dict[str, Any], says: str, sessions: Sessions, cache: Path) -> None:
    """The same sentences as download() has, before anything moves."""
    session = sessions()
    with pytest.raises(InvalidRequest) as caught:
        session.fetch("http://127.0.0.1:9/data.bin", **options)
    assert says in str(caught.value)
    assert not session._engine.running
    assert not cache.exists()


def test_one_source_at_a_time(sessions: Sessions, cache: Path) -> None:
    """fetch() is for one file; a list is for download()."""
    for url in (["http://host/x"], 5, "nonsense://host/x", "http://host/"):
        with pytest.raises(InvalidRequest):
            sessions().fetch(url)  # type: ignore[arg-type]
    with pytest.raises(UnknownOption):
        nbxfer.fetch("http://host/x", start=False)


def test_who_waits_no_longer_leaves_it_running(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """After the timeout it goes on in the background, and the next call has it."""
    server, session = serve(MIB, 2.0 * MIB), sessions()
    with pytest.raises(TimeoutError):
        session.fetch(server.url, timeout=0.05)
    assert sha256(session.fetch(server.url, timeout=20)) == server.sha256
    assert server.sent < 2 * MIB


@pytest.mark.parametrize("progress", [False, True])
def test_nobody_is_waited_for(
    progress: bool, sessions: Sessions, serve: Serve, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who calls a library sees no panel: where a person is needed it says so at once, and stays resumable."""
    server, session = serve(1000), sessions()
    session.patience = None  # as in a notebook, where download() waits for ever
    monkeypatch.delenv("NBXFER_NO_SUCH", raising=False)
    begin = time.monotonic()
    with pytest.raises(NeedsAttention, match="NBXFER_NO_SUCH"):
        session.fetch(server.url, auth=nbxfer.Bearer("env:NBXFER_NO_SUCH"), progress=progress)
    assert time.monotonic() - begin < 10
    [waiting] = session.operations()
    assert not waiting.done()
    monkeypatch.setenv("NBXFER_NO_SUCH", "t0k3n")
    waiting.resume()
    assert sha256(waiting.result(20)) == server.sha256


def test_the_timeout_is_told_as_it_was_given(sessions: Sessions, serve: Serve, cache: Path) -> None:
    """Not what is left of it, and with one period at the end."""
    server, session = serve(MIB, 0.5 * MIB), sessions()
    with pytest.raises(TimeoutError, match=r"after 0\.05 s: .*[^.]\.$"):
        session.fetch(server.url, timeout=0.05)
