"""What one journal says, kept current by reading only what was appended since the last look."""

from __future__ import annotations

import os
from typing import Final

from nbxfer.core.phases import Phase
from nbxfer.core.record import Record
from nbxfer.manifest import lines, storage
from nbxfer.manifest.lines import GENERATION, MAX_LINE, Stored

_CHUNK: Final = 1024 * 1024
_DONE: Final = b'"phase":"done"'


class Tail:
    """The best line of each operation in one journal.

    ``best`` holds lines of other formats, too: they hide what is older. ``foreign`` holds every line of another
    format, in order. Lines stay undecoded, as a rule nobody asks for most of them.
    """

    def __init__(self) -> None:
        self.touched = 0.0  # mtime
        self._begin((0, 0))

    def _begin(self, file: tuple[int, int]) -> None:
        self._file = file  # device and inode: compaction puts another file in its place
        self._start = b""  # … which may have that inode, too, but not the same generation
        self._offset = 0
        self.best: dict[str, Stored] = {}
        self.foreign: list[bytes] = []
        self._done: dict[str, Record] = {}  # by destination
        self._maybe_done: list[str] = []

    def follow(self, path: str) -> bool:
        """Read what is new; say whether there is such a journal. Raises OSError."""
        try:
            seen = os.stat(path, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if ((seen.st_dev, seen.st_ino), seen.st_size, seen.st_mtime) == (self._file, self._offset, self.touched):
            return True
        fd = storage.open_to_read(path)
        if fd is None:
            return False
        try:
            self.read(fd)
        finally:
            os.close(fd)
        return True

    def read(self, fd: int, stop: int | None = None) -> None:
        """Read what is new in an open journal, up to offset ``stop`` (exclusive). Raises OSError, for nothing else."""
        seen = os.fstat(fd)
        self.touched = seen.st_mtime
        file = (seen.st_dev, seen.st_ino)
        start = os.pread(fd, GENERATION, 0)
        if file != self._file or start != self._start or seen.st_size < self._offset:  # compacted, or cut
            self._begin(file)
            self._start = start
        at = self._offset
        end = seen.st_size if stop is None else stop
        rest = b""
        while chunk := os.pread(fd, min(_CHUNK, end - at), at):
            at += len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                self._take(line)
            rest = rest[-MAX_LINE:]  # of a line without an end, only the last bytes can hold a good one
        self._offset = at - len(rest)
        if rest:  # whole but for its newline, or not finished yet: it is read again next time
            self._take(rest)

    def _take(self, line: bytes) -> None:
        for piece in lines.pieces(line):
            found = lines.stored(piece)
            if found is None:
                if lines.has_other_format(piece):
                    self.foreign.append(piece)
                continue
            op_id, new = found
            if new.foreign:
                self.foreign.append(piece)
            old = self.best.get(op_id)
            if old is None or new > old:
                self.best[op_id] = new
                if _DONE in piece:
                    self._maybe_done.append(op_id)

    def record(self, op_id: str) -> Record | None:
        """Give the best record of an operation; None when there is none that this version may show."""
        best = self.best.get(op_id)
        return lines.decode(best) if best is not None else None

    def done(self, destination: str) -> Record | None:
        """Give the newest operation in this journal that has finished that destination."""
        while self._maybe_done:
            record = self.record(self._maybe_done.pop())
            if record is not None and record.phase is Phase.DONE:
                known = self._done.get(record.spec.destination)
                if known is None or known.changed <= record.changed:
                    self._done[record.spec.destination] = record
        return self._done.get(destination)
