r"""The block log of one operation and epoch: which bytes are in the part, and what they add up to.

::

    header, 32 bytes   magic "NBXBLKS\n" · version u16 · bytes a row u16 · block size u32 · epoch u32 ·
                       first 16 digits of the operation's id u64 · CRC-32C of the 28 bytes before u32
    row, 16 bytes      block u32 · length u32 · CRC-32C of those bytes of the part u32 · CRC-32C of the 12 before u32

Everything is little-endian. Rows are appended after the bytes were written; of the same block the last one holds. A
row is evidence, not proof: whoever resumes holds it against the part before believing it. So a torn or flipped row
costs its own block only, and a damaged header nothing.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from crc32c import crc32c

from nbxfer.core.ranges import BLOCK
from nbxfer.manifest import storage
from nbxfer.manifest.base import Row

if TYPE_CHECKING:
    from nbxfer.manifest.layout import Layout

_HEADER: Final = struct.Struct("<8sHHIIQI")
_ROW: Final = struct.Struct("<IIII")
_BODY: Final = struct.Struct("<III")
_MAGIC: Final = b"NBXBLKS\n"
_VERSION: Final = 1
#: Rows of a file that are looked at: a part of 16 TiB, each block written four times.
_MOST: Final = 16 * 1024 * 1024


def _header(op_id: str, epoch: int) -> bytes:
    fields = (_MAGIC, _VERSION, _ROW.size, BLOCK, epoch, int(op_id[:16], 16))
    return _HEADER.pack(*fields, crc32c(_HEADER.pack(*fields, 0)[:-4]))


def _packed(row: Row) -> bytes:
    body = _BODY.pack(row.block, row.length, row.crc32c)
    return body + crc32c(body).to_bytes(4, "little")


class FileBlockLog:
    """A block log, open for appending; several threads may append."""

    def __init__(self, path: str, op_id: str, epoch: int, rows: Sequence[Row] = ()) -> None:
        self._lock = threading.Lock()
        self._fd = -1
        with storage.doing("The block log could not be made"):
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.dirname(path), 0o700)
            # Made aside: a kill must not come between the old log and what of it was found good. And a new file, for
            # somebody may still hold the old one.
            aside = f"{path}.new"
            storage.remove(aside)
            self._fd = os.open(aside, storage.CREATE, 0o600)
            try:
                storage.append(self._fd, _header(op_id, epoch) + b"".join(map(_packed, rows)))
                os.rename(aside, path)
            except OSError:
                self.close()
                storage.remove(aside)
                raise

    @classmethod
    def of(cls, descriptor: int) -> FileBlockLog:
        """Give the log that is open already, in another process, as ``descriptor``."""
        made = cls.__new__(cls)
        made._lock, made._fd = threading.Lock(), descriptor
        return made

    def share(self) -> int:
        """Give another descriptor of it, for a process that appends too; who takes it closes it."""
        with self._lock, storage.doing("The block log could not be shared"):
            return os.dup(self._fd)

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows in one write; call it after the bytes were written. Raises NoSpace, StorageFailed."""
        data = b"".join(map(_packed, rows))
        with self._lock, storage.doing("The block log could not be written"):
            ragged = -os.fstat(self._fd).st_size % _ROW.size  # an append that failed, and could not be cut off
            storage.append(self._fd, bytes(ragged) + data)

    def close(self) -> None:
        """Close. Never raises."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)


def parse(data: bytes, op_id: str, epoch: int) -> list[Row]:
    """Give the newest good row of every block, in order; [] for the log of another version, operation or epoch."""
    head = data[: _HEADER.size]
    good = len(head) == _HEADER.size and crc32c(head[:-4]) == int.from_bytes(head[-4:], "little")
    if good and head != _header(op_id, epoch):
        return []
    rows: dict[int, Row] = {}
    end = len(data) - (len(data) - _HEADER.size) % _ROW.size
    for at in range(_HEADER.size, end, _ROW.size):
        block, length, sum_, own = _ROW.unpack_from(data, at)
        if 0 < length <= BLOCK and crc32c(data[at : at + 12]) == own:
            rows[block] = Row(block, length, sum_)
    return [rows[block] for block in sorted(rows)]


def read(layout: Layout, op_id: str, epoch: int) -> list[Row]:
    """Read a block log; [] when there is none. Raises StorageFailed."""
    with storage.doing("The block log could not be read"):
        fd = storage.open_to_read(layout.blocks(op_id, epoch))
        if fd is None:
            return []
        with open(fd, "rb", buffering=0) as file:
            data = file.read(_HEADER.size + _MOST * _ROW.size) or b""
    return parse(data, op_id, epoch)


def epochs(layout: Layout, op_id: str) -> list[int]:
    """Give the epochs that have a block log, oldest first."""
    from nbxfer.manifest.layout import blocks_name  # here: a mover has this module, and no use for the house

    with storage.doing("The block logs could not be listed"):
        found = map(blocks_name, storage.names(layout.shelf(op_id)))
        return sorted(name[1] for name in found if name is not None and name[0] == op_id)


def forget(layout: Layout, op_id: str, keep: int | None = None) -> None:
    """Remove the block logs of every epoch but ``keep``."""
    for epoch in epochs(layout, op_id):
        if epoch != keep:
            storage.remove(layout.blocks(op_id, epoch))
