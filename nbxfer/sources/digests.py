"""What servers say that the whole object adds up to, in the fields of an answer that has all of it.

A claim that cannot be read is none. None is made of an entity tag: a store's is no MD5 once a file came in several
parts. CRC-64/NVME (S3's default) is left out: nothing here can compute it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nbxfer.core import checksums
from nbxfer.core.probe import Claim
from nbxfer.sources.metadata import Headers, field

SERVER: Final = "server digest"
STORE: Final = "store checksum"

#: Those of RFC 9530 that withstand an attacker, the fastest first; the others are ignored.
_REPR: Final = ("sha-256", "sha-512")
_AMAZON: Final = ("sha256", "sha1", "crc32c", "crc32")
#: The fields that may have one.
_TELLING: Final = frozenset(
    "repr-digest x-goog-hash x-amz-checksum-type x-ms-blob-content-md5 digest content-md5".split()
)


def claims(headers: Headers) -> tuple[Claim, ...]:
    """Give what the server claims of the whole object, the most trusted first; nothing of a coded answer.

    Only for an answer whose body is all of the object: of a part, some of these fields are the part's own.
    """
    if not _TELLING.intersection(name for name, _ in headers):
        return ()
    coding = (field(headers, "content-encoding") or "identity").strip().lower()
    if coding != "identity":
        return ()
    found = [*_repr_digest(headers), *_google(headers), *_amazon(headers), *_azure(headers), *_older(headers)]
    return tuple({claim.checksum: claim for claim in reversed(found)}.values())[::-1]


def _repr_digest(headers: Headers) -> Iterator[Claim]:
    """Repr-Digest (RFC 9530 §3), a dictionary of byte sequences (RFC 9651 §3.2)."""
    if (value := field(headers, "repr-digest")) is None:
        return
    import http_sf  # when it is needed: a mover never does

    try:
        said = http_sf.parse(value.encode("latin-1"), tltype="dictionary")
    except (http_sf.StructuredFieldError, ValueError):
        return
    assert isinstance(said, dict)
    for name in _REPR:
        item = said.get(name)
        digest = item[0] if isinstance(item, tuple) else None
        if isinstance(digest, bytes):
            yield from _claim(SERVER, checksums.from_bytes(name.replace("-", ""), digest))


def _google(headers: Headers) -> Iterator[Claim]:
    """x-goog-hash: "crc32c=…,md5=…" of the object as it is stored, which is not as it is served when it is unpacked."""
    stored = (field(headers, "x-goog-stored-content-encoding") or "identity").strip().lower()
    if stored == "identity":
        said = _pairs(field(headers, "x-goog-hash"))
        for name in ("crc32c", "md5"):  # the CRC costs nothing: it is put together from those of the blocks
            yield from _claim(STORE, checksums.from_base64(name, said.get(name, "")))


def _amazon(headers: Headers) -> Iterator[Claim]:
    """x-amz-checksum-*: of the object only where the type says so; "…-3" adds up the checksums of three parts."""
    if (field(headers, "x-amz-checksum-type") or "").strip().upper() == "FULL_OBJECT":
        for name in _AMAZON:
            yield from _claim(STORE, checksums.from_base64(name, (field(headers, f"x-amz-checksum-{name}") or "")))


def _azure(headers: Headers) -> Iterator[Claim]:
    yield from _claim(STORE, checksums.from_base64("md5", field(headers, "x-ms-blob-content-md5") or ""))


def _older(headers: Headers) -> Iterator[Claim]:
    """Digest (RFC 3230 §4.3.2) and Content-MD5 (RFC 1864)."""
    said = _pairs(field(headers, "digest"))
    for name in _REPR:
        yield from _claim(SERVER, checksums.from_base64(name.replace("-", ""), said.get(name, "")))
    yield from _claim(SERVER, checksums.from_base64("md5", field(headers, "content-md5") or ""))


def _pairs(value: str | None) -> dict[str, str]:
    """Give "name=value" pairs by their names in lower case; a name with two values has none that could be trusted."""
    found: dict[str, str] = {}
    for pair in (value or "").split(","):
        name, _, said = pair.strip().partition("=")
        name = name.lower()
        found[name] = said if found.get(name, said) == said else ""
    return found


def _claim(by: str, checksum: str | None) -> Iterator[Claim]:
    if checksum is not None:
        yield Claim(by, checksum)
