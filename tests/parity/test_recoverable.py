"""RecoverableWebErrorStatuses and RequestedUri: what expires is renewed, and goes on from where it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import AccessDenied, InvalidRequest, InvalidTransferState
from nbxfer.session import Operation, Session
from tests.journeys.terminal import MIB, sha256, until

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]


def expired(session: Session, server: DemoServer, dest: Path, **options: object) -> Operation:
    """Download with a ticket for half of the file, until it waits for a person."""
    op = session.download(server.ticket(), dest, recoverable={403}, **options)
    until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
    return op


def test_expired_half_way(session: Session, serve: Serve, tmp_path: Path) -> None:
    """403 half-way pauses and keeps what has come; a new URL, then resume: the server is asked for the rest only."""
    server = serve(4 * MIB)
    op = expired(session, server, tmp_path / "x")
    half = op.snapshot.received
    assert half >= MIB
    assert "403" in op.reason
    op.url = server.ticket(share=1.0)
    assert op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR  # nothing moves before resume
    op.resume()
    assert sha256(op.result(30)) == server.sha256
    assert not op.progress.restarted
    assert op.response is not None
    assert op.response.status == 206
    assert server.sent <= 4 * MIB + 4096 * 4


def test_a_new_url_in_another_place(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A mirror with the same strong validator goes on with a range; one that has another size begins again, once."""
    server = serve(4 * MIB)
    op = expired(session, server, tmp_path / "x")
    op.url = server.url_of("mirror.bin")
    op.resume()
    assert sha256(op.result(30)) == server.sha256
    assert (op.snapshot.restarts, op.progress.restarted) == (0, False)
    other = serve(5 * MIB)
    op = expired(session, server, tmp_path / "y")
    op.url = other.url
    op.resume()
    assert sha256(op.result(30)) == other.sha256
    assert (op.snapshot.restarts, op.progress.restarted) == (1, True)
    assert sum(entry.what == "restarted" for entry in op.snapshot.story) == 1


def test_a_digest_ties_two_places_together(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With a checksum the same bytes behind another URL are the same file, and are held against it at the end."""
    server, same = serve(4 * MIB), serve(4 * MIB)
    op = expired(session, server, tmp_path / "x", checksum=f"sha256:{server.sha256}")
    op.resume(url=same.url)
    assert sha256(op.result(30)) == server.sha256
    assert op.progress.integrity == "digest"
    assert same.sent < 4 * MIB


def test_only_while_it_rests(session: Session, serve: Serve, tmp_path: Path) -> None:
    """As in Windows, the URL is set while it is paused (2 or 8), never under way or when it is over."""
    server = serve(4 * MIB, 2.0 * MIB)
    op = session.download(server.url, tmp_path / "x")
    until(lambda: op.snapshot.received > 0)
    with pytest.raises(InvalidTransferState, match="once it is paused"):
        op.url = server.url_of("other.bin")
    assert op.url == server.url
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    with pytest.raises(InvalidRequest):
        op.url = "ftp:/nowhere at all"
    op.url = server.url_of("other.bin")
    assert op.url == server.url_of("other.bin")
    op.headers = {"Accept-Language": "de", "X-Key": "not stored, not shown"}
    assert {name.lower(): value for name, value in op.headers.items()} == {"accept-language": "de"}
    op.resume()
    op.result(30)
    assert server.requests_of("/other.bin") == 1
    with pytest.raises(InvalidTransferState, match="it is done"):
        op.headers = {"Accept-Language": "en"}


def test_the_new_url_outlives_the_process(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A URL that was set while it was paused is the one that the next process goes on with."""
    server = serve(4 * MIB)
    first = sessions()
    op = expired(first, server, tmp_path / "x")
    op.url = server.url_of("mirror.bin")
    first.close()
    second = sessions()
    again = second.reattach(scope="all")[0]
    assert again.url == server.url_of("mirror.bin")
    again.resume()
    assert sha256(again.result(30)) == server.sha256
    assert not again.progress.restarted


def test_refresh_gives_a_new_one_by_itself(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With refresh= nobody has to look: it is asked once, and the transfer goes on from where it was."""
    server = serve(4 * MIB)
    asked: list[str] = []

    def refresh(url: str) -> str:
        asked.append(url)
        return server.ticket(share=1.0)

    op = session.download(server.ticket(), tmp_path / "x", refresh=refresh)
    assert sha256(op.result(30)) == server.sha256
    assert len(asked) == 1
    assert "ticket=" not in asked[0] or server.tickets.left(asked[0].rpartition("=")[2]) == 0
    assert not op.progress.restarted


def test_what_is_not_recoverable_fails_and_keeps_its_part(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Any other refusal is an error at once; retry with a new URL goes on from the part."""
    server = serve(4 * MIB)
    op = session.download(server.ticket(), tmp_path / "x")
    with pytest.raises(AccessDenied):
        op.result(30)
    assert op.error is not None
    assert int(op.error.status) == 403
    op.retry(url=server.ticket(share=1.0))
    assert sha256(op.result(30)) == server.sha256
    assert not op.progress.restarted


def test_a_ticket_expires_once_over_many_connections(session: Session, tmp_path: Path) -> None:
    """A ticket counts what was sent, over all connections: what one lets through and a second one are the whole."""
    with DemoServer(32 << 20, 8_000_000) as server:
        asked: list[str] = []

        def refresh(url: str) -> str:
            asked.append(url)
            return server.ticket()

        op = session.download(server.ticket(), tmp_path / "x", refresh=refresh, connections=8)
        assert op.result(60).stat().st_size == server.size
        assert len(asked) == 1
        assert not op.progress.restarted
