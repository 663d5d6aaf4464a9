"""Parts of one version, over real sockets, from servers that get them wrong."""

from __future__ import annotations

import random
import threading

import pytest

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import BadAnswer, NetworkError, RangesRefused, ServerBusy, SourceChanged, WebErrorStatus
from tests.servers.reading import GO_ON, fetch, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest

DATA = random.Random(5).randbytes(200_000)
N = len(DATA)
V = Validator("etag", '"v1"')
PART = Want(100_000, 150_000, V, N, part=True)


def matching(data: bytes = DATA, etag: str = '"v1"') -> Script:
    """Give the script of a server that keeps If-Match."""

    def script(asked: Asked, wire: Wire) -> None:
        if asked.headers.get("if-match", etag) != etag:
            return wire.answer(412, b"", f"ETag: {etag}")
        return honest(data, etag)(asked, wire)

    return script


def test_a_part() -> None:
    """A part is one range, tied by If-Match, and asks for no digest: that would be of the whole."""
    with Rogue(matching()) as server:
        stream, body = fetch(server.url(), PART)
    assert body == DATA[100_000:150_000]
    assert (stream.probe.start, stream.restarted, stream.length_proven) == (100_000, False, True)
    (asked,) = server.asked
    assert (asked.headers["range"], asked.headers["if-match"]) == ("bytes=100000-149999", '"v1"')
    assert not {"if-range", "want-repr-digest"} & set(asked.headers)


def test_a_first_request_asks_for_a_digest() -> None:
    """Whoever is asked first is asked for a digest of the whole; a resume is not about the whole."""
    with Rogue(honest(DATA)) as server:
        fetch(server.url())
        fetch(server.url(), Want(ranged=True))
        fetch(server.url(), Want(start=100_000, pinned=V, size=N, overlap=4096))
    assert [a.headers.get("want-repr-digest") for a in server.asked] == ["sha-256=10, sha-512=9"] * 2 + [None]


def test_another_version() -> None:
    """Where the version is gone no body comes: by 412 where If-Match is kept, by its own fields where it is not."""
    for script in (
        matching(DATA, '"v2"'),
        honest(DATA, '"v2"'),
        honest(DATA, '"v2"', ranges=False),
        matching(DATA[1:]),
    ):
        with Rogue(script) as server:
            src = source(server.url())
            with pytest.raises(SourceChanged):
                src.open(PART, GO_ON)
            assert len(server.asked) <= 2


def test_a_server_that_fails_every_condition() -> None:
    """Where If-Match always fails the part is had without it: its own fields say that it is the right one."""

    def script(asked: Asked, wire: Wire) -> None:
        if "if-match" in asked.headers:
            return wire.answer(412, b"")
        return honest(DATA)(asked, wire)

    with Rogue(script) as server:
        assert fetch(server.url(), PART)[1] == DATA[100_000:150_000]


def test_a_cache_that_drops_the_range() -> None:
    """Where a condition makes a cache drop Range, the part is had without it."""

    def script(asked: Asked, wire: Wire) -> None:
        honest(DATA, ranges="if-match" not in asked.headers)(asked, wire)

    with Rogue(script) as server:
        assert fetch(server.url(), PART)[1] == DATA[100_000:150_000]
        assert len(server.asked) == 2


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("by", [-1, 1, 10**6, -(10**6)])
def test_content_range_beside_the_truth(which: int, by: int) -> None:
    """A part whose Content-Range is off in any of its numbers is never taken for the part that was asked for."""

    def script(asked: Asked, wire: Wire) -> None:
        numbers = [100_000, 149_999, N]
        numbers[which] += by
        wire.answer(206, DATA[100_000:150_000], "Content-Range: bytes {}-{}/{}".format(*numbers), 'ETag: "v1"')

    with Rogue(script) as server:
        src = source(server.url())
        with pytest.raises((RangesRefused, SourceChanged)):
            src.open(PART, GO_ON)


def test_ranges_that_end() -> None:
    """A server that gave ranges and gives none any more is left its one connection."""
    with Rogue(honest(DATA, ranges=False)) as server:
        src = source(server.url())
        with pytest.raises(RangesRefused) as caught:
            src.open(PART, GO_ON)
        assert caught.value.status == WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT
        assert caught.value.retryable
        assert len(server.asked) == 2


def test_a_part_cut_off() -> None:
    """A part that ends before its end is cut off, and what came of it is right."""

    def script(asked: Asked, wire: Wire) -> None:
        head = (
            'HTTP/1.1 206 X\r\nContent-Range: bytes 100000-149999/200000\r\nContent-Length: 50000\r\nETag: "v1"\r\n\r\n'
        )
        wire.send(head.encode() + DATA[100_000:120_000])
        wire.close()

    with Rogue(script) as server:
        stream, got = opened(source(server.url()), PART), bytearray()
        with pytest.raises(NetworkError):
            read_all(stream, into=got)
    assert bytes(got) == DATA[100_000:120_000]


def test_surplus() -> None:
    """What a server sends past the end of the part is not given, whatever it is."""

    def script(asked: Asked, wire: Wire) -> None:
        wire.answer(206, DATA[100_000:] + b"x", f"Content-Range: bytes 100000-{N - 1}/{N}", 'ETag: "v1"', length=None)

    with Rogue(script) as server:
        assert fetch(server.url(), PART)[1] == DATA[100_000:150_000]


def test_busy() -> None:
    """A server that will not have a further connection says so by its own code."""
    with Rogue(lambda _, wire: wire.answer(429, b"", "Retry-After: 3")) as server:
        src = source(server.url())
        with pytest.raises(ServerBusy) as caught:
            src.open(PART, GO_ON)
    assert caught.value.retry_after == 3


def test_many_parts_at_once() -> None:
    """Eight threads over one source have eight parts, each its own; together they are the file."""
    wants = [Want(i * 25_000, (i + 1) * 25_000, V, N, part=True) for i in range(8)]
    got: dict[int, bytes] = {}
    with Rogue(matching()) as server:
        src = source(server.url())

        def read(want: Want) -> None:
            got[want.start] = read_all(opened(src, want), 4096)

        threads = [threading.Thread(target=read, args=(want,)) for want in wants]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert b"".join(got[want.start] for want in wants) == DATA


@pytest.mark.parametrize("position", range(24))
def test_tag_changed_at_any_place(position: int) -> None:
    """A file that becomes another one at any byte gives parts of the first one before, and none after."""
    old, new = bytes(24), bytes(range(24))
    with Rogue(matching(old)) as server:
        src = source(server.url())
        for at in range(24):
            if at == position:
                server.script = matching(new, '"v2"')
            want = Want(at, at + 1, V, 24, part=True)
            if at < position:
                assert read_all(opened(src, want)) == b"\0"
            else:
                with pytest.raises(SourceChanged):
                    src.open(want, GO_ON)


# -- whether ranges can be had ----------------------------------------------------------------------------------------
def test_random_access() -> None:
    """Asked for any order, the first question has a range, and its answer is the whole body."""
    with Rogue(honest(DATA)) as server:
        stream, body = fetch(server.url(), Want(ranged=True))
    assert (body, stream.probe.ranges, stream.probe.size) == (DATA, True, N)
    assert server.asked[0].headers["range"] == "bytes=0-"


@pytest.mark.parametrize(
    ("lines", "length", "status"),
    [
        ((), -1, WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT),
        (("Accept-Ranges: bytes",), -1, WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT),
        ((), None, WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT),
    ],
)
def test_no_random_access(lines: tuple[str, ...], length: int | None, status: int) -> None:
    """A server that gives the whole, or no length, fails up front, by the code for it."""
    with Rogue(lambda _, wire: wire.answer(200, DATA, 'ETag: "v1"', *lines, length=length)) as server:
        src = source(server.url())
        with pytest.raises(BadAnswer) as caught:
            src.open(Want(ranged=True), GO_ON)
    assert caught.value.status == status
