"""The decision table, row by row, without a network."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import AccessDenied, BadAnswer, ServerBusy, SourceNotFound, TransferError, WebErrorStatus
from nbxfer.sources.answer import Ask, AskAgain, Refuse, Reply, Take, Unchanged, judge

V = Validator("etag", '"v1"')
WEAK = Validator("etag", 'W/"v1"', strong=False)
DATE = Validator("modified", "Mon, 02 Nov 2026 10:00:00 GMT")
N = 1000
RESUME = Want(start=400, pinned=V, size=N, overlap=100)


def reply(status: int, *lines: str, path: str = "/x.bin") -> Reply:
    """Give an answer by its head; a line is "name: value"."""
    pairs = tuple((n.strip().lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines))
    return Reply(status, pairs, "http://h/x.bin", path)


def part(span: str, *lines: str, etag: str | None = '"v1"') -> Reply:
    """Give a 206 with that Content-Range."""
    return reply(206, f"Content-Range: {span}", *([f"ETag: {etag}"] if etag else []), *lines)


def whole(*lines: str, etag: str | None = '"v1"', size: int | None = N) -> Reply:
    """Give a 200."""
    length = [f"Content-Length: {size}"] if size is not None else []
    return reply(200, *length, *([f"ETag: {etag}"] if etag else []), *lines)


def took(verdict: object) -> Take:
    """Give the verdict, which is to take the body."""
    assert isinstance(verdict, Take), verdict
    return verdict


def again(verdict: object) -> Ask:
    """Give what is asked next."""
    assert isinstance(verdict, AskAgain), verdict
    assert verdict.why
    return verdict.ask


def refused(verdict: object) -> TransferError:
    """Give the error."""
    assert isinstance(verdict, Refuse), verdict
    return verdict.error


# -- what is asked ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("want", "headers"),
    [
        (Want(), []),
        (Want(pinned=V, size=N), []),
        (RESUME, [("Range", "bytes=400-"), ("If-Range", '"v1"')]),
        (Want(start=400, stop=500, pinned=V), [("Range", "bytes=400-499"), ("If-Range", '"v1"')]),
        (Want(stop=500), [("Range", "bytes=0-499")]),
        (Want(start=400, pinned=WEAK, size=N), [("Range", "bytes=400-")]),
        (Want(start=400, pinned=DATE), [("Range", "bytes=400-"), ("If-Range", DATE.value)]),
        (Want(start=400, pinned=Validator("modified", DATE.value, strong=False)), [("Range", "bytes=400-")]),
        (Want(unless=V), [("If-None-Match", '"v1"')]),
        (Want(unless=WEAK), [("If-None-Match", 'W/"v1"')]),
        (Want(unless=DATE), [("If-Modified-Since", DATE.value)]),
    ],
)
def test_the_question(want: Want, headers: list[tuple[str, str]]) -> None:
    """A plain GET first; later one range, tied to the version by a strong validator and by nothing weaker."""
    assert Ask.first(want).headers() == headers


# -- nothing pinned: the first request is a plain GET -----------------------------------------------------------------
def test_first_200_with_everything() -> None:
    """200 with strong validator, length and Accept-Ranges: pinned, and other ranges may follow."""
    take = took(judge(Ask.first(Want()), whole("Accept-Ranges: bytes", "Content-Type: Text/Plain; charset=x")))
    assert (take.probe.size, take.probe.validator, take.probe.ranges, take.length) == (N, V, True, N)
    assert (take.probe.start, take.restarted, take.probe.media_type) == (0, False, "text/plain")


@pytest.mark.parametrize("line", ["Accept-Ranges: none", "Accept-Ranges: pages", "X: bytes"])
def test_first_200_without_ranges(line: str) -> None:
    """200 otherwise: a single stream; what is not offered is not counted on."""
    take = took(judge(Ask.first(Want()), whole(line, etag=None, size=None)))
    assert (take.probe.size, take.probe.validator, take.probe.ranges, take.length) == (None, None, False, None)


def test_a_chunked_body_has_no_size() -> None:
    """Without Content-Length the size is not known, and is not made up."""
    assert took(judge(Ask.first(Want()), whole("Transfer-Encoding: chunked", size=None))).probe.size is None


@pytest.mark.parametrize("status", [201, 202, 203, 204, 205, 206, 207, 226])
def test_first_answer_of_another_success(status: int) -> None:
    """204, 205, an unasked 206 and other successes are no file."""
    error = refused(judge(Ask.first(Want()), reply(status)))
    assert type(error) is BadAnswer
    assert (error.status, error.http_status) == (WebErrorStatus.UNEXPECTED_STATUS_CODE, status)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 306, 307, 308])
def test_a_redirect_that_leads_nowhere(status: int) -> None:
    """3xx without Location, and an unasked 304, are errors."""
    error = refused(judge(Ask.first(Want()), reply(status)))
    assert type(error) is BadAnswer
    assert (error.status, error.http_status) == (WebErrorStatus.UNEXPECTED_REDIRECTION, status)


# -- pinned V and N ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("total", ["1000", "*"])
def test_206_as_asked(total: str) -> None:
    """206 with the start asked for, total N or *, same V: taken."""
    take = took(judge(Ask.first(RESUME), part(f"bytes 400-999/{total}", "Content-Length: 600")))
    assert (take.probe.start, take.probe.size, take.length, take.restarted) == (400, N, 600, False)
    assert take.probe.ranges


def test_206_never_past_the_end_asked_for() -> None:
    """A server may send more than the segment: no more than the segment is taken."""
    want = Want(start=400, stop=500, pinned=V, size=N)
    assert took(judge(Ask.first(want), part("bytes 400-999/1000"))).length == 100


def test_206_that_is_shorter() -> None:
    """A server may send a part of the range (RFC 9110 §15.3.7): taken; the rest is asked for later."""
    assert took(judge(Ask.first(RESUME), part("bytes 400-499/1000"))).length == 100


def test_206_that_starts_earlier() -> None:
    """A 206 that starts earlier, same V: taken from there; the overlap is compared with the disk."""
    take = took(judge(Ask.first(RESUME), part("bytes 300-999/1000")))
    assert (take.probe.start, take.length) == (300, 700)


@pytest.mark.parametrize("lines", [(), ("Last-Modified: Mon, 02 Nov 2026 10:00:00 GMT",)])
def test_206_that_starts_earlier_of_no_known_version(lines: tuple[str, ...]) -> None:
    """A 206 that starts earlier and does not say of what: asked for the whole."""
    assert not again(judge(Ask.first(RESUME), part("bytes 300-999/1000", *lines, etag=None))).ranged


def test_206_without_validator() -> None:
    """206 without V: taken, but it is not said to be of that version."""
    take = took(judge(Ask.first(RESUME), part("bytes 400-999/1000", etag=None)))
    assert take.probe.validator is None


@pytest.mark.parametrize(
    "answer",
    [
        part("bytes 400-999/1000", etag='"v2"'),
        part("bytes 400-999/1000", etag='W/"v1"'),
        part("bytes 400-999/1000", "Last-Modified: Mon, 02 Nov 2026 10:00:00 GMT", etag=None),
        part("bytes 400-1000/1001"),
        part("bytes 400-998/999"),
        part("bytes 400-1000/*"),
        part("bytes 400-999/1000", "Content-Encoding: gzip"),
        part("bytes 400-999/1000", "Content-Length: 599"),
        part("bytes 401-999/1000"),
        part("bytes 0-399/1000"),
        part("bytes 500-400/1000"),
        part("bytes 400-999/999"),
        part("bytes 400-999/-1"),
        part("bytes */1000"),
        part("pages 400-999/1000"),
        part("bytes 400-999"),
        part(""),
        part("bytes 400-999/1000, bytes 0-1/1000"),
        part("bytes 99999999999999999999999999-99999999999999999999999999/*"),
        part("bytes 400-999/1000", "Content-Type: multipart/byteranges; boundary=x"),
    ],
)
def test_206_of_something_else(answer: Reply) -> None:
    """206 with other V, total or coding, or that contradicts itself: asked for the whole, which says what it is."""
    ask = again(judge(Ask.first(RESUME), answer))
    assert (ask.ranged, ask.tied) == (False, False)
    assert ask.headers() == []


def test_a_date_gets_stronger() -> None:
    """The same Last-Modified is the same version, though an hour later it proves more than in its first second."""
    weak = Validator("modified", DATE.value, strong=False)
    answer = part(
        "bytes 400-999/1000", f"Last-Modified: {DATE.value}", "Date: Mon, 02 Nov 2026 11:00:00 GMT", etag=None
    )
    assert took(judge(Ask.first(Want(start=400, pinned=weak, size=N)), answer)).length == 600


def test_200_same_version() -> None:
    """200 with the same V and N to a range: once more without If-Range; 200 again: a single stream from byte 0."""
    first = Ask.first(RESUME)
    second = again(judge(first, whole()))
    assert second.headers() == [("Range", "bytes=400-")]
    take = took(judge(second, whole()))
    assert (take.probe.start, take.restarted, take.length) == (0, False, N)


def test_200_same_version_without_a_length() -> None:
    """The version says the length, too: the pinned one holds."""
    take = took(judge(Ask.first(Want(pinned=V, size=N)), whole("Transfer-Encoding: chunked", size=None)))
    assert (take.probe.size, take.length, take.restarted) == (N, N, False)


@pytest.mark.parametrize("answer", [whole(etag='"v2"'), whole(size=999), whole(etag=None), whole(etag='W/"v1"')])
def test_200_otherwise(answer: Reply) -> None:
    """200 of anything else is a new version, from its first byte to its last, whatever segment was asked for."""
    take = took(judge(Ask.first(Want(start=400, stop=500, pinned=V, size=N)), answer))
    assert (take.probe.start, take.restarted) == (0, True)
    assert take.length == take.probe.size


def test_200_when_nobody_can_tell() -> None:
    """No validator then, none now, and the same length: from byte 0, so that every byte here can be compared."""
    take = took(judge(Ask.first(Want(start=400, size=N, overlap=100)), whole(etag=None)))
    assert (take.probe.start, take.restarted) == (0, False)
    assert took(judge(Ask.first(Want(start=400, size=N)), whole(etag=None, size=999))).restarted


def test_412() -> None:
    """412: the version may be gone; asked for the whole."""
    assert again(judge(Ask.first(RESUME), reply(412))).headers() == []
    assert refused(judge(Ask.first(Want()), reply(412))).http_status == 412


def test_416() -> None:
    """416 with the length that is here: there is nothing more. Anything else: asked for the whole."""
    done = took(judge(Ask.first(Want(start=N, pinned=V)), reply(416, "Content-Range: bytes */1000")))
    assert (done.probe.start, done.probe.size, done.length) == (N, N, 0)
    for ask, line in (
        (RESUME, "Content-Range: bytes */300"),
        (RESUME, "Content-Range: bytes */1000"),
        (RESUME, "X: y"),
        (Want(start=N, pinned=V, size=N + 1), "Content-Range: bytes */1000"),
    ):
        assert not again(judge(Ask.first(ask), reply(416, line))).ranged
    other = reply(416, "Content-Range: bytes */1000", 'ETag: "v2"')
    assert not again(judge(Ask.first(Want(start=N, pinned=V)), other)).ranged
    assert refused(judge(Ask.first(Want()), reply(416))).http_status == 416


# -- only if it has changed -------------------------------------------------------------------------------------------
def test_304() -> None:
    """304 to a conditional question: unchanged; 304 with another strong tag: asked without the condition."""
    ask = Ask.first(Want(unless=V))
    assert judge(ask, reply(304, 'ETag: "v1"')) == Unchanged()
    assert judge(ask, reply(304)) == Unchanged()
    assert again(judge(ask, reply(304, 'ETag: "v2"'))).headers() == []
    assert judge(Ask.first(Want(unless=WEAK)), reply(304, 'ETag: W/"v1"')) == Unchanged()


def test_200_that_says_unchanged() -> None:
    """A server without conditional requests says the same by the same strong tag; a weak one does not."""
    assert judge(Ask.first(Want(unless=V)), whole()) == Unchanged()
    took(judge(Ask.first(Want(unless=V)), whole(etag='"v2"')))
    took(judge(Ask.first(Want(unless=WEAK)), whole(etag='W/"v1"')))


# -- codings ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "identity, gzip", "gzip, gzip"])
def test_a_coded_whole(coding: str) -> None:
    """A coded body is not the file: refused, with what to do."""
    error = refused(judge(Ask.first(Want()), whole(f"Content-Encoding: {coding}")))
    assert type(error) is BadAnswer
    assert "Content-Encoding" in (error.hint or "")


@pytest.mark.parametrize(
    ("coding", "path"),
    [("identity", "/x"), ("gzip", "/x.tar.gz"), ("x-gzip", "/X.TGZ"), ("zstd", "/x.zst"), ("", "/x")],
)
def test_a_coding_that_the_name_announces(coding: str, path: str) -> None:
    """x.tar.gz that is "gzip-coded" is the file as it is."""
    took(judge(Ask.first(Want()), reply(200, f"Content-Encoding: {coding}", "Content-Length: 5", path=path)))


# -- errors -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "kind", "code", "retryable"),
    [
        (400, BadAnswer, 400, False),
        (401, AccessDenied, 401, False),
        (403, AccessDenied, 403, False),
        (407, AccessDenied, WebErrorStatus.PROXY_AUTH, False),
        (404, SourceNotFound, 404, False),
        (410, SourceNotFound, 410, False),
        (405, BadAnswer, 405, False),
        (418, BadAnswer, WebErrorStatus.UNEXPECTED_CLIENT_ERROR, False),
        (451, BadAnswer, WebErrorStatus.UNEXPECTED_CLIENT_ERROR, False),
        (408, ServerBusy, 408, True),
        (425, ServerBusy, WebErrorStatus.UNEXPECTED_CLIENT_ERROR, True),
        (429, ServerBusy, WebErrorStatus.UNEXPECTED_CLIENT_ERROR, True),
        (500, ServerBusy, 500, True),
        (502, ServerBusy, 502, True),
        (503, ServerBusy, 503, True),
        (504, ServerBusy, 504, True),
        (501, BadAnswer, 501, False),
        (511, BadAnswer, WebErrorStatus.UNEXPECTED_SERVER_ERROR, False),
        (599, BadAnswer, WebErrorStatus.UNEXPECTED_SERVER_ERROR, False),
        (666, BadAnswer, WebErrorStatus.UNEXPECTED_STATUS_CODE, False),
    ],
)
@pytest.mark.parametrize("want", [Want(), RESUME])
def test_the_error_table(status: int, kind: type, code: int, retryable: bool, want: Want) -> None:
    """Each status has one error, which says whether to come back, and repeats nothing of the server's words."""
    error = refused(judge(Ask.first(want), reply(status, "X-Secret: s3cret")))
    assert (type(error), error.status, error.http_status, error.retryable) == (kind, code, status, retryable)
    assert str(status) in error.message
    assert "http://h/x.bin" in error.message
    assert "s3cret" not in str(error)


# -- all of it --------------------------------------------------------------------------------------------------------
_tags = st.sampled_from([None, '"v1"', '"v2"', 'W/"v1"', "v1", '""', '"a" "b"'])
_spans = st.builds(
    lambda unit, a, b, n: f"{unit} {a}-{b}/{n}",
    st.sampled_from(["bytes", "BYTES", "rows"]),
    st.sampled_from([0, 300, 399, 400, 401, 999, 10**18]),
    st.sampled_from([0, 399, 400, 499, 998, 999, 1000, 10**18]),
    st.sampled_from([999, 1000, 1001, "*", -1]),
)
_wants = st.builds(
    Want,
    start=st.sampled_from([0, 400, 1000]),
    stop=st.sampled_from([None, 1000, 1001]),
    pinned=st.sampled_from([None, V, WEAK, DATE]),
    size=st.sampled_from([None, N]),
    unless=st.sampled_from([None, V, WEAK]),
)


@given(
    want=_wants,
    status=st.sampled_from([200, 200, 206, 206, 206, 304, 412, 416, 500]),
    tag=_tags,
    span=_spans,
    length=st.sampled_from([None, 0, 600, 1000]),
    coding=st.sampled_from([None, "gzip"]),
)
def test_every_verdict_keeps_the_promises(
    want: Want, status: int, tag: str | None, span: str, length: int | None, coding: str | None
) -> None:
    """Whatever comes: a body that is taken begins at or before what was asked for, and asking comes to an end."""
    ask = Ask.first(want)
    pairs = [("content-range", span)]
    pairs += [("etag", tag)] if tag is not None else []
    pairs += [("content-length", str(length))] if length is not None else []
    pairs += [("content-encoding", coding)] if coding else []
    answer = Reply(status, tuple(pairs), "http://h/x", "/x")
    for _ in range(4):
        verdict = judge(ask, answer)
        if not isinstance(verdict, AskAgain):
            break
        fewer = (verdict.ask.ranged, verdict.ask.tied, verdict.ask.conditional)
        assert sum(fewer) < sum((ask.ranged, ask.tied, ask.conditional))
        ask = verdict.ask
    else:
        pytest.fail("it asks for ever")
    if isinstance(verdict, Take):
        assert verdict.length is None or verdict.length >= 0
        assert coding is None or status == 416
        if verdict.restarted:
            assert verdict.probe.start == 0
        else:
            assert verdict.probe.start <= want.start
            if want.pinned is not None and verdict.probe.validator is not None:
                assert verdict.probe.validator.value == want.pinned.value
            if want.size is not None and verdict.probe.size is not None:
                assert verdict.probe.size == want.size
