r"""One line: the stored form of one record, in journals and in the history.

::

    {"format":1,"crc":"89abcdef","seq":12,"id":"…","epoch":3,"record":{…}}⏎

The head up to ``"record":`` is written exactly so, without blanks, and keeps this shape in every later format; the
CRC-32C is that of the whole line less its own eight digits and the newline. Of a format that is not ours the head can
thus be trusted, and nothing else is read: such an operation is not shown, and its lines are carried along as they are.

A journal begins with a line of another kind, ``{"generation":"…"}``, drawn at random for each file that takes its
place: file systems give the number of a file that is gone to the next one, so a reader could not tell them apart.

Within a format a record may gain fields. Who does not know them passes over them, and leaves them out when it goes on
with that operation; so what is lost with them must cost work at most, never a wrong byte.

A line that is torn or flipped costs itself only. When the newline before a line is gone, the line is still found, by
its first bytes: inside a JSON string they would be escaped.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
from crc32c import crc32c

from nbxfer.core.record import Record
from nbxfer.core.stores import WEB
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.layout import is_id

FORMAT: Final = 1
#: The length of what ``generation`` gives (bytes).
GENERATION: Final = 34
#: The longest line (bytes, without its newline) that is written, or looked at.
MAX_LINE: Final = 64 * 1024
#: Where a record may ask bytes to be had from, or brought to. Anything else in a manifest is left alone, not opened.
PROTOCOLS: Final = frozenset(
    "http https file local memory s3 s3a gs gcs az abfs abfss hf sftp ssh ftp ftps smb webdav webdavs dav davs tus "
    "tus+http tus+https zip tar libarchive github hdfs webhdfs dbfs oci oss gdrive dropbox box lakefs root r2 b2 "
    "adl".split()
)

#: ``handed_to`` of an operation that anybody may go on with.
FREE: Final = "*"

_MARK: Final = b'{"format":'
_HEAD: Final = re.compile(
    rb'\{"format":([0-9]{1,9}),"crc":"([0-9a-f]{8})","seq":([0-9]{1,18}),"id":"([0-9a-f]{8,32})",'
    rb'"epoch":([0-9]{1,9}),"record":'
)
_OURS: Final = b'{"format":%d,"crc":"' % FORMAT
_SEED: Final = crc32c(_OURS)
_LARGEST: Final = 2**63 - 1


class Stored(NamedTuple):
    """A good line. Of one operation, in one journal, the greatest holds: highest epoch, then newest."""

    epoch: int
    seq: int
    raw: bytes

    @property
    def foreign(self) -> bool:
        """Whether another version's format it is."""
        return not self.raw.startswith(_OURS)


class _Line(msgspec.Struct, frozen=True):
    format: int
    crc: str
    seq: int
    id: str
    epoch: int
    record: Record


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


def encode(record: Record, seq: int) -> bytes:
    """Give the line of a record, with its newline.

    A record that would be too long is stored without what is only for showing: response, then story; then without
    what the server claims, for no server may keep an operation from being stored. Raises InvalidRequest where that
    does not do, or where its texts cannot be written as Unicode.
    """
    if not is_id(record.id):
        raise InvalidRequest(f"{record.id[:40]!r} is not an id of nbxfer.", hint="Ids are drawn by nbxfer itself.")
    try:
        line = _line(record, seq)
        if len(line) <= MAX_LINE:
            return line
        for name in ("response", "story", "claims"):
            if len(line) > MAX_LINE:
                record = msgspec.structs.replace(record, **{name: ()})
                line = _line(record, seq)
    except UnicodeEncodeError:
        raise InvalidRequest(
            "The destination's name is not Unicode, so it cannot be stored.",
            op_id=record.id,
            hint="Choose a name that can be written in UTF-8.",
        ) from None
    if len(line) > MAX_LINE:
        raise InvalidRequest(
            f"The operation needs more than {MAX_LINE // 1024} KiB to be remembered.",
            op_id=record.id,
            hint="Shorten its URL or its headers.",
        )
    return line


def _line(record: Record, seq: int) -> bytes:
    rest = b'","seq":%d,"id":"%b","epoch":%d,"record":%b}' % (seq, record.id.encode(), record.epoch, _encode(record))
    return b"%b%08x%b\n" % (_OURS, crc32c(rest, _SEED), rest)


def generation() -> bytes:
    """Give the first line of a new file, with its newline."""
    return b'{"generation":"%b"}\n' % secrets.token_hex(8).encode()


def stored(piece: bytes) -> tuple[str, Stored] | None:
    """Give (operation id, line) of a line without its newline; None when it is damaged, or no line of ours."""
    head = _HEAD.match(piece)
    if head is None or len(piece) > MAX_LINE:
        return None
    start, stop = head.span(2)
    seed = _SEED if start == len(_OURS) and piece.startswith(_OURS) else crc32c(piece[:start])
    if head[2] != b"%08x" % crc32c(piece[stop:], seed):
        # The newline after it may have been flipped into something else.
        return stored(piece[:-1]) if piece[-2:-1] == b"}" else None
    return head[4].decode(), Stored(int(head[5]), int(head[3]), piece)


def pieces(line: bytes) -> Iterator[bytes]:
    """Give what may be lines of ours in one line of a file: as a rule it is one, itself."""
    start = 0
    while (stop := line.find(_MARK, start + 1)) > 0:
        yield line[start:stop]
        start = stop
    yield line[start:] if start else line


def has_other_format(piece: bytes) -> bool:
    """Say whether this looks like a line of another version, damaged or not: it is never dropped."""
    return piece.startswith(_MARK) and not piece.startswith(_OURS) and _HEAD.match(piece) is not None


def named(piece: bytes) -> str:
    """Give the id that a line's head names, damaged or not; "" where there is none."""
    head = _HEAD.match(piece)
    return head[4].decode() if head is not None else ""


def decode(line: Stored) -> Record | None:
    """Give the record of a good line; None for one that this version does not understand, or does not trust."""
    if line.foreign:
        return None
    try:
        got = _decode(line.raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    record = got.record
    return record if record.id == got.id and record.epoch == got.epoch and _is_sane(record) else None


def _may_be_asked(url: str) -> bool:
    return url.partition(":")[0].lower() in PROTOCOLS


def _is_sane(record: Record) -> bool:
    spec = record.spec
    numbers = (
        record.size or 0, record.received, record.refetched, record.restarts, record.retries, record.refreshes,
        record.unproven, spec.connections or 0, spec.bandwidth or 0, spec.expect_size or 0, spec.max_size or 0,
    )  # fmt: skip
    return (
        1 <= record.fresh_since <= record.epoch
        and record.unproven < record.epoch
        and min(numbers) >= 0
        and max(numbers) <= _LARGEST
        and _may_be_asked(spec.url)
        and (spec.checksum_at is None or spec.checksum_at.partition(":")[0].lower() in WEB)
        and (os.path.isabs(spec.destination) or (spec.far and _may_be_asked(spec.destination)))
        and "\0" not in spec.destination + record.named
        and (not record.named or os.path.dirname(record.named) == os.path.dirname(spec.destination))
        and (record.handed_to in (None, FREE) or is_id(record.handed_to))
    )
