"""CRC-32C of bytes that were added up piece by piece: what the whole adds up to, from what its pieces do."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

#: RFC 3720 §12.1, bits reversed: the highest bit is x⁰.
_POLYNOMIAL: Final = 0x82F63B78
_ONE: Final = 0x80000000


def combine(first: int, second: int, length: int) -> int:
    """Give the CRC-32C of two stretches from those of each; the second is ``length`` bytes long.

    What is appended shifts what was before: in GF(2)[x], the first is multiplied by x to the power of 8·length,
    modulo the polynomial (as zlib's crc32_combine does it).
    """
    return _times(_power(8 * length), first) ^ second


def _times(a: int, b: int) -> int:
    """Give a·b modulo the polynomial."""
    product = 0
    for bit in range(31, -1, -1):  # from x⁰ of a upwards
        if a >> bit & 1:
            product ^= b
        b = b >> 1 ^ (_POLYNOMIAL if b & 1 else 0)  # times x
    return product


@lru_cache(64)
def _power(n: int) -> int:
    """Give x to the power of ``n``, modulo the polynomial. The few lengths that blocks have are remembered."""
    found, square, left = _ONE, _ONE >> 1, n
    while left:
        if left & 1:
            found = _times(found, square)
        square, left = _times(square, square), left >> 1
    return found
