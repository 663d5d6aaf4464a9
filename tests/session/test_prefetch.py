"""Fetching ahead: while nothing else moves, into the cache that ``fetch`` uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, UnknownOption
from nbxfer.session import Session
from nbxfer.session.prefetching import MOST, Prefetcher
from tests.servers.rogue import Rogue
from tests.servers.site import Site, Version, street


def test_ready_when_wanted(serve: Callable[..., DemoServer], sessions: Callable[[], Session]) -> None:
    """What was fetched ahead is there when it is asked for: with a checksum, without any request."""
    server, session = serve(100_000), sessions()
    digest = f"sha256:{server.sha256}"
    ahead = Prefetcher([server.url, server.url], session=session, quiet=0.1, checksum=digest)
    assert ahead.wait(20)
    assert ahead.last_success is not None
    assert ahead.failed == {}
    asked = server.requests
    assert session.fetch(server.url, checksum=digest).stat().st_size == 100_000
    assert server.requests == asked
    assert "1 URLs" in repr(ahead)


def test_it_makes_room(serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path) -> None:
    """It begins when nothing else moves, holds while something does, and goes on from where it was."""
    server, session = serve(6_000_000, 2_000_000.0), sessions()
    first = session.download(server.url_of("first.bin"), tmp_path / "first.bin", connections=1)
    ahead = Prefetcher([server.url_of("ahead.bin")], session=session, quiet=0.2, connections=1)
    first.result(30)
    assert server.requests_of("/ahead.bin") == 0
    until = time.monotonic() + 20
    while server.sent_of("/ahead.bin") < 500_000:
        assert time.monotonic() < until
        time.sleep(0.02)
    second = session.download(server.url_of("second.bin"), tmp_path / "second.bin", connections=1)
    own = next(o for o in session.operations(scope="all") if o.snapshot.name == "ahead.bin")
    while own.status is not TransferStatus.PAUSED_BY_APPLICATION:
        assert time.monotonic() < until
        time.sleep(0.02)
    second.result(30)
    assert ahead.wait(30)
    assert ahead.failed == {}
    assert server.requests_of("/ahead.bin") == 2
    assert not own.progress.restarted


def test_a_list(home: Path, sessions: Callable[[], Session]) -> None:
    """A list gives more, a line each or as Windows' XML; what cannot be had is said, and keeps nobody from the rest."""
    session = sessions()
    sites: dict[str, Site] = {}
    with Rogue(street(sites)) as server:
        sites["a.bin"] = Site(Version(b"a" * 2000))
        sites["b.bin"] = Site(Version(b"b" * 2000))
        base = server.url("").rstrip("/")
        text = f"# mine\n{base}/a.bin\nnothing\n{base}/none.bin\n".encode()
        sites["list.txt"] = Site(Version(text))
        xml = f"<?xml version='1.0'?><prefetchUris><uri>{base}/b.bin</uri></prefetchUris>".encode()
        sites["list.xml"] = Site(Version(xml))
        plain = Prefetcher(list_url=f"{base}/list.txt", session=session, quiet=0.0, name="x")
        assert plain.wait(20)
        assert plain.uris == [f"{base}/a.bin", f"{base}/none.bin"]
        assert len(plain.failed) == 2
        marked = Prefetcher([f"{base}/a.bin"], f"{base}/list.xml", session=session, quiet=0.0, name="x")
        assert marked.wait(20)
        assert marked.failed == {}
        assert session.fetch(f"{base}/b.bin", name="x").read_bytes() == b"b" * 2000


def test_what_is_refused(serve: Callable[..., DemoServer], sessions: Callable[[], Session]) -> None:
    """More than forty, none, a wrong URL and an unknown option are refused at once; a stop ends it before it begins."""
    session, server = sessions(), serve(10)
    with pytest.raises(InvalidRequest, match="most"):
        Prefetcher([server.url_of(f"{n}.bin") for n in range(MOST + 1)], session=session)
    with pytest.raises(InvalidRequest, match="nothing"):
        Prefetcher(session=session)
    with pytest.raises(InvalidRequest):
        Prefetcher(["nonsense"], session=session)
    with pytest.raises(UnknownOption):
        Prefetcher([server.url], session=session, colour="red")
    ahead = Prefetcher(server.url, session=session, start=False)
    assert not ahead.done
    assert not ahead.wait(0)
    ahead.stop()
    ahead.start()
    assert ahead.wait(10)
    assert server.requests == 0
