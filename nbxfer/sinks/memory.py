"""Destinations that live in memory, for tests and for small results; they keep every rule of the file sink."""

from __future__ import annotations

import hashlib
import itertools
import os
import threading
import time
from collections.abc import Callable

import msgspec

from nbxfer.core.record import Before, Published, Seal
from nbxfer.errors import DestinationExists, InvalidRequest, NoSpace, SourceChanged, StorageFailed

_inodes = itertools.count(1)


class Thing:
    """What lies on a shelf: bytes with an identity that lasts through renaming.

    ``dated``: somebody has said when it was changed last; else that is when it got its name.
    """

    __slots__ = ("data", "dated", "inode", "mtime_ns")

    def __init__(self, data: bytes = b"", mtime_ns: int = 0) -> None:
        self.data, self.mtime_ns, self.dated = bytearray(data), mtime_ns, False
        self.inode = next(_inodes)


class _Key(msgspec.Struct, frozen=True):
    """Which part it is."""

    destination: str
    op_id: str
    epoch: int


class Shelf:
    """The "disk" of memory sinks: it outlives them, as a disk outlives a process.

    ``capacity`` is in bytes (None: no end) and may be changed; ``clock`` gives Unix time in seconds.
    """

    def __init__(self, capacity: int | None = None, clock: Callable[[], float] = time.time) -> None:
        self.capacity = capacity
        self.clock = clock
        self.lock = threading.RLock()
        self.finals: dict[str, Thing] = {}
        self.parts: dict[_Key, Thing] = {}

    def put(self, destination: str, data: bytes) -> Before:
        """Lay something at a destination, as anybody else may; give what a later ``before`` would say of it."""
        with self.lock:
            thing = self.finals[destination] = Thing(data, int(self.clock() * 1e9))
            return Before(len(data), thing.mtime_ns)

    def get(self, destination: str) -> bytes | None:
        """Give what lies at a destination."""
        with self.lock:
            thing = self.finals.get(destination)
            return None if thing is None else bytes(thing.data)

    def room(self) -> int | None:
        """Give the bytes that still fit."""
        with self.lock:
            if self.capacity is None:
                return None
            used = sum(len(t.data) for t in (*self.finals.values(), *self.parts.values()))
            return max(0, self.capacity - used)


class MemoryView:
    """One thing on a shelf, open for a reader."""

    def __init__(self, shelf: Shelf, thing: Thing) -> None:
        self._shelf, self._thing = shelf, thing
        self._closed = False

    def _open(self) -> Thing:
        if self._closed:
            raise StorageFailed("The part in memory is closed.", hint="Open it again.")
        return self._thing

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill some of ``buffer`` with bytes from ``offset``; give their number."""
        with self._shelf.lock:
            piece = self._open().data[offset : offset + len(buffer)]
            buffer[: len(piece)] = piece
            return len(piece)

    def is_sealed(self, seal: Seal) -> bool:
        """Say whether this very thing is the finished one that ``seal`` describes."""
        return _is_sealed(self._open(), seal)

    def close(self) -> None:
        """Close; what is there stays."""
        self._closed = True


class MemoryPart:
    """One open part on a shelf."""

    def __init__(self, shelf: Shelf, thing: Thing) -> None:
        self._shelf, self._thing = shelf, thing
        self._closed = False

    def _open(self) -> bytearray:
        if self._closed:
            raise StorageFailed("The part in memory is closed.", hint="Open it again.")
        return self._thing.data

    def write_at(self, offset: int, data: memoryview) -> None:
        """Write all of ``data`` at ``offset``; what lies between is zeros."""
        with self._shelf.lock:
            self._grow(offset + len(data) if data else 0)
            self._thing.dated = False
            self._open()[offset : offset + len(data)] = data

    def _grow(self, size: int) -> None:
        held = self._open()
        more = size - len(held)
        if more <= 0:
            return
        room = self._shelf.room()
        if room is not None and more > room:
            raise NoSpace(f"The shelf has {room} bytes free, and {more} are needed.", hint="Make room on it.")
        held.extend(bytes(more))

    def read_at(self, offset: int, length: int) -> bytes:
        """Give up to ``length`` bytes from ``offset``."""
        with self._shelf.lock:
            return bytes(self._open()[offset : offset + length])

    def sync(self) -> None:
        """Do nothing: memory is as safe as it gets."""
        self._open()

    def truncate(self, size: int) -> None:
        """Cut to ``size`` bytes, or extend with zeros."""
        with self._shelf.lock:
            self._grow(size)
            del self._open()[size:]

    def view(self) -> MemoryView:
        """Open this very part for a reader."""
        self._open()
        return MemoryView(self._shelf, self._thing)

    def seal(self, size: int, digest: str | None, mtime: float | None = None) -> Seal:
        """Give what the committing record says; surplus bytes are cut off. Raises StorageFailed when it is short."""
        with self._shelf.lock:
            held = self._open()
            if len(held) < size:
                raise StorageFailed(f"The part in memory has {len(held)} bytes where {size} were written.")
            del held[size:]
            if mtime is not None:
                self._thing.mtime_ns, self._thing.dated = int(mtime * 1e9), True
            return Seal(size, 0, self._thing.inode, digest)

    def close(self) -> None:
        """Close; what is there stays."""
        self._closed = True


class MemorySink:
    """The sink of one operation onto a shelf. ``destination`` is any name."""

    def __init__(self, shelf: Shelf, destination: str, op_id: str) -> None:
        if not destination:
            raise InvalidRequest("The destination has no name.", hint="Give it one.")
        self.shelf, self.destination, self.op_id = shelf, destination, op_id

    def __repr__(self) -> str:
        return f"<memory {self.destination!r}>"

    def _parts(self, first: int, last: int) -> list[_Key]:
        """Give the keys of our parts of epochs ``first`` to ``last``, inclusive; the newest first."""
        mine = [k for k in self.shelf.parts if (k.destination, k.op_id) == (self.destination, self.op_id)]
        return sorted((k for k in mine if first <= k.epoch <= last), key=lambda k: -k.epoch)

    def _key(self, epoch: int) -> _Key:
        return _Key(self.destination, self.op_id, epoch)

    def create(self, epoch: int, size: int | None) -> MemoryPart:
        """Begin an empty part of ``epoch``; older ones go first, so that their room counts."""
        with self.shelf.lock:
            self._remove(epoch)
            room = self.room()
            if room is not None and size is not None and size > room:
                raise NoSpace(f"The shelf has {room} bytes free, and {size} are needed.", hint="Make room on it.")
            thing = self.shelf.parts[self._key(epoch)] = Thing()
            return MemoryPart(self.shelf, thing)

    def _remove(self, last: int) -> None:
        for key in self._parts(0, last):
            del self.shelf.parts[key]

    def reopen(self, epoch: int, fresh_since: int, *, proven: bool) -> MemoryPart | None:
        """Open the newest part of epochs ``fresh_since`` to ``epoch``, as part of ``epoch``; None if there is none."""
        with self.shelf.lock:
            found = self._parts(fresh_since, epoch)
            if not found:
                return None
            thing = self.shelf.parts[found[0]]
            shared = any(thing is final for final in self.shelf.finals.values())  # an adopted one: it has two names
            if shared or (found[0].epoch != epoch and not proven):
                thing = Thing(bytes(thing.data))
            self._remove(epoch)
            self.shelf.parts[self._key(epoch)] = thing
            return MemoryPart(self.shelf, thing)

    def adopt(self, path: str | os.PathLike[str], epoch: int, *, move: bool) -> tuple[MemoryPart, int]:
        """Begin the part of ``epoch`` with what lies at ``path`` on the shelf: that very thing with ``move``."""
        with self.shelf.lock:
            theirs = self.shelf.finals.get(os.fspath(path))
            if theirs is None:
                raise InvalidRequest(f"Nothing lies at {path}.", hint="Correct the path.")
            self._remove(epoch)
            room = self.room()
            if not move and room is not None and len(theirs.data) > room:
                raise NoSpace(f"The shelf has {room} bytes free.", hint="Make room on it.")
            thing = self.shelf.parts[self._key(epoch)] = theirs if move else Thing(bytes(theirs.data))
            return MemoryPart(self.shelf, thing), len(thing.data)

    def view(self, epoch: int, fresh_since: int) -> MemoryView | None:
        """Open the newest part of epochs ``fresh_since`` to ``epoch`` for a reader; None when there is none."""
        with self.shelf.lock:
            found = self._parts(fresh_since, epoch)
            return MemoryView(self.shelf, self.shelf.parts[found[0]]) if found else None

    def view_final(self, published: Published) -> MemoryView | None:
        """Open the finished thing for a reader; None when it does not lie there any more as it was published."""
        with self.shelf.lock:
            there = self.shelf.finals.get(published.path)
            same = there is not None and (len(there.data), there.mtime_ns) == (published.size, published.mtime_ns)
            return MemoryView(self.shelf, there) if there is not None and same else None

    def publish(self, epoch: int, seal: Seal, before: Before | None, path: str = "") -> Published:
        """Give the part its final name; replace only what ``before`` describes."""
        path = path or self.destination
        with self.shelf.lock:
            there = self.shelf.finals.get(path)
            if there is None or not _is_sealed(there, seal):
                there = self._place(epoch, seal, before, there, path)
            self._remove(epoch)
            return Published(path, len(there.data), there.mtime_ns)

    def _place(self, epoch: int, seal: Seal, before: Before | None, there: Thing | None, path: str) -> Thing:
        part = next((t for k in self._parts(0, epoch) if _is_sealed(t := self.shelf.parts[k], seal)), None)
        described = there is not None and before is not None and _described(there, before)
        if there is not None and not described:
            same = there.data == part.data if part is not None else _has_digest(there, seal)
            if same:
                return there
            raise DestinationExists(
                f"{path} is there already. The finished part is kept.",
                hint="Move it away, then retry; or give another destination.",
            )
        if part is None:
            raise SourceChanged(f"The finished part of {path} is gone or was altered.")
        if not part.dated:
            part.mtime_ns = int(self.shelf.clock() * 1e9)
        self.shelf.finals[path] = part
        return part

    def discard(self, *, keep: bool = False) -> None:
        """Remove every part of this operation, unless ``keep``."""
        if keep:
            return
        with self.shelf.lock:
            for key in [k for k in self.shelf.parts if (k.destination, k.op_id) == (self.destination, self.op_id)]:
                del self.shelf.parts[key]

    def room(self) -> int | None:
        """Give the bytes that still fit on the shelf; None where it has no end."""
        return self.shelf.room()


def _is_sealed(thing: Thing, seal: Seal) -> bool:
    return thing.inode == seal.inode and len(thing.data) == seal.size


def _described(thing: Thing, before: Before) -> bool:
    return (len(thing.data), thing.mtime_ns) == (before.size, before.mtime_ns)


def _has_digest(thing: Thing, seal: Seal) -> bool:
    if seal.digest is None or len(thing.data) != seal.size:
        return False
    algorithm, _, wanted = seal.digest.partition(":")
    return hashlib.new(algorithm, thing.data).hexdigest() == wanted
