"""What S3 makes of an object: parts of a size, tags that are MD5s, and what its client is told by us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from nbxfer.core.probe import Validator
from nbxfer.errors import ChecksumMismatch
from nbxfer.sinks.objects import MARK
from nbxfer.wire.storage import Storage

#: What S3 takes at most.
PARTS: Final = 10_000
LARGEST: Final = 5 * 1024**4
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


#: What is said of an object beside its bytes, and goes with a copy of it.
_TRAITS: Final = "CacheControl ContentDisposition ContentEncoding ContentLanguage ContentType Expires Metadata".split()


def traits(head: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a copy is told of the object whose head this is; not what we said of it."""
    told = {name: head[name] for name in _TRAITS if head.get(name)}
    if "Metadata" in told:
        told["Metadata"] = {name: value for name, value in told["Metadata"].items() if name.lower() != MARK}
    return told


def bound(pinned: Validator | None) -> dict[str, str]:
    """Give the condition under which a version is copied, where its tag tells versions apart."""
    tied = pinned is not None and pinned.kind == "etag" and pinned.strong
    return {"CopySourceIfMatch": pinned.value} if tied and pinned is not None else {}
