"""What the fields of an answer say: validators, ranges, lengths, when to come back. Pure functions over pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

import msgspec

from nbxfer.core.policy import RETRY_AFTER_CAP
from nbxfer.core.probe import Validator

#: Header pairs with lower-case names, as the wire gives them.
Headers = Sequence[tuple[str, str]]

_ETAG: Final = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]+"')  # RFC 9110 §8.8.3; an empty one tells nothing apart
_CONTENT_RANGE: Final = re.compile(r"bytes +(\d{1,19})-(\d{1,19})/(\d{1,19}|\*)", re.IGNORECASE)  # §14.4
_UNSATISFIED: Final = re.compile(r"bytes +\*/(\d{1,19})", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\d{1,12}")
#: A coding that the name of the file announces: there the encoded bytes are the file (RFC 9110 §8.4).
_CODED_NAMES: Final = {"gzip": (".gz", ".tgz"), "x-gzip": (".gz", ".tgz"), "br": (".br",), "zstd": (".zst",)}


class ContentRange(msgspec.Struct, frozen=True):
    """What a 206 says it holds: bytes ``start`` to ``stop`` (exclusive) of ``total`` (None: not said)."""

    start: int
    stop: int
    total: int | None


def field(headers: Headers, name: str) -> str | None:
    """Give the value of a field, with repeated lines joined (RFC 9110 §5.2); None where there is none."""
    values = [value for key, value in headers if key == name]
    return ", ".join(values) if values else None


def length(headers: Headers) -> int | None:
    """Give Content-Length; the wire has made sure that there is one value at most."""
    value = field(headers, "content-length")
    return int(value) if value is not None and field(headers, "transfer-encoding") is None else None


def validator(headers: Headers) -> Validator | None:
    """Give what tells this version from others (RFC 9110 §8.8).

    An entity tag, strong unless it says otherwise or is malformed; a date only where there is no tag, strong only
    when the answer was made at least a second later, by the same clock (§8.8.2.2).
    """
    tag = field(headers, "etag")
    if tag is not None and tag != '""':
        match = _ETAG.fullmatch(tag)
        return Validator("etag", tag, strong=match is not None and not match[1])
    modified = field(headers, "last-modified")
    if modified is None or (when := http_date(modified)) is None:
        return None
    made = http_date(field(headers, "date") or "")
    return Validator("modified", modified, strong=made is not None and (made - when).total_seconds() >= 1)


def modified(headers: Headers) -> float | None:
    """Give when this version was made (Unix time), as Last-Modified says; what is no later than 1970 says nothing."""
    when = http_date(field(headers, "last-modified") or "")
    return when.timestamp() if when is not None and when.timestamp() > 0 else None


def content_range(headers: Headers) -> ContentRange | None:
    """Give what Content-Range of a 206 says; None where that makes no sense (RFC 9110 §14.4)."""
    match = _CONTENT_RANGE.fullmatch(field(headers, "content-range") or "")
    if not match:
        return None
    first, last, total = int(match[1]), int(match[2]), None if match[3] == "*" else int(match[3])
    if last < first or (total is not None and total <= last):
        return None
    return ContentRange(first, last + 1, total)


def unsatisfied(headers: Headers) -> int | None:
    """Give the whole length that a 416 tells (RFC 9110 §15.5.17)."""
    match = _UNSATISFIED.fullmatch(field(headers, "content-range") or "")
    return int(match[1]) if match else None


def coding(headers: Headers, path: str) -> str | None:
    """Give the content coding that stands between this body and the file's own bytes; None when there is none.

    We always ask for the bytes as they are. A server that sends ``x.tar.gz`` as "gzip-coded" means the same.
    """
    words = (w.strip().lower() for w in (field(headers, "content-encoding") or "").split(","))
    named = [w for w in words if w not in ("", "identity")]
    if len(named) == 1 and path.lower().endswith(_CODED_NAMES.get(named[0], ())):
        return None
    return ", ".join(named) or None


def retry_after(headers: Headers, now: float) -> float | None:
    """Give the seconds that the server asks to wait (RFC 9110 §10.2.3), at most six hours.

    ``now`` is Unix time, for a date in an answer that has no Date of its own; the server's own clock goes first.
    """
    value = (field(headers, "retry-after") or "").strip()
    if _SECONDS.fullmatch(value):
        return min(float(value), RETRY_AFTER_CAP)
    if (when := http_date(value)) is None:
        return None
    made = http_date(field(headers, "date") or "")
    wait = when.timestamp() - (made.timestamp() if made is not None else now)
    return min(max(wait, 0.0), RETRY_AFTER_CAP)


@lru_cache(maxsize=256)  # many answers say the same ones
def http_date(text: str) -> datetime | None:
    """Give the time that a date field says, with its zone; None where it says none (RFC 9110 §5.6.7)."""
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # it takes as long to import as all the rest of this room

    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError, IndexError):  # what it raises depends on how wrong the text is
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
