"""Trees of servers that speak SFTP, FTP and WebDAV: listed over our own connections, and fetched."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.errors import SourceNotFound
from nbxfer.session import Session
from tests.servers import stores as serving


@pytest.fixture(params=["sftp", "ftp", "ftp-list", "webdav"])
def server(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Give (URL of the top, options, folder) of a server that shows a folder."""
    kind, shown, keys = request.param, tmp_path / "shown", tmp_path / "keys"
    shown.mkdir()
    keys.mkdir()
    if kind == "sftp":
        with serving.sftp(shown, keys) as sftp:
            yield f"sftp://127.0.0.1:{sftp.port}", {"storage_options": sftp.options()}, shown
    elif kind == "webdav":
        with serving.wsgidav(shown) as dav:
            yield f"webdav://127.0.0.1:{dav.port}", {"auth": (serving.USER, serving.PASSWORD)}, shown
    else:
        if kind == "ftp-list":
            from pyftpdlib.handlers import FTPHandler

            monkeypatch.setattr(
                FTPHandler, "ftp_MLSD", lambda self, path: self.respond("502 MLSD is not known here."), raising=True
            )
        with serving.ftp(shown) as ftp:
            yield f"ftp://127.0.0.1:{ftp.port}", {"auth": (serving.USER, serving.PASSWORD)}, shown


def test_folders_of_servers(server: Any, sessions: Callable[[], Session], tmp_path: Path) -> None:
    """Over SFTP, FTP (also where only LIST is known) and WebDAV a tree is listed, comes, and is there the next time."""
    url, options, shown = server
    for name in ("t/a b.nc", "t/sub/ü#1.nc", "t/sub/deep/c.tmp"):
        (shown / name).parent.mkdir(parents=True, exist_ok=True)
        (shown / name).write_text(name)
    (shown / "t" / "empty").mkdir()
    for path in shown.rglob("*.*"):
        os.utime(path, (1.7e9, 1.7e9))
    session = sessions()
    batch = session.download(f"{url}/t", tmp_path / "out", recursive=True, exclude="*.tmp", **options)
    landed = [str(path.relative_to(tmp_path / "out")) for path in batch.results(30)]
    assert landed == ["a b.nc", "sub/ü#1.nc"]
    assert (tmp_path / "out" / "sub" / "ü#1.nc").read_text() == "t/sub/ü#1.nc"
    assert batch.plan.passed["an empty folder"] == 1
    again = session.download(f"{url}/t", tmp_path / "out", recursive=True, exclude="*.tmp", **options)
    assert set(again.plan.counts) <= {"same", "ask"}
    assert len(again.results(30)) == 2
    one = session.download(f"{url}/t/*.nc", tmp_path / "glob", glob=True, **options)
    assert [path.name for path in one.results(30)] == ["a b.nc"]
    with pytest.raises(SourceNotFound):
        session.download(f"{url}/none/", tmp_path / "none", recursive=True, **options)
    single = session.download(f"{url}/t/a b.nc", f"{tmp_path}/single/", recursive=True, **options)
    assert single.results(30) == [tmp_path / "single" / "a b.nc"]
