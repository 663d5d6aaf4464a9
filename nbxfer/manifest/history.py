"""The history: finished operations, so that a cell run again knows what nbxfer has put there.

Lines are the journal's own, in 256 folders by destination, one file an owner: nobody writes to another's. Nothing is
ever indexed or parsed at a start; one question reads one folder, looking for the destination as the encoder writes it.
Only who asks what ended lately has the files read that were changed last, and of them only the newest lines decoded.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import re
import time
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from nbxfer.core.phases import Phase
from nbxfer.core.record import Record
from nbxfer.manifest import lines, storage
from nbxfer.manifest.layout import Layout, checked, journal_name

#: How long it is kept (seconds), counted from the last line of a file.
KEPT_FOR: Final = 30 * 86400.0
_MOST: Final = 64 * 1024 * 1024  # bytes of one file that are looked at, from its end
_SHARD: Final = re.compile(r"[0-9a-f]{2}")
OPEN: Final = 16  # files that are open at once: a process may have room for few more
_SKEW: Final = 120.0  # seconds by which the clocks of writers and file system may differ
_CHANGED: Final = re.compile(rb'"changed":([0-9]{1,12}(?:\.[0-9]{1,20})?)')  # a quote inside a text is escaped


def add(layout: Layout, owner: str, ended: Iterable[tuple[Record, bytes]]) -> None:
    """Add finished operations with their lines; see ``put``."""
    put(layout, owner, [(record.spec.destination, line) for record, line in ended])


def put(layout: Layout, owner: str, ended: Iterable[tuple[str, bytes]]) -> None:
    """Add lines by destination, and return when they are on the disk; old files are removed.

    Raises NoSpace, AccessDenied, StorageFailed; some may be in it then, and may be added again.
    """
    shards: dict[str, list[bytes]] = {}
    for destination, line in ended:
        shards.setdefault(layout.shard(destination), []).append(line)
    with storage.doing("The history could not be written"):
        # Many are written before the first is synced: one commit of the file system then serves most of them.
        places = list(shards)
        for some in range(0, len(places), OPEN):
            _write({shard: shards[shard] for shard in places[some : some + OPEN]}, owner)
        if shards:
            os.utime(layout.folder("history"))
            storage.sync_folder(layout.folder("history"))


def _write(shards: dict[str, list[bytes]], owner: str) -> None:
    fds: list[int] = []
    made: list[str] = []
    try:
        for shard, new in shards.items():
            fds.append(_opened(shard, owner, made))
            storage.append(fds[-1], b"".join(new))
        for fd in fds:
            os.fsync(fd)
        for shard in made:
            storage.sync_folder(shard)
    finally:
        for fd in fds:
            os.close(fd)


def _opened(shard: str, owner: str, made: list[str]) -> int:
    """Open the file of that owner; where it is new its folder is noted, and rid of what is old."""
    path = f"{shard}/{checked(owner)}.jsonl"
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, storage.APPEND & ~os.O_CREAT, 0o600)
    with contextlib.suppress(FileExistsError):
        os.mkdir(shard, 0o700)
    _prune(shard, f"{owner}.jsonl")
    made.append(shard)
    return os.open(path, storage.APPEND, 0o600)


def _prune(shard: str, but: str) -> None:
    oldest = time.time() - KEPT_FOR
    for name in storage.names(shard):
        path = os.path.join(shard, name)
        with contextlib.suppress(OSError):
            if name != but and journal_name(name) and os.stat(path, follow_symlinks=False).st_mtime < oldest:
                os.unlink(path)


def stamp(layout: Layout) -> int:
    """Give what changes whenever something is added: the time of change of the whole, in nanoseconds."""
    try:
        return os.stat(layout.folder("history")).st_mtime_ns
    except OSError:
        return 0


def done(layout: Layout, destination: str) -> Record | None:
    """Give the newest operation of the history that has finished a destination."""
    best: Record | None = None
    for record in _search(layout, destination):
        if record.phase is Phase.DONE and (best is None or best.changed < record.changed):
            best = record
    return best


def ended(layout: Layout, destination: str, op_id: str) -> Record | None:
    """Give one operation from the history, however it ended."""
    return next((r for r in _search(layout, destination) if r.id == op_id), None)


def recent(layout: Layout, limit: int) -> list[Record]:
    """Give the ``limit`` operations that ended last, whoever ran them, the newest first."""
    found: list[tuple[float, str, Record]] = []
    for touched, path in sorted(files(layout), reverse=True):
        if len(found) >= limit and touched + _SKEW < found[0][0]:
            break
        for line in _content(path).split(b"\n"):
            when = _CHANGED.search(line)
            if when is None or (len(found) >= limit and float(when[1]) <= found[0][0]):
                continue
            good = lines.stored(line)
            record = lines.decode(good[1]) if good is not None else None
            if record is None or any(record.id == op_id for _, op_id, _ in found):  # what was added twice
                continue
            (heapq.heappush if len(found) < limit else heapq.heapreplace)(found, (record.changed, record.id, record))
    return [record for _, _, record in sorted(found, reverse=True)]


def files(layout: Layout) -> Iterator[tuple[float, str]]:
    """Give every file of the history, as (time of its last change, path)."""
    root = layout.folder("history")
    for shard in filter(_SHARD.fullmatch, storage.names(root)):
        folder = os.path.join(root, shard)
        for name in () if os.path.islink(folder) else storage.names(folder):
            path = os.path.join(folder, name)
            with contextlib.suppress(OSError):
                if journal_name(name):
                    yield os.stat(path, follow_symlinks=False).st_mtime, path


def _search(layout: Layout, destination: str) -> Iterator[Record]:
    """Give the records of a destination, of each file the newest first."""
    try:
        needle = b'"destination":' + msgspec.json.encode(destination)
        shard = layout.shard(destination)
        files = [name for name in storage.names(shard) if journal_name(name)]
    except (UnicodeEncodeError, OSError):
        return
    for name in files:
        data = _content(os.path.join(shard, name))
        stop = len(data)
        while (at := data.rfind(needle, 0, stop)) >= 0:
            stop = data.rfind(b"\n", 0, at) + 1
            line = data[stop : data.find(b"\n", at) if data.find(b"\n", at) >= 0 else len(data)]
            for piece in lines.pieces(line):
                found = lines.stored(piece)
                record = lines.decode(found[1]) if found is not None else None
                if record is not None and record.spec.destination == destination:
                    yield record


def _content(path: str) -> bytes:
    try:
        fd = storage.open_to_read(path)
        if fd is None:
            return b""
        with open(fd, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _MOST))
            return file.read(_MOST) or b""
    except OSError:
        return b""
