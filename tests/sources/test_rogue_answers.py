"""The rows of the decision table against a server that gets them wrong, over real sockets."""

from __future__ import annotations

import random

import pytest

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import AccessDenied, BadAnswer, ServerBusy, SourceNotFound
from tests.servers.reading import GO_ON, fetch, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest, verbatim

DATA = random.Random(1).randbytes(200_000)
N = len(DATA)
V = Validator("etag", '"v1"')
RESUME = Want(start=100_000, pinned=V, size=N, overlap=4096)


def test_first_request_is_plain() -> None:
    """The first request is a plain GET for the bytes as they are, over HTTP/1.1."""
    with Rogue(honest(DATA)) as server:
        stream, body = fetch(server.url())
    assert body == DATA
    assert (stream.probe.size, stream.probe.validator, stream.probe.ranges) == (N, V, True)
    assert stream.length_proven
    (asked,) = server.asked
    assert asked.raw.startswith(b"GET /file.bin HTTP/1.1\r\nHost: 127.0.0.1:")
    assert asked.headers["accept-encoding"] == "identity"
    assert not {"range", "if-range", "connection", "cookie", "authorization", "referer"} & set(asked.headers)


def test_resume() -> None:
    """A resume asks for one range, tied to the version, and gets just that."""
    with Rogue(honest(DATA)) as server:
        stream, body = fetch(server.url(), RESUME)
    assert body == DATA[100_000:]
    assert (stream.probe.start, stream.restarted) == (100_000, False)
    assert (server.asked[0].headers["range"], server.asked[0].headers["if-range"]) == ("bytes=100000-", '"v1"')


def test_a_segment() -> None:
    """A segment ends where it was asked to end."""
    with Rogue(honest(DATA)) as server:
        _, body = fetch(server.url(), Want(start=5, stop=105, pinned=V, size=N))
    assert body == DATA[5:105]


def test_tag_flipped() -> None:
    """Another version on a resume is given from its first byte, and said to be another."""
    other = DATA[::-1]
    with Rogue(honest(other, '"v2"')) as server:
        stream, body = fetch(server.url(), RESUME)
    assert (stream.restarted, stream.probe.start, stream.probe.validator) == (True, 0, Validator("etag", '"v2"'))
    assert body == other


def test_tag_flipped_and_if_range_ignored() -> None:
    """A 206 of another version is not taken, also where the server ignores If-Range."""
    other = DATA[::-1]

    def script(asked: Asked, wire: Wire) -> None:
        asked.headers.pop("if-range", None)
        honest(other, '"v2"')(asked, wire)

    with Rogue(script) as server:
        stream, body = fetch(server.url(), RESUME)
    assert stream.restarted
    assert body == other


def test_if_range_that_drops_the_range() -> None:
    """Where If-Range makes a cache drop Range, the range is had without it, and checked all the same."""

    def script(asked: Asked, wire: Wire) -> None:
        honest(DATA, ranges="if-range" not in asked.headers)(asked, wire)

    with Rogue(script) as server:
        stream, body = fetch(server.url(), RESUME)
    assert (stream.probe.start, body) == (100_000, DATA[100_000:])
    assert [("if-range" in a.headers, "range" in a.headers) for a in server.asked] == [(True, True), (False, True)]


def test_no_ranges_at_all() -> None:
    """A server without ranges gives the whole again, as the same version from byte 0."""
    with Rogue(honest(DATA, ranges=False)) as server:
        stream, body = fetch(server.url(), RESUME)
    assert (stream.probe.start, stream.restarted, body) == (0, False, DATA)


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize("by", [-1, 1, 10**6, -(10**6)])
def test_content_range_beside_the_truth(which: int, by: int) -> None:
    """A Content-Range that is off in any of its numbers is not believed: the bytes given are right all the same."""

    def script(asked: Asked, wire: Wire) -> None:
        if asked.range is None:
            return honest(DATA)(asked, wire)
        numbers = [asked.range[0], N - 1, N]
        numbers[which] += by
        line = "Content-Range: bytes {}-{}/{}".format(*numbers)
        return wire.answer(206, DATA[asked.range[0] :], line, 'ETag: "v1"')

    with Rogue(script) as server:
        stream, body = fetch(server.url(), RESUME)
    assert (stream.restarted, stream.probe.start, body) == (False, 0, DATA)


@pytest.mark.parametrize(
    "line", ["Content-Type: multipart/byteranges; boundary=x", "Content-Encoding: gzip", "Content-Range: rows 0-9/10"]
)
def test_a_part_in_another_form(line: str) -> None:
    """Several parts in one body, a coded part, other units: not taken."""

    def script(asked: Asked, wire: Wire) -> None:
        if asked.range is None:
            return honest(DATA)(asked, wire)
        span = () if "Range" in line else (f"Content-Range: bytes {asked.range[0]}-{N - 1}/{N}",)
        return wire.answer(206, DATA[asked.range[0] :], *span, line, 'ETag: "v1"')

    with Rogue(script) as server:
        _, body = fetch(server.url(), RESUME)
    assert body == DATA


def test_a_part_that_starts_earlier() -> None:
    """A range that is rounded down to a block of the cache is taken from where it starts."""

    def script(asked: Asked, wire: Wire) -> None:
        assert asked.range
        first = asked.range[0] // 65536 * 65536
        wire.answer(206, DATA[first:], f"Content-Range: bytes {first}-{N - 1}/{N}", 'ETag: "v1"')

    with Rogue(script) as server:
        stream, body = fetch(server.url(), RESUME)
    assert (stream.probe.start, body) == (65536, DATA[65536:])


def test_a_part_without_length() -> None:
    """A 206 whose end is the connection's is held to what Content-Range promised."""

    def script(asked: Asked, wire: Wire) -> None:
        assert asked.range
        line = f"Content-Range: bytes {asked.range[0]}-{N - 1}/{N}"
        surplus = DATA[asked.range[0] :] + b"surplus"
        wire.answer(206, surplus, line, 'ETag: "v1"', length=None)

    with Rogue(script) as server:
        stream, body = fetch(server.url(), RESUME)
    assert (stream.length_proven, body) == (True, DATA[100_000:])


def _refusing(status: int, *lines: str) -> Script:
    return lambda _, wire: wire.answer(status, b"<h1>no</h1>", *lines)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AccessDenied), (403, AccessDenied), (404, SourceNotFound), (410, SourceNotFound), (429, ServerBusy),
     (500, ServerBusy), (503, ServerBusy), (400, BadAnswer), (204, BadAnswer), (206, BadAnswer), (304, BadAnswer),
     (302, BadAnswer)],
)  # fmt: skip
def test_statuses(status: int, kind: type) -> None:
    """Each status is the error that the table says, with its code."""
    with Rogue(_refusing(status)) as server, pytest.raises(kind) as caught:
        opened(source(server.url("/a?token=hush")))
    assert caught.value.http_status == status  # type: ignore[attr-defined]
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("17", 17.0),
        ("Mon, 02 Nov 2026 10:01:00 GMT", 60.0),
        ("Mon, 02 Nov 1998 10:01:00 GMT", 0.0),
        ("999999", 21600.0),
    ],
)
def test_retry_after(value: str, wait: float) -> None:
    """When to come back is passed on: seconds, or a date by the server's own clock; six hours at most."""
    lines = (f"Retry-After: {value}", "Date: Mon, 02 Nov 2026 10:00:00 GMT")
    with Rogue(_refusing(503, *lines)) as server, pytest.raises(ServerBusy) as caught:
        opened(source(server.url()))
    assert caught.value.retry_after == wait


def test_nothing_beyond_the_end() -> None:
    """416 with the length that is here is an empty body at that place."""
    with Rogue(honest(DATA)) as server:
        stream, body = fetch(server.url(), Want(start=N, pinned=V))
    assert (body, stream.probe.start, stream.probe.size) == (b"", N, N)


def test_a_source_that_got_shorter() -> None:
    """416 because there is less now: the whole of what is there, as another version."""
    with Rogue(honest(DATA[:50_000], '"v2"')) as server:
        server.script = lambda asked, wire: honest(DATA[:50_000], '"v2"')(
            Asked(asked.number, 0, "/", {k: v for k, v in asked.headers.items() if k != "if-range"}, b""), wire
        )
        stream, body = fetch(server.url(), RESUME)
    assert stream.restarted
    assert body == DATA[:50_000]
    assert [a.range for a in server.asked] == [(100_000, None), None]


def test_only_if_changed() -> None:
    """A version that is still there is not sent again; another one is."""
    with Rogue(honest(DATA)) as server:
        src = source(server.url())
        assert src.open(Want(unless=V), GO_ON) is None
        assert server.asked[0].headers["if-none-match"] == '"v1"'
        stream = src.open(Want(unless=Validator("etag", '"v0"')), GO_ON)
        assert stream is not None
        assert read_all(stream) == DATA
        src.close()


def test_only_if_changed_by_date() -> None:
    """A version known by its date is asked for by its date."""
    date = Validator("modified", "Mon, 02 Nov 2026 10:00:00 GMT")
    with Rogue(verbatim(b"HTTP/1.1 304 Not Modified\r\n\r\n")) as server:
        assert source(server.url()).open(Want(unless=date), GO_ON) is None
    assert server.asked[0].headers["if-modified-since"] == date.value


def test_only_if_changed_where_nobody_knows_how() -> None:
    """A server without conditional requests says by its strong tag that nothing has changed; its body is not read."""
    with Rogue(lambda _, wire: wire.answer(200, DATA, 'ETag: "v1"')) as server:
        assert source(server.url()).open(Want(unless=V), GO_ON) is None


def test_flipping_at_every_question() -> None:
    """A server that changes with every answer gives one version whole, and says that it is another."""

    def script(asked: Asked, wire: Wire) -> None:
        asked.headers.pop("if-range", None)
        honest(bytes([asked.number]) * N, f'"n{asked.number}"')(asked, wire)

    with Rogue(script) as server:
        stream, body = fetch(server.url(), RESUME)
    assert stream.restarted
    assert set(body) == {1}
    assert len(body) == N
