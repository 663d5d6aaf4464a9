"""What a restart has lost is asked for, given again, and the transfer goes on from where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx_ntlm import HttpNtlmAuth

from nbxfer.core.phases import TransferStatus
from nbxfer.session import Operation, Session
from tests.servers.gate import DATA, SIZE, Gate


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
