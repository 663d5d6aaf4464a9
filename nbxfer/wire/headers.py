"""Headers that a person may add to a request: read, checked, and sorted by whether they may be stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from nbxfer.core.url import STORABLE_HEADERS
from nbxfer.errors import InvalidRequest

#: What a person may write: a mapping, pairs (names may repeat), or lines "Name: value".
HeadersLike = Mapping[str, str] | Iterable[tuple[str, str] | str] | None

#: What is kept of an answer's headers; everything else may be a secret (Set-Cookie and what people invent).
KEPT: Final = frozenset(
    "accept-ranges age cache-control content-disposition content-encoding content-language content-length "
    "content-md5 content-range content-type date digest etag expires last-modified repr-digest retry-after server vary "
    "x-amz-checksum-crc32 x-amz-checksum-crc32c x-amz-checksum-crc64nvme x-amz-checksum-sha1 "
    "x-amz-checksum-sha256 x-amz-checksum-type x-amz-version-id x-goog-generation x-goog-hash "
    "x-goog-stored-content-encoding x-goog-stored-content-length x-ms-blob-content-md5".split()
)
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|")  # RFC 9110 §5.5, without obs-text

_RANGES: Final = "nbxfer asks for ranges itself, so that it can prove which bytes belong together."
_FRAMING: Final = "It says how the message itself is sent, and is never a person's to choose."
#: Headers that are ours alone, each with the reason.
FORBIDDEN: Final = {
    **dict.fromkeys("range if-range if-match if-unmodified-since".split(), _RANGES),
    **dict.fromkeys(
        "if-none-match if-modified-since".split(), "nbxfer asks by itself whether a file it has is still the newest."
    ),
    "accept-encoding": "Ranges count encoded bytes, so nbxfer always asks for the bytes as they are.",
    "host": "It follows from the URL, and credentials are bound to it.",
    "proxy-authorization": "It would go to the server, not to the proxy.",
    **dict.fromkeys(
        "content-length transfer-encoding te trailer connection keep-alive proxy-connection upgrade expect".split(),
        _FRAMING,
    ),
}


def parse_headers(headers: HeadersLike) -> tuple[tuple[str, str], ...]:
    """Give the headers as (name, value) pairs, in their order; raise InvalidRequest where one may not be sent.

    The sentence names the header, never its value.
    """
    if headers is None:
        return ()
    items = headers.items() if isinstance(headers, Mapping) else headers
    hint = "Give a mapping, like headers={'Accept': '*/*'}."
    if isinstance(headers, str):
        raise InvalidRequest("The headers are one string.", hint=hint)
    if not isinstance(items, Iterable):
        raise InvalidRequest("headers= is neither a mapping nor pairs.", hint=hint)
    return tuple(_checked(*_pair(item)) for item in items)


def _pair(item: object) -> tuple[object, object]:
    if isinstance(item, str):
        name, colon, value = item.partition(":")
        if not colon:
            raise InvalidRequest("A header has no colon in it.", hint="Write it as 'Name: value'.")
        return name, value
    if not isinstance(item, Sequence) or isinstance(item, bytes) or len(item) != 2:
        raise InvalidRequest("A header is no pair of a name and a value.", hint="Give ('Name', 'value').")
    name, value = item
    return name, value


def _checked(name: object, value: object) -> tuple[str, str]:
    if not isinstance(name, str) or not _TOKEN.fullmatch(name):
        raise InvalidRequest("A header's name has a character that may not be in one.", hint="Use letters and hyphens.")
    if not isinstance(value, str) or not _VALUE.fullmatch(value.strip(" \t")):
        raise InvalidRequest(
            f"The value of the header {name} is not one line of printable ASCII text.",
            hint="Remove line breaks, and encode other characters as the server wants them.",
        )
    if (why := FORBIDDEN.get(name.lower())) is not None:
        raise InvalidRequest(f"The header {name} cannot be set.", hint=why)
    return name, value.strip(" \t")


def split_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Give the pairs that may be stored, and the names of the others as Spec.needs has them ("header X-Api-Key").

    Only an allow-list is stored (core.url.STORABLE_HEADERS): what a foreign header carries, nobody can know.
    """
    pairs = tuple(headers)
    stored = tuple((name, value) for name, value in pairs if name.lower() in STORABLE_HEADERS)
    needs = dict.fromkeys(f"header {name}" for name, _ in pairs if name.lower() not in STORABLE_HEADERS)
    return stored, tuple(needs)


def kept(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Give those headers that may be stored and shown, each value of bounded length."""
    return tuple((name, value[:1000]) for name, value in headers if name in KEPT)[:64]
