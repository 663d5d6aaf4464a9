"""Our own journal: group commit, the fence, and compaction.

One writer appends (the engine's loop); ``sync`` and ``compact`` may run beside it in a worker. The lock in here is
one of this process, between those threads; no file is ever locked.

The fence: an append counts only if, *after* the write, the file under our name still is the file we wrote to. Whoever
takes over renames first and reads then, so it has read everything that was ever acknowledged. On NFS names may be
cached for up to a minute, which is why an owner lapses no sooner than after one (core/lease.py).

Somebody may also tidy up under our hands. A journal that was *removed*, though nobody took it, still hangs on our open
file: it is written again under its name, whole. One that was *cut* is ``bulky`` from then on, so that the engine has it
rewritten from what it knows; what comes meanwhile is appended to the rest.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import threading
from collections.abc import Callable, Iterable
from typing import Final

from nbxfer.core.record import Record
from nbxfer.manifest import lines, places, storage
from nbxfer.manifest.base import Fenced
from nbxfer.manifest.layout import Layout
from nbxfer.manifest.places import Places
from nbxfer.manifest.shortening import Finish, Gone, Kept
from nbxfer.manifest.tail import Tail

log = logging.getLogger("nbxfer")

#: Less than this is never worth a compaction (bytes).
LITTLE: Final = 4 * 1024 * 1024
#: So many finished operations are worth handing on to the history before there is a compaction; and the most in one
#: go, for each goes through most files of the history.
MANY: Final = 1000
MOST: Final = 4096
#: How often what was appended meanwhile is copied before it is done with the writer waiting.
_ROUNDS: Final = 3
_CHUNK: Final = 1024 * 1024


class Journal:
    """One owner's journal, open for appending.

    ``lost`` says whether there are other signs that the journal was taken over; it is asked after a compaction, and
    when there is no file under our name.
    """

    def __init__(self, layout: Layout, owner: str, lost: Callable[[], bool]) -> None:
        self._layout = layout
        self._owner = owner
        self._path = layout.journal(owner)
        self._lost = lost
        self._lock = threading.Lock()
        self._compacting = threading.Lock()  # two at once would each copy from the other's file
        self._places = Places()
        self._seq = self._size = 0
        self._cuts = 0  # how often somebody has cut it short
        self._doubtful = False  # a sync failed, or somebody cut it: what is on the disk is not known
        self._strange = False  # somebody else has written to it
        self._fd = os.open(self._path, storage.CREATE, 0o600)
        try:
            self._size = storage.append(self._fd, lines.generation())  # of what was appended whole
        except OSError:
            self.close(remove=True)
            raise
        self._compact = self._size  # after the last compaction

    def append(self, records: Iterable[Record]) -> list[str]:
        """Add the records in one write, or a few where they are many; give their ids.

        Raises Fenced, NoSpace, StorageFailed, InvalidRequest; then none is in.
        """
        with self._lock:
            self._check()  # here only so that a stale owner leaves no trace; the one that counts comes after
            new = places.Written(self._seq)
            with storage.doing("The journal could not be written"):
                size = storage.append_each(self._fd, new.pieces(records))
            at = size - new.size
            self._strange = self._strange or at != self._size
            self._size = size
            self._places.note(new, at)
            self._seq += len(new.ids)
            self._check()
            return new.ids

    def check(self) -> None:
        """Raise Fenced when the journal is not ours any more."""
        with self._lock:
            self._check()

    def _check(self) -> None:
        with storage.doing("The journal cannot be reached"):
            mine = os.fstat(self._fd)
            try:
                there = os.stat(self._path, follow_symlinks=False)
            except FileNotFoundError:
                self._put_back()
                return
        if (mine.st_dev, mine.st_ino) != (there.st_dev, there.st_ino):
            raise Fenced
        if mine.st_size < self._size:
            log.warning("somebody cut %s short; it is written anew from what this process knows", self._path)
            self._size, self._doubtful = mine.st_size, True
            self._cuts += 1
            self._places.clear()

    def _put_back(self) -> None:
        """Write a journal that somebody removed under its name again. Raises Fenced when it was taken over instead."""
        # Where a list of names may be old (NFS), one that still has ours says nothing about who took it.
        if self._lost() or os.path.basename(self._path) in storage.names(self._layout.journals):
            raise Fenced
        log.warning("somebody removed %s; it is put back", self._path)
        aside = self._layout.aside(self._owner)
        fd = os.open(aside, storage.CREATE, 0o600)
        try:
            storage.append(fd, lines.generation())
            self._copy(fd, lines.GENERATION, os.fstat(self._fd).st_size)
            os.fsync(fd)
            self._size = os.fstat(fd).st_size
            self._rename(aside, fd)
        except BaseException:
            storage.remove(aside)
            os.close(fd)
            raise
        old, self._fd = self._fd, fd
        os.close(old)
        storage.sync_folder(self._layout.journals)

    def sync(self) -> None:
        """Return when everything appended before is on the disk. Raises NoSpace, StorageFailed."""
        with self._lock, storage.doing("The journal could not be saved to the disk"):
            fd = os.dup(self._fd)  # compaction may close the other one meanwhile
        try:
            with storage.doing("The journal could not be saved to the disk"):
                os.fsync(fd)
        except OSError:
            self._doubtful = True
            raise
        finally:
            os.close(fd)

    @property
    def bulky(self) -> bool:
        """Whether more than half of it (and more than LITTLE) is past, or the disk has failed us."""
        return self._doubtful or self._size - self._places.bytes > max(LITTLE, self._places.bytes)

    @property
    def untouched(self) -> bool:
        """Whether nothing was appended since the last compaction."""
        return self._size == self._compact and not self._doubtful

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return self._size <= lines.GENERATION

    def compact(self, live: Iterable[Record], finish: Finish, gone: Gone) -> None:
        """Rewrite it without the past; what is over is in the history before (``finish``).

        An operation that ``live`` does not name is kept all the same (Kept says which are not). What this version does
        not understand stays. Raises Fenced, NoSpace, StorageFailed, and has then changed nothing.
        """
        known = {record.id: record for record in live}
        with self._compacting:
            if self._is_sound() and self._rewrite(known, finish, gone):
                return
            self._rewrite(known, finish, gone, reading=True)

    def tidy(self, finish: Finish, gone: Gone) -> bool:
        """Hand on what is over, if that is much, and rewrite it where that is worth it, without reading the past.

        False where it has to be rewritten from what its engine knows. Raises Fenced, NoSpace, StorageFailed.
        """
        with self._compacting:
            if len(self._places.ended) >= MANY:
                self._settle(finish)
            return not self.bulky or (self._is_sound() and self._rewrite({}, finish, gone))

    def _is_sound(self) -> bool:
        """Say whether what is in the file is what this process has written, as far as that can be told cheaply."""
        with self._lock:
            self._check()
            with storage.doing("The journal cannot be reached"):
                return not (self._doubtful or self._strange) and os.fstat(self._fd).st_size == self._size

    def _settle(self, finish: Finish) -> None:
        with self._lock, storage.doing("The journal could not be read"):
            self._check()
            over = list(self._places.ended.items())
            fd = os.dup(self._fd)
        try:
            for first in range(0, len(over), MOST):  # the memory of a thread grows with what it holds at once
                some = over[first : first + MOST]
                with storage.doing("The journal could not be read"):
                    finish(places.ended(fd, dict(some)))
                with self._lock:
                    self._places.settled(op_id for op_id, _ in some)
        except places.Unsound:
            self._doubtful = True
        finally:
            os.close(fd)

    def _rewrite(self, known: dict[str, Record], finish: Finish, gone: Gone, *, reading: bool = False) -> bool:
        """Put another file in its place; False where a line is not where it was written."""
        with self._lock, storage.doing("The journal could not be read"):
            self._check()
            size, cuts, kept = self._size, self._cuts, Kept(known, self._seq, finish, gone)
            live, over = dict(self._places.live), dict(self._places.ended)
            fd = os.dup(self._fd)  # it may be put back meanwhile
        try:
            tail = Tail()
            if reading:
                with storage.doing("The journal could not be read"):
                    tail.read(fd, size)
            with storage.doing("The journal could not be rewritten"):
                self._replace(kept.by_reading(tail) if reading else kept.by_place(fd, live, over), size, cuts)
        except places.Unsound:
            return False
        finally:
            os.close(fd)
        with self._lock:
            self._strange = kept.strange
            for op_id in kept.dropped:
                self._places.drop(op_id)
        return True

    def _replace(self, kept: Iterable[tuple[str, bytes]], since: int, cuts: int) -> None:
        """Put these lines, and what was appended from offset ``since`` on, in the journal's place."""
        aside = self._layout.aside(self._owner)
        fd = os.open(aside, storage.CREATE, 0o600)
        try:
            storage.append(fd, lines.generation())
            there = places.copied(lambda data: storage.append(fd, data), kept)
            begun, copied = since, os.fstat(fd).st_size
            for _ in range(_ROUNDS):
                os.fsync(fd)
                until = self._size
                self._copy(fd, since, until)
                if since == until:
                    break
                since = until
            with self._lock:
                self._check()
                self._copy(fd, since, self._size)
                os.fsync(fd)
                size = os.fstat(fd).st_size
                self._check()
                if self._cuts != cuts:  # so ``since`` means nothing any more
                    raise OSError(errno.EIO, "Somebody cut it short meanwhile")
                self._rename(aside, fd)
                old, self._fd = self._fd, fd
                self._size, self._compact, self._doubtful = size, size, False
                self._places.moved(there, begun, copied - begun)
        except BaseException:
            storage.remove(aside)
            os.close(fd)
            raise
        os.close(old)
        storage.sync_folder(self._layout.journals)

    def _copy(self, fd: int, since: int, until: int) -> None:
        while since < until and (chunk := os.pread(self._fd, min(_CHUNK, until - since), since)):
            storage.append(fd, chunk)
            since += len(chunk)

    def _rename(self, aside: str, fd: int) -> None:
        try:
            os.rename(aside, self._path)
        except OSError:
            # Over NFS the answer may be lost, and the repeated request fail: what counts is what lies there.
            with contextlib.suppress(OSError):
                if os.path.samestat(os.stat(self._path, follow_symlinks=False), os.fstat(fd)):
                    return
            raise
        # Taken over between the check and the rename: there is a second journal now, which must go.
        if self._lost():
            storage.remove(self._path)
            raise Fenced

    def close(self, *, remove: bool = False) -> None:
        """Close it; with ``remove`` it is taken away as well, if it still is ours."""
        with self._lock:
            if remove:
                with contextlib.suppress(OSError, Fenced):
                    self._check()
                    os.unlink(self._path)
            fd, self._fd = self._fd, -1
            os.close(fd)
