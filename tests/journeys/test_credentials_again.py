"""What a restart has lost is asked for, given again, and the transfer goes on from where it was."""

from __future__ import annotations

import base64
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import spnego
from httpx_ntlm import HttpNtlmAuth

from nbxfer.core.phases import TransferStatus
from nbxfer.session import Operation, Session

SIZE = 4_000_000
DATA = os.urandom(SIZE)


class Guarded(BaseHTTPRequestHandler):
    """A file behind NTLM (proven for each connection), a cookie, or a password; slow for who asks for all of it."""

    protocol_version = "HTTP/1.1"
    server: Gate

    def setup(self) -> None:
        """Know nobody on a new connection."""
        super().setup()
        self.proof: Any = None
        self.known = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name it has in http.server
        """Say nothing."""

    def do_GET(self) -> None:
        """Let in who proves who it is."""
        given = self.headers.get("Authorization", "")
        if self.path.startswith("/cookie"):
            self.known = f"sid={self.server.secret}" in self.headers.get("Cookie", "")
            if not self.known:
                return self.say(403, b"no")
        elif not self.known:
            if not given.startswith("NTLM "):
                return self.say(401, b"who are you", ("WWW-Authenticate", "NTLM"))
            if self.proof is None:
                self.proof = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
            token = self.proof.step(base64.b64decode(given[5:]))
            if not self.proof.complete:
                return self.say(401, b"go on", ("WWW-Authenticate", "NTLM " + base64.b64encode(token).decode()))
            self.known = True
        return self.give()

    def give(self) -> None:
        """Give the file, or the rest of it."""
        asked = self.headers.get("Range", "")
        begin = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.server.asked.append(begin)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {begin}-{SIZE - 1}/{SIZE}")
        self.send_header("ETag", '"v1"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(SIZE - begin))
        self.end_headers()
        try:
            for at in range(begin, SIZE, 50_000):
                self.wfile.write(DATA[at : min(at + 50_000, SIZE)])
                time.sleep(0.0 if asked else 0.03)
        except OSError:
            self.close_connection = True

    def say(self, status: int, text: bytes, *fields: tuple[str, str]) -> None:
        """Answer without the file."""
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


class Gate(ThreadingHTTPServer):
    """The server; ``asked`` lists where each answer with bytes began."""

    daemon_threads = True

    def __init__(self, secret: str) -> None:
        super().__init__(("127.0.0.1", 0), Guarded)
        self.secret, self.asked = secret, list[int]()


@pytest.fixture
def gate(canary: Callable[[str], str], private_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Give a guarded server."""
    users = private_dir / "users.txt"
    users.write_text(f"DOM:me:{canary('password')}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(users))
    with Gate(canary("cookie")) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _half(session: Session, url: str, path: Path, **options: Any) -> None:
    """Fetch some of it, and leave."""
    operation = session.download(url, path, connections=1, **options)
    until = time.monotonic() + 20
    while operation.snapshot.received < SIZE // 4:
        assert time.monotonic() < until, repr(operation)
        time.sleep(0.02)
    session.close()


def _waits(session: Session) -> Operation:
    """Take it over in another session; give it when it waits for what was lost."""
    session.reattach()
    [operation] = session.operations(scope="all")
    until = time.monotonic() + 20
    while operation.status is not TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR:
        assert time.monotonic() < until, repr(operation)
        time.sleep(0.02)
    assert "credentials" in operation.reason
    return operation


def _goes_on(operation: Operation, gate: Gate) -> None:
    assert operation.result(30).read_bytes() == DATA
    assert not operation.progress.restarted
    assert gate.asked[0] == 0
    assert gate.asked[-1] > SIZE // 5


def test_ntlm(gate: Gate, sessions: Callable[[], Session], tmp_path: Path, canary: Callable[[str], str]) -> None:
    """NTLM, by any httpx.Auth that speaks it, proves who asks on one connection; after a restart it is asked for."""
    url = f"http://127.0.0.1:{gate.server_port}/ntlm.bin"
    auth = HttpNtlmAuth("DOM\\me", canary("password"))
    _half(sessions(), url, tmp_path / "a.bin", auth=auth)
    operation = _waits(sessions())
    operation.resume(auth=auth)
    _goes_on(operation, gate)


def test_a_cookie(gate: Gate, sessions: Callable[[], Session], tmp_path: Path) -> None:
    """A cookie that the resumed request needs as well is asked for after a restart, and given by resume."""
    url = f"http://127.0.0.1:{gate.server_port}/cookie.bin"
    _half(sessions(), url, tmp_path / "a.bin", cookies={"sid": gate.secret})
    operation = _waits(sessions())
    operation.resume(cookies={"sid": gate.secret})
    _goes_on(operation, gate)


def test_a_cookie_file(gate: Gate, sessions: Callable[[], Session], tmp_path: Path, private_dir: Path) -> None:
    """A cookie in a Netscape file is found there again: nobody is asked."""
    url = f"http://127.0.0.1:{gate.server_port}/cookie.bin"
    jar = private_dir / "cookies.txt"
    jar.write_text(f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{gate.secret}\n")
    _half(sessions(), url, tmp_path / "a.bin", cookies=jar)
    session = sessions()
    session.reattach()
    [operation] = session.operations(scope="all")
    _goes_on(operation, gate)
