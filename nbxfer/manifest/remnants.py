"""What nobody needs any more in a home: found by one census of all journals and the history, removed file by file.

Whatever is under way is young, or its operation stands in a journal. So the files are listed first, the journals read
after that, completely or not at all, and what changed within the last minutes is left alone: names and times may be
old on a network file system, and clocks differ. Nothing is followed through a link.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from nbxfer.core.lease import Hold
from nbxfer.core.phases import FINAL
from nbxfer.core.record import Record
from nbxfer.errors import StorageFailed
from nbxfer.manifest import claims, history, lines, storage
from nbxfer.manifest.layout import JournalName, Layout, blocks_name, is_id
from nbxfer.manifest.reading import listing
from nbxfer.manifest.tail import Tail

#: What changed within this time (seconds) may still be somebody's work.
SETTLED: Final = 600.0
#: A list of journals that changes under our hands is read again, this often.
_LOOKS: Final = 5
_ASIDE: Final = re.compile(r"\.[0-9a-f]{16}\.new")
_COMPACTION: Final = re.compile(r"\.([0-9a-f]{8,32})\.[0-9a-f]{16}\.new")

HoldOf = Callable[[str], Hold]


class Remnant(msgspec.Struct, frozen=True):
    """One file, or folder of wishes, that is left over. ``size`` in bytes on the disk, ``age`` in seconds."""

    kind: str  # block log · claim · wishes · owner · history · half-made · journal
    path: str
    size: int
    age: float
    why: str
    op_id: str = ""
    owner: str = ""


class Census(NamedTuple):
    """Every operation that the home knows: the ids of those that are not over, and the records by id.

    What this version does not understand counts as not over, and has no record.
    """

    open: frozenset[str]
    records: dict[str, Record]


def census(layout: Layout) -> Census:
    """Read all journals and the whole history. Raises StorageFailed, AccessDenied where one cannot be read."""
    records: dict[str, Record] = {}
    strange: set[str] = set()
    for _ in range(_LOOKS):
        before = listing(layout)
        for name in before:
            _count(os.path.join(layout.journals, name.file), records, strange)
        if listing(layout) == before:
            break
    else:
        raise StorageFailed("The journals change hands all the time.", hint="Try again in a minute.")
    for _, path in history.files(layout):  # last: what ends meanwhile goes from a journal into the history
        _count(path, records, strange)
    unfinished = {op_id for op_id, record in records.items() if record.phase not in FINAL}
    return Census(frozenset(unfinished | strange), records)


def _count(path: str, records: dict[str, Record], strange: set[str]) -> None:
    tail = Tail()
    with storage.doing("What is remembered could not be read"):
        if not tail.follow(path) and os.path.islink(path):
            raise StorageFailed(f"{path} is a link, which is not followed.", hint="Remove it, or put the file there.")
    strange.update(op_id for line in tail.foreign if (op_id := lines.named(line)))
    for op_id in tail.best:
        record = tail.record(op_id)
        if record is None:
            strange.add(op_id)
        elif (known := records.get(op_id)) is None or _rank(known) < _rank(record):
            records[op_id] = record


def _rank(record: Record) -> tuple[int, bool, float]:
    return record.epoch, record.phase in FINAL, record.changed


class Remnants:
    """The files of one home that are surely of no use any more, as they were when this was made."""

    def __init__(self, layout: Layout, hold_of: HoldOf) -> None:
        self._layout, self._hold_of = layout, hold_of
        self._now = time.time()
        found = [*self._blocks(), *self._claims(), *self._half_made(), *self._wishes(), *self._owners()]
        found += self._history()
        self.census = census(layout)
        journals = listing(layout)
        named = {owner for name in journals for owner in name if owner}
        self.found = [r for r in found if self._useless(r, named)] + list(self._over(journals))

    def _useless(self, remnant: Remnant, named: set[str]) -> bool:
        if remnant.kind in ("block log", "claim"):
            return remnant.op_id not in self.census.open
        return remnant.kind not in ("wishes", "owner") or remnant.owner not in named

    def _look(self, path: str) -> os.stat_result | None:
        """Give what is known of a file or folder of ours that has not changed lately."""
        with contextlib.suppress(OSError):
            seen = os.stat(path, follow_symlinks=False)
            kind = stat.S_ISREG(seen.st_mode) or stat.S_ISDIR(seen.st_mode)
            if kind and storage.is_ours(seen) and self._now - seen.st_mtime >= SETTLED:
                return seen
        return None

    def _files(self, folder: str) -> Iterator[tuple[str, str, os.stat_result]]:
        for name in () if os.path.islink(folder) else storage.names(folder):
            path = os.path.join(folder, name)
            seen = self._look(path)
            if seen is not None and stat.S_ISREG(seen.st_mode):
                yield name, path, seen

    def _is_gone(self, owner: str) -> bool:
        return self._hold_of(owner) in (Hold.DEAD, Hold.LAPSED)

    def _remnant(self, kind: str, path: str, seen: os.stat_result, why: str, **whose: str) -> Remnant:
        return Remnant(kind, path, _bytes(seen), self._now - seen.st_mtime, why, **whose)

    def _blocks(self) -> Iterator[Remnant]:
        root = self._layout.folder("blocks")
        for shelf in storage.names(root):
            for name, path, seen in self._files(os.path.join(root, shelf)):
                log = blocks_name(name)
                if log is not None:
                    why = "the block log of a transfer that is over, or that nobody knows"
                    yield self._remnant("block log", path, seen, why, op_id=log[0])
                elif name.endswith(".new") and blocks_name(name[:-4]):
                    yield self._remnant("half-made", path, seen, "a block log that was not finished")

    def _claims(self) -> Iterator[Remnant]:
        for _, path, seen in self._files(self._layout.claims):
            claim = claims.read(path)
            if claim is not None and self._is_gone(claim.owner):  # the living give theirs up when they compact
                why = "the claim of a kernel that is gone on what is over, or unknown"
                yield self._remnant("claim", path, seen, why, op_id=claim.op_id)

    def _half_made(self) -> Iterator[Remnant]:
        wishes = self._layout.folder("wishes")
        folders = [self._layout.owners, self._layout.claims, self._layout.journals]
        folders += [os.path.join(wishes, name) for name in storage.names(wishes) if is_id(name)]
        for folder in folders:
            for name, path, seen in self._files(folder):
                compaction = _COMPACTION.fullmatch(name)
                if compaction is not None and not self._is_gone(compaction[1]):
                    continue
                if compaction is not None or _ASIDE.fullmatch(name):
                    yield self._remnant("half-made", path, seen, "a file that was not finished when its kernel ended")

    def _wishes(self) -> Iterator[Remnant]:
        root = self._layout.folder("wishes")
        for owner in storage.names(root):
            path = os.path.join(root, owner)
            seen = self._look(path)
            if seen is None or not is_id(owner) or not stat.S_ISDIR(seen.st_mode) or not self._is_gone(owner):
                continue
            size = _bytes(seen) + sum(_bytes(each) for _, _, each in self._files(path))
            why = "what was asked of a kernel that is gone"
            yield Remnant("wishes", path, size, self._now - seen.st_mtime, why, owner=owner)

    def _owners(self) -> Iterator[Remnant]:
        for name, path, seen in self._files(self._layout.owners):
            owner, _, kind = name.partition(".")
            if kind == "json" and is_id(owner) and self._is_gone(owner):
                yield self._remnant("owner", path, seen, "a kernel that is gone and has left nothing", owner=owner)

    def _history(self) -> Iterator[Remnant]:
        for touched, path in history.files(self._layout):
            seen = self._look(path)
            if seen is not None and self._now - touched > history.KEPT_FOR:
                yield self._remnant("history", path, seen, "what ended more than a month ago")

    def _over(self, journals: list[JournalName]) -> Iterator[Remnant]:
        """Give the journals of the dead in which nothing is unfinished: they are folded into the history."""
        for name in journals:
            path = os.path.join(self._layout.journals, name.file)
            seen = self._look(path)
            if seen is None or name.taker or self._hold_of(name.owner) is not Hold.DEAD:
                continue
            tail = Tail()
            with storage.doing("A journal could not be read"):
                tail.follow(path)
            taken = any(other.taker == name.owner for other in journals)
            if not taken and not tail.foreign and not any(op_id in self.census.open for op_id in tail.best):
                why = "the list of a kernel that is gone, and all of it is over"
                yield self._remnant("journal", path, seen, why, owner=name.owner)


def _bytes(seen: os.stat_result) -> int:
    return getattr(seen, "st_blocks", 0) * 512 or seen.st_size


def remove(layout: Layout, remnant: Remnant) -> bool:
    """Remove one of them (a journal is not removed but taken over: Manifest.take_over); say whether it was there."""
    if remnant.kind == "journal" or not remnant.path.startswith(layout.home + os.sep):
        return False
    if remnant.kind != "wishes":
        return storage.remove(remnant.path)
    if os.path.islink(remnant.path):
        return False
    for name in storage.names(remnant.path):
        storage.remove(os.path.join(remnant.path, name))
    try:
        os.rmdir(remnant.path)
    except OSError:
        return False
    return True
