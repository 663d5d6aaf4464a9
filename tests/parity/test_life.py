"""Create, start, attach, pause, resume: the life of an operation by Windows' rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.core.policy import Patience, Retry
from nbxfer.demo.server import DemoServer
from nbxfer.engine.wording import PRIORITIES
from nbxfer.errors import InvalidTransferState, WebErrorStatus
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256, until

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]

STATUSES = {
    "IDLE": 0, "RUNNING": 1, "PAUSED_BY_APPLICATION": 2, "PAUSED_COSTED_NETWORK": 3, "PAUSED_NO_NETWORK": 4,
    "COMPLETED": 5, "CANCELED": 6, "ERROR": 7, "PAUSED_RECOVERABLE_WEB_ERROR": 8, "PAUSED_SYSTEM_POLICY": 32,
}  # fmt: skip
ERRORS = {
    "UNKNOWN": 0, "CERTIFICATE_EXPIRED": 2, "SERVER_UNREACHABLE": 6, "TIMEOUT": 7, "CONNECTION_ABORTED": 9,
    "CONNECTION_RESET": 10, "DISCONNECTED": 11, "CANNOT_CONNECT": 14, "HOST_NAME_NOT_RESOLVED": 15,
    "OPERATION_CANCELED": 16, "REDIRECT_FAILED": 17, "INSUFFICIENT_RANGE_SUPPORT": 22,
    "MISSING_CONTENT_LENGTH_SUPPORT": 23,
}  # fmt: skip


def test_the_integers() -> None:
    """Statuses, priorities and errors have Windows' numbers; ours begin at 100 and at 1000."""
    assert {s.name: int(s) for s in TransferStatus if s < 100} == STATUSES
    assert PRIORITIES == {"default": 0, "high": 1, "low": 2}
    ours = {e.name: int(e) for e in WebErrorStatus}
    assert {name: ours[name] for name in ERRORS} == ERRORS
    assert ours["DEADLINE"] >= 1000


def test_the_times() -> None:
    """Connecting may take 300 s and an answer 120 s; only tries while online count, and their number can be said."""
    assert (Patience().connect, Patience().response) == (300.0, 120.0)
    assert Retry(tries=3, first=3).exhausted(begun=False) is False
    assert Retry(tries=3, first=3, used=2).exhausted(begun=True)


def test_nothing_moves_before_start(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A created operation is idle and the server sees nothing, until it is started; then only once."""
    server = serve(1000)
    op = session.download(server.url, tmp_path / "x", start=False)
    time.sleep(0.2)
    assert (server.requests, op.status) == (0, TransferStatus.IDLE)
    with pytest.raises(InvalidTransferState):
        op.pause()
    op.start()
    op.result(10)
    with pytest.raises(InvalidTransferState):
        op.start()


def test_ids_never_change_and_many_may_watch(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Any number of processes see an operation under its one id; one runs it, and who comes later goes on."""
    server = serve(4 * MIB, 4.0 * MIB)
    first, second = sessions(), sessions()
    op = first.download(server.url, tmp_path / "x")
    until(lambda: op.snapshot.received > MIB)
    seen = [o for o in second.operations(scope="all") if o.id == op.id]
    assert [o.snapshot.owner for o in seen] == ["theirs"]
    first.close()
    third = sessions()
    attached = third.reattach(scope="all")
    assert [o.id for o in attached] == [op.id]
    assert sha256(attached.results(30)[0]) == server.sha256
    assert server.sent < 6 * MIB


def test_paused_is_a_fact_not_a_wish(session: Session, serve: Serve, tmp_path: Path) -> None:
    """It is paused once it has left RUNNING; the part stays; a second pause is refused; resume asks for a range."""
    server = serve(4 * MIB, 4.0 * MIB)
    op = session.download(server.url, tmp_path / "x")
    until(lambda: op.snapshot.received > MIB)
    op.pause()
    until(lambda: op.status is not TransferStatus.RUNNING)
    assert op.status is TransferStatus.PAUSED_BY_APPLICATION
    time.sleep(0.2)  # what stood in the line when it was broken off
    sent, held = server.sent, op.snapshot.received
    with pytest.raises(InvalidTransferState):
        op.pause()
    time.sleep(0.2)
    assert (server.sent, op.snapshot.received) == (sent, held)
    op.resume()
    op.result(30)
    assert op.response is not None
    assert (op.response.status, op.progress.restarted) == (206, False)


def test_restarted_is_true_once_where_the_server_cannot_resume(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Another version on the server begins again from nothing; bytes go down only then, and it is said once."""
    server = serve(4 * MIB, 4.0 * MIB)
    op = session.download(server.url, tmp_path / "x")
    until(lambda: op.snapshot.received > MIB)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    server.change()
    op.resume()
    assert sha256(op.result(30)) == server.sha256
    assert (op.progress.restarted, op.snapshot.restarts) == (True, 1)


def test_cancel_all(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Canceled operations leave nothing behind, and what is over cannot be canceled."""
    server = serve(8 * MIB, 1.0 * MIB)
    batch = session.download([server.url_of(f"{n}.bin") for n in "abc"], tmp_path)
    until(lambda: all(op.snapshot.received > 0 for op in batch))
    batch.cancel()
    until(lambda: all(op.status is TransferStatus.CANCELED for op in batch))
    until(lambda: [p for p in tmp_path.rglob("*") if p.is_file() and "nbxfer" not in str(p.parent)] == [])
    assert not batch[0].cancel()
