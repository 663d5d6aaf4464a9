"""Many small files of one server, of which one is not what the others are: it goes its own way, and they go theirs."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.engine.gang import Gang, Member
from nbxfer.session import Session
from nbxfer.sources.brief import ROOM, Brief
from nbxfer.sources.briefly import Briefly
from tests.servers import faults
from tests.servers.site import Fault, Site
from tests.servers.trial import QUICK, Trial

N, ODD = 40, 30
DATA = random.Random(7).randbytes(9000)


@pytest.fixture
def rode(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the ids of those that were fetched by the gang, as they come."""
    ids: list[str] = []
    true = Gang._answered

    def answered(self: Gang, member: Member, event: object) -> None:
        ids.append(member.job.op_id)
        true(self, member, event)  # type: ignore[arg-type]

    monkeypatch.setattr(Gang, "_answered", answered)
    return ids


def _files(trial: Trial, odd: bytes | None = None, *wrong: Fault) -> tuple[list[Site], list[str]]:
    sites = [trial.put(odd if odd and n == ODD else DATA[n:], name=f"n{n:02}") for n in range(N)]
    sites[ODD].faults = list(wrong)
    return sites, [trial.server.url(f"/n{n:02}/n{n:02}.bin") for n in range(N)]


@pytest.mark.parametrize(
    ("odd", "wrong", "requests"),
    [
        (None, faults.chunks, 1),
        (None, faults.early_hints, 1),
        (None, faults.no_length, 1),
        (None, faults.slow(9000, 3000), 1),
        (random.Random(8).randbytes(ROOM * 2), faults.weak_tag, 1),
        (random.Random(9).randbytes(3 * 1024 * 1024), faults.no_accept_ranges, 1),
        (None, faults.only(faults.first, faults.breaks_at(5000)), 2),
        (None, faults.only(faults.first, faults.breaks_at(0, "reset")), 2),
        (None, faults.only(faults.first, faults.refuses(503)), 2),
        (None, faults.surplus, 1),
    ],
    ids="chunked interim unending slow larger large cut reset busy surplus".split(),
)
def test_one_that_is_not_like_the_others(
    odd: bytes | None, wrong: Fault, requests: int, rode: list[str], trial: Trial
) -> None:
    """It ends up right, no server is asked twice for what has come, and the others ride on."""
    sites, urls = _files(trial, odd, wrong)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(60, progress=False)
    for site, op in zip(sites, batch, strict=True):
        trial.holds(site, op)
        assert op.status is TransferStatus.COMPLETED, op.explain()
    assert [len(site.asked) for site in sites] == [requests if n == ODD else 1 for n in range(N)]
    assert batch[ODD].id not in rode or wrong in (faults.surplus, faults.weak_tag)
    assert rode


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (faults.refuses(404), "SourceNotFound"),
        (faults.login_page, "BadAnswer"),
        (faults.coded, "BadAnswer"),
        (faults.refuses(401), "AccessDenied"),
    ],
    ids="missing login coded denied".split(),
)
def test_one_that_cannot_be_had(wrong: Fault, error: str, rode: list[str], trial: Trial) -> None:
    """It alone fails, with its own reason, and nothing is under its name."""
    sites, urls = _files(trial, None, wrong)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(60, progress=False)
    for site, op in zip(sites, batch, strict=True):
        trial.holds(site, op)
    assert [type(op.error).__name__ for op in batch if op.error is not None] == [error]
    assert type(batch[ODD].error).__name__ == error
    assert rode


def test_a_server_that_ends_each_connection(rode: list[str], trial: Trial) -> None:
    """Where no line is kept everything goes the usual way, and each is asked for once."""
    sites, urls = _files(trial)
    for site in sites:
        site.faults = [lambda reply: reply.lines.append("Connection: close")]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]
    assert [len(site.asked) for site in sites] == [1] * N
    assert not rode


def test_a_server_that_asks_everybody_to_wait(rode: list[str], trial: Trial) -> None:
    """Nobody who rides asks it anything before its time; then all come."""
    at: list[float] = []

    def busy_once(reply: object) -> None:
        at.append(time.monotonic())
        if len(at) == 1:
            faults.busy(429, wait="1")(reply)  # type: ignore[arg-type]

    sites, urls = _files(trial, None, busy_once)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(60, progress=False)
    assert all(op.status is TransferStatus.COMPLETED for op in batch)
    assert at[1] - at[0] >= 0.9
    assert sum(len(site.asked) for site in sites) == N + 1
    assert rode


def test_all_are_stopped_while_they_ride(rode: list[str], trial: Trial) -> None:
    """Pause is prompt for those that are asked for and those that wait with them; then everything goes on."""
    gate = threading.Event()

    def held_up() -> None:
        gate.wait(10)

    sites, urls = _files(trial)
    for site in sites[25:]:
        site.before = held_up
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    deadline = time.monotonic() + 20
    while sum(op.snapshot.phase is Phase.DONE for op in batch) < 25 and time.monotonic() < deadline:
        time.sleep(0.01)
    begin = time.monotonic()
    batch.pause()
    while any(op.snapshot.phase not in (Phase.PAUSED, Phase.DONE) for op in batch):
        assert time.monotonic() - begin < 5
        time.sleep(0.01)
    gate.set()
    batch.resume()
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]
    assert rode


def test_a_host_has_no_more_connections_than_it_may(home: Path, tmp_path: Path) -> None:
    """Those that ride count as others do: per_host holds for all of them together."""
    (tmp_path / "got").mkdir()
    with Trial(home, tmp_path / "got", per_host=3) as trial:
        sites, urls = _files(trial)
        for site in sites:
            site.before = lambda: time.sleep(0.005)
        batch = trial.session.download(urls, trial.folder)
        assert batch.wait(60, progress=False)
        assert trial.server.busiest <= 3
        assert [len(site.asked) for site in sites] == [1] * N


def test_a_name_that_is_taken_meanwhile(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path, rode: list[str]
) -> None:
    """One file of a folder that is in the way stops nobody else."""
    server, folder = serve(5000), tmp_path / "out"
    folder.mkdir()
    batch = sessions().download([server.url_of(f"{n}.bin") for n in range(N)], folder, start=False)
    (folder / f"{ODD}.bin").mkdir()
    batch.resume()
    batch.wait(60, progress=False)
    assert [n for n, op in enumerate(batch) if op.error is not None] == [ODD]
    assert type(batch[ODD].error).__name__ == "DestinationExists"
    assert rode


@pytest.mark.parametrize("where", ["hear", "ask"])
def test_a_flaw_of_ours_leaves_nobody_waiting(
    where: str, trial: Trial, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody has thought of ends the ride, is logged, and costs a try; all files come the usual way."""
    left = [3]

    def flawed(true: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise ZeroDivisionError
            return true(*args)

        return call

    if where == "hear":
        monkeypatch.setattr(Brief, "hear", flawed(Brief.hear))
    else:
        monkeypatch.setattr(Briefly, "ask", flawed(Briefly.ask))
    sites, urls = _files(trial)
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert [path.read_bytes() for path in batch.results(60)] == [site.versions[0].data for site in sites]
    assert left[0] <= 0
    assert "please report this" in caplog.text
