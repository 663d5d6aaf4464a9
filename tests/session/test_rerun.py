"""A cell run again: the table of what is there, and what happens."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import ChecksumMismatch, DestinationExists, InvalidTransferState
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256, until

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def test_running_is_the_same_operation(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Asked twice while it runs: one operation."""
    server = serve(MIB, MIB / 2)
    first = session.download(server.url, tmp_path / "X")
    assert session.download(server.url, tmp_path / "X").id == first.id
    with pytest.raises(InvalidTransferState, match="being fetched already"):
        session.download(server.url, tmp_path / "X", on_duplicate="error")
    first.cancel()


def test_paused_stays_paused(session: Session, serve: Serve, tmp_path: Path) -> None:
    """What a person paused is not woken by running the cell again."""
    server = serve(MIB, MIB / 2)
    op = session.download(server.url, tmp_path / "X")
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    again = session.download(server.url, tmp_path / "X")
    assert again.id == op.id
    assert again.status is TransferStatus.PAUSED_BY_APPLICATION
    op.cancel()


def test_failed_goes_on_from_its_part(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A failed one is tried again, under the same id."""
    server = serve(1000)
    op = session.download(server.url.replace("data.bin", "missing"), tmp_path / "X")
    assert op.wait(10, progress=False)
    assert op.snapshot.phase is Phase.FAILED
    again = session.download(server.url.replace("data.bin", "missing"), tmp_path / "X")
    assert again.id == op.id
    assert again.wait(10, progress=False)
    assert [e.what for e in again.snapshot.story].count("retry") == 1


def test_canceled_is_a_new_operation(session: Session, serve: Serve, tmp_path: Path) -> None:
    """After a cancel the same cell begins anew."""
    server = serve(MIB, MIB / 2)
    op = session.download(server.url, tmp_path / "X")
    op.cancel()
    until(op.cancelled)
    again = session.download(server.url_of("data.bin"), tmp_path / "X")
    assert again.id != op.id
    again.cancel()


def test_done_and_unchanged_is_done_at_once(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A finished file is revalidated: one request, no bytes; also in another kernel, also after compaction."""
    server = serve(MIB)
    first = sessions()
    first.download(server.url, tmp_path / "X").result(10)
    sent = server.sent
    first.download(server.url, tmp_path / "X").result(10)
    sessions().download(server.url, tmp_path / "X").result(10)
    first.close()
    third = sessions().download(server.url, tmp_path / "X")
    third.result(10)
    assert third.progress.integrity == "validator"
    assert server.sent == sent


def test_done_and_changed_is_replaced(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A new version on the server replaces the file atomically."""
    server = serve(MIB)
    session.download(server.url, tmp_path / "X").result(10)
    server.change()
    assert sha256(session.download(server.url, tmp_path / "X").result(10)) == server.sha256


def test_done_and_offline_is_given_and_marked(session: Session, serve: Serve, tmp_path: Path) -> None:
    """When the server cannot be asked, the file that is there is the result, and says so."""
    server = serve(MIB)
    session.download(server.url, tmp_path / "X").result(10)
    url = server.url
    server.close()
    op = session.download(url, tmp_path / "X")
    assert op.result(10) == tmp_path / "X"
    assert "not revalidated" in op.reason


def test_done_and_touched_is_not_ours_any_more(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A file that somebody edited is not replaced without being told to."""
    server = serve(MIB)
    path = session.download(server.url, tmp_path / "X").result(10)
    path.write_text("mine now")
    with pytest.raises(DestinationExists, match="if_exists"):
        session.download(server.url, tmp_path / "X")
    assert path.read_text() == "mine now"


def test_the_choices_for_what_is_there(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Error, skip, unique and overwrite do what they say."""
    server = serve(MIB)
    target = tmp_path / "X.tar.gz"
    target.write_text("mine")
    with pytest.raises(DestinationExists):
        session.download(server.url, target, if_exists="error")
    assert session.download(server.url, target, if_exists="skip").result(10).read_text() == "mine"
    assert server.requests == 0
    other = session.download(server.url, target, if_exists="unique").result(10)
    assert other == tmp_path / "X (1).tar.gz"
    assert target.read_text() == "mine"
    assert sha256(session.download(server.url, target, if_exists="overwrite").result(10)) == server.sha256


def test_a_checksum_settles_it(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With a checksum a file that has it is done, whoever wrote it, and one that has not is in the way."""
    server = serve(MIB)
    target = tmp_path / "X"
    session.download(server.url, target, checksum=f"sha256:{server.sha256}").result(10)
    copy = tmp_path / "copy"
    copy.write_bytes(target.read_bytes())
    asked = server.requests
    op = session.download(server.url, copy, checksum=server.sha256)
    assert op.result(10) == copy
    assert op.progress.integrity == "digest"
    assert server.requests == asked
    copy.write_text("other")
    with pytest.raises(DestinationExists, match="checksum is another"):
        session.download(server.url, copy, checksum=server.sha256).result(10)
    with pytest.raises(ChecksumMismatch):
        session.download(server.url, tmp_path / "Y", checksum=hashlib.md5(b"no").hexdigest()).result(10)
    assert not (tmp_path / "Y").exists()


def test_what_is_asked_now_counts_for_what_had_failed(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A corrected checksum, or none, or another if_exists, is what the next try goes by, under the same id."""
    server = serve(MIB)
    wrong, target = "sha256:" + "0" * 64, tmp_path / "X"
    failed = session.download(server.url, target, checksum=wrong)
    with pytest.raises(ChecksumMismatch):
        failed.result(10)
    good = session.download(server.url, target, checksum=server.sha256)
    assert good.id == failed.id
    assert good.result(10) == target
    assert good.progress.integrity == "digest"
    with pytest.raises(DestinationExists):
        session.download(server.url, target, checksum=wrong).result(10)
    replaced = session.download(server.url, target, checksum=server.sha256, if_exists="overwrite")
    assert replaced.result(10) == target
    with pytest.raises(ChecksumMismatch):
        session.download(server.url, tmp_path / "Y", checksum=wrong).result(10)
    assert session.download(server.url, tmp_path / "Y").result(10) == tmp_path / "Y"


def test_a_checksum_given_to_what_is_running_is_held(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Asked again with a checksum, a running download is held against it; where that cannot be, it is refused."""
    server = serve(MIB, MIB / 2)
    a, b = sessions(), sessions()
    op = a.download(server.url, tmp_path / "X")
    until(lambda: op.snapshot.received > 0)
    with pytest.raises(InvalidTransferState, match="with no checksum"):
        b.download(server.url, tmp_path / "X", checksum="sha256:" + "0" * 64)
    assert a.download(server.url, tmp_path / "X", checksum="sha256:" + "0" * 64).id == op.id
    with pytest.raises(InvalidTransferState, match="with another checksum"):
        a.download(server.url, tmp_path / "X", checksum="sha256:" + "1" * 64)
    with pytest.raises(ChecksumMismatch):
        op.result(10)
    assert not (tmp_path / "X").exists()


def test_signatures_do_not_make_another_source(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A signed URL with another signature is the same source; with key= any two are."""
    server = serve(MIB, MIB / 2)
    op = session.download(server.url + "?X-Amz-Signature=1&part=2", tmp_path / "X")
    assert session.download(server.url + "?X-Amz-Signature=9&part=2", tmp_path / "X").id == op.id
    with pytest.raises(DestinationExists):
        session.download(server.url + "?X-Amz-Signature=9&part=3", tmp_path / "X")
    keyed = session.download(server.url + "?part=1", tmp_path / "Z", key="release")
    assert session.download(server.url + "?part=2", tmp_path / "Z", key="release").id == keyed.id
    op.cancel()
    keyed.cancel()
