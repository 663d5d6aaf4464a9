"""The decision table, row by row, without a network."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import AccessDenied, BadAnswer, ServerBusy, SourceNotFound, TransferError, WebErrorStatus
from nbxfer.sources.answer import judge
from nbxfer.sources.question import WANT_DIGEST, Ask, AskAgain, Refuse, Reply, Take, Unchanged

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
        (Want(), [WANT_DIGEST]),
        (Want(pinned=V, size=N), [WANT_DIGEST]),
        (RESUME, [("Range", "bytes=400-"), ("If-Range", '"v1"')]),
        (Want(start=400, stop=500, pinned=V), [("Range", "bytes=400-499"), ("If-Range", '"v1"')]),
        (Want(stop=500), [("Range", "bytes=0-499")]),
        (Want(start=400, pinned=WEAK, size=N), [("Range", "bytes=400-")]),
        (Want(start=400, pinned=DATE), [("Range", "bytes=400-"), ("If-Range", DATE.value)]),
        (Want(start=400, pinned=Validator("modified", DATE.value, strong=False)), [("Range", "bytes=400-")]),
        (Want(unless=V), [("If-None-Match", '"v1"'), WANT_DIGEST]),
        (Want(unless=WEAK), [("If-None-Match", 'W/"v1"'), WANT_DIGEST]),
        (Want(unless=DATE), [("If-Modified-Since", DATE.value), WANT_DIGEST]),
        (Want(ranged=True), [("Range", "bytes=0-"), WANT_DIGEST]),
        (Want(ranged=True, unless=V), [("Range", "bytes=0-"), ("If-None-Match", '"v1"'), WANT_DIGEST]),
        (Want(start=400, pinned=V, size=N, ranged=True), [("Range", "bytes=400-"), ("If-Range", '"v1"')]),
        (Want(0, 500, V, N, part=True), [("Range", "bytes=0-499"), ("If-Match", '"v1"')]),
        (Want(400, None, V, N, part=True), [("Range", "bytes=400-"), ("If-Match", '"v1"')]),
        (Want(0, 500, DATE, N, part=True), [("Range", "bytes=0-499"), ("If-Unmodified-Since", DATE.value)]),
    ],
)
def test_the_question(want: Want, headers: list[tuple[str, str]]) -> None:
    """A plain GET first, for a digest, too; later one range, tied to the version by nothing weak."""
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
    assert ask.headers() == [WANT_DIGEST]


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
    assert again(judge(Ask.first(RESUME), reply(412))).headers() == [WANT_DIGEST]
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
    assert again(judge(ask, reply(304, 'ETag: "v2"'))).headers() == [WANT_DIGEST]
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


def test_a_coded_page() -> None:
    """Of a coded web page it is said that it is one: most of them are there to log in at."""
    error = refused(judge(Ask.first(Want()), whole("Content-Encoding: gzip", "Content-Type: text/html; charset=x")))
    assert "a web page, gzip-coded" in error.message
    assert "credentials" in (error.hint or "")
    assert "Content-Encoding" in (error.hint or "")


# -- whether ranges can be had -----------------------------------------------------------------------------------------
ANY_ORDER = Ask.first(Want(ranged=True))


def test_ranges_shown() -> None:
    """206 with all of it, and its length: ranges can be had."""
    take = took(judge(ANY_ORDER, part("bytes 0-999/1000", "Content-Length: 1000")))
    assert (take.probe.start, take.probe.size, take.probe.ranges, take.length) == (0, N, True, N)
    assert took(judge(ANY_ORDER, part("bytes 0-499/1000"))).length == 500


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (whole("Accept-Ranges: bytes"), WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT),
        (whole(size=None), WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT),
        (whole("Transfer-Encoding: chunked"), WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT),
        (part("bytes 0-999/*"), WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT),
    ],
)
def test_ranges_not_shown(answer: Reply, status: int) -> None:
    """200, whatever it offers, and a 206 without a total: it cannot be read in any order."""
    error = refused(judge(ANY_ORDER, answer))
    assert (type(error), error.status, error.http_status) == (BadAnswer, status, answer.status)
    assert "random_access" in (error.hint or "")


@pytest.mark.parametrize(
    "answer", [part("bytes 5-999/1000"), part(""), reply(416), reply(412), part("bytes 0-9/10", "Content-Encoding: br")]
)
def test_ranges_that_make_no_sense(answer: Reply) -> None:
    """A part that is none is followed by the plain question, and a 200 to that does not show ranges either."""
    error = refused(judge(again(judge(ANY_ORDER, answer)), whole()))
    assert error.status == WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT


def test_ranges_of_nothing() -> None:
    """Of an empty object every range can be had, however a server says that it is empty."""
    assert took(judge(ANY_ORDER, whole(size=0))).probe.size == 0
    assert took(judge(ANY_ORDER, reply(416, "Content-Range: bytes */0"))).probe.size == 0


def test_ranges_of_what_is_here() -> None:
    """Once a version is pinned its resume is judged as any other; and a version that still is here is no question."""
    resume = Ask.first(Want(start=400, pinned=V, size=N, ranged=True))
    assert not again(judge(resume, whole())).tied
    assert judge(Ask.first(Want(ranged=True, unless=V)), whole()) == Unchanged()


# -- what is said of the whole -----------------------------------------------------------------------------------------
DIGEST = "Repr-Digest: sha-256=:jjgY8bXnGyYMgFVGh3EZRDWhHX0p7Ls6UbwnDEMXZ8s=:"


@pytest.mark.parametrize(
    ("want", "answer", "believed"),
    [
        (Want(), whole(DIGEST), True),
        (Want(stop=500), whole(DIGEST), True),
        (Want(ranged=True), part("bytes 0-999/1000", DIGEST), True),
        (Want(ranged=True), part("bytes 0-499/1000", DIGEST), False),
        (RESUME, part("bytes 400-999/1000", DIGEST), False),
        (Want(0, 500, V, N, part=True), part("bytes 0-499/1000", DIGEST), False),
        (Want(start=N, pinned=V), reply(416, "Content-Range: bytes */1000", DIGEST), False),
        (Want(), reply(200, "Content-Encoding: gzip", "Content-Length: 5", DIGEST, path="/x.gz"), False),
    ],
)
def test_a_digest_is_believed_of_the_whole_only(want: Want, answer: Reply, believed: bool) -> None:
    """A digest counts where the body is all of the object, as it is: of a part, some servers tell the part's."""
    assert bool(took(judge(Ask.first(want), answer)).probe.claims) is believed


def test_name_and_date_are_passed_on() -> None:
    """What the server calls the file, made safe, and when it was made, are in the probe."""
    lines = ('Content-Disposition: attachment; filename="../a b.csv"', f"Last-Modified: {DATE.value}")
    probe = took(judge(Ask.first(Want()), whole(*lines))).probe
    assert (probe.name, probe.modified) == ("a b.csv", 1793613600.0)


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
    part=st.booleans(),
    ranged=st.booleans(),
)


def _contradicts(want: Want, answer: Reply, take: Take) -> str:
    """Give what in an answer contradicts the question, read from its fields by other means; "" where nothing does."""
    fields = dict(answer.headers)
    tag, span = fields.get("etag"), fields.get("content-range", "")
    if answer.status == 206:
        unit, _, numbers = span.partition(" ")
        first, last, total = (
            None if n in ("*", "") else int(n) for n in re.split("[-/]", numbers.replace("/-1", "/*"))
        )
        assert first is not None
        assert last is not None
        if unit.lower() != "bytes" or not first <= want.start <= last or span.endswith("-1"):
            return "another place"
        if total is not None and (total <= last or (want.size or total) != total):
            return "another total"
        if "content-length" in fields and int(fields["content-length"]) != last + 1 - first:
            return "two lengths"
        if take.length is None or take.length > last + 1 - first or (want.stop or last + 1) < first + take.length:
            return "more than was asked for"
        if want.pinned is not None and want.pinned.kind == "etag" and tag not in (None, '""', want.pinned.value):
            return "another version"
    if answer.status in (200, 206) and "content-encoding" in fields:
        return "coded"
    if want.part:
        if answer.status != 206 or take.probe.start != want.start or take.restarted:
            return "no part"
        if want.pinned is None or not want.pinned.strong or tag != want.pinned.value:
            return "a part of no version"
    if answer.status == 200 and not take.restarted and tag not in (None, '""') and want.pinned is not None:
        return "another version" if want.pinned.kind == "etag" and tag != want.pinned.value else ""
    return ""


@settings(max_examples=1000)
@given(
    want=_wants,
    status=st.sampled_from([200, 200, 206, 206, 206, 304, 412, 416, 500]),
    tag=_tags,
    span=_spans,
    length=st.sampled_from([None, 0, 600, 1000]),
    coding=st.sampled_from([None, None, "gzip"]),
)
def test_every_verdict_keeps_the_promises(
    want: Want, status: int, tag: str | None, span: str, length: int | None, coding: str | None
) -> None:
    """Whatever comes: no body is taken that contradicts the question, and asking comes to an end."""
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
        assert not _contradicts(want, answer, verdict)
        if verdict.restarted:
            assert verdict.probe.start == 0
        else:
            assert verdict.probe.start <= want.start
            if want.size is not None and verdict.probe.size is not None:
                assert verdict.probe.size == want.size
