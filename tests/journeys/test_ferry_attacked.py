"""Many small files that a mover fetches, from servers, systems and persons that make it hard."""

from __future__ import annotations

import random
import selectors
import socket
import time

import msgspec
import pytest

from nbxfer.core.policy import Patience
from nbxfer.engine import mover_words as words
from nbxfer.engine.mover_server import Server
from nbxfer.session import Batch
from nbxfer.wire.prepared import Prepared
from nbxfer.wire.sockets import Line
from tests.journeys.terminal import until
from tests.journeys.test_ferry import aboard, ferried
from tests.servers.trial import QUICK, Trial

DATA = random.Random(12).randbytes(5000)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBXFER_MOVERS", "always")


def warmed(trial: Trial) -> Batch:
    """Have a mover be there, and the server be known for small files; give some that it brought."""
    aboard(trial.session)
    for n in range(60):
        trial.put(DATA[n:], name=f"warm{n}")
    urls = [trial.server.url(f"/warm{n}/warm{n}.bin") for n in range(60)]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(60, progress=False)
    assert ferried(trial.session, batch)
    return batch


def test_some_have_a_query(trial: Trial) -> None:
    """What a mover cannot ask for goes the usual way, each for itself; it has the others as before."""
    warmed(trial)
    sites = [trial.put(DATA[n:], name=f"n{n}") for n in range(200)]
    queries = ["?a=b" if n % 50 == 25 else "" for n in range(200)]
    urls = [trial.server.url(f"/n{n}/n{n}.bin{query}") for n, query in enumerate(queries)]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]
    assert [len(site.asked) for site in sites] == [1] * len(sites)
    assert len(ferried(trial.session, batch)) > 150


def told(prepared: Prepared, lanes: int) -> words.Server:
    """Say how a server is asked."""
    return words.Server(1, 1, "http://h", prepared, Patience(), lanes)


def test_lines_of_a_server() -> None:
    """A line is kept while one asks as before; one over which came what nobody asked for is never used again."""
    prepared = Prepared(int(socket.AF_INET), ("127.0.0.1", 1), "h", 1, b"/", ((b"Host", b"h"),))
    selector = selectors.DefaultSelector()
    server = Server(told(prepared, 4), lambda server, line: None, lambda: None, selector)
    ends = [socket.socketpair() for _ in range(3)]
    for ours, _ in ends:
        ours.setblocking(False)
    lines = [Line(ours, public=False) for ours, _ in ends]
    for line in lines:
        server.take_on(line)
    ends[2][1].send(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n!")
    assert [key.data.line for key, _ in selector.select(1)] == [lines[2]]
    server.change(told(words.decode(words.encode(told(prepared, 3))).prepared, 3))
    lane = server.lane()
    assert lane is not None
    assert lane.line is lines[1]
    assert not server.again(lane)  # nothing waits
    server.keep(lane)
    assert lines[2].fileno == -1
    server.change(told(prepared, 0))
    assert not selector.get_map()
    assert [line.fileno for line in lines] == [-1] * 3
    server.change(told(msgspec.structs.replace(prepared, port=2), 4))
    server.waiting.append(words.Errand(1, "/a", "/a", "0" * 16, 1))
    assert not server.again(lane)  # one asks otherwise by now
    selector.close()
    for _, theirs in ends:
        theirs.close()


def test_no_file_can_be_opened(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a mover cannot even be waited for, all come the usual way, and the next one is waited for again."""
    engine = trial.session._engine
    engine.start()
    asked: list[int] = []

    def none_left() -> tuple[socket.socket, socket.socket]:
        asked.append(1)
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr("nbxfer.engine.crossing.socket.socketpair", none_left)
        engine.later(engine.work.ferry.call)
        until(lambda: bool(asked) and not engine.work.crossing._busy)
    warmed(trial)


@pytest.mark.parametrize(("what", "limit"), [("bandwidth", 20_000), ("requests", 4)])
def test_a_limit_that_comes_later(what: str, limit: int, trial: Trial) -> None:
    """It holds at once: hundreds of files that a mover has before it, which knows no limit, come back from there."""
    warmed(trial)
    sites = [trial.put(DATA[n:], name=f"n{n}") for n in range(300)]
    for site in sites:
        site.before = lambda: time.sleep(0.02)
    begun = len(trial.server.asked)
    urls = [trial.server.url(f"/n{n}/n{n}.bin") for n in range(300)]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    until(lambda: len(trial.server.asked) >= begun + 60)
    setattr(trial.session, what, limit)
    time.sleep(1)
    assert len(trial.server.asked) < begun + 230
    setattr(trial.session, what, None)
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]
    assert ferried(trial.session, batch)
