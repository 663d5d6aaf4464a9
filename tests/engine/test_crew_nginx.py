"""Several connections to a real web server: plain and by TLS, slow lines, files that change, servers that stop."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from nbxfer.core import events as ev
from nbxfer.core.ranges import BLOCK
from nbxfer.engine.movers import Movers
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import access
from tests.engine.crews import IMPATIENT, Bench, beside, until
from tests.noise import noise
from tests.servers.nginx import PROGRAM, Nginx

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed: run `make test-servers`"),
]

DATA = noise(11, 10 * BLOCK + 4321)
SIZE = len(DATA)
SHA256 = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """Give an nginx that serves DATA as /f.bin, by TLS too."""
    root, run = tmp_path / "www", tmp_path / "run"
    root.mkdir()
    run.mkdir()
    (root / "f.bin").write_bytes(DATA)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(run / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(run / "server.pem"))
    with Nginx(root, run, run / "server.pem") as server:
        yield server
    (root / "f.bin").unlink()


Make = Callable[..., Bench]


@pytest.fixture(params=["threads", "mover"])
def movers(request: pytest.FixtureRequest) -> Iterator[Movers | None]:
    """Say who moves the bytes: threads of this process, or a child process."""
    if request.param == "threads":
        yield None
        return
    movers = Movers(lambda _: None, "always")
    yield movers
    movers.close()


@pytest.fixture
def bench(home: Path, tmp_path: Path, nginx: Nginx, movers: Movers | None) -> Iterator[Make]:
    """Give a maker of one bench for a path of that server."""
    made: list[Bench] = []

    def make(path: str = "/f.bin", *, secure: bool = False, **options: object) -> Bench:
        verify = str(nginx.run / "ca.pem") if secure else True
        source = HttpSource(access(nginx.url(path, secure=secure), verify=verify), IMPATIENT)
        (tmp_path / "got").mkdir(exist_ok=True)
        made.append(Bench(source, home, tmp_path / "got", movers=movers, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.close()
        if movers is not None:
            assert "by a child process" in movers.told(one.job.op_id)


def asked(nginx: Nginx) -> list[str]:
    """Give the status of every request that has been answered."""
    return [line.split('"')[2].split()[0] for line in nginx.requests()]


def workers(nginx: Nginx) -> list[int]:
    """Give nginx's worker processes."""
    listed = subprocess.run(
        ["pgrep", "-P", str(nginx.process.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    return [int(pid) for pid in listed]


@pytest.mark.parametrize("secure", [False, True])
def test_the_same_bytes(bench: Make, nginx: Nginx, secure: bool) -> None:
    """Every part is answered 206, and the file is what it should be."""
    one = bench(secure=secure)
    assert isinstance(one.fetch(4, SHA256), ev.RangeLanded)
    assert isinstance(one.verify(SHA256), ev.Verified)
    one.job.close()
    until(lambda: len(asked(nginx)) >= 3)
    statuses = asked(nginx)
    assert sorted(set(statuses)) == ["200", "206"]
    assert statuses.count("200") == 1


def test_a_slow_server_is_faster_over_several(bench: Make, nginx: Nginx) -> None:
    """Where each connection is held to a rate, four bring nearly four times as much."""
    (nginx.root / "f.bin").write_bytes(DATA[: 5 * BLOCK])
    one = bench("/brisk/f.bin")
    begin = time.monotonic()
    fetch = beside(lambda: one.fetch(4))
    until(lambda: one.job.held.total >= 2 * BLOCK)
    took = time.monotonic() - begin
    one.job.stop.set()
    fetch.join()
    assert one.job.held.total / took > 2.0 * 4e6


def test_a_file_that_changes_under_way(bench: Make, nginx: Nginx) -> None:
    """Once the file is another one, a part of it is refused by If-Match, and everything stops."""
    one = bench("/brisk/f.bin")
    answers: list[ev.Event] = []
    fetch = beside(lambda: answers.append(one.fetch(2)))
    until(lambda: one.job.held.total >= BLOCK // 2)
    other = nginx.root / "other"
    other.write_bytes(bytes(SIZE))
    os.utime(other, (1, 1))  # nginx's tags know seconds only
    os.rename(other, nginx.root / "f.bin")
    fetch.join()
    (answer,) = answers
    assert isinstance(answer, ev.RangeLost)
    assert answer.fault.error == "SourceChanged"
    assert DATA.startswith(one.data()[: one.job.held.front()])


def test_a_server_that_is_stopped_for_a_while(bench: Make, nginx: Nginx) -> None:
    """When the server's processes stand still, every lane notices, and what has come is kept; then it goes on."""
    one = bench("/brisk/f.bin", patience=IMPATIENT)
    answers: list[ev.Event] = []
    fetch = beside(lambda: answers.append(one.fetch(3)))
    until(lambda: one.job.held.total >= BLOCK // 2)
    pids = workers(nginx)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        fetch.join()
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    (answer,) = answers
    assert isinstance(answer, ev.RangeLost)
    assert answer.fault.error == "TransferTimeout"
    had = one.job.held.total
    one.source = one.job._source = HttpSource(access(nginx.url("/f.bin")), IMPATIENT)
    assert isinstance(one.fetch(4), ev.RangeLanded)
    assert one.data() == DATA
    assert had > 0


def test_a_server_that_dies(bench: Make, nginx: Nginx) -> None:
    """When the server is gone, the fetch ends with that, soon."""
    one = bench("/brisk/f.bin")
    answers: list[ev.Event] = []
    fetch = beside(lambda: answers.append(one.fetch(3)))
    until(lambda: one.job.held.total >= BLOCK // 2)
    begin = time.monotonic()
    os.killpg(nginx.process.pid, signal.SIGKILL)  # at once: the master would begin a new worker for one that has died
    fetch.join()
    assert time.monotonic() - begin < 5.0, "much less on a machine with nothing else to do"
    assert isinstance(answers[0], ev.RangeLost)
    assert answers[0].fault.error == "NetworkError"
    assert answers[0].held == one.job.held


def test_it_stops_at_once(bench: Make, nginx: Nginx) -> None:
    """A pause takes no longer than a moment, with eight connections open."""
    one = bench("/slow/f.bin")
    answers: list[ev.Event] = []
    fetch = beside(lambda: answers.append(one.fetch(8)))
    until(lambda: one.job.held.total > 0)
    begin = time.monotonic()
    one.job.stop.set()
    fetch.join()
    assert time.monotonic() - begin < 0.7, "a tenth of a second, and some on a busy machine"
    assert isinstance(answers[0], ev.CutShort)
