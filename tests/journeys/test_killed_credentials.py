"""Digest, a cookie, a client certificate: each through a kill in the middle, and on from where it was."""

from __future__ import annotations

import signal
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme

from nbxfer.core.phases import TransferStatus
from nbxfer.session import Operation, Session
from tests.journeys.terminal import Terminal, until
from tests.servers.gate import DATA, SIZE, Gate

#: What is secret comes by the environment: scripts are searched for secrets, too.
SCRIPT = """
import os, time, httpx, nbxfer
secret = os.environ["THE_SECRET"]
op = nbxfer.download({url!r}, {path!r}, connections=1, **{options})
while op.progress.received < {enough}:
    time.sleep(0.01)
print("moving", flush=True)
op.wait(progress=False)
"""


@contextmanager
def serving(gate: Gate) -> Iterator[Gate]:
    """Let a server run."""
    thread = threading.Thread(target=gate.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with gate:
        yield gate
        gate.shutdown()
    thread.join()


@pytest.fixture
def secret(canary: Callable[[str], str]) -> str:
    """Give what opens the gate."""
    return canary("opens")


def killed(terminal: Terminal, gate: Gate, where: str, options: str, secret: str) -> Path:
    """Fetch some of it in another process, and kill that; give where the file is to be."""
    path = terminal.folder / "X"
    text = SCRIPT.format(url=f"{gate.url}{where}", path=str(path), options=options, enough=SIZE // 4)
    process = terminal.script(text, THE_SECRET=secret)
    assert process.stdout is not None
    assert process.stdout.readline() == "moving\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not path.exists()
    return path


def taken_over(session: Session) -> Operation:
    """Give the one operation, taken over."""
    [op] = session.reattach(scope="all")
    return op


def asks_for_them(op: Operation, gate: Gate) -> None:
    """Hold that it waits for a person, and asks the server nothing before."""
    until(lambda: op.status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR)
    assert "credentials" in op.reason
    assert len(gate.asked) == 1


def goes_on(op: Operation, gate: Gate) -> None:
    """Hold that it ends with the right bytes, with a range from where it was, and no restart."""
    assert op.result(30).read_bytes() == DATA
    assert not op.progress.restarted
    assert gate.asked[0] == 0
    assert min(gate.asked[1:]) > SIZE // 5


def test_digest(terminal: Terminal, secret: str, sessions: Callable[[], Session]) -> None:
    """A password that was in memory only went with its process: it is asked for, and a new challenge is answered."""
    with serving(Gate(secret)) as gate:
        killed(terminal, gate, "/digest.bin", "{'auth': httpx.DigestAuth('me', secret)}", secret)
        op = taken_over(sessions())
        asks_for_them(op, gate)
        op.resume(auth=httpx.DigestAuth("me", secret))
        goes_on(op, gate)


def test_a_cookie(terminal: Terminal, secret: str, sessions: Callable[[], Session]) -> None:
    """A cookie that the request which resumes needs, too, is asked for when its process was killed."""
    with serving(Gate(secret)) as gate:
        killed(terminal, gate, "/cookie.bin", "{'cookies': {'sid': secret}}", secret)
        op = taken_over(sessions())
        asks_for_them(op, gate)
        op.resume(cookies={"sid": secret})
        goes_on(op, gate)


def test_a_cookie_file(terminal: Terminal, secret: str, sessions: Callable[[], Session], private_dir: Path) -> None:
    """A cookie in a Netscape file is found there again by the next process, and nobody is asked."""
    jar = private_dir / "cookies.txt"
    jar.write_text(f"# Netscape HTTP Cookie File\n127.0.0.1\tFALSE\t/\tFALSE\t0\tsid\t{secret}\n")
    with serving(Gate(secret)) as gate:
        killed(terminal, gate, "/cookie.bin", f"{{'cookies': {str(jar)!r}}}", secret)
        goes_on(taken_over(sessions()), gate)


@pytest.mark.parametrize("locked", [False, True], ids=["open key", "key with a password"])
def test_a_client_certificate(
    locked: bool,
    authority: trustme.CA,
    ca: str,
    terminal: Terminal,
    secret: str,
    sessions: Callable[[], Session],
    private_dir: Path,
) -> None:
    """A client certificate is shown again by the next process, from its files; a password of its key is asked for."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.verify_mode = ssl.CERT_REQUIRED
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    mine = authority.issue_cert("me@example.org")
    certificate, key = private_dir / "me.pem", private_dir / "key.pem"
    mine.cert_chain_pems[0].write_to_path(str(certificate))
    key.write_bytes(_locked(mine.private_key_pem.bytes(), secret) if locked else mine.private_key_pem.bytes())
    pair = f"{str(certificate)!r}, {str(key)!r}" + (", secret" if locked else "")
    with serving(Gate(secret, tls)) as gate:
        killed(terminal, gate, "/free.bin", f"{{'verify': {ca!r}, 'cert': ({pair})}}", secret)
        op = taken_over(sessions())
        if locked:
            asks_for_them(op, gate)
            op.resume(cert=(str(certificate), str(key), secret))
        goes_on(op, gate)


def _locked(key: bytes, password: str) -> bytes:
    """Give a private key (PEM) that a password opens."""
    from cryptography.hazmat.primitives import serialization as s

    how = s.BestAvailableEncryption(password.encode())
    opened = s.load_pem_private_key(key, None)
    return opened.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, how)
