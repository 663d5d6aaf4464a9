"""Every form in which people and servers write a checksum down, and the one in which it is kept: "sha256:hex"."""

from __future__ import annotations

import base64
import re
from typing import Final

from nbxfer.errors import InvalidRequest

#: The algorithms that a file can be held against, with their length in bytes; the strongest last.
SIZES: Final = {
    "crc32": 4,
    "crc32c": 4,
    "md5": 16,
    "sha1": 20,
    "sha224": 28,
    "sha3_224": 28,
    "blake2s": 32,
    "sha3_256": 32,
    "sha256": 32,
    "sha3_384": 48,
    "sha384": 48,
    "sha3_512": 64,
    "blake2b": 64,
    "sha512": 64,
}
_STRENGTH: Final = {name: rank for rank, name in enumerate(SIZES)}
#: Algorithms by their length in hexadecimal digits, for those given without a name.
_BY_LENGTH: Final = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
#: "SHA-256", "SHA2-256" (OpenSSL), "sha3_256" and "BLAKE2b-512" are names, too.
_BY_NAME: Final = {
    **{name.replace("_", ""): name for name in SIZES},
    **{f"sha2{bits}": f"sha{bits}" for bits in (224, 256, 384, 512)},
    "blake2b512": "blake2b",
    "blake2s256": "blake2s",
}

_WRITTEN: Final = re.compile(r"(?:([\w/-]+)[:=])?([^:=]*)", re.ASCII)
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_SRI: Final = re.compile(r"([A-Za-z0-9]+)-([A-Za-z0-9+/_-]+={0,2})(?:\?\S*)?")  # W3C Subresource Integrity §3.5

_EXAMPLE: Final = "Give one like 'sha256:9f86d081…' in hexadecimal digits."


def read(text: object) -> str:
    """Give a checksum that a person wrote as "algorithm:hex", in lower case.

    Understood are "sha256:hex" and "sha256=hex", bare digits (the algorithm follows from their number: 64 are a
    sha256), and the integrity of web pages, "sha256-base64=", of which several may be given: the strongest counts.
    Raises InvalidRequest for anything else.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"checksum is of type {type(text).__name__}, not a text.", hint=_EXAMPLE)
    marks = [_SRI.fullmatch(word) for word in text.split()]
    if any(marks):
        return strongest([_integrity(mark, text) for mark in marks], f"checksum={_shown(text)}")
    match = _WRITTEN.fullmatch(text.strip())
    name, digits = match.groups() if match else ("?", "")
    algorithm = algorithm_named(name) if name is not None else _BY_LENGTH.get(len(digits))
    if algorithm is None:
        raise InvalidRequest(f"checksum={_shown(text)} names no algorithm that is known here.", hint=_EXAMPLE)
    if (checksum := from_hex(algorithm, digits)) is None:
        raise InvalidRequest(f"checksum={_shown(text)} is no {algorithm} in hexadecimal digits.", hint=_EXAMPLE)
    return checksum


def _integrity(mark: re.Match[str] | None, text: str) -> str:
    checksum = None
    if mark is not None and (algorithm := algorithm_named(mark[1])) is not None:
        plain = mark[2].replace("-", "+").replace("_", "/")
        checksum = from_base64(algorithm, plain + "=" * (-len(plain) % 4))
    if checksum is None:
        raise InvalidRequest(f"checksum={_shown(text)} is not all of it like 'sha256-base64='.", hint=_EXAMPLE)
    return checksum


def strongest(checksums: list[str], what: str) -> str:
    """Give that of the strongest algorithm; raise InvalidRequest, of ``what``, where there are two of it that differ.

    ``checksums`` are "algorithm:hex", at least one.
    """
    best = max(checksums, key=strength)
    if any(strength(other) == strength(best) and other != best for other in checksums):
        raise InvalidRequest(f"{what} has two {best.partition(':')[0]} checksums that differ.", hint="Give one.")
    return best


def strength(checksum: str) -> int:
    """Give a rank: of two checksums ("algorithm:hex") the greater one proves more."""
    return _STRENGTH[checksum.partition(":")[0]]


def algorithm_named(name: str) -> str | None:
    """Give our name of an algorithm ("sha256" for "SHA-256"); None for one that is not known here."""
    return _BY_NAME.get(re.sub(r"[-_/]", "", name.lower()))


def from_hex(algorithm: str, digits: str) -> str | None:
    """Give "algorithm:hex" of hexadecimal digits; None where there are too few, too many, or others."""
    right = _HEX.fullmatch(digits) and len(digits) == 2 * SIZES[algorithm]
    return f"{algorithm}:{digits.lower()}" if right else None


def from_bare_hex(digits: str) -> str | None:
    """Give "algorithm:hex" of digits whose number says the algorithm; None where it does not."""
    algorithm = _BY_LENGTH.get(len(digits))
    return None if algorithm is None else from_hex(algorithm, digits)


def from_base64(algorithm: str, text: str) -> str | None:
    """Give "algorithm:hex" of strict base64 (RFC 4648 §4); None where it is none, or of another length."""
    try:
        return from_bytes(algorithm, base64.b64decode(text, validate=True))
    except ValueError:
        return None


def from_bytes(algorithm: str, digest: bytes) -> str | None:
    """Give "algorithm:hex" of a digest; None where it is of another length."""
    return f"{algorithm}:{digest.hex()}" if len(digest) == SIZES[algorithm] else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= 160 else text[:159] + "…")
