"""What people meet on the web: URLs that expire, servers that want peace, limits, login pages, hundreds of files."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import BadAnswer, NeedsAttention, TransferTimeout
from nbxfer.errors import WebErrorStatus as Web
from nbxfer.session import Session
from tests.journeys.terminal import MIB, Terminal, sha256, until
from tests.noise import noise
from tests.servers import faults
from tests.servers.rogue import Asked, Rogue, Wire
from tests.servers.site import Fault, Reply, Site, Version
from tests.servers.trial import QUICK, Trial, explained

DATA: Final = noise(21, 2 * MIB)
N: Final = len(DATA)

Sessions = Callable[[], Session]


def _expiring(site: Site, ticket: list[str]) -> Fault:
    """Let nobody in without the ticket of the moment; the answer to the first one breaks off half-way."""

    def check(reply: Reply) -> None:
        if f"token={ticket[0]}" not in reply.asked.target:
            faults.refuses(403)(reply)
        elif reply.number == 0:
            faults.breaks_at(N // 2)(reply)
            ticket[0] = "second"

    return check


def test_a_url_that_expires_half_way(trial: Trial) -> None:
    """refresh= is asked for a new URL when the old one is refused, and the file goes on from where it was."""
    site, ticket = trial.put(DATA), ["first"]
    site.faults = [_expiring(site, ticket)]
    asked: list[str] = []

    def refresh(url: str) -> str:
        asked.append(url)
        return f"{trial.url(site)}?token={ticket[0]}"

    url = f"{trial.url(site)}?token=first"
    op = trial.session.download(url, trial.path(site), retry=QUICK, refresh=refresh)
    assert op.wait(20, progress=False)
    assert op.error is None, op.explain()
    assert op.path.read_bytes() == DATA
    trial.holds(site, op)
    assert asked == [trial.url(site)]  # without what was secret
    assert site.asked[-1].range == (N // 2 - 4096, None)
    assert "first" not in op.explain()
    assert op.progress.restarts == 0


def test_a_new_url_while_it_waits_to_try_again(trial: Trial) -> None:
    """resume(url=) counts at once, also where the operation only waits for the next try."""
    dead, alive = trial.put(DATA), trial.put(DATA)
    dead.faults = [
        faults.only(faults.first, faults.breaks_at(N // 2)),
        faults.only(faults.later, faults.busy(wait="2")),
    ]
    op = trial.ask(dead)
    until(lambda: op.snapshot.phase is Phase.STALLED and len(dead.asked) > 1)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    op.resume(url=trial.url(alive))
    assert op.result(10).read_bytes() == DATA
    assert alive.asked[0].range == (N // 2 - 4096, None)


def test_refresh_that_has_nothing_better(trial: Trial) -> None:
    """A refresh that gives the old URL again is not asked for ever; one that fails leaves it to a person."""
    site, calls = trial.put(DATA), [0]
    site.faults = [faults.refuses(403)]

    def same(_: str) -> str:
        calls[0] += 1
        return trial.url(site)

    assert explained(trial.fetch(site, refresh=same)) == ("AccessDenied", 403, 403)
    assert 1 <= calls[0] <= 5

    def fails(_: str) -> str:
        raise RuntimeError("token=hush")

    other = trial.put(DATA)
    other.faults = [faults.refuses(403)]
    op = trial.ask(other, refresh=fails)
    until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR or op.done())
    assert isinstance(op.error, NeedsAttention), op.error
    assert "hush" not in f"{op.error} {op.explain()}"
    op.cancel()


RENEWING = """
import pathlib

def url(old):
    return pathlib.Path(__file__).with_name("url.txt").read_text()
"""


def test_a_url_that_expired_while_the_computer_slept(terminal: Terminal) -> None:
    """refresh="module:function" is asked in the next process, too: the signed URL itself was never written down."""
    site, ticket = Site(Version(DATA)), ["first"]
    slow = faults.slow(400_000, 16384)
    site.faults = [
        faults.only(lambda reply: f"token={ticket[0]}" not in reply.asked.target, faults.refuses(403)),
        faults.only(lambda reply: ticket[0] == "first", slow),
    ]
    (terminal.folder / "renewing.py").write_text(RENEWING)
    with Rogue(site) as server:
        (terminal.folder / "url.txt").write_text(server.url("/x.bin?token=first"))
        script = terminal.script(
            f"""
import nbxfer, time
op = nbxfer.download({server.url("/x.bin?token=first")!r}, "X", refresh="renewing:url", connections=1)
while op.snapshot.received < 200_000:
    time.sleep(0.01)
print("under way", flush=True)
time.sleep(60)
"""
        )
        assert script.stdout is not None
        assert script.stdout.readline() == "under way\n", script.communicate()
        script.kill()
        script.communicate()
        ticket[0] = "second"
        (terminal.folder / "url.txt").write_text(server.url("/x.bin?token=second"))
        again = terminal.script("import nbxfer\n[op] = nbxfer.reattach()\nprint(op.result(20).name)\n")
        out, err = again.communicate(timeout=30)
        assert out == "X\n", err
        assert (terminal.folder / "X").read_bytes() == DATA
        last = site.asked[-1].range
        assert last is not None
        assert last[0] > 100_000
    for path in (terminal.home).rglob("*"):
        assert not path.is_file() or b"token=" not in path.read_bytes()


# -- peace for a server ------------------------------------------------------------------------------------------------
def test_retry_after_shuts_the_host_for_everybody(trial: Trial) -> None:
    """A server that asks one transfer to come back in a second is left in peace by the others, too."""
    first, second = trial.put(DATA[:1000]), trial.put(DATA[:2000])
    when: list[float] = []
    first.faults = [faults.only(faults.first, faults.busy(503, wait="1"))]
    first.before = second.before = lambda: when.append(time.monotonic())
    op = trial.ask(first)
    until(lambda: op.status is TransferStatus.RETRY_WAIT)
    other = trial.ask(second)
    until(lambda: other.status is TransferStatus.RETRY_WAIT, 5)
    assert other.result(10).stat().st_size == 2000
    assert op.result(10).stat().st_size == 1000
    assert min(when[1:]) - when[0] >= 1.0
    assert other.snapshot.retries == 0  # it costs no try


def test_a_server_that_allows_four_connections(home: Path, tmp_path: Path) -> None:
    """Three hundred files come from a server that resets every connection beyond the fourth."""
    with Trial(home, tmp_path, per_host=8, running=8) as trial:
        trial.server.most = 4
        sites = [trial.put(DATA[i : i + 3000], name=f"n{i}") for i in range(300)]
        ops = [trial.ask(site) for site in sites]
        for site, op in zip(sites, ops, strict=True):
            assert op.wait(60, progress=False)
            trial.holds(site, op)
            assert op.error is None, op.explain()
        assert trial.server.busiest <= 4


def test_per_host(home: Path, tmp_path: Path, small_blocks: None) -> None:
    """per_host= is never exceeded, neither by many files nor by the connections of one."""
    with Trial(home, tmp_path, per_host=3, running=8) as trial:
        sites = [trial.put(DATA[i : i + 300_000]) for i in range(10)]
        for site in sites:
            site.faults = [faults.slow(3e6)]
        ops = [trial.ask(site) for site in sites]
        for op in ops:
            assert op.wait(60, progress=False)
            assert op.error is None
        assert 1 < trial.server.busiest <= 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_refuses_a_second_connection(status: int, small_blocks: None, trial: Trial) -> None:
    """Where a second connection is told to come later, one does; nothing is fetched again."""
    site = trial.put(DATA[:600_000])
    busy = [0]

    def crowded(reply: Reply) -> None:
        if site.busiest and site._busy > 1:
            busy[0] += 1
            faults.busy(status)(reply)

    site.faults = [crowded, faults.slow(2e6, 8192)]
    assert trial.fetch(site) is None
    assert busy[0] < 20


# -- limits ------------------------------------------------------------------------------------------------------------
def test_a_limit_that_is_changed_under_way(trial: Trial) -> None:
    """bandwidth= holds, for one and for all together, and may be changed or lifted while bytes move."""
    site = trial.put(DATA)
    begun = time.monotonic()
    op = trial.ask(site, bandwidth="400 kB/s")
    until(lambda: op.snapshot.received >= 400_000, 10)
    assert 0.6 <= time.monotonic() - begun <= 3
    trial.session.bandwidth = "1 MB/s"
    op.bandwidth = None
    had, at = op.snapshot.received, time.monotonic()
    until(lambda: op.snapshot.received >= had + 600_000, 10)
    assert 0.3 <= time.monotonic() - at <= 2
    trial.session.bandwidth = None
    assert op.result(5).read_bytes() == DATA
    trial.holds(site, op)


def test_a_deadline(trial: Trial) -> None:
    """What is not here when its time is over has failed, with its own status, and can be gone on with."""
    site = trial.put(DATA)
    site.faults = [faults.only(faults.first, faults.slow(400_000, 16384))]
    op = trial.ask(site, deadline=1)
    error = op.exception(10)
    assert isinstance(error, TransferTimeout)
    assert error.status == Web.DEADLINE
    assert 0 < op.snapshot.received < N
    assert not op.path.exists()
    op.retry()
    assert op.result(10).read_bytes() == DATA
    assert op.progress.restarts == 0


@pytest.mark.parametrize("moment", ["fresh", "resumed"])
def test_a_login_page(moment: str, trial: Trial) -> None:
    """A page with a form where a file was asked for is refused, with the page's title; nothing gets the file's name."""
    site = trial.put(DATA)
    site.faults = [
        faults.only(faults.first, faults.breaks_at(N // 2)) if moment == "resumed" else faults.login_page,
        faults.only(faults.later, faults.login_page),
    ]
    error = trial.fetch(site)
    assert isinstance(error, BadAnswer), error
    assert "Sign in – Example" in str(error)
    assert error.http_status == 200


def test_a_size_that_is_too_much(trial: Trial) -> None:
    """max_size= refuses what says that it is larger before a byte comes, and what does not say as soon as it is."""
    said, unsaid = trial.put(DATA), trial.put(DATA)
    unsaid.faults = [faults.no_length]
    for site in (said, unsaid):
        error = trial.fetch(site, max_size="1 MB")
        assert error is not None
        assert error.status == Web.FILE_TOO_LARGE, error
        assert site.sent < N + 1


def test_a_digest_that_the_server_tells(trial: Trial) -> None:
    """Repr-Digest is held against the file: right, and it is said; wrong, and there is no file."""
    right, wrong = trial.put(DATA), trial.put(DATA)
    right.faults, wrong.faults = [faults.claims()], [faults.claims(bytes(32))]
    op = trial.ask(right)
    assert op.result(20).read_bytes() == DATA
    assert op.progress.integrity == "server digest"
    assert explained(trial.fetch(wrong)) == ("ChecksumMismatch", Web.CHECKSUM_MISMATCH, None)
    believing = trial.put(DATA)
    believing.faults = [faults.claims(bytes(32))]
    assert trial.fetch(believing, checksum=False) is None


def test_503s_for_a_while(trial: Trial) -> None:
    """A server that restarts again and again is asked again and again, and every byte comes once."""
    site = trial.put(DATA)

    def restarts(reply: Reply) -> None:
        if reply.number % 3:
            faults.refuses(503)(reply)
        else:
            faults.breaks_at(300_000)(reply)

    site.faults = [restarts]
    op = trial.ask(site)
    assert op.wait(30, progress=False)
    assert op.error is None, op.explain()
    assert op.path.read_bytes() == DATA
    assert site.sent <= N + 8 * (4096 + 65536)
    assert op.progress.restarts == 0


def test_a_reset_every_so_often(small_blocks: None, trial: Trial) -> None:
    """Connections that are reset after every 100 kB cost at most 3 % more bytes than the file has, and a block each."""
    site = trial.put(DATA)
    site.faults = [faults.breaks_at(100_000, "reset")]
    op = trial.ask(site)
    assert op.result(60).read_bytes() == DATA
    trial_bytes = op.snapshot.refetched
    assert trial_bytes <= len(site.asked) * 4096


# -- many, and what to do with them --------------------------------------------------------------------------------
def _files(trial: Trial, n: int) -> tuple[list[Site], list[str]]:
    sites = [trial.put(DATA[i : i + 5000], name=f"n{i}") for i in range(n)]
    return sites, [trial.server.url(f"/n{i}/n{i}.bin") for i in range(n)]


def test_a_list_of_urls(trial: Trial) -> None:
    """A list gives a batch in its order; one that is missing does not stop the others."""
    sites, urls = _files(trial, 50)
    sites[7].faults = [faults.refuses(404)]
    batch = trial.session.download(urls, trial.folder, retry=QUICK)
    assert batch.wait(30, progress=False)
    assert [op.error is None for op in batch] == [i != 7 for i in range(50)]
    assert [op.path.name for op in batch] == [f"n{i}.bin" for i in range(50)]
    for site, op in zip(sites, batch, strict=True):
        trial.holds(site, op)
    sites[7].faults = []
    batch.retry()
    assert [path.read_bytes() for path in batch.results()] == [site.versions[0].data for site in sites]
    again = trial.session.download(urls, trial.folder)
    assert again.wait(30, progress=False)
    assert sum(site.sent for site in sites) <= 50 * 5000 + 2  # nothing came twice


def test_a_mapping_of_urls(trial: Trial, tmp_path: Path) -> None:
    """{url: destination} says where each lands; two on one name are refused before anything starts."""
    sites, urls = _files(trial, 3)
    batch = trial.session.download({urls[0]: tmp_path / "a", urls[1]: tmp_path / "b" / "c.bin"})
    assert [path.relative_to(tmp_path).as_posix() for path in batch.results()] == ["a", "b/c.bin"]
    with pytest.raises(ValueError, match="n1"):
        trial.session.download({urls[1]: tmp_path / "same", urls[2]: tmp_path / "same"})
    assert sites[2].asked == []


def test_fetch(trial: Trial, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The path of a right copy: one transfer for a crowd of threads, no request where the checksum is known."""
    monkeypatch.setenv("NBXFER_CACHE_DIR", str(tmp_path / "cache"))
    site = trial.put(DATA)
    site.faults = [faults.slow(8e6)]
    checksum = "sha256:" + hashlib.sha256(DATA).hexdigest()
    got: list[Any] = []
    crowd = [
        threading.Thread(target=lambda: got.append(trial.session.fetch(trial.url(site), checksum=checksum)))
        for _ in range(8)
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(30)
    assert len(set(got)) == 1
    assert len(got) == 8
    assert got[0].read_bytes() == DATA
    assert len(site.asked) == 1
    assert trial.session.fetch(trial.url(site), checksum=checksum) == got[0]
    assert len(site.asked) == 1
    monkeypatch.setenv("NBXFER_OFFLINE", "1")
    assert trial.session.fetch(trial.url(site)) == got[0]
    assert len(site.asked) == 1


def test_many_processes_fetch_one_file(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """Six scripts that start at once all get the path, and the server sends the file about once."""
    server = serve(4 * MIB, 4.0 * MIB)
    text = f"import nbxfer\nprint(nbxfer.fetch({server.url!r}, checksum='sha256:{server.sha256}', timeout=40))\n"
    scripts = [terminal.script(text, NBXFER_CACHE_DIR=str(terminal.folder / "cache")) for _ in range(6)]
    said = [script.communicate(timeout=60) for script in scripts]
    paths = {out.strip() for out, _ in said}
    assert len(paths) == 1, said
    assert sha256(Path(paths.pop())) == server.sha256
    assert server.sent <= 2 * server.size


def test_a_server_named_file(trial: Trial) -> None:
    """With name="server" the server's name is taken, made harmless, and never put over something else."""
    (trial.folder / "report.bin").write_text("mine")
    site = trial.put(DATA[:100])
    site.faults = [lambda reply: reply.lines.append('Content-Disposition: attachment; filename="../../report.bin"')]
    op = trial.session.download(trial.url(site), f"{trial.folder}/", name="server", retry=QUICK)
    path = op.result(20)
    assert path.parent == trial.folder
    assert path.name != "report.bin"
    assert path.read_bytes() == DATA[:100]
    assert (trial.folder / "report.bin").read_text() == "mine"


def test_the_crowd_comes_back_when_the_server_does(sessions: Sessions, tmp_path: Path) -> None:
    """A server that is not there for a moment costs nothing but that moment, whether for one file or forty."""
    session = sessions()
    up = threading.Event()

    def script(asked: Asked, wire: Wire) -> None:
        if up.is_set():
            wire.answer(200, DATA[:5000], 'ETag: "1"', "Accept-Ranges: bytes")
        else:
            wire.reset()

    with Rogue(script) as server:
        ops = [session.download(server.url(f"/{i}.bin"), tmp_path / f"{i}") for i in range(40)]
        until(lambda: len(server.asked) >= 40)
        up.set()
        for op in ops:
            assert op.result(30).stat().st_size == 5000
            assert op.snapshot.phase is Phase.DONE
