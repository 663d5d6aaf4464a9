"""Somebody else's unfinished file becomes the part of an operation that is still to be accepted.

The order is that of every promise here: the bytes and the rows that vouch for them are on the disk before a record
says so, and the old name of a file that is moved goes last.

The last byte is not vouched for. So there is always something to be asked for, and with it the 4 KiB before it, which
are compared: a file that is as long as the server's is not taken for it unseen, nor after a kill in between.
"""

from __future__ import annotations

import contextlib
import os

import crc32c
import msgspec

from nbxfer.core.ranges import BLOCK
from nbxfer.errors import TransferError
from nbxfer.manifest.base import Manifest, Row
from nbxfer.sinks.adopting import Theirs
from nbxfer.sinks.base import Part, Sink

#: An operation begins with this one.
FIRST_EPOCH = 1


class Adopted(msgspec.Struct, frozen=True):
    """What was taken over: so many bytes from the beginning of ``theirs``."""

    length: int
    theirs: Theirs


def adopt(sink: Sink, manifest: Manifest, op_id: str, path: str | os.PathLike[str], *, move: bool) -> Adopted:
    """Make a part and its block log of the file at ``path``; every byte is read once. The file keeps its name.

    Raises InvalidRequest, AccessDenied, NoSpace, StorageFailed; then all is as it was.
    """
    theirs = Theirs(path, move=move)
    try:
        part, length = sink.adopt(path, FIRST_EPOCH, move=move)
        try:
            rows = _rows(part, length - 1)
            part.sync()
        finally:
            part.close()
        theirs.check_unchanged()
        manifest.blocks(op_id, FIRST_EPOCH, rows).close()
    except BaseException:
        give_up(sink, manifest, op_id, theirs)
        raise
    return Adopted(sum(row.length for row in rows), theirs)


def give_up(sink: Sink, manifest: Manifest, op_id: str, theirs: Theirs) -> None:
    """Undo it: the operation was not accepted. Never raises a TransferError: there is one on its way already."""
    with contextlib.suppress(TransferError):
        sink.discard()
    with contextlib.suppress(TransferError):
        manifest.forget_blocks(op_id)
    theirs.restore()


def _rows(part: Part, length: int) -> list[Row]:
    rows: list[Row] = []
    for start in range(0, length, BLOCK):
        data = part.read_at(start, min(BLOCK, length - start))
        rows.append(Row(start // BLOCK, len(data), crc32c.crc32c(data)))
    return [row for row in rows if row.length]
