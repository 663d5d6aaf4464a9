"""Client certificates: looked at when they are given, shown to their own server and to nobody else."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import trustme

from nbxfer.core import faults
from nbxfer.errors import AccessDenied, InvalidRequest, NeedsAttention
from nbxfer.wire import tls
from nbxfer.wire.access import access
from tests.servers.reading import fetch, opened, source
from tests.servers.rogue import Rogue, honest
from tests.servers.squid import Squid

DATA = b"x" * 10_000


@pytest.fixture(scope="module")
def mine(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a client certificate, its key in the clear and encrypted, and a key of somebody else's."""
    folder = tmp_path_factory.mktemp("private-cert")
    leaf = authority.issue_cert("me@example.org")
    leaf.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    leaf.private_key_pem.write_to_path(str(folder / "key.pem"))
    leaf.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    authority.issue_cert("you@example.org").private_key_pem.write_to_path(str(folder / "other.pem"))
    command = ["openssl", "pkey", "-in", "key.pem", "-out", "locked.pem", "-aes256", "-passout", "pass:pw"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


class Asking(Rogue):
    """A server that asks for a client certificate, and notes whether one came."""

    def __init__(self, pem: Path, ca: str, *, insists: bool) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED if insists else ssl.CERT_OPTIONAL
        self.shown: list[bool] = []
        super().__init__(self._note, context)

    def _note(self, asked: Any, wire: Any) -> None:
        self.shown.append(bool(wire.sock.getpeercert()))
        honest(DATA)(asked, wire)


@pytest.fixture
def asking(pem: Path, ca: str) -> Iterator[Asking]:
    """Give one that takes it or leaves it."""
    with Asking(pem, ca, insists=False) as server:
        yield server


@pytest.mark.parametrize("kind", ["one file", "two files", "locked", "by reference"])
def test_shown_to_its_server(kind: str, mine: Path, pem: Path, ca: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate with its key, in one file or two, the key perhaps locked."""
    monkeypatch.setenv("KEY_PASSWORD", "pw")
    cert: Any = {
        "one file": mine / "both.pem",
        "two files": (mine / "cert.pem", str(mine / "key.pem")),
        "locked": (mine / "cert.pem", mine / "locked.pem", "pw"),
        "by reference": (mine / "cert.pem", mine / "locked.pem", "env:KEY_PASSWORD"),
    }[kind]
    with Asking(pem, ca, insists=True) as server:
        way = access(server.url(), verify=ca, cert=cert)
        assert fetch(way)[1] == DATA
        assert server.shown == [True]
    assert "client certificate" in repr(way)
    assert "pw" not in repr(way)
    assert way.cert[0] == str(mine / ("both.pem" if kind == "one file" else "cert.pem"))
    assert way.needs == (("cert",) if kind == "locked" else ())
    assert way.references == ((("cert", "env:KEY_PASSWORD"),) if kind == "by reference" else ())


def test_shown_to_nobody_else(mine: Path, asking: Asking, secure: ssl.SSLContext, ca: str) -> None:
    """Another server, to which the first one leads, gets to see none; nor does a line of another identity serve."""
    cert = mine / "both.pem"
    with Rogue(lambda _, wire: wire.answer(302, b"", f"Location: {asking.url()}"), secure) as home:
        assert fetch(access(home.url(), verify=ca, cert=cert))[1] == DATA
    assert fetch(access(asking.url(), verify=ca))[1] == DATA
    assert asking.shown == [False, False]
    assert fetch(access(asking.url(), verify=ca, cert=cert))[1] == DATA
    assert asking.shown[2:] == [True]


@pytest.mark.servers
@pytest.mark.parametrize("tls_proxy", [False, True])
def test_through_a_proxy(tls_proxy: bool, mine: Path, pem: Path, ca: str, squid: Squid) -> None:
    """Through a tunnel the certificate reaches the server."""
    with Asking(pem, ca, insists=True) as server:
        way = access(server.url(), verify=ca, cert=mine / "both.pem", proxy=squid.url(secure=tls_proxy))
        assert fetch(way)[1] == DATA


def _insist(listener: socket.socket, context: ssl.SSLContext) -> None:
    """Refuse two clients, and wait until each has heard it: closing at once could take the words back."""
    for _ in range(2):
        raw, _ = listener.accept()
        raw.settimeout(5)
        with context.wrap_socket(raw, server_side=True, do_handshake_on_connect=False) as secure:
            with pytest.raises(ssl.SSLError):
                secure.do_handshake()
            while socket.socket.recv(secure, 65536):
                pass


def test_a_server_that_insists(pem: Path, ca: str, mine: Path) -> None:
    """Without a certificate, or with one that the server does not know, a person is told; it is not tried again."""
    stranger = trustme.CA().issue_cert("me@example.org")
    path = mine / "stranger.pem"
    stranger.private_key_and_cert_chain_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_insist, args=(listener, context), daemon=True)
        server.start()
        for cert in (None, path):
            with pytest.raises(AccessDenied, match="client certificate") as caught:
                opened(source(access(f"https://127.0.0.1:{listener.getsockname()[1]}/?hush", verify=ca, cert=cert)))
            assert faults.of(caught.value).remedy is faults.Remedy.GIVE_UP
            assert "hush" not in str(caught.value)
        server.join(5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda d: d / "absent.pem", "no such file"),
        (lambda d: (d / "cert.pem", d / "absent.pem"), "no such file"),
        (lambda d: d, "no such file"),
        (lambda d: d / "cert.pem", "cannot be loaded"),
        (lambda d: (d / "cert.pem", d / "other.pem"), "is not that of"),
        (lambda d: (d / "cert.pem", d / "locked.pem"), "cannot be loaded"),
        (lambda d: (d / "cert.pem", d / "locked.pem", "hush"), "cannot be loaded"),
        (lambda d: (d / "key.pem", d / "key.pem"), "cannot be loaded"),
        (lambda d: 5, "neither"),
        (lambda d: (), "neither"),
        (lambda d: (1, 2), "neither"),
        (lambda d: (d, d, "hush", "hush"), "neither"),
        (lambda d: b"hush", "neither"),
    ],
)
def test_what_is_none(given: Callable[[Path], Any], words: str, mine: Path) -> None:
    """What cannot be loaded is refused before anything moves, and nobody is asked for a password on the terminal."""
    with pytest.raises(InvalidRequest, match=words) as caught:
        access("https://h/", cert=given(mine))
    assert "hush" not in str(caught.value)


def test_gone_since(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asking: Asking, ca: str) -> None:
    """A certificate that is not there any more, or whose password is not, asks for a person."""
    path = tmp_path / "cert.pem"
    path.write_bytes((mine / "both.pem").read_bytes())
    way = access(asking.url(), verify=ca, cert=path)
    path.unlink()
    with pytest.raises(NeedsAttention, match=r"cert\.pem"):
        opened(source(way))
    way = access(asking.url(), verify=ca, cert=(mine / "cert.pem", mine / "locked.pem", "env:NO_SUCH"))
    with pytest.raises(NeedsAttention, match="NO_SUCH"):
        opened(source(way))
    assert not asking.asked


def test_what_the_environment_trusts(ca: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SSL_CERT_FILE counts where the environment is trusted, and only there; so does the log of keys."""
    log = tmp_path / "keys"
    monkeypatch.setenv("SSL_CERT_FILE", ca)
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    trusted, own = tls.context(verify=True), tls.context(verify=True, trust_env=False)
    assert len(trusted.get_ca_certs()) == 1
    assert len(own.get_ca_certs()) > 1
    assert [trusted.keylog_filename, own.keylog_filename] == [str(log), None]
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    with pytest.raises(InvalidRequest, match="SSL_CERT_FILE"):
        tls.context(verify=True)
    tls._made.cache_clear()


# -- TLS inside TLS ---------------------------------------------------------------------------------------------------
class Within:
    """A proxy over TLS that lets pieces through as small as it likes, and may cut the line without goodbye."""

    def __init__(self, pem: Path, piece: int, cut_after: int = 1 << 60) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._piece, self._cut = piece, cut_after
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._go(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _go(self, target: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _serve(self) -> None:
        self._listener.settimeout(5)
        raw, _ = self._listener.accept()
        raw.settimeout(5)
        with self._context.wrap_socket(raw, server_side=True) as client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            host, _, port = head.split(b" ")[1].decode().rpartition(":")
            with socket.create_connection((host, int(port)), 5) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                self._pass_on(client, server)

    def _pass_on(self, client: ssl.SSLSocket, server: socket.socket) -> None:
        passed = 0
        client.settimeout(0.001)
        server.settimeout(0.001)
        while passed < self._cut:
            try:
                if not (said := client.recv(65536)):
                    return
                server.sendall(said)
            except (TimeoutError, ssl.SSLWantReadError):
                pass
            except OSError:
                return
            try:
                if not (answer := server.recv(65536)):
                    return
            except TimeoutError:
                continue
            client.settimeout(5)
            for at in range(0, len(answer), self._piece):
                client.sendall(answer[at : at + self._piece])
            client.settimeout(0.001)
            passed += len(answer)


@pytest.mark.parametrize("piece", [7, 1000, 65536])
def test_tls_inside_tls(piece: int, pem: Path, secure: ssl.SSLContext, ca: str) -> None:
    """However the records of the two lie to each other, the bytes are right."""
    data = bytes(range(256)) * (20 if piece == 7 else 2000)
    with Rogue(honest(data), secure) as server, Within(pem, piece) as proxy:
        src = source(access(server.url(), verify=ca, proxy=f"https://127.0.0.1:{proxy.port}"))
        stream = opened(src)
        got, room = b"", memoryview(bytearray(5000))
        while count := stream.read_into(room):
            got += room[: max(count, 0)]
        stream.close()
        src.close()
        assert got == data


def test_cut_inside(pem: Path, secure: ssl.SSLContext, ca: str) -> None:
    """A proxy that goes away in the middle is an end that was not announced."""
    data = bytes(1_000_000)
    with Rogue(honest(data), secure) as server, Within(pem, 1000, 300_000) as proxy:
        way = access(server.url(), verify=ca, proxy=f"https://127.0.0.1:{proxy.port}")
        with pytest.raises(ConnectionError) as caught:
            fetch(way)
        assert caught.value.retryable  # type: ignore[attr-defined]
