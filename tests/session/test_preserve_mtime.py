"""A file that says when it was changed at its source, by a real server's word."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbxfer.session import Session
from tests.servers.nginx import PROGRAM, Nginx

Sessions = Callable[[], Session]

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed")
LONG_AGO = 1_000_000_000


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """Serve one file that was changed long ago."""
    root, run = tmp_path / "root", tmp_path / "run"
    root.mkdir()
    run.mkdir()
    (root / "data.bin").write_bytes(b"made long ago")
    os.utime(root / "data.bin", (LONG_AGO, LONG_AGO))
    with Nginx(root, run) as server:
        yield server


def test_the_servers_time_is_kept(sessions: Sessions, nginx: Nginx, tmp_path: Path) -> None:
    """Last-Modified becomes the file's time where that is asked for, and only there."""
    session = sessions()
    kept = session.download(nginx.url("/data.bin"), tmp_path / "kept", preserve_mtime=True).result(10)
    assert kept.stat().st_mtime == LONG_AGO
    new = session.download(nginx.url("/data.bin"), tmp_path / "new").result(10)
    assert new.stat().st_mtime > LONG_AGO + 1


def test_it_is_known_again(sessions: Sessions, nginx: Nginx, tmp_path: Path) -> None:
    """A file with its source's time is still one that we finished: asked for again, it is revalidated, not refused."""
    for _ in range(2):
        path = sessions().download(nginx.url("/data.bin"), tmp_path / "X", preserve_mtime=True).result(10)
        assert path.stat().st_mtime == LONG_AGO
    assert sum('" 304 ' in line for line in nginx.requests()) == 1
    os.utime(nginx.root / "data.bin", (LONG_AGO + 5, LONG_AGO + 5))
    (nginx.root / "data.bin").write_bytes(b"made anew")
    os.utime(nginx.root / "data.bin", (LONG_AGO + 9, LONG_AGO + 9))
    path = sessions().download(nginx.url("/data.bin"), tmp_path / "X", preserve_mtime=True).result(10)
    assert (path.read_bytes(), path.stat().st_mtime) == (b"made anew", LONG_AGO + 9)


def test_no_time_is_no_time(sessions: Sessions, nginx: Nginx, tmp_path: Path) -> None:
    """A server that does not say when (nginx with chunks it makes) leaves the file its own time."""
    path = sessions().download(nginx.url("/chunked/data.bin"), tmp_path / "X", preserve_mtime=True).result(10)
    assert path.stat().st_mtime > LONG_AGO + 1
