"""What the fields of an answer say, and what they cannot make us believe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.policy import RETRY_AFTER_CAP
from nbxfer.core.probe import Validator
from nbxfer.sources import metadata
from nbxfer.wire.headers import kept

DATE = "Mon, 02 Nov 2026 10:00:00 GMT"
NOW = 1793613600.0  # the same, in Unix time


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([("etag", '"a"')], Validator("etag", '"a"')),
        ([("etag", 'W/"a"')], Validator("etag", 'W/"a"', strong=False)),
        ([("etag", "a")], Validator("etag", "a", strong=False)),
        ([("etag", '"a b"')], Validator("etag", '"a b"', strong=False)),
        ([("etag", '"a"'), ("etag", '"b"')], Validator("etag", '"a", "b"', strong=False)),
        ([("etag", '""')], None),
        ([("etag", 'W/"a"'), ("last-modified", DATE)], Validator("etag", 'W/"a"', strong=False)),
        ([("last-modified", DATE)], Validator("modified", DATE, strong=False)),
        ([("last-modified", DATE), ("date", DATE)], Validator("modified", DATE, strong=False)),
        ([("last-modified", DATE), ("date", "Mon, 02 Nov 2026 10:00:01 GMT")], Validator("modified", DATE)),
        ([("last-modified", DATE), ("date", "Mon, 02 Nov 2026 09:00:00 GMT")], Validator("modified", DATE, False)),
        ([("last-modified", "yesterday")], None),
        ([], None),
    ],
)
def test_validators(headers: list[tuple[str, str]], expected: Validator | None) -> None:
    """A strong tag, else a tag that only tells apart, else a date that is a second old (RFC 9110 §8.8)."""
    assert metadata.validator(headers) == expected


@pytest.mark.parametrize(
    ("value", "more", "expected"),
    [
        ("7", [], 7.0),
        ("0", [], 0.0),
        ("  7 ", [], 7.0),
        ("99999999", [], RETRY_AFTER_CAP),
        ("Mon, 02 Nov 2026 10:01:00 GMT", [], 60.0),
        ("Mon, 02 Nov 2026 10:01:00 GMT", [("date", "Mon, 02 Nov 2026 10:00:50 GMT")], 10.0),
        ("Mon, 02 Nov 2026 09:00:00 GMT", [], 0.0),
        ("Mon, 02 Nov 2036 09:00:00 GMT", [], RETRY_AFTER_CAP),
        ("Monday, 02-Nov-26 10:01:00 GMT", [], 60.0),
        ("Mon Nov  2 10:01:00 2026", [], 60.0),
        ("-5", [], None),
        ("soon", [], None),
        ("", [], None),
        ("1e3", [], None),
    ],
)
def test_retry_after(value: str, more: list[tuple[str, str]], expected: float | None) -> None:
    """Seconds or a date, by the server's own clock where it shows one; capped; nonsense is no wish."""
    assert metadata.retry_after([("retry-after", value), *more], NOW) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (DATE, NOW),
        ("Monday, 02-Nov-26 10:00:00 GMT", NOW),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Mon, 02 Nov 1908 10:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_modified(value: str, expected: float | None) -> None:
    """When the file was made is a time after 1970, or it is not known."""
    assert metadata.modified([("last-modified", value)]) == expected
    assert metadata.modified([]) is None


def test_what_is_kept() -> None:
    """Of the headers only an allow-list is kept: a cookie is a secret, and so may be what nobody knows."""
    pairs = [
        ("etag", '"a"'),
        ("set-cookie", "s=1"),
        ("x-amz-security-token", "t"),
        ("location", "/?k=v"),
        ("server", "x"),
    ]
    assert kept(pairs) == (("etag", '"a"'), ("server", "x"))
    assert kept([("server", "x" * 5000)]) == (("server", "x" * 1000),)
    assert len(kept([("server", "x")] * 1000)) == 64


_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=60)
_dates = st.builds(
    "{}{}{}".format,
    _text,
    st.sampled_from([DATE, "Mon, 99 Nov 99999 99:99:99 +9999", "01 Jan 0001 00:00:00 -2400"]),
    _text,
)


@given(text=_text | _dates)
def test_nothing_in_a_field_is_too_strange(text: str) -> None:
    """Any text may stand in any field: it says something in bounds, or nothing."""
    pairs = [(n, text) for n in ("etag", "last-modified", "date", "retry-after", "content-range", "content-encoding")]
    metadata.validator(pairs[1:])
    metadata.validator(pairs)
    metadata.coding(pairs, "/x.gz")
    metadata.modified(pairs)
    metadata.unsatisfied(pairs)
    span = metadata.content_range(pairs)
    assert span is None or 0 <= span.start < span.stop
    wait = metadata.retry_after(pairs, NOW)
    assert wait is None or 0 <= wait <= RETRY_AFTER_CAP
