"""A file of this machine as a source. Its version is what it is (device, inode) and how it was left (size, times).

That is looked at beside every read: a file that somebody writes to or cuts meanwhile is another version, and bytes of
two versions never leave together. A file that is exchanged by a rename goes on as the old one where it is open.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from contextlib import suppress
from typing import Final

from nbxfer.core.probe import Probe, Validator, Want
from nbxfer.errors import AccessDenied, FileChanged, InvalidRequest, SourceNotFound, StorageFailed
from nbxfer.sources.base import Stop, Stopped

#: The most bytes of one read: Stop is looked at in between.
CHUNK: Final = 4 * 1024 * 1024


def version(there: os.stat_result) -> Validator:
    """Give what tells two versions of a file apart."""
    # Anybody can set the time of change back, the time of change of its inode nobody can.
    times = f"{there.st_mtime_ns}-{there.st_ctime_ns}"
    return Validator("file", f"{there.st_dev}-{there.st_ino}-{there.st_size}-{times}")


def _same(there: os.stat_result, known: Validator | None) -> bool:
    """Say whether an open file is the version that is known. To lose its last name changes its inode, not its bytes."""
    now = version(there)
    if there.st_nlink or known is None:
        return now == known
    return now.value.rpartition("-")[0] == known.value.rpartition("-")[0]


class LocalStream:
    """One open file, from ``start`` up to ``stop`` (bytes, exclusive)."""

    restarted = False
    length_proven = True

    def __init__(self, path: str, fd: int, probe: Probe, upto: int, stop: Stop) -> None:
        self.probe = probe
        self._path, self._fd, self._stop = path, fd, stop
        self._at, self._upto = probe.start, upto
        self._lock = threading.Lock()

    def read_into(self, buffer: memoryview) -> int:
        """See Stream. Raises FileChanged, StorageFailed, Stopped."""
        if self._stop.is_set():
            raise Stopped
        want = min(len(buffer), self._upto - self._at, CHUNK)
        if want <= 0:
            return 0
        with self._lock:
            if self._fd < 0:
                raise Stopped
            try:
                got = os.preadv(self._fd, [buffer[:want]], self._at)
                there = os.fstat(self._fd)
            except OSError as error:
                raise StorageFailed(f"{self._path} cannot be read ({error.strerror}).") from None
        if not _same(there, self.probe.validator) or not got:
            raise changed(self._path)
        self._at += got
        return got

    def close(self) -> None:
        """Close it."""
        with self._lock:
            fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)


def changed(path: str) -> FileChanged:
    """Give the error of a file that is another one by now."""
    return FileChanged(
        f"{path} was changed while it was being sent.", hint="Run this again when nobody writes to it any more."
    )


class LocalSource:
    """One file by its absolute path; links are followed."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<local source {self.path}>"

    def open(self, want: Want, stop: Stop) -> LocalStream | None:
        """Open it as ``want`` says. Raises SourceNotFound, AccessDenied, InvalidRequest, FileChanged."""
        if stop.is_set():
            raise Stopped
        fd = self._opened()
        try:
            there = os.fstat(fd)
            if not stat.S_ISREG(there.st_mode):
                raise no_file(self.path, there.st_mode)
            now = version(there)
            if want.unless == now:
                os.close(fd)
                return None
            known = want.pinned is None or want.pinned == now
            known = known and want.size in (None, there.st_size)
            if not known and want.part:
                raise changed(self.path)
            probe = Probe(
                there.st_size,
                now,
                ranges=True,
                start=want.start if known else 0,
                media_type="application/octet-stream",
                modified=there.st_mtime,
            )
            upto = there.st_size if want.stop is None else min(want.stop, there.st_size)
            stream = LocalStream(self.path, fd, probe, upto, stop)
            stream.restarted = not known
        except BaseException:
            with suppress(OSError):
                os.close(fd)
            raise
        return stream

    def _opened(self) -> int:
        try:
            return os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SourceNotFound(f"{self.path} is not there.", hint="Correct the path.") from None
        except PermissionError:
            raise AccessDenied(f"{self.path} may not be read.", hint="Change its mode, or ask whose it is.") from None
        except OSError as error:
            if error.errno in (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
                raise SourceNotFound(f"{self.path} is not there.", hint="Correct the path.") from None
            raise StorageFailed(f"{self.path} cannot be opened ({error.strerror}).") from None

    def close(self) -> None:
        """Nothing is shared between its streams."""


def no_file(path: str, mode: int) -> InvalidRequest:
    """Give the error of what is no ordinary file."""
    if stat.S_ISDIR(mode):
        return InvalidRequest(f"{path} is a folder.", hint="Give the path of a file.")
    return InvalidRequest(f"{path} is no ordinary file.", hint="Give the path of a file.")
