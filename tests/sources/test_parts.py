"""The decision table for one of several parts of one version, row by row, without a network."""

from __future__ import annotations

import pytest

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import RangesRefused, ServerBusy, SourceChanged, TransferError, WebErrorStatus
from nbxfer.sources.answer import judge
from nbxfer.sources.question import Ask, AskAgain, Refuse, Reply, Take

V = Validator("etag", '"v1"')
DATE = Validator("modified", "Mon, 02 Nov 2026 10:00:00 GMT")
N = 1000
PART = Want(400, 500, V, N, part=True)
#: The same question without its condition.
BARE = Ask.first(PART).untied()


def reply(status: int, *lines: str, etag: str | None = '"v1"', path: str = "/x.bin") -> Reply:
    """Give an answer by its head; a line is "name: value"."""
    lines += (f"ETag: {etag}",) if etag else ()
    pairs = tuple((n.strip().lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines))
    return Reply(status, pairs, "http://h/x.bin", path)


def part(span: str, *lines: str, etag: str | None = '"v1"') -> Reply:
    """Give a 206 with that Content-Range."""
    return reply(206, f"Content-Range: {span}", *lines, etag=etag)


def fails(ask: Ask, answer: Reply) -> TransferError:
    """Give the error that the verdict is."""
    verdict = judge(ask, answer)
    assert isinstance(verdict, Refuse), verdict
    return verdict.error


@pytest.mark.parametrize("span", ["bytes 400-499/1000", "bytes 400-499/*", "bytes 400-999/1000"])
def test_the_part_asked_for(span: str) -> None:
    """206 with that start, that total (or *) and that version: taken, never past its end."""
    take = judge(Ask.first(PART), part(span))
    assert isinstance(take, Take)
    assert (take.probe.start, take.probe.size, take.length, take.restarted) == (400, N, 100, False)


def test_a_shorter_part() -> None:
    """A shorter part that begins where it should is right; the rest is asked for later (RFC 9110 §15.3.7)."""
    take = judge(Ask.first(PART), part("bytes 400-449/1000", "Content-Length: 50"))
    assert isinstance(take, Take)
    assert take.length == 50


def test_a_part_to_the_end() -> None:
    """A part without an end goes to the end of the object."""
    take = judge(Ask.first(Want(400, None, V, N, part=True)), part("bytes 400-999/1000"))
    assert isinstance(take, Take)
    assert take.length == 600


def test_a_part_tied_by_a_date() -> None:
    """A strong date ties parts, too, where there is no tag; how old it looks now does not matter."""
    ask = Ask.first(Want(400, 500, DATE, N, part=True))
    line = f"Last-Modified: {DATE.value}"
    assert isinstance(judge(ask, part("bytes 400-499/1000", line, etag=None)), Take)
    later = "Last-Modified: Mon, 02 Nov 2026 10:00:01 GMT"
    assert type(fails(ask, part("bytes 400-499/1000", later, etag=None))) is SourceChanged
    assert type(fails(ask, part("bytes 400-499/1000", line))) is RangesRefused  # a tag where there was none


@pytest.mark.parametrize(
    "answer",
    [
        part("bytes 400-499/1000", etag='"v2"'),
        part("bytes 400-499/1000", etag='W/"v1"'),
        part("bytes 400-499/1001"),
        part("bytes 400-499/999"),
        part("bytes 400-1000/*"),
        reply(200, "Content-Length: 1000", etag='"v2"'),
        reply(200, "Content-Length: 999"),
        reply(200, "Content-Length: 999", etag=None),
        reply(416, "Content-Range: bytes */300"),
        reply(416, "Content-Range: bytes */1000", etag='"v2"'),
    ],
)
def test_another_version(answer: Reply) -> None:
    """Another validator or another total: the version is gone, whatever the condition made of it."""
    for ask in (Ask.first(PART), BARE):
        assert type(fails(ask, answer)) is SourceChanged


def test_a_failed_condition() -> None:
    """412: asked once more without the condition, for some servers fail every one; 412 again: the version is gone."""
    verdict = judge(Ask.first(PART), reply(412))
    assert isinstance(verdict, AskAgain)
    assert verdict.ask.headers() == [("Range", "bytes=400-499")]
    assert type(fails(verdict.ask, reply(412))) is SourceChanged


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, "Content-Length: 1000"),
        reply(200, "Content-Length: 1000", etag=None),
        reply(200),
        reply(200, etag=None),
        reply(200, "Content-Encoding: gzip", "Content-Length: 300", etag='"v1-gzip"'),
    ],
)
def test_range_ignored(answer: Reply) -> None:
    """200 of the same version, or of one nobody can tell: once more without the condition; 200 again: no parts."""
    verdict = judge(Ask.first(PART), answer)
    assert isinstance(verdict, AskAgain)
    assert verdict.ask == BARE
    error = fails(BARE, answer)
    assert (type(error), error.status) == (RangesRefused, WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT)


@pytest.mark.parametrize(
    "answer",
    [
        part("bytes 400-499/1000", etag=None),
        part("bytes 400-499/1000", f"Last-Modified: {DATE.value}", etag=None),
        part("bytes 399-499/1000"),
        part("bytes 401-499/1000"),
        part("bytes 0-399/1000"),
        part("bytes 500-599/1000"),
        part("bytes 400-499/1000", "Content-Length: 99"),
        part("bytes 400-499/1000", "Content-Encoding: gzip"),
        part("bytes 400-499/1000", "Content-Encoding: gzip", etag='"v1-gzip"'),
        part("bytes 400-499/1000", "Content-Type: multipart/byteranges; boundary=x"),
        part("bytes 499-400/1000"),
        part("bytes 400-499/400"),
        part("rows 400-499/1000"),
        part("bytes */1000"),
        part("bytes 400-499"),
        part(""),
        reply(206),
        reply(416),
        reply(416, "Content-Range: bytes */1000"),
    ],
)
def test_no_part_that_could_be_used(answer: Reply) -> None:
    """A part that says too little, or is another one, is refused; over one connection it can be gone on."""
    for ask in (Ask.first(PART), BARE):
        error = fails(ask, answer)
        assert type(error) is RangesRefused
        assert (error.status, error.http_status) == (WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT, answer.status)
        assert "one connection" in (error.hint or "")
        assert "http://h/x.bin" in error.message


@pytest.mark.parametrize("pinned", [None, Validator("etag", 'W/"v1"', strong=False)])
@pytest.mark.parametrize("answer", [part("bytes 400-499/1000"), part("bytes 400-499/1000", etag='W/"v1"')])
def test_nothing_ties_the_parts(pinned: Validator | None, answer: Reply) -> None:
    """Without a strong validator no part is taken, however well it fits (RFC 9110 §15.3.7.3)."""
    assert type(fails(Ask.first(Want(400, 500, pinned, N, part=True)), answer)) is RangesRefused


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server(status: int) -> None:
    """A server that is busy is busy, for parts, too, and says when to come back."""
    error = fails(Ask.first(PART), reply(status, "Retry-After: 7"))
    assert isinstance(error, ServerBusy)
    assert error.retry_after == 7
