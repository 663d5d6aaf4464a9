"""HTTP/2 on request: the same answers over another wire, and 1.1 wherever nobody asked for it or nobody speaks it."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import h2.exceptions
import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived, WindowUpdated

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator, Want
from nbxfer.errors import BadAnswer, InvalidRequest, NetworkError, TransferError, TransferTimeout
from nbxfer.sources.base import Stopped
from nbxfer.wire import access as access_module
from nbxfer.wire.access import access
from nbxfer.wire.http2 import foreign
from tests.servers.nginx import Nginx
from tests.servers.reading import GO_ON, fetch, opened, read_all, source
from tests.servers.rogue import Rogue, honest
from tests.servers.squid import Squid

BODY = bytes(range(256)) * 800


# -- a real server ----------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def modern(nginx: Nginx) -> Nginx:
    """Give the nginx, which speaks HTTP/2 to those who ask."""
    return nginx


def protocols(server: Nginx, path: str) -> list[str]:
    """Give the protocol of each request for ``path``, as the access log has it."""
    return [line.split('"')[1].rsplit(" ", 1)[1] for line in server.requests() if f" {path} " in line]


@pytest.mark.servers
def test_only_on_request(modern: Nginx, ca: str, data: bytes) -> None:
    """A server that has both is asked by 1.1, and by 2 where that was said."""
    url = modern.url("/file.bin?only", secure=True)
    before = len(protocols(modern, "/file.bin?only"))
    assert fetch(access(url, verify=ca))[1] == data
    assert fetch(access(url, verify=ca, http2=True))[1] == data
    assert protocols(modern, "/file.bin?only")[before:] == ["HTTP/1.1", "HTTP/2.0"]


@pytest.mark.servers
def test_ranges_and_conditions(modern: Nginx, ca: str, data: bytes) -> None:
    """Parts, resumes, empty files and unchanged ones are what they are over 1.1."""
    src = source(access(modern.url("/file.bin", secure=True), verify=ca, http2=True))
    first = opened(src)
    probe = first.probe
    assert (probe.size, probe.ranges, first.length_proven) == (len(data), True, True)
    assert read_all(first) == data
    pinned = probe.validator
    assert pinned is not None
    part = Want(1000, 2000, pinned, len(data), part=pinned.strong)
    assert read_all(opened(src, part)) == data[1000:2000]
    assert read_all(opened(src, Want(start=len(data) - 10, pinned=pinned, size=len(data)))) == data[-10:]
    assert src.open(Want(unless=pinned), GO_ON) is None
    assert fetch(access(modern.url("/empty.bin", secure=True), verify=ca, http2=True))[1] == b""
    with pytest.raises(TransferError, match="404"):
        opened(source(access(modern.url("/absent", secure=True), verify=ca, http2=True)))


@pytest.mark.servers
def test_a_line_is_used_again(modern: Nginx, ca: str, data: bytes) -> None:
    """Requests that follow each other share a connection; at once they have one each."""
    src = source(access(modern.url("/file.bin", secure=True), verify=ca, http2=True))
    assert read_all(opened(src)) == data
    streams = [opened(src) for _ in range(3)]
    got = dict.fromkeys(range(3), b"")
    room = memoryview(bytearray(50_000))
    while live := [i for i in range(3) if len(got[i]) < len(data)]:
        for i in live:
            got[i] += room[: max(streams[i].read_into(room), 0)]
    for stream in streams:
        stream.close()
    assert all(whole == data for whole in got.values())


@pytest.mark.servers
def test_chunked_and_moved(modern: Nginx, ca: str, data: bytes) -> None:
    """A body without a length ends where its frames say so; redirects are followed."""
    stream, got = fetch(access(modern.url("/chunked/file.bin", secure=True), verify=ca, http2=True))
    assert (got, stream.length_proven) == (data, True)


@pytest.mark.servers
@pytest.mark.parametrize("tls_proxy", [False, True])
def test_through_a_tunnel(tls_proxy: bool, modern: Nginx, squid: Squid, ca: str, data: bytes) -> None:
    """Through a proxy, to which we speak 1.1, the server is asked by 2."""
    way = access(modern.url("/file.bin?tunnel", secure=True), verify=ca, http2=True, proxy=squid.url(secure=tls_proxy))
    assert fetch(way)[1] == data
    assert protocols(modern, "/file.bin?tunnel")[-1] == "HTTP/2.0"


def test_a_server_without(secure: ssl.SSLContext, ca: str) -> None:
    """A server that has no HTTP/2 is asked by 1.1, over TLS or not."""
    for tls in (secure, None):
        with Rogue(honest(BODY), tls) as server:
            assert fetch(access(server.url(), verify=ca, http2=True))[1] == BODY
            assert b" HTTP/1.1\r\n" in server.asked[0].raw


def test_it_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the sentence says what to install."""
    monkeypatch.setattr(access_module, "find_spec", lambda _: None)
    with pytest.raises(InvalidRequest, match=r"nbxfer\[http2\]"):
        access("https://h/", http2=True)


# -- one that misbehaves ----------------------------------------------------------------------------------------------
Script = Callable[["Two", H2Connection, int, int], None]


class Two:
    """A server of HTTP/2 that does what ``script`` says with each request: (server, connection, stream, number)."""

    def __init__(self, script: Script, pem: Path) -> None:
        self.script = script
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._context.set_alpn_protocols(["h2", "http/1.1"])
        self.asked: list[dict[str, str]] = []
        self.connections = 0
        self.older = 0
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._local = threading.local()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/x"
        self._go(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _go(self, target: Callable[..., None], *args: object) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                sock = self._listener.accept()[0]
                self.connections += 1
                self._go(self._serve, sock)

    def _serve(self, raw: socket.socket) -> None:
        raw.settimeout(5)
        with (
            contextlib.suppress(OSError, h2.exceptions.H2Error),
            self._context.wrap_socket(raw, server_side=True) as sock,
        ):
            if sock.selected_alpn_protocol() != "h2":
                self.older += 1
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nolder")
                return
            self._local.sock = sock
            self._converse(sock)

    def _converse(self, sock: ssl.SSLSocket) -> None:
        # What is said here is to be wrong where the script wants it to be: nothing is checked on the way out.
        connection = H2Connection(
            H2Configuration(client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        connection.initiate_connection()
        sock.sendall(connection.data_to_send())
        sock.settimeout(0.05)
        while not self._over.is_set():
            try:
                said = sock.recv(65536)
            except TimeoutError:
                continue
            if not said:
                return
            for event in connection.receive_data(said):
                if isinstance(event, RequestReceived):
                    fields = {n.decode(): v.decode() for n, v in event.headers or []}
                    self.asked.append(fields)
                    self.script(self, connection, event.stream_id or 0, len(self.asked) - 1)
                elif isinstance(event, WindowUpdated):
                    self.room(connection)
            self.flush(connection)

    def flush(self, connection: H2Connection) -> None:
        """Send what stands ready."""
        if owed := connection.data_to_send():
            self._local.sock.settimeout(5)
            self._local.sock.sendall(owed)
            self._local.sock.settimeout(0.05)

    def raw(self, data: bytes) -> None:
        """Send just these bytes."""
        self._local.sock.sendall(data)

    def hang_up(self) -> None:
        """Close at once."""
        self._local.sock.shutdown(socket.SHUT_RDWR)

    def body(self, connection: H2Connection, stream: int, data: bytes, *, end: bool = True) -> None:
        """Send ``data`` as there is room for it."""
        self._local.rest = (stream, data, end)
        self.room(connection)

    def room(self, connection: H2Connection) -> None:
        """Go on with a body."""
        stream, data, end = getattr(self._local, "rest", (0, b"", False))
        while data:
            size = min(connection.local_flow_control_window(stream) - 4, 16384, len(data))
            if size <= 0:
                break
            piece, data = data[:size], data[size:]
            connection.send_data(stream, piece, end_stream=end and not data, pad_length=3 if size < 16000 else None)
        self._local.rest = (stream, data, end)


def head(*more: tuple[str, str], status: str = "200") -> list[tuple[str, str]]:
    """Give the fields of an answer."""
    return [(":status", status), *more]


def good(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    """Answer as one should."""
    connection.send_headers(stream, head(("content-length", str(len(BODY))), ("etag", '"v1"')))
    server.body(connection, stream, BODY)


@pytest.fixture
def two(pem: Path) -> Iterator[Two]:
    """Give a good one."""
    with Two(good, pem) as server:
        yield server


def _way(server: Two, ca: str, **options: Any) -> Any:
    return access(server.url, verify=ca, http2=True, **options)


def test_what_is_asked(two: Two, ca: str) -> None:
    """The request says what it says over 1.1, without what belongs to one connection."""
    assert fetch(_way(two, ca, auth=("u", "p"), cookies={"a": "1"}), Want(start=5))[1] == BODY
    (fields,) = two.asked
    authority = two.url.split("/")[2]
    assert (fields[":method"], fields[":path"], fields[":scheme"], fields[":authority"]) == (
        "GET", "/x", "https", authority
    )  # fmt: skip
    assert fields["range"] == "bytes=5-"
    assert (fields["authorization"], fields["cookie"]) == ("Basic dTpw", "a=1")
    assert not {"host", "connection", "transfer-encoding"} & set(fields)


def test_more_than_a_window(pem: Path, ca: str) -> None:
    """A body of many windows comes whole: room is given back as it is read."""
    data = bytes(range(251)) * 50_000

    def script(server: Two, connection: H2Connection, stream: int, _: int) -> None:
        connection.send_headers(stream, head(("content-length", str(len(data)))))
        server.body(connection, stream, data)

    with Two(script, pem) as server:
        src = source(_way(server, ca))
        for _ in range(2):
            assert read_all(opened(src), 300_000) == data
        assert server.connections == 1


Trouble = Callable[[Two, H2Connection, int, int], None]


def _reset(code: ErrorCodes, *, after: bool) -> Trouble:
    def script(server: Two, connection: H2Connection, stream: int, number: int) -> None:
        if after:
            connection.send_headers(stream, head(("content-length", str(len(BODY)))))
            server.body(connection, stream, BODY[:1000], end=False)
        connection.reset_stream(stream, code)

    return script


def _goaway(*, after: bool) -> Trouble:
    def script(server: Two, connection: H2Connection, stream: int, number: int) -> None:
        if after:
            connection.send_headers(stream, head(("content-length", str(len(BODY)))))
            server.body(connection, stream, BODY[:1000], end=False)
        connection.close_connection(ErrorCodes.NO_ERROR)

    return script


def _short(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    connection.send_headers(stream, head(("content-length", str(len(BODY)))))
    connection.send_data(stream, BODY[:1000], end_stream=True)


def _long(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    connection.send_headers(stream, head(("content-length", "10")))
    connection.send_data(stream, BODY[:1000], end_stream=True)


def _gone(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    connection.send_headers(stream, head(("content-length", str(len(BODY)))))
    connection.send_data(stream, BODY[:1000])
    server.flush(connection)
    server.hang_up()


def _garbage(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    server.raw(b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00" * 3)


def _two_lengths(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    connection.send_headers(stream, head(("content-length", "10"), ("content-length", "11")))


def _interim(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    for _ in range(30):
        connection.send_headers(stream, head(status="103"))


def _flood(server: Two, connection: H2Connection, stream: int, number: int) -> None:
    connection.send_headers(stream, head(*((f"x-{i}", "y" * 1000) for i in range(100))))


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        (_reset(ErrorCodes.REFUSED_STREAM, after=False), NetworkError), (_goaway(after=False), NetworkError),
        (_reset(ErrorCodes.INTERNAL_ERROR, after=True), NetworkError), (_goaway(after=True), NetworkError),
        (_short, NetworkError), (_long, NetworkError), (_gone, NetworkError), (_garbage, BadAnswer),
        (_two_lengths, BadAnswer), (_interim, BadAnswer), (_flood, BadAnswer),
    ],
    ids=["refused", "goaway", "reset", "goaway-later", "short", "long", "gone", "garbage", "lengths", "103s", "flood"],
)  # fmt: skip
def test_trouble(script: Trouble, kind: type[TransferError], pem: Path, ca: str) -> None:
    """What breaks is tried again; what is wrong is named; neither passes for the whole file."""
    with Two(script, pem) as server, pytest.raises(kind) as caught:
        fetch(_way(server, ca))
    assert caught.value.retryable is (kind is NetworkError)


def test_goaway_on_a_kept_line(pem: Path, ca: str) -> None:
    """A server that will have no more requests on a line gets the next one on a fresh one, at once."""

    def script(server: Two, connection: H2Connection, stream: int, number: int) -> None:
        if number == 1:
            return connection.close_connection(ErrorCodes.NO_ERROR)
        return good(server, connection, stream, number)

    with Two(script, pem) as server:
        src = source(_way(server, ca))
        assert read_all(opened(src)) == read_all(opened(src)) == BODY
        assert (len(server.asked), server.connections) == (3, 2)


def test_the_older_one_where_it_is_wanted(pem: Path, ca: str) -> None:
    """A server that wants 1.1 for a request gets it by 1.1."""
    with Two(_reset(ErrorCodes.HTTP_1_1_REQUIRED, after=False), pem) as server:
        assert fetch(_way(server, ca))[1] == b"older"
        assert (len(server.asked), server.older) == (1, 1)


def test_silence_and_stopping(pem: Path, ca: str) -> None:
    """A server that says nothing has its time, and no more; who waits can be stopped, before and in the body."""

    def silent(server: Two, connection: H2Connection, stream: int, number: int) -> None:
        if number:
            connection.send_headers(stream, head(("content-length", "10")))

    with Two(silent, pem) as server:
        with pytest.raises(TransferTimeout):
            opened(source(_way(server, ca), Patience(connect=5, response=0.3)))
        stop = threading.Event()
        stream = source(_way(server, ca)).open(Want(), stop)
        assert stream is not None
        assert stream.read_into(memoryview(bytearray(10))) == -1
        stop.set()
        with pytest.raises(Stopped):
            stream.read_into(memoryview(bytearray(10)))
        stream.close()


def test_bodies_nobody_wants(two: Two, ca: str) -> None:
    """A body that is left in the middle costs its line, and no other request."""
    src = source(_way(two, ca))
    stream = opened(src)
    assert stream.read_into(memoryview(bytearray(10))) == 10
    stream.close()
    assert read_all(opened(src)) == BODY
    assert two.connections == 2


def test_odd_ends(pem: Path, ca: str) -> None:
    """Empty frames, padding, trailers and an answer without a body are no trouble."""

    def script(server: Two, connection: H2Connection, stream: int, number: int) -> None:
        connection.send_headers(stream, head(status="103"))
        connection.send_headers(stream, head(("content-length", "6"), ("content-length", "6")))
        for piece in (b"", b"abc", b"", b"def"):
            connection.send_data(stream, piece, pad_length=5)
        connection.send_headers(stream, [("x-check", "sum")], end_stream=True)

    with Two(script, pem) as server:
        assert fetch(_way(server, ca))[1] == b"abcdef"

        def nothing(server: Two, connection: H2Connection, stream: int, number: int) -> None:
            connection.send_headers(stream, head(("etag", '"v1"'), status="304"), end_stream=True)

        server.script = nothing
        assert source(_way(server, ca)).open(Want(unless=Validator("etag", '"v1"')), GO_ON) is None


def test_pings_without_end(pem: Path, ca: str) -> None:
    """A server that asks for signs of life for ever, and gives no answer, has its time like any other."""

    def script(server: Two, connection: H2Connection, stream: int, number: int) -> None:
        for _ in range(2000):
            connection.ping(b"12345678")

    with Two(script, pem) as server, pytest.raises(TransferTimeout):
        opened(source(_way(server, ca), Patience(connect=5, response=0.5)))


def test_every_class_of_the_library() -> None:
    """Whatever h2 can raise becomes one of ours, wordlessly."""
    kinds = [k for k in vars(h2.exceptions).values() if isinstance(k, type) and issubclass(k, h2.exceptions.H2Error)]
    assert len(kinds) > 10
    for kind in kinds:
        error = kind.__new__(kind, "hush")
        assert isinstance(foreign(error), BadAnswer | NetworkError)
        assert "hush" not in str(foreign(error))
