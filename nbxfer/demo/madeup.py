"""Data without a file: any size, any part of it at once, the same for the same seed."""

from __future__ import annotations

import functools
import hashlib
import random
import re
from typing import Final

_CELL: Final = 64 * 1024
_PIECE: Final = 4 * _CELL
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


class MadeUp:
    """``size`` bytes that follow from their offset alone: nothing is stored, and no 64 KiB are like any other."""

    def __init__(self, size: int, seed: int = 0) -> None:
        self.size, self.seed = size, seed
        self._noise = random.Random(seed).randbytes(2 * _CELL)

    def _cell(self, number: int) -> bytes:
        turn = number * 40503 % _CELL
        return number.to_bytes(8, "big") + self._noise[turn : turn + _CELL - 8]

    def read(self, start: int, stop: int) -> bytes:
        """Give the bytes from ``start`` (inclusive) to ``stop`` (exclusive), at most to the end."""
        stop = min(stop, self.size)
        if start >= stop:
            return b""
        first, last = start // _CELL, (stop - 1) // _CELL
        data = b"".join(map(self._cell, range(first, last + 1)))
        return data[start - first * _CELL : stop - first * _CELL]

    @functools.cached_property
    def sha256(self) -> str:
        """The digest of the whole, in hex; the first time it takes about a second a gigabyte."""
        digest = hashlib.sha256()
        for start in range(0, self.size, _PIECE):
            digest.update(self.read(start, start + _PIECE))
        return digest.hexdigest()


def amount(text: str) -> int:
    """Read a number of bytes: ``200M`` (decimal), ``64MiB`` (binary). Raises ValueError."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"not a number of bytes: {text}")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** " kmgt".index(found[2].lower() or " "))
