"""The handle: a Future that can be paused, steered, awaited, and read while it is under way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.core.policy import Retry
from nbxfer.demo.server import DemoServer
from nbxfer.errors import (
    BadAnswer,
    InvalidRequest,
    InvalidTransferState,
    NeedsAttention,
    NetworkError,
    SourceNotFound,
    TransferCanceled,
    TransferError,
)
from nbxfer.session import Batch, Session
from tests.journeys.terminal import MIB, sha256, until

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def test_nothing_moves_before_start(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With start=False the server sees no request until start() is called; pausing it is refused."""
    server = serve(1000)
    op = session.download(server.url, tmp_path / "X", start=False)
    time.sleep(0.3)
    assert server.requests == 0
    assert op.status is TransferStatus.IDLE
    with pytest.raises(InvalidTransferState, match="pause"):
        op.pause()
    op.resume()  # the same as start(), for what was never started
    assert op.result(10).stat().st_size == 1000


def test_pause_and_resume_go_on_from_the_part(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A paused transfer keeps what has come; resumed, it fetches the rest; pausing twice is refused."""
    server = serve(4 * MIB, 4.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    until(lambda: op.snapshot.received > MIB)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    with pytest.raises(InvalidTransferState):
        op.pause()
    held = op.snapshot.received
    assert held > MIB
    assert op.ranges == [(0, held)]
    assert not op.path.exists()
    op.resume()
    assert sha256(op.result(10)) == server.sha256
    assert server.sent <= 4 * MIB + 2 * MIB
    assert not op.progress.restarted
    assert op.progress.refetched <= 4096


def test_a_changed_source_starts_over_and_says_so(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Nothing of two versions ever meets in one file: bytes go down once, and ``restarted`` is true."""
    server = serve(4 * MIB, 4.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    until(lambda: op.snapshot.received > MIB)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    server.change()
    op.resume()
    assert sha256(op.result(10)) == server.sha256
    assert op.progress.restarted


def test_cancel_removes_the_part_or_keeps_it(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Canceled, nothing is left in the folder, unless the part was to be kept."""
    server = serve(4 * MIB, 2.0 * MIB)
    for keep in (False, True):
        op = session.download(server.url, tmp_path / f"X{keep}")
        until(lambda op=op: op.snapshot.received > 0)  # type: ignore[misc]  # mypy does not see the default
        assert op.cancel(delete_partial=not keep)
        with pytest.raises(TransferCanceled):
            op.result(10)
        assert op.cancelled()
        assert not op.cancel()
        assert any(p.name.endswith(".part") for p in tmp_path.iterdir()) is keep


def test_the_future_protocol(session: Session, serve: Serve, tmp_path: Path) -> None:
    """done, running, result, exception and callbacks mean what concurrent.futures means."""
    server = serve(2 * MIB, 2.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    told: list[object] = []
    rang = threading.Event()

    def ring(over: object) -> None:
        told.append(over)
        rang.set()

    op.add_done_callback(ring)
    assert not op.done()
    until(op.running)
    with pytest.raises(TimeoutError, match="not over after"):
        op.result(0.05)
    assert not op.wait(0.05, progress=False)
    assert op.exception(10) is None
    assert op.done()
    assert rang.wait(5)
    assert told == [op]
    op.add_done_callback(told.append)
    assert told == [op, op]
    assert op.response is not None
    assert op.response["content-length"] == str(2 * MIB)
    assert "X" in repr(op)
    assert "completed" in repr(op)
    assert op.url == server.url
    assert op.priority == 0


def test_await_and_snapshots(session: Session, serve: Serve, tmp_path: Path) -> None:
    """``await op`` is result(); snapshots() gives changes to the last; a canceled awaiter leaves the transfer."""
    server = serve(2 * MIB, 2.0 * MIB)
    op = session.download(server.url, tmp_path / "X")

    async def watch() -> list[int]:
        waiter = asyncio.ensure_future(_result(op))
        await asyncio.sleep(0.2)
        waiter.cancel()
        seen = [s.received async for s in op.snapshots()]
        assert await op == tmp_path / "X"
        return seen

    seen = asyncio.run(watch())
    assert seen == sorted(seen)
    assert len(seen) > 3
    assert seen[-1] == 2 * MIB


async def _result(op: object) -> object:
    return await op  # type: ignore[misc]


def test_failures_say_what_and_are_retried_by_hand(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A 404 is SourceNotFound with its code; retry() with a right URL goes on under the same id."""
    server = serve(1000)
    op = session.download(server.url.replace("data.bin", "missing"), tmp_path / "X")
    with pytest.raises(SourceNotFound) as caught:
        op.result(10)
    assert caught.value.http_status == 404
    assert caught.value.op_id == op.id
    assert op.status is TransferStatus.ERROR
    op.retry(url=server.url)
    assert op.result(10).stat().st_size == 1000


def test_nobody_listens(session: Session, tmp_path: Path) -> None:
    """A refused connection is tried again, then it is a NetworkError; each try is in the story."""
    op = session.download("http://127.0.0.1:9/x", tmp_path / "X", retry=Retry(tries=3, base=0.01))
    with pytest.raises(NetworkError):
        op.result(20)
    assert op.snapshot.retries == 2


def test_another_size_than_expected_is_refused(session: Session, serve: Serve, tmp_path: Path) -> None:
    """expect_size is held against the server's word before a byte is written."""
    server = serve(1000)
    with pytest.raises(BadAnswer, match="1000 bytes where 999 were expected"):
        session.download(server.url, tmp_path / "X", expect_size=999).result(10)


def test_where_nobody_looks_waiting_for_a_person_ends(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With patience, wait and result raise NeedsAttention that says the way out."""
    session.patience = 0.3
    server = serve(4 * MIB, 1.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    op.pause()
    for wait in (op.wait, op.result):
        with pytest.raises(NeedsAttention, match="nbxfer resume"):
            wait()
    op.cancel()


def test_where_somebody_looks_a_silent_wait_says_what_it_waits_for(
    session: Session, serve: Serve, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """result() on a paused transfer says once, on the thread that waits, what would let it go on."""
    monkeypatch.setattr("nbxfer.session.waiting.SAY_AFTER", 0.1)
    op = session.download(serve(1000).url, tmp_path / "X", start=False)
    with pytest.raises(TimeoutError, match="not started"):
        op.result(0.5)
    assert capsys.readouterr().err == "nbxfer: waiting; X is not started: start() lets it go.\n"
    with pytest.raises(InvalidRequest, match="no number of seconds"):
        op.wait(timeout="x")  # type: ignore[arg-type]
    op.cancel()
    assert not op.cancel()


def test_unfinished_work_of_other_folders_is_mentioned(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """reattach() that finds nothing here says how many there are elsewhere, and how to get at them."""
    first = sessions()
    first.notebook = "/elsewhere/work.ipynb"
    first.download(serve(1000).url, tmp_path / "X", start=False)
    first.close()
    batch = sessions().reattach()
    assert len(batch) == 0
    assert "1 more of other notebooks" in repr(batch)


def test_a_recoverable_answer_waits_for_a_new_url(session: Session, serve: Serve, tmp_path: Path) -> None:
    """What recoverable= lists pauses with status 8, keeps the part, and goes on with a new URL."""
    server = serve(1000)
    op = session.download(server.url.replace("data.bin", "missing"), tmp_path / "X", recoverable={404})
    until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
    assert op.error is not None
    assert op.error.http_status == 404
    op.resume(url=server.url)
    assert op.result(10).stat().st_size == 1000


def test_a_literal_secret_is_asked_for_again_after_a_restart(
    sessions: Sessions, serve: Serve, tmp_path: Path, canary: Callable[[str], str], home: Path
) -> None:
    """Headers that are secret live in memory: the next kernel waits for them, with status 8, and says which."""
    server = serve(4 * MIB, 2.0 * MIB)
    first = sessions()
    secret = {"X-Api-Key": canary("key"), "Accept-Language": "de"}
    url = server.url + f"?part=1&token={canary('token')}"
    op = first.download(url, tmp_path / "X", headers=secret)
    until(lambda: op.snapshot.received > 0)
    first.close()
    second = sessions()
    [again] = second.reattach()
    until(lambda: again.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
    assert "new URL" in again.reason
    assert "part=1" not in repr(again) + again.reason + again.url
    again.resume(url=url, headers=secret)
    assert sha256(again.result(20)) == server.sha256


def test_a_session_as_context_raises_what_failed(home: Path, serve: Serve, tmp_path: Path) -> None:
    """Leaving waits for everything and raises an ExceptionGroup of the failures."""
    server = serve(1000)
    session = Session(home=home)
    with session as same:
        same.download(server.url, tmp_path / "W")
    session = Session(home=home)
    session.download(server.url, tmp_path / "X")
    session.download(server.url.replace("data.bin", "missing"), tmp_path / "Y")
    with pytest.raises(ExceptionGroup) as caught, session:
        pass
    assert [type(e) for e in caught.value.exceptions] == [SourceNotFound]
    assert (tmp_path / "X").exists()


def test_a_batch_is_a_sequence(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Batch keeps order, slices, and passes wishes on to those they fit."""
    server = serve(MIB, MIB / 2)
    ops = [session.download(server.url_of(f"{n}.bin"), tmp_path / str(n)) for n in range(3)]
    batch = Batch(ops)
    assert len(batch) == 3
    assert batch[1:][0].id == ops[1].id
    batch.pause()
    until(lambda: all(o.snapshot.phase is Phase.PAUSED for o in ops))
    batch.resume()
    ops[0].cancel()
    assert batch[1:].results(20) == [tmp_path / "1", tmp_path / "2"]
    assert batch.failed == []
    assert "3 over" in repr(batch)
    with pytest.raises(ExceptionGroup):
        batch.results(10)
    batch.cancel()


def test_operations_lists_and_priority_changes(session: Session, serve: Serve, tmp_path: Path) -> None:
    """What this notebook has is listed by status; priority is accepted while it lives."""
    server = serve(4 * MIB, 1.0 * MIB)
    op = session.download(server.url, tmp_path / "X", priority="low")
    assert op.priority == 2
    session.steer(op.id, "priority", priority="high")
    assert op.priority == 1
    assert [o.id for o in session.operations()] == [op.id]
    with pytest.raises(InvalidRequest, match="priority"):
        session.steer(op.id, "priority", priority="soon")
    with pytest.raises(InvalidRequest, match="nothing that a transfer can be asked"):
        session.steer(op.id, "dance")
    op.cancel()
    until(op.cancelled)
    with pytest.raises(InvalidTransferState, match="canceled already"):
        op.resume()
    with pytest.raises(TransferError):
        session.snapshot("0" * 16)


def test_a_wish_of_a_panel_returns_at_once(session: Session, serve: Serve, tmp_path: Path) -> None:
    """wish() hands over and forgets; one that does not fit any more is dropped without a word."""
    server = serve(4 * MIB, 1.0 * MIB)
    op = session.download(server.url, tmp_path / "X")
    begin = time.monotonic()
    session.wish(op.id, "pause")
    assert time.monotonic() - begin < 0.1
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    session.wish(op.id, "pause")
    session.wish("0" * 16, "pause")
    session.wish(op.id, "cancel")
    until(op.cancelled)
