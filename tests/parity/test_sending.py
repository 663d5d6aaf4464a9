"""CreateUpload, ContentPart, persisted uploads, FTP: what is sent, and what is never sent twice behind one's back."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbxfer import Part
from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, InvalidTransferState
from nbxfer.session import Batch, Session
from tests.journeys.terminal import MIB, Terminal, sha256, until
from tests.servers import stores

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]

SENDING = """
import nbxfer, time
parts = {{"parts": [nbxfer.Part.text("key", "value"), nbxfer.Part.file("data")]}} if {form} else {{}}
op = nbxfer.upload({path!r}, {url!r}, bandwidth="2 MB/s", **{given!r}, **parts)
while op.progress.received < 500_000:
    time.sleep(0.01)
print("moving", flush=True)
op.wait(progress=False)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file to be sent."""
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(3 * MIB + 7))
    return path


def to(server: DemoServer, path: str) -> str:
    """Give the URL of a path."""
    return server.url.replace("/data.bin", path)


def killed(terminal: Terminal, path: Path, url: str, *, form: bool = False, **given: Any) -> None:
    """Begin to send in another process, and kill it with some of it on the way."""
    process = terminal.script(SENDING.format(path=str(path), url=url, given=given, form=form))
    assert process.stdout is not None
    assert process.stdout.readline() == "moving\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()


# -- parts ------------------------------------------------------------------------------------------------------------
def test_parts_of_a_form(session: Session, serve: Serve, file: Path) -> None:
    """A form has its texts and its file in order; each arrives under its name, with its type and its very bytes."""
    server = serve(10)
    parts = [Part.text("key", "värde"), Part.file("data", content_type="text/csv"), Part.text("last", "")]
    op = session.upload(file, to(server, "/form"), parts=parts)
    op.result(30)
    [came] = server.received
    assert (came["method"], came["type"].partition(";")[0]) == ("POST", "multipart/form-data")
    key, data, last = came["parts"]
    assert (key["name"], key["text"], last["name"], last["text"]) == ("key", "värde", "last", "")
    assert (data["name"], data["file"], data["type"]) == ("data", "model.bin", "text/csv")
    assert (data["size"], data["sha256"]) == (file.stat().st_size, sha256(file))
    assert op.response is not None
    assert op.response.status == 201


def test_another_subtype_and_a_boundary_of_ones_own(session: Session, serve: Serve, file: Path) -> None:
    """``multipart=`` names the subtype, ``boundary=`` what stands between the parts; they arrive as they were given."""
    server = serve(10)
    parts = [Part.text("about", '{"n": 1}', content_type="application/json"), Part.file("data", "other.bin")]
    session.upload(file, to(server, "/form"), parts=parts, multipart="mixed", boundary="here-it-ends").result(30)
    [came] = server.received
    assert came["type"].replace('"', "") == "multipart/mixed; boundary=here-it-ends"
    about, data = came["parts"]
    assert (about["type"], about["text"]) == ("application/json", '{"n": 1}')
    assert (data["name"], data["file"], data["sha256"]) == ("data", "other.bin", sha256(file))
    bare = [Part.text("", "{}", content_type="application/json"), Part.file("")]
    session.upload(file, to(server, "/form"), parts=bare, multipart="related", if_exists="overwrite").result(30)
    about, data = server.received[-1]["parts"]
    assert (about["name"], data["name"], data["file"], data["sha256"]) == (None, None, "", sha256(file))


def test_file_or_text_never_both(session: Session, serve: Serve, file: Path) -> None:
    """One part is a text or the file; a form without its file, or with two, is refused, and nothing is sent."""
    server = serve(10)
    both_and_none: list[dict[str, Any]] = [{"text": "a", "file": True}, {}]
    for wrong in both_and_none:
        with pytest.raises(InvalidRequest, match="never both"):
            Part("name", **wrong)
    for parts in ([Part.text("a", "b")], [Part.file("a"), Part.file("b")]):
        with pytest.raises(InvalidRequest):
            session.upload(file, to(server, "/form"), parts=parts)
    assert (server.requests, server.received) == (0, [])


# -- a POST -----------------------------------------------------------------------------------------------------------
def test_a_post_is_not_paused(session: Session, serve: Serve, file: Path) -> None:
    """Pausing a POST on its way is refused, for one or among several, and it arrives once; before its start it may."""
    server = serve(10)
    op = session.upload(file, to(server, "/form"), parts=[Part.file()], bandwidth="2 MB/s")
    until(lambda: op.snapshot.received > 500_000)
    with pytest.raises(InvalidTransferState, match="posted cannot be paused"):
        op.pause()
    Batch([op]).pause()
    assert op.status is TransferStatus.RUNNING
    op.result(30)
    assert [came["parts"][0]["sha256"] for came in server.received] == [sha256(file)]
    assert server.requests == 1


def test_a_put_is_paused(session: Session, serve: Serve, file: Path) -> None:
    """A PUT is paused, and sent from its first byte when it is resumed; that is flagged."""
    server = serve(10)
    op = session.upload(file, to(server, "/upload/x"), bandwidth="2 MB/s")
    until(lambda: op.snapshot.received > 500_000)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    op.bandwidth = None
    op.resume()
    op.result(30)
    assert op.progress.restarted
    assert [came["sha256"] for came in server.received] == [sha256(file)]


# -- persisted uploads ------------------------------------------------------------------------------------------------
def test_a_put_that_was_killed_begins_again(terminal: Terminal, sessions: Sessions, serve: Serve, file: Path) -> None:
    """Its process killed half-way, a PUT goes from the first byte by itself, and the whole of it arrives once."""
    server = serve(10)
    killed(terminal, file, to(server, "/upload/x"))
    assert server.received == []
    [op] = sessions().reattach(scope="all")
    op.bandwidth = None
    op.result(30)
    assert [came["sha256"] for came in server.received] == [sha256(file)]
    assert server.requests == 2


@pytest.mark.parametrize("form", [False, True])
def test_a_post_that_was_killed_is_not_sent_again(
    form: bool, terminal: Terminal, sessions: Sessions, serve: Serve, file: Path
) -> None:
    """Its process killed half-way, a POST waits for a person with status 8; only a person's word sends it again."""
    server = serve(10)
    url = to(server, "/form" if form else "/upload/x")
    killed(terminal, file, url, form=form, **({} if form else {"method": "POST"}))
    session = sessions()
    [op] = session.reattach(scope="all")
    until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
    time.sleep(0.5)
    assert (server.requests, server.received) == (1, [])
    assert "parts of its form" in op.reason if form else "may have arrived" in op.reason
    if form:  # its parts were in memory only
        parts = [Part.text("key", "value"), Part.file("data")]
        again = session.upload(file, url, parts=parts)
        assert again.id == op.id
        until(lambda: op.snapshot.phase is not Phase.PAUSED or "may have arrived" in op.reason)
    if not op.done() and op.snapshot.phase is Phase.PAUSED:
        op.resume()
    op.result(30)
    [came] = server.received
    assert hashlib.sha256(file.read_bytes()).hexdigest() == (came["parts"][1] if form else came)["sha256"]
    assert server.requests == 2


# -- FTP --------------------------------------------------------------------------------------------------------------
def test_ftp_both_ways(session: Session, file: Path, tmp_path: Path) -> None:
    """FTP goes both ways with the credentials in the URL, which are stored nowhere; it has no response."""
    (tmp_path / "ftp").mkdir()
    with stores.ftp(tmp_path / "ftp") as server:
        base = f"ftp://{stores.USER}:{stores.PASSWORD}@127.0.0.1:{server.port}"
        sent = session.upload(file, f"{base}/there.bin")
        sent.result(30)
        assert sha256(server.folder / "there.bin") == sha256(file)
        came = session.download(f"{base}/there.bin", tmp_path / "back.bin")
        assert sha256(came.result(30)) == sha256(file)
        assert (sent.response, came.response) == (None, None)
        assert stores.PASSWORD not in f"{sent!r} {came!r} {sent.explain()} {came.explain()}"
    kept = [path.read_bytes() for path in session.home.rglob("*") if path.is_file()]
    assert not [text for text in kept if stores.PASSWORD.encode() in text]
