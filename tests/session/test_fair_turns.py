"""Fair turns, in a real session: a busy host, and huge files, keep nobody waiting for ever."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core import sharing
from nbxfer.demo.server import DemoServer
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256, until

Serve = Callable[..., DemoServer]


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the times be short."""
    monkeypatch.setattr(sharing, "STRANGER", 0.5)
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
        assert busy.most_open <= 2
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
