"""What S3 makes of an object: parts of a size, tags that are MD5s, and what its client is told by us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nbxfer.errors import ChecksumMismatch, InvalidRequest
from nbxfer.sinks.far import PIECE
from nbxfer.wire.storage import Storage

#: What S3 takes at most.
PARTS: Final = 10_000
LARGEST: Final = 5 * 1024**4
#: Bytes; part sizes of large objects are whole numbers of these.
STEP: Final = 1024 * 1024
#: Of an object whose size nobody knows: 16 MiB parts make up to 156 GiB.
UNKNOWN: Final = 16 * 1024 * 1024
MD5: Final = re.compile(r'"?([0-9a-f]{32})(-[0-9]+)?"?')
_CONFIG: Final = {
    "request_checksum_calculation": "when_required",
    "response_checksum_validation": "when_required",
    "retries": {"total_max_attempts": 1},
    "max_pool_connections": 32,
}


def ours(storage: Storage | None) -> Storage | None:
    """Give the options with those of the client that we want where a person does not say otherwise.

    We send our own checksums, and try again by ourselves: two who do so wait for each other.
    """
    if storage is not None and storage.filesystem is not None:
        return storage
    given = dict(storage.options) if storage is not None else {}
    told = given.get("config_kwargs")
    given["config_kwargs"] = {**_CONFIG, **(told if isinstance(told, Mapping) else {})}
    return Storage(given)


def unit_of(size: int | None, where: str) -> int:
    """Give the bytes of a part. Raises InvalidRequest for what S3 does not take."""
    if size is None:
        return UNKNOWN
    if size > LARGEST:
        raise InvalidRequest(
            f"{size} bytes are more than an object may have ({LARGEST}, 5 TiB), so {where} cannot take them.",
            hint="Send it in several files.",
        )
    least = -(-size // PARTS)
    return max(PIECE, -(-least // STEP) * STEP)


def span(number: int, unit: int, size: int | None) -> tuple[int, int]:
    """Give where part ``number`` (from 1) begins and ends (exclusive)."""
    start = (number - 1) * unit
    return start, start + unit if size is None else max(start, min(start + unit, size))


def spans(tags: dict[int, str], unit: int, size: int | None) -> list[tuple[int, int]]:
    """Give where the parts with a tag begin and end."""
    spans = (span(number, unit, size) for number in tags)
    return [(start, stop) for start, stop in spans if start < stop]


def version(answer: dict[str, Any]) -> str:
    """Give what the store calls the object: its version, where it keeps several, else its tag."""
    version = str(answer.get("VersionId") or "")
    return version if version not in ("", "null") else str(answer.get("ETag", ""))


def compare(tag: str, wanted: str, answer: dict[str, Any], where: str) -> None:
    """Hold the store's tag against ours, where it is an MD5 at all."""
    found = MD5.fullmatch(tag)
    secret = (
        answer.get("SSEKMSKeyId")
        or answer.get("SSECustomerAlgorithm")
        or answer.get("ServerSideEncryption") == "aws:kms"
    )
    if found is not None and not secret and f"{found[1]}{found[2] or ''}" != wanted:
        raise ChecksumMismatch(
            f"{where} has other bytes than were sent.", hint="Try again; if it stays so, ask the store."
        )
