"""RangesDownloaded and its kin: news of an operation, told to a program without ever holding a transfer up."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nbxfer
from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, SourceNotFound
from nbxfer.session import Session
from nbxfer.session.listening import Ranges
from tests.journeys.terminal import MIB, sha256, until

Serve = Callable[..., DemoServer]


def test_ranges_are_told_once_each(session: Session, serve: Serve, tmp_path: Path) -> None:
    """What has landed is told in calls that never overlap; together they are all that is there, and nothing twice."""
    server = serve(6 * MIB, 6.0 * MIB)
    heard: list[Ranges] = []
    inside = threading.Lock()

    def hear(news: Ranges) -> None:
        assert inside.acquire(blocking=False), "two calls at once"
        time.sleep(0.25)
        heard.append(news)
        inside.release()

    op = session.download(server.url, tmp_path / "x")
    op.on_ranges(hear)
    op.result(30)
    until(lambda: bool(heard) and heard[-1].held == ((0, 6 * MIB),))
    added = [pair for news in heard for pair in news.added]
    assert sum(stop - start for start, stop in added) == 6 * MIB
    assert len(heard) <= 8  # a second and a bit, a quarter of one each: what came meanwhile was put together
    assert not any(news.restarted for news in heard)
    assert op.ranges == [(0, 6 * MIB)]


def test_a_restart_is_flagged_once(session: Session, serve: Serve, tmp_path: Path) -> None:
    """When the source has another version, the call that tells it says so, and what it adds is all there is."""
    server = serve(6 * MIB, 4.0 * MIB)
    heard: list[Ranges] = []
    told: list[Snapshot] = []
    op = session.download(server.url, tmp_path / "x")
    op.on_ranges(heard.append)
    op.on("restarted", told.append)
    until(lambda: op.snapshot.received > MIB)
    op.pause()
    until(lambda: op.status is TransferStatus.PAUSED_BY_APPLICATION)
    server.change()
    op.resume()
    assert sha256(op.result(30)) == server.sha256
    until(lambda: heard[-1].held == ((0, 6 * MIB),))
    assert [news.restarted for news in heard].count(True) == 1
    assert len(told) == 1
    since = heard[[news.restarted for news in heard].index(True) :]
    assert sum(stop - start for news in since for start, stop in news.added) == 6 * MIB
    assert op.progress.restarted


def test_each_kind_of_news(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Progress, status, the response and the end are told with the newest snapshot; what is over is told at once."""
    server = serve(3 * MIB, 4.0 * MIB)
    heard: dict[str, list[Snapshot]] = {}
    op = session.download(server.url, tmp_path / "x", start=False)
    for event in ("progress", "status", "response", "done", "failed", "canceled", "over"):
        op.on(event, heard.setdefault(event, []).append)
    op.start()
    op.result(30)
    until(lambda: bool(heard["over"]) and bool(heard["done"]))
    assert len(heard["progress"]) > 2
    assert heard["status"][-1].status is TransferStatus.COMPLETED
    assert heard["response"][0].http_status == 200
    assert [s.phase for s in heard["done"]] == [Phase.DONE]
    assert not heard["failed"]
    assert not heard["canceled"]
    late: list[Snapshot] = []
    op.on("done", late.append)
    op.on("canceled", late.append)
    until(lambda: len(late) == 1)


def test_a_listener_can_leave(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Whoever listens no more is not called any more."""
    server = serve(3 * MIB, 2.0 * MIB)
    heard: list[Snapshot] = []
    op = session.download(server.url, tmp_path / "x")
    leave = op.on("progress", heard.append)
    until(lambda: len(heard) > 1)
    leave()
    time.sleep(0.2)
    count = len(heard)
    op.result(30)
    assert len(heard) == count


def test_listeners_that_raise_or_never_return(
    session: Session, serve: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One that raises is logged and told in the story, one that hangs is left alone: the transfer and others go on."""
    server = serve(3 * MIB, 4.0 * MIB)
    forever, good = threading.Event(), list[Any]()

    def wrong(_: object) -> None:
        raise ValueError("not my day")

    op = session.download(server.url, tmp_path / "x")
    op.on("progress", wrong)
    op.on("progress", lambda _: forever.wait())
    op.add_done_callback(lambda _: forever.wait())
    op.on("over", good.append)
    with caplog.at_level(logging.ERROR, "nbxfer"):
        assert sha256(op.result(30)) == server.sha256
        until(lambda: bool(good))
    assert caplog.text.count("a listener of x failed") == 1
    assert "not my day" in caplog.text
    assert "on('progress'): ValueError" in op.explain()
    again = session.download(server.url, tmp_path / "y")
    seen: list[Any] = []
    again.add_done_callback(seen.append)
    again.result(30)
    until(lambda: bool(seen))
    again.add_done_callback(wrong)
    until(lambda: "a done callback: ValueError" in again.explain())
    forever.set()


def test_what_follows(session: Session, serve: Serve, tmp_path: Path) -> None:
    """then() gives a Future of what the function makes of the path; where the transfer fails, of that."""
    server = serve(1000)
    size = session.download(server.url, tmp_path / "x").then(lambda path: path.stat().st_size)
    assert size.result(30) == 1000
    broken = session.download(server.url_of("x").replace(".bin", ""), tmp_path / "z").then(str)
    with pytest.raises(SourceNotFound):
        broken.result(30)
    failing = session.download(server.url, tmp_path / "y").then(lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.result(30)


def test_as_completed(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Each is given when it is over, the quick one first, whatever they came in; once, where it was given twice."""
    server = serve(MIB)
    slow = session.download(server.url_of("slow.bin", MIB * 1.0), tmp_path / "slow")
    quick = session.download([server.url_of("quick.bin")], tmp_path)
    assert [op.id for op in nbxfer.as_completed([slow, quick, slow], timeout=30)] == [quick[0].id, slow.id]
    assert list(nbxfer.as_completed([])) == []
    assert [op.id for op in nbxfer.as_completed(slow)] == [slow.id]
    with pytest.raises(InvalidRequest, match="is no operation"):
        next(nbxfer.as_completed([slow, 7]))  # type: ignore[list-item]


@pytest.mark.parametrize("event", ["finished", "", 7, None, ["done"]])
def test_events_that_do_not_exist(session: Session, tmp_path: Path, event: Any) -> None:
    """A slip of the pen is told at once: nobody waits for what never comes."""
    op = session.download("http://localhost:9/a", tmp_path / "a", start=False)
    with pytest.raises(InvalidRequest, match="is unknown"):
        op.on(event, print)


def test_listeners_that_are_no_functions(session: Session, tmp_path: Path) -> None:
    """What cannot be called is refused when it is given."""
    op = session.download("http://localhost:9/a", tmp_path / "a", start=False)
    nothing: Any = "print"
    for give in (lambda: op.on("done", nothing), lambda: op.on_ranges(nothing), lambda: op.then(nothing)):
        with pytest.raises(InvalidRequest, match="takes a function"):
            give()
