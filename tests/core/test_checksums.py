"""Checksums as they are written, by people, by web pages, by tools."""

from __future__ import annotations

import base64
import hashlib
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core import checksums
from nbxfer.errors import InvalidRequest

DATA = b"the same bytes"
HEX = {name: hashlib.new(name, DATA).hexdigest() for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")}
SHA256 = f"sha256:{HEX['sha256']}"


def sri(name: str, data: bytes = DATA) -> str:
    """Give the integrity of ``data`` as a web page has it."""
    return f"{name}-{base64.b64encode(hashlib.new(name, data).digest()).decode()}"


@pytest.mark.parametrize(
    ("text", "checksum"),
    [
        (SHA256, SHA256),
        (SHA256.upper(), SHA256),
        (f"  {SHA256}\n", SHA256),
        (f"sha256={HEX['sha256']}", SHA256),
        (f"SHA-256:{HEX['sha256']}", SHA256),
        (f"sha_256:{HEX['sha256']}", SHA256),
        (f"SHA2-256={HEX['sha256']}", SHA256),
        *((digits, f"{name}:{digits}") for name, digits in HEX.items()),
        (f"sha3-256:{'ab' * 32}", f"sha3_256:{'ab' * 32}"),
        (f"BLAKE2b-512:{'ab' * 64}", f"blake2b:{'ab' * 64}"),
        (f"crc32c:{zlib.crc32(DATA):08x}", f"crc32c:{zlib.crc32(DATA):08x}"),
        (sri("sha256"), SHA256),
        (sri("sha256").rstrip("="), SHA256),
        (sri("sha256").replace("+", "-").replace("/", "_"), SHA256),
        (f"{sri('sha256')}?ct=application/x", SHA256),
        (f"{sri('sha256')} {sri('sha512')}\n {sri('sha384')}", f"sha512:{HEX['sha512']}"),
        (f"{sri('sha256')} {sri('sha256')}", SHA256),
        (f"{sri('sha256', b'other')} {sri('sha512')}", f"sha512:{HEX['sha512']}"),
    ],
)
def test_written(text: str, checksum: str) -> None:
    """Every common form is understood, and kept in one."""
    assert checksums.read(text) == checksum
    assert checksums.read(checksum) == checksum


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (5, "is of type int, not a text"),
        (None, "is of type NoneType"),
        (b"sha256:00", "is of type bytes"),
        ("", "names no algorithm"),
        ("crc99:00", "names no algorithm"),
        ("deadbeef", "names no algorithm"),
        (HEX["sha256"][:-1], "names no algorithm"),
        ("https://host/SHA256SUMS", "names no algorithm"),
        ("shake_128:00", "names no algorithm"),
        (f"sha-256=:{'A' * 43}=:", "names no algorithm"),
        ("sha256:12", "is no sha256"),
        ("sha256:", "is no sha256"),
        (f"sha256:{'g' * 64}", "is no sha256"),
        (f"sha256:{'²' * 64}", "is no sha256"),
        ("z" * 64, "is no sha256"),
        (f"md5:{HEX['sha256']}", "is no md5"),
        ("sha256-AAAA", "sha256-base64="),
        ("sha256-!!!", "names no algorithm"),
        ("sha999-AAAA", "sha256-base64="),
        (f"{sri('sha256')} and more", "sha256-base64="),
        (f"{sri('sha256')} {sri('sha256', b'other')}", "two sha256 checksums that differ"),
        ("x" * 5000, "names no algorithm"),
    ],
)
def test_not_understood(text: object, why: str) -> None:
    """What cannot be understood is refused, in a sentence of bounded length that says what to write."""
    with pytest.raises(InvalidRequest) as caught:
        checksums.read(text)
    assert why in caught.value.message
    assert caught.value.hint
    assert len(str(caught.value)) < 400


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Whatever is written, it is a checksum of the right length or it is refused."""
    try:
        algorithm, digits = checksums.read(text).split(":")
    except InvalidRequest:
        return
    assert len(bytes.fromhex(digits)) == checksums.SIZES[algorithm]


def test_strength() -> None:
    """A longer digest proves more, and one that was made for it proves more than a CRC."""
    order = [f"{name}:00" for name in ("crc32", "crc32c", "md5", "sha1", "sha256", "sha384", "sha512")]
    assert sorted(order, key=checksums.strength) == order


def test_lengths_are_true() -> None:
    """Each algorithm's length is what the standard library makes of it."""
    for name, size in checksums.SIZES.items():
        assert size == (4 if name.startswith("crc") else hashlib.new(name).digest_size)


@pytest.mark.parametrize(
    ("text", "checksum"),
    [("n03x6A==", "crc32c:9f4df1e8"), ("n03x6A", None), ("n03x6A==\n", None), ("é", None), ("", None), ("AAAA", None)],
)
def test_base64(text: str, checksum: str | None) -> None:
    """Base64 is read strictly, and only where it has the right length."""
    assert checksums.from_base64("crc32c", text) == checksum


def test_hexadecimal() -> None:
    """Digits alone say their algorithm by their number, where any has that many."""
    assert checksums.from_bare_hex(HEX["md5"].upper()) == f"md5:{HEX['md5']}"
    assert checksums.from_bare_hex("ab") is None
    assert checksums.from_bare_hex("x" * 64) is None
    assert checksums.from_hex("md5", "") is None
