"""What a file adds up to, by every algorithm, and from its blocks alone."""

from __future__ import annotations

import hashlib
import random
import zlib

import crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core import crc
from nbxfer.core.checksums import SIZES
from nbxfer.core.ranges import BLOCK
from nbxfer.engine import digests
from nbxfer.manifest.base import Row

DATA = random.Random(3).randbytes(100_000)


@pytest.mark.parametrize("algorithm", sorted(SIZES))
def test_every_algorithm_that_can_be_written_can_be_made(algorithm: str) -> None:
    """What a checksum may be given by, a file can be held against; each result has the length it should have."""
    assert digests.known(algorithm)
    made = digests.begin(algorithm)
    made.update(DATA[:33_333])
    made.update(memoryview(DATA)[33_333:])
    assert len(made.hexdigest()) == 2 * SIZES[algorithm]
    if digests.hashed(algorithm):
        assert made.hexdigest() == hashlib.new(algorithm, DATA).hexdigest()


def test_sums_that_are_no_hashes() -> None:
    """CRCs are written as stores write them; what nobody knows is not known."""
    for algorithm, value in (("crc32c", crc32c.crc32c(DATA)), ("crc32", zlib.crc32(DATA))):
        made = digests.begin(algorithm)
        made.update(DATA)
        assert made.hexdigest() == f"{value:08x}"
        assert not digests.hashed(algorithm)
    assert digests.begin("crc32c").hexdigest() == "00000000"
    assert not digests.known("crc64nvme")
    assert not digests.known("shake_128")
    assert not digests.known("")


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_two_stretches_make_one(first: bytes, second: bytes) -> None:
    """The sum of the whole follows from those of its halves, without their bytes."""
    whole = crc.combine(crc32c.crc32c(first), crc32c.crc32c(second), len(second))
    assert whole == crc32c.crc32c(first + second)


@pytest.mark.parametrize("length", [2**20, 4 * 2**20 - 1, 4 * 2**20, 2**31, 2**40 + 17])
def test_long_stretches(length: int) -> None:
    """Also over lengths that nobody would read: by way of the middle, or at once, it is the same."""
    once = crc.combine(0x12345678, 0, length)
    half = length // 2
    assert crc.combine(crc.combine(0x12345678, 0, half), 0, length - half) == once


def test_a_file_from_its_rows() -> None:
    """The rows of all blocks give the sum of the file; where one is missing or short, nobody can say."""
    data = random.Random(4).randbytes(2 * BLOCK + 777)
    rows = [
        Row(number, len(block), crc32c.crc32c(block))
        for number, block in enumerate(data[at : at + BLOCK] for at in range(0, len(data), BLOCK))
    ]
    assert digests.combined(rows, len(data)) == crc32c.crc32c(data)
    assert digests.combined([], 0) == 0
    assert digests.combined(rows[:2], len(data)) is None
    assert digests.combined([rows[0], rows[2]], len(data)) is None
    assert digests.combined([rows[0], Row(1, BLOCK - 1, 0), rows[2]], len(data)) is None
    assert digests.combined(rows, len(data) + 1) is None
