"""A part as a reader sees it: a descriptor of its own, which outlives the part's renaming and removal."""

from __future__ import annotations

import os
import threading
from contextlib import suppress

from nbxfer.core.record import Seal
from nbxfer.errors import StorageFailed
from nbxfer.sinks.oserrors import translated


class FileView:
    """One file, open for reading. ``of`` begins what is said of it ("The part of …"). Any thread."""

    def __init__(self, fd: int, of: str) -> None:
        self._fd = fd
        self._what = of
        # Held while reading, too: a descriptor closed under a reader could be somebody else's file by then.
        self._lock = threading.Lock()

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fill some of ``buffer`` with bytes from ``offset``; give their number, 0 at the end of what was written."""
        with self._lock, translated(f"{self._what} could not be read"):
            self._check()
            return os.preadv(self._fd, [buffer], offset)

    def is_sealed(self, seal: Seal) -> bool:
        """Say whether this very file is the finished one that ``seal`` describes."""
        with self._lock, translated(f"{self._what} could not be read"):
            self._check()
            there = os.fstat(self._fd)
            return (there.st_ino, there.st_size) == (seal.inode, seal.size)

    def _check(self) -> None:
        if self._fd < 0:
            raise StorageFailed(f"{self._what} is closed.", hint="Open it again.")

    def close(self) -> None:
        """Close; what is there stays."""
        with self._lock:
            fd, self._fd = self._fd, -1
            if fd >= 0:
                with suppress(OSError):
                    os.close(fd)
