"""The shape of a sink. Blocking calls from worker threads; one sink object an operation."""

from __future__ import annotations

from typing import Protocol

from nbxfer.core.record import Before, Published, Seal


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

    def seal(self, size: int, digest: str | None) -> Seal:
        """Give what the committing record says of this part. Raises StorageFailed when it is shorter than ``size``."""
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

    def publish(self, epoch: int, seal: Seal, before: Before | None) -> Published:
        """Give the part its final name, atomically; replace only what ``before`` describes.

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
