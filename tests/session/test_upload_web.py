"""Uploads to servers of the web: PUT and POST, forms, what is never sent twice; and to SFTP, FTP and WebDAV."""

from __future__ import annotations

import email
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer import Part, errors
from nbxfer.core.phases import TransferStatus
from nbxfer.session import Operation, Session
from tests.journeys.terminal import MIB, until
from tests.servers import stores


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what is sent; ``answer`` gives the status, None closes without a word."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[], int | None] = lambda: 201
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                receiver.taken.append((self.command, dict(self.headers), body))
                status = receiver.answer()
                if status is None:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                self.do_PUT()

            def do_HEAD(self) -> None:
                last = next((body for method, _, body in reversed(receiver.taken) if method == "PUT"), None)
                self.send_response(404 if last is None else 200)
                self.send_header("Content-Length", str(len(last or b"")))
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/file"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a server that takes things."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give a session."""
    return sessions()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file."""
    path = tmp_path / 'na"me.bin'
    path.write_bytes(os.urandom(2 * MIB + 5))
    return path


def test_put(receiver: Receiver, session: Session, file: Path) -> None:
    """A PUT sends the whole body with its length and type, and what the person wants said besides."""
    op = session.upload(file, receiver.url, headers={"X-Mine": "yes"}, content_type="text/x-mine")
    assert op.result(30) == receiver.url
    method, headers, body = receiver.taken[0]
    assert (method, body) == ("PUT", file.read_bytes())
    assert (headers["X-Mine"], headers["Content-Type"], headers["Content-Length"]) == (
        "yes", "text/x-mine", str(len(body)),
    )  # fmt: skip


def test_put_again(receiver: Receiver, session: Session, file: Path) -> None:
    """A PUT that was refused for the moment is sent again, from its first byte."""
    answers = iter((503, None, 201))
    receiver.answer = lambda: next(answers)
    op = session.upload(file, receiver.url)
    op.result(60)
    assert [body == file.read_bytes() for _, _, body in receiver.taken] == [True] * 3


def test_form(receiver: Receiver, session: Session, file: Path) -> None:
    """A form has its fields in order, the file among them, as browsers write it."""
    parts = [Part.text("key", "värde"), Part.file("data", content_type="text/csv"), Part.text("last", "1")]
    session.upload(file, receiver.url, parts=parts).result(30)
    method, headers, body = receiver.taken[0]
    assert method == "POST"
    message = email.message_from_bytes(f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body)
    got: Any = message.get_payload()
    assert [part.get_param("name", header="content-disposition") for part in got] == ["key", "data", "last"]
    assert got[0].get_payload(decode=True) == "värde".encode()
    assert got[1].get_payload(decode=True) == file.read_bytes()
    assert got[1].get_content_type() == "text/csv"
    assert int(headers["Content-Length"]) == len(body)


def test_form_of_another_kind(receiver: Receiver, session: Session, file: Path) -> None:
    """Another subtype, and a boundary of one's own."""
    parts = [Part.text("", '{"name": "x"}', content_type="application/json"), Part.file("")]
    session.upload(file, receiver.url, parts=parts, multipart="related", boundary="my boundary").result(30)
    _, headers, body = receiver.taken[0]
    assert headers["Content-Type"] == 'multipart/related; boundary="my boundary"'
    assert body.startswith(b"--my boundary\r\nContent-Type: application/json\r\n\r\n")
    assert body.endswith(b"\r\n--my boundary--\r\n")


def test_post_is_not_sent_again(receiver: Receiver, session: Session, file: Path) -> None:
    """A POST whose answer was lost may have been done: it waits for a person, whose retry sends it again."""
    answers = iter((None, 200))
    receiver.answer = lambda: next(answers)
    op = session.upload(file, receiver.url, method="POST")
    until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR or op.snapshot.needs_person)
    assert "may have arrived" in op.reason
    assert len(receiver.taken) == 1
    op.resume()
    op.result(30)
    assert len(receiver.taken) == 2


@pytest.mark.parametrize(
    ("status", "error"), [(403, errors.AccessDenied), (405, errors.InvalidRequest), (301, errors.BadAnswer)]
)
def test_refused(receiver: Receiver, session: Session, file: Path, status: int, error: type[Exception]) -> None:
    """What a server refuses has failed, with its number."""
    receiver.answer = lambda: status
    caught = session.upload(file, receiver.url).exception(30)
    assert isinstance(caught, error)
    assert str(status) in str(caught)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"parts": [Part.text("a", "b")]}, "0 files"),
        ({"parts": [Part.file("a"), Part.file("b")]}, "2 files"),
        ({"parts": ["a"]}, "no Parts"),
        ({"parts": [Part.file("a")], "method": "PUT"}, "forms are posted"),
        ({"parts": [Part.file("a")], "content_type": "a/b"}, "its own"),
        ({"parts": [Part.file("a")], "multipart": "a b"}, "no media type"),
        ({"parts": [Part.file("a")], "boundary": "a\tb"}, "no plain text"),
        ({"parts": [Part.file("a\r\nb")]}, "line break"),
        ({"multipart": "mixed"}, "for parts="),
        ({"method": "PATCH"}, "sends no file"),
    ],
)
def test_bad_forms(session: Session, file: Path, options: dict[str, Any], words: str) -> None:
    """A form that cannot be is refused before anything moves."""
    with pytest.raises(errors.InvalidRequest, match=words):
        session.upload(file, "http://127.0.0.1:9/x", **options)


def test_both_in_one_part() -> None:
    """A part is a text or the file, never both."""
    with pytest.raises(errors.InvalidRequest, match="never both"):
        Part("name", text="a", file=True)
    assert repr(Part.text("a", "secret")) == "<Part 'a': 6 characters>"


def test_parts_are_for_servers(session: Session, file: Path) -> None:
    """Forms are for servers of the web, and for what is sent."""
    with pytest.raises(errors.InvalidRequest, match="servers of the web"):
        session.upload(file, "s3://b/k", parts=[Part.file("a")])
    with pytest.raises(errors.InvalidRequest, match="what is sent"):
        session.download("http://127.0.0.1:9/x", method="POST")


# -- other servers ----------------------------------------------------------------------------------------------------
def _goes(op: Operation, place: Path, file: Path) -> None:
    op.result(60)
    assert place.read_bytes() == file.read_bytes()
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_sftp(session: Session, file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file goes over SFTP, folders are made, and nothing else stays. An unknown host key is refused."""
    with stores.sftp(tmp_path_factory.mktemp("sftp"), tmp_path_factory.mktemp("keys")) as server:
        url = f"sftp://127.0.0.1:{server.port}/new/x.bin"
        _goes(session.upload(file, url, storage_options=server.options()), server.folder / "new" / "x.bin", file)
        blind = {**server.options(), "known_hosts": os.devnull}
        assert isinstance(session.upload(file, f"{url}2", storage_options=blind).exception(30), errors.TransferError)
        assert not (server.folder / "new" / "x.bin2").exists()


def test_ftp(session: Session, file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file goes over FTP; a wrong password is told in a sentence."""
    with stores.ftp(tmp_path_factory.mktemp("ftp")) as server:
        url = f"ftp://127.0.0.1:{server.port}/new/x.bin"
        auth = (stores.USER, stores.PASSWORD)
        _goes(session.upload(file, url, auth=auth), server.folder / "new" / "x.bin", file)
        wrong = session.upload(file, f"{url}2", auth=(stores.USER, "wrong")).exception(30)
        assert isinstance(wrong, errors.AccessDenied)


def test_webdav(session: Session, file: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file goes over WebDAV."""
    with stores.wsgidav(tmp_path_factory.mktemp("dav")) as server:
        url = f"webdav://127.0.0.1:{server.port}/new/x.bin"
        _goes(session.upload(file, url, auth=(stores.USER, stores.PASSWORD)), server.folder / "new" / "x.bin", file)
