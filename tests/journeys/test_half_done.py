"""Files that are not whole yet: read while they come, taken over from other programs, cleaned away."""

from __future__ import annotations

import io
import os
import random
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from nbxfer.demo.server import DemoServer
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256, until
from tests.servers import nginx
from tests.servers.processes import program

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]

MEMBERS: Final = 24


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[nginx.Nginx]:
    """Give a server with an archive of 24 MiB and a file of 3 MiB, both also on a slow line (/slow/)."""
    if nginx.PROGRAM is None:
        pytest.skip("nginx is not installed")
    root, run = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("nginx")
    with zipfile.ZipFile(root / "archive.zip", "w", zipfile.ZIP_STORED) as archive:
        for i in range(MEMBERS):
            archive.writestr(f"{i}.bin", random.Random(i).randbytes(MIB))
    (root / "file.bin").write_bytes(random.Random(1).randbytes(3 * MIB))
    for path in root.iterdir():
        os.utime(path, (1_700_000_000,) * 2)
    with nginx.Nginx(root, run) as server:
        yield server


@pytest.mark.servers
def test_a_member_of_an_archive_that_comes_slowly(web: nginx.Nginx, sessions: Sessions, tmp_path: Path) -> None:
    """One small file of a zip can be read when a fraction of the archive is here: that and the end come first."""
    op = sessions().download(web.url("/archive.zip"), tmp_path / "X", bandwidth="3 MB/s", random_access=True)
    begun = time.monotonic()
    with op.open() as file, zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == MEMBERS
        assert archive.read("20.bin") == random.Random(20).randbytes(MIB)
        assert op.snapshot.received < 20 * MIB  # it did not wait for all that lies before
        took = time.monotonic() - begun
    assert took < 7, f"{took:.1f} s; all of it takes 8"
    op.bandwidth = None
    assert sha256(op.result(30)) == sha256(web.root / "archive.zip")


@pytest.mark.servers
def test_two_readers_from_both_ends(web: nginx.Nginx, sessions: Sessions, tmp_path: Path) -> None:
    """Readers do not disturb each other, and go on reading what they have open when the file gets its name."""
    op = sessions().download(web.url("/archive.zip"), tmp_path / "X", bandwidth="12 MB/s")
    truth = (web.root / "archive.zip").read_bytes()
    with op.open() as front, op.open() as back:
        back.seek(-100_000, io.SEEK_END)
        assert back.read() == truth[-100_000:]
        assert front.read(5000) == truth[:5000]
        op.result(30)
        assert front.read() == truth[5000:]
        back.seek(0)
        assert back.read(10) == truth[:10]


@pytest.mark.servers
@pytest.mark.parametrize("how", ["curl -r", "curl killed", "wget killed"])
def test_a_part_of_another_program(how: str, web: nginx.Nginx, sessions: Sessions, tmp_path: Path) -> None:
    """What curl or wget left unfinished is gone on with, compared with the server's bytes, and left where it was."""
    tool = program(how.partition(" ")[0])
    if tool is None:
        pytest.skip(f"{how.partition(' ')[0]} is not installed")
    theirs, slow = tmp_path / "theirs.part", web.url("/slow/file.bin")
    if how == "curl -r":
        command = [tool, "-s", "-r", "0-1999999", "-o", str(theirs), web.url("/file.bin")]
        subprocess.run(command, check=True)
    else:
        out = ["-s", "-N", "-o"] if tool.endswith("curl") else ["-q", "-O"]
        process = subprocess.Popen([tool, *out, str(theirs), slow], stdin=subprocess.DEVNULL)
        until(lambda: theirs.exists() and theirs.stat().st_size > 100_000)
        process.kill()
        process.wait(10)
    length = theirs.stat().st_size
    sent = len(web.requests())
    op = sessions().adopt(theirs, web.url("/file.bin"), tmp_path / "X")
    assert sha256(op.result(30)) == sha256(web.root / "file.bin")
    assert theirs.stat().st_size == length
    # Of a program that was killed the server writes down when it notices.
    ours = [line for line in web.requests()[sent:] if "GET /file.bin" in line]
    assert "206" in ours[0], web.requests()[sent:]
    assert op.progress.restarts == 0


@pytest.mark.servers
def test_a_part_of_something_else(web: nginx.Nginx, sessions: Sessions, tmp_path: Path) -> None:
    """A file that never was a part of this one costs a restart, never a wrong byte, and is not harmed itself."""
    theirs = tmp_path / "theirs.part"
    theirs.write_bytes(random.Random(99).randbytes(MIB))
    op = sessions().adopt(theirs, web.url("/file.bin"), tmp_path / "X")
    assert sha256(op.result(30)) == sha256(web.root / "file.bin")
    assert theirs.read_bytes() == random.Random(99).randbytes(MIB)


@pytest.mark.servers
def test_aria2_leaves_holes(web: nginx.Nginx, sessions: Sessions, tmp_path: Path) -> None:
    """What aria2c left has holes that only aria2c knows: it is refused, and nothing happens to it."""
    aria = program("aria2c")
    if aria is None:
        pytest.skip("aria2c is not installed")
    theirs = tmp_path / "theirs.bin"
    limits = ["--max-overall-download-limit=200K", "-x4", "-k1M"]
    where = ["-d", str(tmp_path), "-o", theirs.name]
    process = subprocess.Popen([aria, "-q", "--no-conf", *limits, *where, web.url("/file.bin")])
    until(lambda: theirs.exists() and Path(f"{theirs}.aria2").exists())
    process.terminate()
    process.wait(20)
    before = theirs.read_bytes()
    with pytest.raises(ValueError, match="aria2"):
        sessions().adopt(theirs, web.url("/file.bin"), tmp_path / "X")
    assert theirs.read_bytes() == before


def test_what_is_left_over_goes(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """clean() removes what nobody needs, and nothing that somebody does: no finished file, no unfinished transfer."""
    server, session = serve(2 * MIB), sessions()
    done = session.download(server.url_of("done.bin"), tmp_path / "done")
    done.result(10)
    server.rate = 1_000_000
    running = session.download(server.url_of("running.bin"), tmp_path / "running")
    kept = session.download(server.url_of("kept.bin"), tmp_path / "kept")
    until(lambda: kept.snapshot.received > 0 and running.snapshot.received > 0)
    kept.cancel(delete_partial=False)
    until(kept.cancelled)
    assert len(list(tmp_path.glob(".kept.*.part"))) == 1
    session.clean()
    assert len(list(tmp_path.glob(".running.*.part"))) == 1
    [removed] = session.clean(ids=[kept.id])
    assert removed.kind == "kept part"
    assert list(tmp_path.glob(".kept.*.part")) == []
    server.rate = None
    assert sha256(running.result(20)) == server.sha256
    assert sha256(done.path) == server.sha256
