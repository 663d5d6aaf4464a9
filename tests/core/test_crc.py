"""Sums of pieces make the sum of the whole."""

from __future__ import annotations

import crc32c
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.crc import combine


@given(st.binary(), st.binary(max_size=5000))
def test_combined(first: bytes, second: bytes) -> None:
    """Two runs of bytes, also where one is empty, add up to what both do in one go."""
    assert combine(crc32c.crc32c(first), crc32c.crc32c(second), len(second)) == crc32c.crc32c(first + second)
