"""One sparse copy: a file with holes, and beside it the rows that say which bytes of it are there.

::

    <folder>/data    as long as the source; only what was read takes room on the disk
    <folder>/rows    appended after the bytes: start, length, CRC-32C of the bytes, CRC-32C of the row
    <folder>/about   JSON: the source's identity, the version, the size; written first

A row that is torn, or whose bytes are not what it says, vouches for nothing: what it spoke of is fetched again.
"""

from __future__ import annotations

import json
import os
import struct
import threading
from bisect import bisect_right
from pathlib import Path
from typing import Final

import crc32c

from nbxfer.core.probe import Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.errors import StorageFailed

_ROW: Final = struct.Struct("<QIII")
#: The longest stretch that one row vouches for (bytes): what is read anew to believe one byte of it.
LONGEST: Final = 4 << 20
_PRIVATE: Final = 0o600


class Copy:
    """A copy in ``folder``, made by :func:`create` or found by :func:`load`. Any thread."""

    def __init__(self, folder: Path, identity: str, version: Validator, size: int) -> None:
        self.folder, self.identity, self.version, self.size = folder, identity, version, size
        self.doubted = False  # the source has said something else under the same name
        self._lock = threading.Lock()
        self._held = RangeSet()  # vouched for, and held against the bytes
        self._told: dict[int, tuple[int, int]] = {}  # by start: length and CRC, not yet held against the bytes
        self._starts: list[int] = []
        try:
            self._data = os.open(folder / "data", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
            self._rows = os.open(folder / "rows", os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _PRIVATE)
            if os.fstat(self._data).st_size < size:
                os.ftruncate(self._data, size)
        except OSError as error:
            raise _failed(error) from None
        self._read_rows()

    def _read_rows(self) -> None:
        seen = 0
        while piece := os.pread(self._rows, _ROW.size * 4096, seen):
            for at in range(0, len(piece) - _ROW.size + 1, _ROW.size):
                start, length, crc, own = _ROW.unpack_from(piece, at)
                sound = own == crc32c.crc32c(piece[at : at + _ROW.size - 4])
                if sound and 0 < length <= LONGEST and start + length <= self.size:
                    self._told[start] = (length, crc)
            seen += len(piece) - len(piece) % _ROW.size
            if len(piece) < _ROW.size:
                break
        self._starts = sorted(self._told)

    def held(self, start: int, stop: int) -> RangeSet:
        """Give what is there of ``[start, stop)``; rows of others are held against the bytes first."""
        with self._lock:
            if self._told:
                self._prove(start, stop)
            return RangeSet.of(
                (max(r.start, start), min(r.stop, stop)) for r in self._held.ranges if r.start < stop and r.stop > start
            )

    def missing(self, start: int, stop: int) -> RangeSet:
        """Give what is not there of ``[start, stop)``."""
        self.held(start, stop)
        with self._lock:
            return self._held.missing(start, stop)

    def _prove(self, start: int, stop: int) -> None:
        at = max(0, bisect_right(self._starts, start - LONGEST))
        while at < len(self._starts) and self._starts[at] < stop:
            begin = self._starts[at]
            at += 1
            length, crc = self._told.get(begin, (0, 0))
            if not length or begin + length <= start:
                continue
            del self._told[begin]
            if crc32c.crc32c(os.pread(self._data, length, begin)) == crc:
                self._held = self._held.add(begin, begin + length)

    def write(self, start: int, data: memoryview) -> None:
        """Put bytes in their place, and vouch for them. Raises StorageFailed."""
        try:
            done = 0
            while done < len(data):
                done += os.pwrite(self._data, data[done:], start + done)
            for at in range(0, len(data), LONGEST):
                piece = data[at : at + LONGEST]
                row = _ROW.pack(start + at, len(piece), crc32c.crc32c(piece), 0)[:-4]
                os.write(self._rows, row + struct.pack("<I", crc32c.crc32c(row)))
        except OSError as error:
            raise _failed(error) from None
        with self._lock:
            self._held = self._held.add(start, start + len(data))

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill some of ``buffer`` with bytes that are held. Raises StorageFailed."""
        try:
            got = os.preadv(self._data, [buffer], offset)
        except OSError as error:
            raise _failed(error) from None
        if not got and len(buffer):  # somebody has cut it: the end of the copy is not that of the source
            raise StorageFailed("The copy that is kept was cut meanwhile.", hint="Open it again.")
        return got

    def fits(self, at: int, seen: bytes) -> bool:
        """Say whether these are the bytes from ``at`` on, as far as those are there."""
        for span in self.held(at, at + len(seen)).ranges:
            here = memoryview(bytearray(len(span)))
            got = self.read_into(span.start, here)
            if here[:got] != seen[span.start - at : span.start - at + got]:
                return False
        return True

    @property
    def total(self) -> int:
        """The bytes that are known to be there by now."""
        with self._lock:
            return self._held.total + sum(length for length, _ in self._told.values())

    def used(self) -> None:
        """Take note that it was used now: what was not used for longest goes first."""
        try:
            os.utime(self.folder / "about")
        except OSError:
            return

    def close(self) -> None:
        """Let go of the files. Never raises."""
        with self._lock:
            data, self._data, rows, self._rows = self._data, -1, self._rows, -1
        for fd in (data, rows):
            if fd >= 0:
                os.close(fd)

    def __repr__(self) -> str:
        return f"<Copy of {self.size} bytes, {self.total} here>"


def create(folder: Path, identity: str, version: Validator, size: int) -> Copy:
    """Begin a copy, or go on with the one that is there already. Raises StorageFailed."""
    about = {"identity": identity, "kind": version.kind, "value": version.value, "size": size}
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = folder / f".about.{os.getpid()}.{threading.get_ident()}"
        fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _PRIVATE)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(about, file)
        os.replace(aside, folder / "about")
    except OSError as error:
        raise _failed(error) from None
    return Copy(folder, identity, version, size)


def load(folder: Path) -> Copy | None:
    """Give the copy that is in ``folder``; None where there is none that can be read."""
    try:
        about = json.loads((folder / "about").read_text("utf-8"))
        identity, kind, value, size = about["identity"], about["kind"], about["value"], about["size"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not (isinstance(identity, str) and isinstance(kind, str) and isinstance(value, str) and type(size) is int):
        return None
    return Copy(folder, identity, Validator(kind, value), size) if size >= 0 else None


def _failed(error: OSError) -> StorageFailed:
    return StorageFailed(f"The copy that is kept cannot be used ({error.strerror}).", hint="Look at NBXFER_CACHE_DIR.")
