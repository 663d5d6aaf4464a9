"""A server of the web that shows what it has got of a PUT that broke."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from nbxfer.core.policy import Retry
from nbxfer.session import Session
from tests.journeys.terminal import MIB
from tests.servers.relay import Relay

QUICK = Retry(tries=4, first=4, base=0.05, cap=0.2)


class Careless(ThreadingHTTPServer):
    """Keeps in ``files`` whatever came of each PUT, whole or not."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Keeping)
        self.files: dict[str, bytes] = {}


class Keeping(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Careless

    def do_PUT(self) -> None:
        left, pieces = int(self.headers["Content-Length"]), []
        while left and (piece := self.rfile.read1(min(left, 65536))):
            pieces.append(piece)
            left -= len(piece)
        self.server.files[self.path] = b"".join(pieces)
        if not left:
            self._answer(201)

    def do_HEAD(self) -> None:
        found = self.server.files.get(self.path)
        self._answer(200 if found is not None else 404, len(found or b""))

    def _answer(self, status: int, length: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def careless() -> Iterator[Careless]:
    """Give the server, running."""
    server = Careless()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("cuts", [1, 20], ids=["once", "always"])
def test_a_cut_put_is_shown(careless: Careless, sessions: Callable[[], Session], tmp_path: Path, cuts: int) -> None:
    """What was cut is sent again from its beginning, and is whole in the end; where it never is, nobody is told so."""
    path = tmp_path / "file"
    path.write_bytes(data := os.urandom(3 * MIB))
    with Relay(careless.server_address[1]) as relay:
        relay.cut(rb"PUT /file", MIB, cuts)
        op = sessions().upload(path, f"http://127.0.0.1:{relay.port}/file", retry=QUICK)
        assert op.wait(60, progress=False)
        assert relay.done
        if cuts == 1:
            assert op.error is None
            assert careless.files["/file"] == data
        else:
            assert op.error is not None
            assert len(str(op.error)) > 20
            assert careless.files["/file"] != data  # which is why it has failed, and says so


def test_an_answer_to_a_put_is_swallowed(careless: Careless, sessions: Callable[[], Session], tmp_path: Path) -> None:
    """The server has all of it and its answer is lost: it is sent again, which says the same twice."""
    path = tmp_path / "file"
    path.write_bytes(data := os.urandom(MIB))
    with Relay(careless.server_address[1]) as relay:
        relay.swallow(rb"PUT /file")
        sessions().upload(path, f"http://127.0.0.1:{relay.port}/file", retry=QUICK).result(60)
        assert relay.done == 1
    assert careless.files["/file"] == data
