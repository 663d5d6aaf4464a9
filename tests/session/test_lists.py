"""Lists of checksums: fetched once, and by nobody who is asked to stop; and other people's functions that hang."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase
from nbxfer.engine import work
from nbxfer.engine.lists import FAILED, KEPT, MOST, Lists
from nbxfer.errors import NetworkError
from nbxfer.session import Session
from nbxfer.sources.base import Stopped
from nbxfer.testing.clock import HandWoundClock
from tests.journeys.terminal import until
from tests.servers.rogue import Asked, Rogue, Wire, honest

DATA = b"x" * 1000
SUM = hashlib.sha256(DATA).hexdigest()


def test_one_fetches_for_all() -> None:
    """Those who ask at the same time get the same answer from one request; later it is asked for again."""
    clock, loads = HandWoundClock(), list[int]()
    lists, begun, go = Lists(clock), threading.Event(), threading.Event()

    def load() -> bytes:
        loads.append(1)
        begun.set()
        go.wait(10)
        return b"lines"

    found: list[bytes] = []
    askers = [threading.Thread(target=lambda: found.append(lists.get("a", load, threading.Event()))) for _ in range(5)]
    for asker in askers:
        asker.start()
    begun.wait(10)
    go.set()
    for asker in askers:
        asker.join(10)
    assert (found, loads) == ([b"lines"] * 5, [1])
    clock.wind(KEPT + 1)
    lists.get("a", load, threading.Event())
    lists.get("b", load, threading.Event())
    assert len(loads) == 3
    for n in range(MOST):
        lists.get(n, load, threading.Event())
    lists.get("a", load, threading.Event())
    assert len(loads) == 3 + MOST + 1


def test_a_failure_is_everybodys_for_a_moment() -> None:
    """What could not be had is not tried by each of ten thousand in turn, but soon again."""
    clock, loads = HandWoundClock(), list[int]()
    lists = Lists(clock)

    def load() -> bytes:
        loads.append(1)
        raise NetworkError("no")

    for _ in range(3):
        with pytest.raises(NetworkError):
            lists.get("a", load, threading.Event())
    assert loads == [1]
    clock.wind(FAILED + 1)
    with pytest.raises(NetworkError):
        lists.get("a", load, threading.Event())
    assert loads == [1, 1]


def test_who_waits_can_be_stopped() -> None:
    """Whoever waits for somebody else's request leaves when he is asked to."""
    lists, begun, go, stop = Lists(), threading.Event(), threading.Event(), threading.Event()

    def load() -> bytes:
        begun.set()
        go.wait(10)
        return b""

    asker = threading.Thread(target=lambda: lists.get("a", load, threading.Event()))
    asker.start()
    begun.wait(10)
    stop.set()
    with pytest.raises(Stopped):
        lists.get("a", load, stop)
    go.set()
    asker.join(10)


def _serving(lists: list[int], *, hang: bool) -> Callable[[Asked, Wire], None]:
    def script(asked: Asked, wire: Wire) -> None:
        if asked.target.startswith("/SUMS"):
            lists.append(1)
            if hang:
                wire.hang()
            else:
                wire.answer(200, "".join(f"{SUM}  file{n}.bin\n" for n in range(20)).encode())
        else:
            honest(DATA)(asked, wire)

    return script


def test_twenty_files_of_one_list_cost_one_request(session: Session, tmp_path: Path) -> None:
    """Each of them is held against its own line."""
    lists: list[int] = []
    with Rogue(_serving(lists, hang=False)) as server:
        urls = [server.url(f"/file{n}.bin") for n in range(20)]
        batch = session.download(urls, tmp_path, checksum=server.url("/SUMS"))
        assert len(batch.results(30)) == 20
        assert {op.progress.integrity for op in batch} == {"digest"}
    assert lists == [1]


def test_a_list_that_hangs_holds_up_no_pause(session: Session, tmp_path: Path) -> None:
    """While a list does not come, its files are paused at once, and others move."""
    lists: list[int] = []
    with Rogue(_serving(lists, hang=True)) as server:
        urls = [server.url(f"/file{n}.bin") for n in range(4)]
        batch = session.download(urls, tmp_path, checksum=server.url("/SUMS"))
        until(lambda: bool(lists))
        assert session.download(server.url("/other.bin"), tmp_path / "other").result(10)
        started = time.monotonic()
        batch.pause()
        until(lambda: all(op.snapshot.phase is Phase.PAUSED for op in batch))
        assert time.monotonic() - started < 5
        batch.cancel()


def test_functions_that_hang_hold_nobody_up(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many refresh functions never answer, other transfers move; after a while a person is asked instead."""
    monkeypatch.setattr(work, "REFRESH_WITHIN", 1.5)
    forever = threading.Event()

    def script(asked: Asked, wire: Wire) -> None:
        if asked.target.startswith("/gone"):
            wire.answer(403)
        else:
            honest(DATA)(asked, wire)

    def hang(_: str) -> str:
        forever.wait(60)
        return "http://localhost:9/"

    with Rogue(script) as server:
        urls = [server.url(f"/gone{n}.bin") for n in range(30)]
        stuck = session.download(urls, tmp_path, refresh=hang)
        until(lambda: any(entry.what == "refresh" for op in stuck for entry in op.snapshot.story))
        assert session.download(server.url("/other.bin"), tmp_path / "other").result(10)
        until(lambda: all(op.snapshot.needs_person for op in stuck))
        assert "did not answer" in stuck[0].reason
        forever.set()
