"""Downloads from stores, killed at random moments and gone on with by other processes."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from nbxfer.testing.source_world import made_up
from tests.journeys.terminal import MIB, Terminal, sha256
from tests.servers import stores

SIZE = 16 * MIB
#: What the bytes of one connection are held to (bytes a second): there has to be something to kill.
RATE = "6 MB/s"
KILLS = 3


class Place(NamedTuple):
    """Where the file is, and what the command line has to say to get at it."""

    url: str
    words: tuple[str, ...]
    env: dict[str, str]


@pytest.fixture(
    params=["s3", "sftp", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("ftp", "webdav", "file"))]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Serve a file of SIZE bytes from a real server of a kind."""
    data, kind = made_up(SIZE), request.param
    folder, keys = tmp_path / "served", tmp_path / "keys"
    folder.mkdir()
    keys.mkdir()
    path = folder / "a b#.bin"
    path.write_bytes(data)
    os.utime(path, (time.time() - 5000,) * 2)
    with ExitStack() as running:
        if kind == "s3":
            moto = running.enter_context(stores.moto())
            moto.client.put_object(Bucket="lab", Key="d/a b#.bin", Body=data)
            words = [f"endpoint_url={moto.endpoint}", "key=env:LAB_KEY", "secret=env:LAB_SECRET"]
            yield Place("s3://lab/d/a b#.bin", _said(words), {"LAB_KEY": "lab", "LAB_SECRET": stores.PASSWORD})
        elif kind == "sftp":
            ssh = running.enter_context(stores.sftp(folder, keys))
            words = [f"known_hosts={ssh.known_hosts}", f"username={stores.USER}", "password=env:LAB_SECRET"]
            yield Place(f"sftp://127.0.0.1:{ssh.port}/a b#.bin", _said(words), {"LAB_SECRET": stores.PASSWORD})
        elif kind == "ftp":
            ftp = running.enter_context(stores.ftp(folder))
            words = [f"username={stores.USER}", "password=env:LAB_SECRET"]
            yield Place(f"ftp://127.0.0.1:{ftp.port}/a b#.bin", _said(words), {"LAB_SECRET": stores.PASSWORD})
        elif kind == "webdav":
            dav = running.enter_context(stores.wsgidav(folder))
            netrc = tmp_path / "netrc"
            netrc.write_text(f"machine 127.0.0.1 login {stores.USER} password {stores.PASSWORD}\n")
            netrc.chmod(0o600)
            yield Place(f"webdav://127.0.0.1:{dav.port}/a b#.bin", ("--netrc",), {"NETRC": str(netrc)})
        else:
            yield Place(f"file://{path}", (), {})


def _said(words: list[str]) -> tuple[str, ...]:
    return tuple(part for word in words for part in ("--storage-option", word))


def _killed(process: subprocess.Popen[str], after: float) -> None:
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.timeout(200)
def test_killed_and_gone_on_with(place: Place, terminal: Terminal) -> None:
    """Whatever moment it is killed at, another process goes on; the file ends up right, and was never there before."""
    chance = random.Random(place.url[:6])
    target = terminal.folder / "X"
    get = ("get", place.url, "-o", str(target), "--bandwidth", RATE, *place.words)
    expected = hashlib.sha256(made_up(SIZE)).hexdigest()
    args: Any = get
    for _ in range(KILLS):
        _killed(terminal.start(*args, **place.env), 1.2 + chance.random())
        assert not target.exists() or sha256(target) == expected
        args = ("resume", "--all")
    process = terminal.start("resume", "--all", **place.env)
    out, err = process.communicate(timeout=60)
    if not target.exists():
        process = terminal.start(*get, **place.env)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err)
    assert sha256(target) == expected
    for file in terminal.home.rglob("*"):  # where the secrets are to be found is known, they themselves are not
        assert not file.is_file() or stores.PASSWORD.encode() not in file.read_bytes()
    assert [name for name in os.listdir(terminal.folder) if name.endswith(".part")] == []
