"""What a file adds up to: every algorithm by one shape, and CRC-32C put together from the blocks' own."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterable
from typing import Final, Protocol

import crc32c

from nbxfer.core.crc import combine
from nbxfer.core.ranges import BLOCK
from nbxfer.manifest.base import Row


class Digest(Protocol):
    """A sum that is being made. Calls release the interpreter's lock where there is much to add."""

    def update(self, data: bytes | memoryview, /) -> None:
        """Add the next bytes."""
        ...

    def hexdigest(self) -> str:
        """Give what has been added so far, in lower-case hexadecimal digits."""
        ...


class _Crc:
    """A CRC of 32 bits, in network byte order, as stores write it."""

    def __init__(self, add: Callable[[bytes | memoryview, int], int]) -> None:
        self._add, self._value = add, 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._add(data, self._value)

    def hexdigest(self) -> str:
        return f"{self._value:08x}"


_CRCS: Final[dict[str, Callable[[bytes | memoryview, int], int]]] = {"crc32c": crc32c.crc32c, "crc32": zlib.crc32}


def known(algorithm: str) -> bool:
    """Say whether ``begin`` knows it."""
    return algorithm in _CRCS or hashed(algorithm)


def hashed(algorithm: str) -> bool:
    """Say whether it is one of hashlib's, of a length that is its own."""
    return algorithm in hashlib.algorithms_available and not algorithm.startswith("shake")


def begin(algorithm: str) -> Digest:
    """Give a sum of nothing yet. Raises ValueError for an algorithm that is not known."""
    add = _CRCS.get(algorithm)
    return _Crc(add) if add is not None else hashlib.new(algorithm, usedforsecurity=False)


def combined(rows: Iterable[Row], size: int) -> int | None:
    """Give the CRC-32C of ``size`` bytes from the rows of all their blocks, in order; None where one is missing."""
    whole, position = 0, 0
    for row in rows:
        if row.block * BLOCK != position or row.length != min(BLOCK, size - position):
            return None
        whole = combine(whole, row.crc32c, row.length)
        position += row.length
    return whole if position == size else None
