"""From a name to a connection: which address wins, and what it is called when none does."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbxfer.core.policy import Patience
from nbxfer.errors import InvalidRequest, NetworkError, Offline, TransferTimeout, WebErrorStatus
from nbxfer.sources.base import Stopped
from nbxfer.wire.dial import dial
from tests.servers.processes import free_port
from tests.servers.reading import close_all, fetch, opened, source
from tests.servers.rogue import Rogue, honest


def _names(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let every name have these addresses."""
    found = [
        (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
        for host, port in addresses
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)


@pytest.fixture
def black_hole() -> Iterator[int]:
    """Give a port whose queue is full: a connection to it is neither made nor refused."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(server.getsockname())
        time.sleep(0.05)
        yield server.getsockname()[1]


def test_refused() -> None:
    """A port where nobody listens."""
    with pytest.raises(NetworkError) as caught:
        opened(source(f"http://127.0.0.1:{free_port()}/"))
    assert caught.value.status == WebErrorStatus.CANNOT_CONNECT
    assert type(caught.value) is NetworkError


def test_every_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that refuses makes way for the next."""
    with Rogue(honest(b"hello")) as server:
        _names(monkeypatch, ("127.0.0.1", free_port()), ("::1", free_port()), ("127.0.0.1", server.port))
        assert fetch("http://name.example/")[1] == b"hello"
        close_all()


def test_a_silent_address_holds_nobody_up(monkeypatch: pytest.MonkeyPatch, black_hole: int) -> None:
    """An address that says nothing costs a quarter of a second, not the whole patience."""
    with Rogue(honest(b"hello")) as server:
        _names(monkeypatch, ("127.0.0.1", black_hole), ("127.0.0.1", server.port))
        start = time.monotonic()
        assert fetch("http://name.example/")[1] == b"hello"
        assert 0.2 < time.monotonic() - start < 1.5
        close_all()


def test_never_connected(black_hole: int) -> None:
    """The deadline of connecting is its own; stopping works meanwhile."""
    patience = Patience(connect=0.3, response=60)
    with pytest.raises(TransferTimeout):
        opened(source(f"http://127.0.0.1:{black_hole}/", patience))
    start = time.monotonic()

    def tick() -> None:
        if time.monotonic() - start > 0.15:
            raise Stopped

    with pytest.raises(Stopped):
        dial(b"127.0.0.1", black_hole, trust=None, within=60, tick=tick)
    assert time.monotonic() - start < 0.5


def test_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """No route is being offline; a refusal by another address says more than that."""
    real = socket.socket.connect_ex

    class Unplugged(socket.socket):
        def connect_ex(self, address: Any) -> int:
            return errno.ENETUNREACH if address[0] == "192.0.2.1" else real(self, address)

    monkeypatch.setattr(socket, "socket", Unplugged)
    _names(monkeypatch, ("192.0.2.1", 80))
    with pytest.raises(Offline):
        opened(source("http://name.example/"))
    _names(monkeypatch, ("192.0.2.1", 80), ("127.0.0.1", free_port()))
    with pytest.raises(NetworkError) as caught:
        opened(source("http://name.example/"))
    assert type(caught.value) is NetworkError


def test_a_family_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without IPv6 goes by IPv4."""

    class Old(socket.socket):
        def __init__(self, family: int = -1, *args: Any, **kwargs: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "no IPv6")
            super().__init__(family, *args, **kwargs)

    with Rogue(honest(b"hello")) as server:
        monkeypatch.setattr(socket, "socket", Old)
        _names(monkeypatch, ("::1", server.port), ("127.0.0.1", server.port))
        assert fetch("http://name.example/")[1] == b"hello"
        close_all()


@pytest.mark.parametrize(
    ("code", "kind", "status"),
    [
        (socket.EAI_AGAIN, Offline, WebErrorStatus.SERVER_UNREACHABLE),
        (socket.EAI_NONAME, NetworkError, WebErrorStatus.HOST_NAME_NOT_RESOLVED),
    ],
)
def test_names(monkeypatch: pytest.MonkeyPatch, code: int, kind: type, status: int) -> None:
    """No name service is being offline; a name that does not exist is an error."""

    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(code, "x")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(NetworkError) as caught:
        opened(source("http://name.example/?token=hush"))
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("host", ["b\u00fccher.example", "[::1]", "h.example.", "1.2.3.4"])
def test_hosts(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Names in any script, and addresses of both families, are looked up as the name service knows them."""
    asked: list[tuple[bytes, int]] = []

    def look_up(name: bytes, port: int, **_: object) -> None:
        asked.append((name, port))
        raise socket.gaierror(socket.EAI_NONAME, "x")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(NetworkError):
        opened(source(f"http://{host}:8080/x"))
    ((name, port),) = asked
    assert port == 8080
    assert name == {"b\u00fccher.example": b"xn--bcher-kva.example", "[::1]": b"::1"}.get(host, host.encode())


def test_a_url_that_httpx_cannot_read() -> None:
    """A host name that is none is named as a mistake in the request."""
    with pytest.raises(InvalidRequest):
        opened(source("http://\u0300a.example/?token=hush"))
