"""Bodies and heads that end too early, too late, or never."""

from __future__ import annotations

import random
import time

import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator, Want
from nbxfer.errors import BadAnswer, NetworkError, TransferError, TransferTimeout, WebErrorStatus
from tests.servers.reading import fetch, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Wire, honest, verbatim

DATA = random.Random(2).randbytes(300_000)
N = len(DATA)
HEAD = b"HTTP/1.1 200 OK\r\n"


def test_cut_off() -> None:
    """A body that is shorter than promised is a broken connection; what came is right."""

    def script(_: Asked, wire: Wire) -> None:
        wire.answer(200, DATA[:1000], length=N)
        wire.close()

    got = bytearray()
    with Rogue(script) as server:
        stream = opened(source(server.url()))
        with pytest.raises(NetworkError) as caught:
            read_all(stream, into=got)
    assert caught.value.status == WebErrorStatus.CONNECTION_ABORTED
    assert bytes(got) == DATA[:1000]


def test_reset() -> None:
    """A reset in mid-body is a broken connection."""

    def script(_: Asked, wire: Wire) -> None:
        wire.answer(200, DATA[:50_000], length=N)
        wire.reset()

    with Rogue(script) as server, pytest.raises(NetworkError):
        fetch(server.url())


@pytest.mark.parametrize("extra", [1, 5000])
@pytest.mark.parametrize("late", [False, True])
def test_surplus(extra: int, late: bool) -> None:
    """Bytes beyond the promised length are never given, and nothing more is asked over that connection."""

    def script(asked: Asked, wire: Wire) -> None:
        if late:
            wire.answer(200, DATA, 'ETag: "v1"')
            wire.send(b"x" * extra)
        else:
            wire.answer(200, DATA + b"x" * extra, 'ETag: "v1"', length=N)

    with Rogue(script) as server:
        src = source(server.url())
        assert read_all(opened(src)) == DATA
        time.sleep(0.05)  # let the surplus arrive
        assert read_all(opened(src)) == DATA
        src.close()
    assert {a.connection for a in server.asked} == {0, 1}


def test_no_length() -> None:
    """A body without length ends with the connection: given, but not proven."""
    with Rogue(lambda _, wire: wire.answer(200, DATA, length=None)) as server:
        stream = opened(source(server.url()))
        body, view = bytearray(), memoryview(bytearray(100_000))
        while n := stream.read_into(view):
            body += view[: max(n, 0)]
        assert stream.read_into(view) == 0  # and it stays so
        stream.close()
    assert (bytes(body), stream.length_proven, stream.probe.size) == (DATA, False, None)


def _chunked(data: bytes, piece: int, end: bytes = b"0\r\n\r\n") -> bytes:
    pieces = (data[i : i + piece] for i in range(0, len(data), piece))
    return b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + end


@pytest.mark.parametrize("piece", [7, 1000, 250_000])
def test_chunks(piece: int) -> None:
    """Chunks of any size become the body, and their end is proven; the connection serves again."""
    data = DATA[: piece * 100]
    head = HEAD + b'ETag: "v1"\r\nTransfer-Encoding: chunked\r\n\r\n'
    with Rogue(verbatim(head + _chunked(data, piece, b"0\r\nTrailer: x\r\n\r\n"))) as server:
        src = source(server.url())
        for _ in range(2):
            stream = opened(src)
            assert stream.probe.size is None
            assert read_all(stream, 3000) == data
            assert stream.length_proven
        src.close()
    assert server.connections == 1


@pytest.mark.parametrize("end", [b"", b"0\r\n", b"5\r\nabc", b"zz\r\n"])
def test_chunks_that_do_not_end(end: bytes) -> None:
    """Chunks without the last one are no whole body."""

    def script(_: Asked, wire: Wire) -> None:
        wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(DATA, 1000, end))
        wire.close()

    with Rogue(script) as server, pytest.raises(TransferError) as caught:
        fetch(server.url())
    assert isinstance(caught.value, BadAnswer if end == b"zz\r\n" else NetworkError)


def test_chunks_longer_than_the_version() -> None:
    """A version that is pinned has its length: a chunked body of it gives no byte more, and one less is an error."""
    want = Want(pinned=Validator("etag", '"v1"'), size=1000)
    for size in (1001, 999):
        body = HEAD + b'ETag: "v1"\r\nTransfer-Encoding: chunked\r\n\r\n' + _chunked(DATA[:size], 100)
        with Rogue(lambda _, wire, body=body: wire.send(body)) as server:  # type: ignore[misc]
            if size > 1000:
                assert fetch(server.url(), want)[1] == DATA[:1000]
            else:
                with pytest.raises(NetworkError):
                    fetch(server.url(), want)


def test_no_room() -> None:
    """A buffer of no bytes holds none; that is not the end."""
    with Rogue(honest(DATA)) as server:
        stream = opened(source(server.url()))
        assert stream.read_into(memoryview(bytearray())) == -1
        assert read_all(stream) == DATA


def test_empty_file() -> None:
    """A file of no bytes is whole at once."""
    with Rogue(honest(b"")) as server:
        stream, body = fetch(server.url())
    assert (body, stream.probe.size, stream.length_proven) == (b"", 0, True)


@pytest.mark.parametrize(
    "head",
    [
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Content-Length: 5, 6\r\n\r\nhello",
        b"Content-Length: -5\r\n\r\nhello",
        b"Content-Length: 5x\r\n\r\nhello",
        b"Content-Length: 99999999999999999999999999\r\n\r\nhello",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"X : y\r\n\r\n",
        b"X\r\n\r\n",
        b"X: \x00\r\n\r\n",
        b"A: " + b"x" * 500_000 + b"\r\n\r\n",
        b"".join(b"X-%d: y\r\n" % i for i in range(40_000)) + b"\r\n",
    ],
)
def test_heads_that_cannot_be_trusted(head: bytes) -> None:
    """Two lengths, no length, nonsense, floods: no byte of such an answer is used."""
    with Rogue(verbatim(HEAD + head)) as server, pytest.raises(BadAnswer):
        fetch(server.url())


@pytest.mark.parametrize("first", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"\x15\x03\x01\x00\x02\x02P", b"HTTP/2 200\r\n\r\n"])
def test_not_http(first: bytes) -> None:
    """Something that speaks no HTTP/1 is told by its first line."""
    with Rogue(verbatim(first)) as server, pytest.raises(BadAnswer):
        fetch(server.url())


@pytest.mark.parametrize("early", [b"", b"HTTP/1.1 20", HEAD + b"Content-Le"])
def test_closed_before_the_answer(early: bytes) -> None:
    """A connection that closes before the head is whole is a broken one."""

    def script(_: Asked, wire: Wire) -> None:
        wire.send(early)
        wire.close()

    with Rogue(script) as server, pytest.raises(NetworkError):
        fetch(server.url())


def test_early_hints() -> None:
    """Interim answers (100, 103) are not the answer."""
    hints = b"HTTP/1.1 100 Continue\r\n\r\n" + b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 15

    def script(_: Asked, wire: Wire) -> None:
        wire.send(hints)
        wire.answer(200, DATA)

    with Rogue(script) as server:
        assert fetch(server.url())[1] == DATA


def test_hints_without_end() -> None:
    """A server that only ever hints is given up, at once when it hurries and by the deadline when it does not."""
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"

    def fast(_: Asked, wire: Wire) -> None:
        while wire.open:
            wire.send(hint)

    def slow(_: Asked, wire: Wire) -> None:
        wire.drip(hint * 10, 0.02)

    with Rogue(fast) as server, pytest.raises(BadAnswer):
        fetch(server.url())
    with Rogue(slow) as server, pytest.raises(TransferTimeout):
        fetch(server.url(), patience=Patience(response=0.5))


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: "])
def test_no_answer_in_time(said: bytes) -> None:
    """No whole head in time is a timeout, whether nothing comes or a byte now and then."""

    def script(_: Asked, wire: Wire) -> None:
        wire.send(said)
        wire.drip(b"x" * 1000, 0.05) if said else wire.hang()

    start = time.monotonic()
    with Rogue(script) as server, pytest.raises(TransferTimeout) as caught:
        fetch(server.url(), patience=Patience(response=0.4))
    assert caught.value.status == WebErrorStatus.TIMEOUT
    assert 0.35 < time.monotonic() - start < 2


def test_drip() -> None:
    """One byte each 0.3 s: reading comes back each 0.1 s with what there is, for the caller to look at its clock."""

    def script(_: Asked, wire: Wire) -> None:
        wire.answer(200, b"", length=3)
        wire.drip(b"abc", 0.3)

    got: list[int] = []
    took: list[float] = []
    with Rogue(script) as server:
        stream = opened(source(server.url()))
        view = memoryview(bytearray(10))
        while not got or got[-1] != 0:
            start = time.monotonic()
            got.append(stream.read_into(view))
            took.append(time.monotonic() - start)
        stream.close()
    assert [g for g in got if g > 0] == [1, 1, 1]
    assert got.count(-1) >= 3
    assert max(took) < 0.3


def test_what_is_shown() -> None:
    """The reprs are lines for people, without a query."""
    with Rogue(honest(DATA)) as server:
        src = source(server.url("/a.bin?token=hush"))
        stream = opened(src, Want(start=5))
        shown = f"{src!r} {stream!r}"
        stream.close()
    assert "a.bin" in shown
    assert "from byte 5" in shown
    assert "hush" not in shown
