"""What servers say that a file adds up to: who is believed, in which order, and what is no claim at all."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.checksums import SIZES
from nbxfer.sources.digests import claims

DATA = b"hello world\n"


def b64(name: str, data: bytes = DATA) -> str:
    """Give a digest in base64."""
    digest = zlib.crc32(data).to_bytes(4) if name.startswith("crc") else hashlib.new(name, data).digest()
    return base64.b64encode(digest).decode()


def hexed(name: str, data: bytes = DATA) -> str:
    """Give a digest as claims have it."""
    return f"{name}:{base64.b64decode(b64(name, data)).hex()}"


def said(*lines: str) -> list[tuple[str, str]]:
    """Give the claims of a head whose lines are "name: value"."""
    pairs = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines)]
    return [(claim.by, claim.checksum) for claim in claims(pairs)]


SERVER, STORE = "server digest", "store checksum"
FULL = "x-amz-checksum-type: FULL_OBJECT"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        ([f"Repr-Digest: sha-256=:{b64('sha256')}:"], [(SERVER, "sha256")]),
        ([f"Repr-Digest: sha-512=:{b64('sha512')}:, sha-256=:{b64('sha256')}:;q=1"],
         [(SERVER, "sha256"), (SERVER, "sha512")]),
        ([f"Repr-Digest: sha-512=:{b64('sha512')}:", f"Repr-Digest: md5=:{b64('md5')}:, unixsum=:AAA=:"],
         [(SERVER, "sha512")]),
        ([f"x-goog-hash: crc32c={b64('crc32c')},md5={b64('md5')}"], [(STORE, "crc32c"), (STORE, "md5")]),
        ([f"x-goog-hash: crc32c={b64('crc32c')}", f"x-goog-hash: md5={b64('md5')}"],
         [(STORE, "crc32c"), (STORE, "md5")]),
        ([f"x-goog-hash: crc32c={b64('crc32c')}", "x-goog-stored-content-encoding: identity"], [(STORE, "crc32c")]),
        ([FULL, f"x-amz-checksum-crc32: {b64('crc32')}", f"x-amz-checksum-sha256: {b64('sha256')}"],
         [(STORE, "sha256"), (STORE, "crc32")]),
        ([FULL, f"x-amz-checksum-sha1: {b64('sha1')}", f"x-amz-checksum-crc32c: {b64('crc32c')}"],
         [(STORE, "sha1"), (STORE, "crc32c")]),
        ([f"x-ms-blob-content-md5: {b64('md5')}"], [(STORE, "md5")]),
        ([f"Content-MD5: {b64('md5')}"], [(SERVER, "md5")]),
        ([f"Digest: SHA-256={b64('sha256')},md5={b64('md5')}"], [(SERVER, "sha256")]),
        ([f"Content-MD5: {b64('md5')}", f"x-goog-hash: md5={b64('md5')}", f"Repr-Digest: sha-256=:{b64('sha256')}:"],
         [(SERVER, "sha256"), (STORE, "md5")]),
    ],
)  # fmt: skip
def test_claims(lines: list[str], expected: list[tuple[str, str]]) -> None:
    """Each field is read by its own rules; the most trusted goes first, and nothing is said twice."""
    assert said(*lines) == [(by, hexed(name)) for by, name in expected]


@pytest.mark.parametrize(
    "line",
    [
        f"Repr-Digest: sha-256={b64('sha256')}",
        f"Repr-Digest: sha-256=:{b64('sha256')}",
        f"Repr-Digest: sha-256=:{b64('md5')}:",
        f"Repr-Digest: SHA-256=:{b64('sha256')}:",
        f"Repr-Digest: sha-256=(:{b64('sha256')}:)",
        "Repr-Digest: sha-256=1, sha-512=tok, x",
        "Repr-Digest: sha-256=:é:",
        f"Content-Digest: sha-256=:{b64('sha256')}:",
        f"x-goog-hash: crc32c={b64('md5')},md5={b64('crc32c')}",
        f"x-goog-hash: md5={b64('md5')},md5={b64('md5', b'other')}",
        "x-goog-hash: crc32c,,=,md5",
        f"x-amz-checksum-sha256: {b64('sha256')}",
        f"Content-MD5: {b64('md5')}, {b64('md5')}",
        f"Content-MD5: {hashlib.md5(DATA).hexdigest()}",
        f"Digest: sha-256={hashlib.sha256(DATA).hexdigest()}",
        'ETag: "6f5902ac237024bdd0c176cb93063dc4"',
        'ETag: "6f5902ac237024bdd0c176cb93063dc4-3"',
    ],
)
def test_no_claim(line: str) -> None:
    """What is malformed, of another length, said in two ways, or never was a digest of the whole, is no claim."""
    assert said(line) == []


def test_a_composite_is_no_claim() -> None:
    """A checksum of the checksums of parts says nothing about the whole, whatever the type beside it says."""
    assert said("x-amz-checksum-type: COMPOSITE", f"x-amz-checksum-sha256: {b64('sha256')}-3") == []
    assert said(FULL, f"x-amz-checksum-sha256: {b64('sha256')}-3") == []
    assert said("x-amz-checksum-type: COMPOSITE", f"x-amz-checksum-sha256: {b64('sha256')}") == []


def test_a_coded_answer_claims_nothing() -> None:
    """Of a coded answer nobody knows whether the coded bytes are meant, or the others."""
    lines = [f"Repr-Digest: sha-256=:{b64('sha256')}:", f"x-goog-hash: md5={b64('md5')}"]
    assert said("Content-Encoding: gzip", *lines) == []
    assert len(said("Content-Encoding: identity", *lines)) == 2
    assert said("x-goog-stored-content-encoding: gzip", *lines) == [(SERVER, hexed("sha256"))]


_names = st.sampled_from(
    ["repr-digest", "x-goog-hash", "x-amz-checksum-sha256", "x-ms-blob-content-md5", "digest", "content-md5"]
)
_values = st.one_of(
    st.text(st.characters(max_codepoint=0xFF), max_size=80),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["sha-256=:", "sha-256=", "md5=", "crc32c=", "sha-512=:", ""]),
        st.sampled_from([b64("sha256"), b64("sha512"), b64("md5"), b64("crc32c"), "====", "AAAA"]),
        st.sampled_from([":", "", ",", ";x=", "-3", "="]),
        st.sampled_from(["", "sha-512=:AA==:", "md5=", "\x00"]),
    ),
)


@given(st.lists(st.tuples(_names, _values), max_size=4))
def test_nothing_in_a_field_is_too_strange(pairs: list[tuple[str, str]]) -> None:
    """Whatever stands in these fields, a claim has an algorithm that is known and digits of its length."""
    for claim in claims([*pairs, ("x-amz-checksum-type", "FULL_OBJECT")]):
        algorithm, digits = claim.checksum.split(":")
        assert len(bytes.fromhex(digits)) == SIZES[algorithm]
        assert claim.by in (SERVER, STORE)
