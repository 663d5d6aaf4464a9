"""Many small files that a mover fetches and names: whatever the server does, or becomes of the mover, each is right."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.core.policy import Retry
from nbxfer.demo.server import DemoServer
from nbxfer.engine import mover_words as words
from nbxfer.engine.crossing import Crossing
from nbxfer.engine.ferry import MANY
from nbxfer.engine.ship import Ship
from nbxfer.session import Batch, Operation, Session
from tests.journeys.terminal import Terminal, kill_at_random, sha256, until
from tests.servers import faults
from tests.servers.site import Fault, Site
from tests.servers.trial import QUICK, Trial

N, ODD = 60, 40
DATA = random.Random(11).randbytes(9000)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBXFER_MOVERS", "always")


def aboard(session: Session) -> Crossing:
    """Have a mover be there before there is anything for it."""
    engine = session._engine
    engine.start()
    engine.later(engine.work.ferry.call)
    until(lambda: engine.work.crossing.open)
    return engine.work.crossing


def ferried(session: Session, ops: Batch | list[Operation]) -> list[int]:
    """Give the places of those that a mover brought."""
    told = session._engine.movers.told
    return [n for n, op in enumerate(ops) if "with other small files" in told(op.id)]


def files(trial: Trial, *wrong: Fault) -> tuple[list[Site], list[str]]:
    """Put ``N`` files on the server, of which one has faults."""
    sites = [trial.put(DATA[n:], name=f"n{n:02}") for n in range(N)]
    sites[ODD].faults = list(wrong)
    return sites, [trial.server.url(f"/n{n:02}/n{n:02}.bin") for n in range(N)]


def brought(trial: Trial, *wrong: Fault) -> tuple[list[Site], Batch]:
    """Fetch ``files`` to the end, beside a mover, and see that everything holds that must."""
    aboard(trial.session)
    sites, urls = files(trial, *wrong)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(60, progress=False)
    for site, op in zip(sites, batch, strict=True):
        trial.holds(site, op)
    return sites, batch


def test_a_mover_brings_them(trial: Trial) -> None:
    """One request each, right to the last bit, durable and named; ``explain`` says who brought them."""
    crossing = aboard(trial.session)
    sites, urls = files(trial)
    batch = trial.session.download(urls, trial.folder)
    assert batch.wait(60, progress=False)
    for site, op in zip(sites, batch, strict=True):
        trial.holds(site, op)
        assert len(site.asked) == 1
    assert len(ferried(trial.session, batch)) > N // 3
    assert "with other small files" in batch[N - 1].explain()
    assert crossing.open
    trial.remembered(*batch)


@pytest.mark.parametrize(
    "wrong",
    [
        faults.chunks,
        faults.early_hints,
        faults.no_length,
        faults.slow(9000, 3000),
        faults.weak_tag,
        faults.only(faults.first, faults.breaks_at(5000)),
        faults.only(faults.first, faults.breaks_at(0, "reset")),
        faults.only(faults.first, faults.refuses(503)),
        faults.surplus,
        faults.both_framings,
    ],
    ids="chunked interim unending slow weak cut reset busy surplus framings".split(),
)
def test_one_that_is_not_like_the_others(wrong: Fault, trial: Trial) -> None:
    """It goes the usual way, and ends as it would have there; the others are brought."""
    sites, batch = brought(trial, wrong)
    for site, op in zip(sites, batch, strict=True):
        assert op.status is TransferStatus.COMPLETED or site is sites[ODD], op.explain()
    assert len(sites[ODD].asked) <= 8
    assert [len(site.asked) for site in sites[:ODD] + sites[ODD + 1 :]] == [1] * (N - 1)
    assert ferried(trial.session, batch)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (faults.refuses(404), "SourceNotFound"),
        (faults.login_page, "BadAnswer"),
        (faults.coded, "BadAnswer"),
        (faults.refuses(401), "AccessDenied"),
        (faults.claims(hashlib.sha256(b"something else").digest()), "ChecksumMismatch"),
    ],
    ids="missing login coded denied claims".split(),
)
def test_one_that_cannot_be_had(wrong: Fault, error: str, trial: Trial) -> None:
    """It alone fails, with its own reason, and nothing is under its name."""
    _, batch = brought(trial, wrong)
    assert [type(op.error).__name__ for op in batch if op.error is not None] == [error]
    assert type(batch[ODD].error).__name__ == error
    assert ferried(trial.session, batch)


@pytest.mark.parametrize("algorithm", ["sha256", "crc32c", "md5"])
def test_checksums(algorithm: str, trial: Trial) -> None:
    """What is held against a checksum is added up where it comes; a wrong one is found, and its file has no name."""
    from nbxfer.engine import digests

    def added(data: bytes) -> str:
        digest = digests.begin(algorithm)
        digest.update(data)
        return f"{algorithm}:{digest.hexdigest()}"

    aboard(trial.session)
    sites, urls = files(trial)
    wanted = {url: {"checksum": added(site.versions[0].data)} for url, site in zip(urls, sites, strict=True)}
    wanted[urls[ODD]]["checksum"] = added(b"no such file")
    ops = [
        trial.session.download(url, trial.folder / f"n{n:02}.bin", retry=QUICK, start=False, **wanted[url])
        for n, url in enumerate(urls)
    ]
    batch = Batch(ops)
    batch.resume()
    assert batch.wait(60, progress=False)
    for n, (site, op) in enumerate(zip(sites, ops, strict=True)):
        trial.holds(site, op)
        assert (op.error is not None) is (n == ODD)
        assert n == ODD or op.progress.integrity == "digest"
    assert type(ops[ODD].error).__name__ == "ChecksumMismatch"
    assert ODD in ferried(trial.session, ops)


def test_the_digest_that_a_server_claims(trial: Trial) -> None:
    """It is added up where the file comes, and said to have been right."""
    aboard(trial.session)
    sites, urls = files(trial)
    for site in sites:
        site.faults = [faults.claims()]
    batch = trial.session.download(urls, trial.folder)
    assert batch.wait(60, progress=False)
    assert {op.progress.integrity for op in batch} == {"server digest"}
    assert [len(site.asked) for site in sites] == [1] * N
    assert ferried(trial.session, batch)


@pytest.mark.parametrize("when", ["asked", "named"])
def test_the_mover_is_killed(when: str, trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """The OOM killer takes it while it asks, or while it names: the others do what it had not told of."""
    crossing = aboard(trial.session)
    kind: type = words.Errands if when == "asked" else words.Names
    true, killed = Ship.say, list[int]()

    def say(ship: Ship, word: Any, descriptors: Any = ()) -> None:
        true(ship, word, descriptors)
        if isinstance(word, kind) and not killed:
            killed.append(ship.process.pid)
            os.kill(ship.process.pid, signal.SIGKILL)

    monkeypatch.setattr(Ship, "say", say)
    sites, urls = files(trial)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(60, progress=False)
    for site, op in zip(sites, batch, strict=True):
        trial.holds(site, op)
        assert op.status is TransferStatus.COMPLETED, op.explain()
        assert op.progress.retries == 0
    assert killed
    assert not os.path.exists(f"/proc/{killed[0]}/exe")
    until(lambda: not crossing._out and not crossing._naming)
    assert trial.session._engine.work.hosts._taken.total() == 0


def test_a_mover_that_hangs(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mover that was stopped is ended when it has been silent for too long; nobody waits for it for ever."""
    monkeypatch.setattr("nbxfer.engine.ship.SILENT_FOR", 0.5)
    monkeypatch.setattr("nbxfer.engine.ship.SILENT_LOOKS", 5)
    aboard(trial.session)
    (pid,) = trial.session._engine.movers.pids
    os.kill(pid, signal.SIGSTOP)
    sites, urls = files(trial)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]


def test_a_server_that_ends_each_connection(trial: Trial) -> None:
    """Where no line is kept everything goes the usual way, and each is asked for once."""
    aboard(trial.session)
    sites, urls = files(trial)
    for site in sites:
        site.faults = [lambda reply: reply.lines.append("Connection: close")]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]
    assert [len(site.asked) for site in sites] == [1] * N
    assert not ferried(trial.session, batch)


def test_a_server_that_asks_everybody_to_wait(trial: Trial) -> None:
    """After a 429 the mover asks no more; when the time is over, all come."""
    aboard(trial.session)
    sites, urls = files(trial, faults.only(faults.first, faults.busy(429, wait="1")))
    late = sites[ODD + 10 :]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(60, progress=False)
    assert all(op.status is TransferStatus.COMPLETED for op in batch)
    assert [len(site.asked) for site in late] == [1] * len(late)


def test_all_are_stopped(trial: Trial) -> None:
    """Pause is prompt for those that are asked for and those that wait with them; then everything goes on."""
    aboard(trial.session)
    gate = threading.Event()
    sites, urls = files(trial)
    for site in sites[25:]:
        site.before = lambda: gate.wait(10)  # type: ignore[assignment]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    until(lambda: sum(op.snapshot.phase is Phase.DONE for op in batch) >= 25)
    begin = time.monotonic()
    batch.pause()
    until(lambda: all(op.snapshot.phase in (Phase.PAUSED, Phase.DONE) for op in batch), 5)
    assert time.monotonic() - begin < 2
    gate.set()
    batch.resume()
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]


def test_all_are_canceled(trial: Trial) -> None:
    """What was canceled leaves nothing in the folder; what was done by then stays."""
    aboard(trial.session)
    sites, urls = files(trial)
    for site in sites:
        site.before = lambda: time.sleep(0.01)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    until(lambda: sum(op.snapshot.phase is Phase.DONE for op in batch) >= 25)
    batch.cancel()
    until(lambda: all(op.snapshot.phase in (Phase.CANCELED, Phase.DONE) for op in batch), 10)
    done = {Path(op.snapshot.destination).name for op in batch if op.snapshot.phase is Phase.DONE}
    until(lambda: {entry.name for entry in trial.folder.iterdir()} == done, 10)


def test_a_host_has_no_more_connections_than_it_may(home: Path, tmp_path: Path) -> None:
    """Those of the mover count as others do: per_host holds for all of them together."""
    (tmp_path / "got").mkdir()
    with Trial(home, tmp_path / "got", per_host=3) as trial:
        aboard(trial.session)
        sites, urls = files(trial)
        for site in sites:
            site.before = lambda: time.sleep(0.005)
        batch = trial.session.download(urls, trial.folder)
        assert batch.wait(60, progress=False)
        assert trial.server.busiest <= 3
        assert [len(site.asked) for site in sites] == [1] * N
        assert ferried(trial.session, batch)


def test_a_server_that_takes_fewer_connections(trial: Trial) -> None:
    """It resets what is beyond four: the mover gets on with as many as it takes, and most come at once."""
    aboard(trial.session)
    trial.server.most = 4
    sites, urls = files(trial)
    for site in sites:
        site.before = lambda: time.sleep(0.005)
    batch = trial.session.download(urls, trial.folder, retry=Retry(tries=50, first=50, base=0.01, cap=0.1))
    assert batch.wait(60, progress=False)
    assert {op.status for op in batch} == {TransferStatus.COMPLETED}
    assert sum(op.progress.retries > 0 for op in batch) < N // 2  # the first, of which eight are asked for at once
    assert [len(site.asked) for site in sites] == [1] * N


def test_one_that_is_reset_each_time(trial: Trial) -> None:
    """It is not asked for without end, and the others come."""
    sites, batch = brought(trial, faults.breaks_at(0, "reset"))
    assert [n for n, op in enumerate(batch) if op.error is not None] == [ODD]
    assert type(batch[ODD].error).__name__ == "NetworkError"
    assert len(sites[ODD].asked) <= 16


def test_a_long_list_has_a_mover_come_at_once(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """It is there when the first have shown that they are small; a few need none, nor does what it cannot take."""
    server, session = serve(5000, rate=10), sessions()  # bytes a second: nothing comes while this looks
    crossing = session._engine.work.crossing
    few = session.download([server.url_of(f"few{n}.bin") for n in range(3)], tmp_path / "few")
    later = session.download([server.url_of(f"later{n}.bin") for n in range(MANY + 1)], tmp_path / "later", start=False)
    bounded = session.download([server.url_of(f"b{n}.bin") for n in range(MANY + 1)], tmp_path / "b", max_size="1 MB")
    time.sleep(0.3)
    assert not crossing._busy
    many = session.download([server.url_of(f"{n}.bin") for n in range(MANY + 1)], tmp_path / "many")
    until(lambda: crossing.open)
    assert not any(op.done() for op in (*few, *many, *later, *bounded))


def test_a_name_that_is_taken_meanwhile(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """One file of a folder that is in the way stops nobody else."""
    server, folder, session = serve(5000), tmp_path / "out", sessions()
    folder.mkdir()
    batch = session.download([server.url_of(f"{n}.bin") for n in range(N)], folder, start=False)
    (folder / f"{ODD}.bin").mkdir()
    aboard(session)
    batch.resume()
    batch.wait(60, progress=False)
    assert [n for n, op in enumerate(batch) if op.error is not None] == [ODD]
    assert type(batch[ODD].error).__name__ == "DestinationExists"
    assert ODD in ferried(session, batch)


def test_a_flaw_of_ours_leaves_nobody_waiting(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody has thought of ends the way by the mover, and is logged; all files come the usual way."""
    crossing = aboard(trial.session)
    true, left = Crossing._heard, [1]

    def flawed(self: Crossing, word: words.Words) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise ZeroDivisionError
        true(self, word)

    monkeypatch.setattr(Crossing, "_heard", flawed)
    sites, urls = files(trial)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]
    assert left[0] <= 0
    assert "please report this" in caplog.text
    assert crossing is trial.session._engine.work.crossing


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 10))])
def test_kernels_that_are_killed(seed: int, terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """However often kernel and mover end at once, each file is right, and no name is there without its bytes."""
    chance = random.Random(seed)
    server, out, many = serve(10_000), terminal.folder / "out", 400
    listed = terminal.folder / "urls.txt"
    listed.write_text("\n".join(server.url_of(f"{n}.bin") for n in range(many)))
    get = ("get", "-i", str(listed), "-o", f"{out}/")
    kill_at_random(terminal, server, get, out, chance, [range(60, 201)] * 2)
    assert server.requests <= many + 2 * 300
    ended = terminal.run(*get, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert len(list(out.iterdir())) == many
    assert {sha256(path) for path in out.iterdir()} == {server.sha256}
