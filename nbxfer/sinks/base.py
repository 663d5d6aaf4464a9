"""The shape of a sink. Blocking calls from worker threads; one sink object an operation."""

from __future__ import annotations

import os
from typing import Protocol

from nbxfer.core.record import Before, Published, Seal


class View(Protocol):
    """One part, open for a reader of its own: it goes on after the part got its final name, or was removed.

    Any thread. Which of its bytes are there is for others to say: the landing, the block log.
    """

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill some of ``buffer`` with bytes from ``offset``; give their number, 0 at the end of what was written.

        Raises StorageFailed, also when it is closed.
        """
        ...

    def is_sealed(self, seal: Seal) -> bool:
        """Say whether this very object is the finished one that ``seal`` describes."""
        ...

    def close(self) -> None:
        """Close. Never raises."""
        ...


class Part(Protocol):
    """The unfinished object of one epoch, open. Writes at different offsets may come from several threads."""

    def write_at(self, offset: int, data: memoryview) -> None:
        """Write all of ``data`` at ``offset`` (bytes from the start). Raises NoSpace, StorageFailed, AccessDenied."""
        ...

    def read_at(self, offset: int, length: int) -> bytes:
        """Give up to ``length`` bytes from ``offset``; fewer at the end of what was written."""
        ...

    def sync(self) -> None:
        """Return when what was written is on the disk.

        After StorageFailed or NoSpace the part refuses everything until it is reopened.
        """
        ...

    def truncate(self, size: int) -> None:
        """Cut to ``size`` bytes, or extend with zeros."""
        ...

    def view(self) -> View:
        """Open this very part for a reader."""
        ...

    def seal(self, size: int, digest: str | None, mtime: float | None = None) -> Seal:
        """Give what the committing record says of this part; what lies past ``size`` is cut off.

        ``mtime`` (Unix time) is when the file will say that it was changed last, where the sink knows such a time.
        Raises StorageFailed when the part is shorter than ``size``.
        """
        ...

    def close(self) -> None:
        """Close; what is there stays. Never raises."""
        ...


class Sink(Protocol):
    """Where bytes go. ``epoch`` and ``fresh_since`` are those of the record."""

    def create(self, epoch: int, size: int | None) -> Part:
        """Begin an empty part of ``epoch``; parts of older epochs are removed.

        Checks free space for ``size`` bytes first. Raises NoSpace, AccessDenied, StorageFailed; InvalidRequest for a
        name that the file system cannot hold.
        """
        ...

    def reopen(self, epoch: int, fresh_since: int, *, proven: bool) -> Part | None:
        """Open the newest part of epochs ``fresh_since`` to ``epoch``, as part of ``epoch``; None when there is none.

        A part of an older epoch is renamed when ``proven`` (nobody else writes to it any more), else cloned into a
        new file, so that a writer who wakes up cannot touch ours.
        """
        ...

    def adopt(self, path: str | os.PathLike[str], epoch: int, *, move: bool) -> tuple[Part, int]:
        """Begin the part of ``epoch`` with the bytes of somebody's file; give how many they are from the beginning.

        (What lies behind a hole does not count: nobody can say that it came.) With ``move`` the part is that very file
        where it can be. Its old name stays: the caller removes it when it is written down whose the file is now.
        Without, or where it must be, the part is a copy. Raises InvalidRequest for what is no ordinary file, NoSpace,
        AccessDenied, StorageFailed.
        """
        ...

    def view(self, epoch: int, fresh_since: int) -> View | None:
        """Open the newest part of epochs ``fresh_since`` to ``epoch`` for a reader; None when there is none."""
        ...

    def view_final(self, published: Published) -> View | None:
        """Open the finished object for a reader; None when it does not lie there any more as it was published."""
        ...

    def publish(self, epoch: int, seal: Seal, before: Before | None, path: str = "") -> Published:
        """Give the part its final name, atomically; replace only what ``before`` describes.

        ``path`` is the final name where it is not the destination's own: in the same folder, else InvalidRequest.

        May be called again after a crash: a final object that matches ``seal`` is ours and counts as published.
        Raises DestinationExists (something else is there), SourceChanged (the part is gone or is not the sealed
        one: fetch again), NoSpace, AccessDenied, StorageFailed.
        """
        ...

    def discard(self, *, keep: bool = False) -> None:
        """Remove every part of this operation, unless ``keep``. Never touches the final name."""
        ...

    def room(self) -> int | None:
        """Give the free bytes at the destination; None where nobody can know."""
        ...
