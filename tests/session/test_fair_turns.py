"""Fair turns, in a real session: a busy host, and huge files, keep nobody waiting for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbxfer.core import sharing
from nbxfer.demo.server import DemoServer
from nbxfer.session import Group, Operation, Session
from tests.journeys.terminal import MIB, sha256, until
from tests.servers import faults
from tests.servers.rogue import Rogue
from tests.servers.site import Site, Version, street

Serve = Callable[..., DemoServer]


@pytest.fixture
def stubborn() -> Iterator[tuple[Rogue, list[Site]]]:
    """Give a server with four slow files that say no version and give no ranges: whoever leaves one begins anew."""
    data = Version(bytes(8 * MIB), None)
    sites = [Site(data, faults=[faults.ignores_all, faults.slow(0.25 * MIB)]) for _ in range(4)]
    with Rogue(street({f"{n}.bin": site for n, site in enumerate(sites)})) as server:
        yield server, sites


def _given_up(session: Session, *ops: Operation) -> None:
    for op in ops:
        op.cancel()
        op.wait(10, progress=False)
    session._given.clear()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the times be short."""
    monkeypatch.setattr(sharing, "STRANGER", 0.5)
    monkeypatch.setattr(sharing, "BEYOND", 1.0)
    monkeypatch.setattr(sharing, "STILL", 1.0)
    monkeypatch.setattr(sharing, "SLICE", 1.0)


def test_one_host_does_not_starve_another(home: Path, serve: Serve, tmp_path: Path) -> None:
    """Where all places are taken by the huge files of one host, one of another host comes all the same."""
    busy, other = serve(64 * MIB, 1.0 * MIB), serve(3 * MIB)
    with Session(home=home, running=2, per_host=2, connections=1) as session:
        huge = session.download([busy.url_of(f"{n}.bin") for n in "abc"], tmp_path)
        until(lambda: huge[0].snapshot.received > 0 and huge[1].snapshot.received > 0)
        small = session.download(other.url, tmp_path / "small")
        assert sha256(small.result(20)) == other.sha256
        assert not any(op.done() for op in huge)
        assert busy.most_open <= 3  # a server learns with its next write only that somebody has hung up
        stories = [entry.what for op in huge for entry in op.snapshot.story]
        assert "made room" in stories
        assert not any(op.progress.restarted for op in huge)
        huge.cancel()
        huge.wait(10, progress=False)
        session._given.clear()


def test_huge_files_do_not_starve_a_small_one(home: Path, serve: Serve, tmp_path: Path) -> None:
    """Behind huge files of the same host a small one gets a short turn; who made room for it goes on from its part."""
    server = serve(64 * MIB, 1.0 * MIB)
    with Session(home=home, running=1, per_host=1, connections=1) as session:
        huge = session.download(server.url_of("huge.bin"), tmp_path / "huge")
        until(lambda: huge.snapshot.received > MIB / 2)
        others = session.download([server.url_of(f"{n}.bin") for n in "ab"], tmp_path)
        until(lambda: all(op.snapshot.received > 0 for op in others), 30)
        until(huge.running, 20)
        assert server.most_open <= 2
        assert not huge.progress.restarted
        session.download([], tmp_path)
        for op in (huge, *others):
            op.cancel()
            op.wait(10, progress=False)
        session._given.clear()


def test_what_cannot_be_resumed_does_not_starve_another_host(
    home: Path, stubborn: tuple[Rogue, list[Site]], serve: Serve, tmp_path: Path
) -> None:
    """Where nobody can make room a place is opened beyond all; one by one they take it; nobody loses a byte."""
    (busy, sites), other = stubborn, serve(100_000)
    with Session(home=home, running=2, per_host=2, connections=1) as session:
        huge = session.download([busy.url(f"/{n}.bin") for n in range(4)], tmp_path / "huge")
        until(lambda: sum(op.snapshot.received > 0 for op in huge) == 2)
        small = session.download([other.url_of(f"{n}.bin") for n in range(12)], tmp_path / "small")
        assert small.wait(20, progress=False)
        assert {sha256(path) for path in small.results()} == {other.sha256}
        assert other.most_open == 1, "one place, however many wait"
        assert [len(site.asked) for site in sites] == [1, 1, 0, 0], "those that ran ran on, and no other began"
        assert not any(op.done() for op in huge)
        _given_up(session, *huge)


def test_what_cannot_be_resumed_does_not_starve_another_group(
    home: Path, stubborn: tuple[Rogue, list[Site]], tmp_path: Path
) -> None:
    """The same between groups, also at one host, as far as that has room."""
    busy, sites = stubborn
    with Session(home=home, running=2, per_host=3, connections=1) as session:
        big, other = Group("big", session=session), Group("other", session=session)
        huge = session.download([busy.url(f"/{n}.bin") for n in range(3)], tmp_path / "huge", group=big)
        until(lambda: sum(op.snapshot.received > 0 for op in huge) == 2)
        one = session.download(busy.url("/3.bin"), tmp_path / "one", group=other)
        until(lambda: one.snapshot.received > 0, 20)
        assert [len(site.asked) for site in sites] == [1, 1, 0, 1]
        _given_up(session, *huge, one)
