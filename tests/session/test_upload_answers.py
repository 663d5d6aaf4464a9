"""What servers of the web answer to an upload, also before they have read it, and what is made of that."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import nbxfer
from nbxfer import Retry, errors
from nbxfer.session import Session
from tests.journeys.terminal import MIB
from tests.servers.processes import free_port

ONCE = Retry(tries=1, first=1)


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give a session."""
    return sessions()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file."""
    path = tmp_path / "na me.bin"
    path.write_bytes(os.urandom(8 * MIB))
    return path


class Raw:
    """Answers a PUT with ``answer``, after it has read all of the body, or (``early``) nothing of it."""

    def __init__(self, answer: str, headers: str = "", body: str = "", *, early: bool = False) -> None:
        self._said = f"HTTP/1.1 {answer}\r\n{headers}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        self._early = early
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, sock.makefile("rb") as lines:
                head = [lines.readline()]
                while head[-1].strip():
                    head.append(lines.readline())
                self.asked.append(head[0].decode().strip())
                length = next((int(line.split(b":")[1]) for line in head if line.lower().startswith(b"content-l")), 0)
                if head[0].startswith(b"HEAD"):
                    sock.sendall(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                    continue
                if not self._early:
                    lines.read(length)
                sock.sendall(self._said.encode())
                sock.shutdown(socket.SHUT_WR)
                while self._early and lines.read(65_536):  # it throws the rest away, so that its answer arrives
                    pass

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()


@pytest.fixture
def raw() -> Iterator[Callable[..., Raw]]:
    """Give what makes servers."""
    made: list[Raw] = []

    def make(answer: str, headers: str = "", body: str = "", *, early: bool = False) -> Raw:
        made.append(Raw(answer, headers, body, early=early))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("401 Who", errors.AccessDenied), ("413 Too large", errors.InvalidRequest), ("201 Made", errors.BadAnswer)],
)
def test_answered_early(
    answer: str, kind: type[errors.TransferError], raw: Callable[..., Raw], session: Session, file: Path
) -> None:
    """An answer that comes before the body was read is told as it is."""
    server = raw(answer, early=True)
    op = session.upload(file, f"{server.url}/x.bin", retry=ONCE)
    error = op.exception(60)
    if answer.startswith("201"):  # all of it may have gone by then: the system's buffers are large
        assert error is None or isinstance(error, kind)
        return
    assert isinstance(error, kind)
    assert answer[:3] in str(error)


@pytest.mark.parametrize(
    ("answer", "headers", "word"),
    [
        ("202 Later", "", "accepted (202)"),
        ("207 Several", "", "207"),
        ("200 OK", "Content-Type: text/html\r\n", "web page"),
        ("201 Made", "Content-Type: text/html\r\n", ""),
        ("204 Taken", "", ""),
    ],
)
def test_what_a_success_may_mean(
    answer: str, headers: str, word: str, raw: Callable[..., Raw], session: Session, file: Path
) -> None:
    """An answer that need not mean that the file is there is told of; that one version was sent is not called proof."""
    server = raw(answer, headers, "" if answer.startswith("204") else "<html>")
    op = session.upload(file, f"{server.url}/x.bin")
    op.result(60)
    told = [entry.detail for entry in op.snapshot.story if entry.what == "answered"]
    assert bool(told) == bool(word)
    assert word in "".join(told)
    assert op.progress.integrity == "answer"
    assert "one version throughout" not in op.explain()


def test_nobody_listens(session: Session, file: Path) -> None:
    """Where nobody takes connections the error says that, not that something broke on the way."""
    op = session.upload(file, f"http://127.0.0.1:{free_port()}/x.bin", retry=ONCE)
    error = op.exception(60)
    assert isinstance(error, errors.NetworkError)
    assert "Nobody takes connections at http://127.0.0.1" in str(error)
    assert error.status == nbxfer.WebErrorStatus.CANNOT_CONNECT


def test_into_a_folder(raw: Callable[..., Raw], session: Session, file: Path) -> None:
    """A URL that ends in a slash is a folder, in which the file keeps its name, or gets ``name``; not of a POST."""
    server = raw("201 Made")
    assert session.upload(file, f"{server.url}/dir/?v=1").result(60) == f"{server.url}/dir/na%20me.bin?…"
    assert session.upload(file, f"{server.url}/dir/", name="other").result(60) == f"{server.url}/dir/other"
    other = file.with_name("b")
    other.write_bytes(b"b")
    session.upload([file, other], f"{server.url}/many/").results(60)
    session.upload(file, f"{server.url}/post/", method="POST").result(60)
    assert {line for line in server.asked if not line.startswith("HEAD")} == {
        "PUT /dir/na%20me.bin?v=1 HTTP/1.1",
        "PUT /dir/other HTTP/1.1",
        "PUT /many/na%20me.bin HTTP/1.1",
        "PUT /many/b HTTP/1.1",
        "POST /post/ HTTP/1.1",
    }
    with pytest.raises(errors.InvalidRequest, match="name="):
        session.upload(file, f"{server.url}/dir/x", name="y")


def test_said_twice(session: Session, file: Path) -> None:
    """An option that is given in two places, and not the same, is refused before anything moves."""
    options = {"endpoint_url": "http://127.0.0.1:1", "client_kwargs": {"endpoint_url": "http://127.0.0.1:2"}}
    with pytest.raises(errors.InvalidRequest, match="endpoint_url"):
        session.upload(file, "s3://bucket/x", storage_options=options)
