"""The unfinished file, open: positional writes, syncs, and copies for an owner who must not share."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from nbxfer.core.record import Seal
from nbxfer.errors import NoSpace, StorageFailed
from nbxfer.sinks.folder import Folder
from nbxfer.sinks.oserrors import translate, translated
from nbxfer.sinks.view import FileView

#: From this size on (bytes) a part's *name* is synced too; what is smaller is sooner fetched again after a power cut.
WORTH_A_NAME: Final = 8 * 1024 * 1024
#: Bytes copied at once.
_CHUNK: Final = 1024 * 1024
#: fsync answers so where there is no such thing; fdatasync has written the bytes before.
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
#: linux/fs.h: share the blocks of another file (btrfs, XFS).
_FICLONE: Final = 0x40049409
#: copy_file_range answers so where it has no way of its own.
_NO_COPY = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.EPERM, errno.EBADF})


class PartFile:
    """One open part. Its methods may be called from several threads; the last one out closes the descriptor.

    (A descriptor closed under a writer could be somebody else's file by the time the write reaches it.)
    ``folder`` is the path of its folder, ``of`` the destination as it may be shown.
    """

    def __init__(self, fd: int, folder: str, of: str) -> None:
        self._fd = fd
        self._folder = folder
        self._what = f"The part of {of}"
        self._lock = threading.Lock()
        self._users = 1  # the one who will call close()
        self._closed = False
        self._named = False  # whether the name is on the disk
        self._distrust: str | None = None

    def __repr__(self) -> str:
        return f"<{self._what[:1].lower()}{self._what[1:]}, {'closed' if self._closed else 'open'}>"

    @property
    def folder(self) -> str:
        """The path of the folder that it is in."""
        return self._folder

    @contextmanager
    def _use(self, doing: str) -> Iterator[int]:
        with self._lock:
            if self._closed:
                raise StorageFailed(f"{self._what} is closed.", hint="Open it again.")
            if self._distrust is not None:
                raise StorageFailed(self._distrust, hint="Open it again: every block is read before it is believed.")
            self._users += 1
        try:
            with translated(f"{self._what} could not be {doing}"):
                yield self._fd
        finally:
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            with suppress(OSError):  # NFS tells here what sync() has told or nobody relies on
                os.close(self._fd)

    def write_at(self, offset: int, data: memoryview) -> None:
        """Write all of ``data`` at ``offset``."""
        with self._use("written") as fd:
            write(fd, offset, data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Give up to ``length`` bytes from ``offset``."""
        with self._use("read") as fd:
            data = os.pread(fd, length, offset)
            while data and len(data) < length:  # signals and network file systems give less than there is
                more = os.pread(fd, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
            return data

    def sync(self) -> None:
        """Return when what was written is on the disk.

        After any error the part is not to be trusted any more, and refuses everything: a second fsync may succeed
        though the bytes were lost by the first. What the cache holds is dropped, so that the blocks that are read
        after a new open come from the disk. Raises NoSpace where the file server finds the quota used up only now,
        else StorageFailed.
        """
        with self._use("synced") as fd, self._distrusting(fd):
            _flush(fd)
            if not self._named and os.fstat(fd).st_size >= WORTH_A_NAME:
                with Folder(self._folder) as folder:
                    folder.sync()
                self._named = True

    @contextmanager
    def _distrusting(self, fd: int) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._distrust = f"{self._what} is not to be trusted any more: a sync failed."
            with suppress(OSError, AttributeError):
                os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            ours = translate(error, f"{self._what} could not be synced")
            raise (ours if isinstance(ours, NoSpace) else StorageFailed(ours.message, hint=ours.hint)) from None

    def truncate(self, size: int) -> None:
        """Cut to ``size`` bytes, or extend with zeros."""
        with self._use("cut") as fd:
            os.ftruncate(fd, size)

    def view(self) -> FileView:
        """Open this very part for a reader."""
        with self._use("opened") as fd:
            return FileView(os.dup(fd), self._what)

    def share(self) -> int:
        """Give another descriptor of this very part, for a process that writes into it; who takes it closes it."""
        with self._use("shared") as fd:
            return os.dup(fd)

    def seal(self, size: int, digest: str | None, mtime: float | None = None) -> Seal:
        """Give what the committing record says; surplus bytes are cut off. Raises StorageFailed when it is short.

        ``mtime`` (Unix time) becomes the file's time of last change, where the file system can keep it.
        """
        with self._use("sealed") as fd:
            there = os.fstat(fd)
            if there.st_size < size:
                raise StorageFailed(
                    f"{self._what} has {there.st_size} bytes where {size} were written.",
                    hint="Something else has cut it; retry, what is missing is fetched again.",
                )
            if there.st_size > size:
                os.ftruncate(fd, size)
            with self._distrusting(fd):
                if there.st_size > size:
                    _flush(fd)
                if mtime is not None:
                    _date(fd, mtime)
            return Seal(size, there.st_dev, there.st_ino, digest)

    def close(self) -> None:
        """Close; what is there stays."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._leave()


class Slip:
    """The first part of a small file, written as a whole and open; of one thread, and for a moment only."""

    __slots__ = ("_fd", "folder", "size")

    def __init__(self, fd: int, folder: str, size: int) -> None:
        self._fd, self.folder, self.size = fd, folder, size

    def sync(self) -> None:
        """Return when what was written is on the disk. After an error it is of no use any more."""
        with translated("A part could not be synced"):
            _flush(self._fd)

    def seal(self, mode: int) -> Seal:
        """Give what the committing record says, with ``mode`` set already, where the file system has such a thing."""
        with translated("A part could not be sealed"):
            with suppress(OSError):  # looked into by who gives it its name
                os.fchmod(self._fd, mode)
            there = os.fstat(self._fd)
            if there.st_size != self.size:
                raise StorageFailed("A part was altered by somebody else.", hint="It is fetched again.")
            return Seal(self.size, there.st_dev, there.st_ino)

    def close(self) -> None:
        """Close; what is there stays."""
        with suppress(OSError):
            os.close(self._fd)


def _flush(fd: int) -> None:
    if hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:  # macOS
        os.fsync(fd)


def _date(fd: int, mtime: float) -> None:
    """Set the time of last change. One that the file system cannot keep is no reason to lose a right file."""
    seconds, fraction = divmod(mtime, 1)
    stamp = int(seconds) * 10**9 + int(fraction * 10**9)
    with suppress(OSError, OverflowError):
        os.utime(fd, ns=(os.fstat(fd).st_atime_ns, stamp))
    try:
        os.fsync(fd)  # times are no part of what fdatasync writes
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def write(fd: int, offset: int, data: memoryview) -> None:
    """Write all of ``data`` at ``offset``. Raises OSError."""
    while data:
        written = os.pwrite(fd, data, offset)
        if written == 0:  # no file system should; going round for ever would be worse
            raise OSError(errno.EIO, "nothing was written")
        data, offset = data[written:], offset + written


def copy(source: int, target: int) -> None:
    """Make the empty file ``target`` the same as ``source``: blocks shared where it can be, holes kept.

    Moves the file position of ``source``, so that descriptor must be the caller's own.
    """
    size = os.fstat(source).st_size
    try:
        import fcntl

        fcntl.ioctl(target, _FICLONE, source)
        return
    except (ImportError, OSError):
        os.ftruncate(target, size)
    for start, stop in _data(source, size):
        _copy_range(source, target, start, stop)


def _data(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Give the ranges that are not holes."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
            position = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # ENXIO: only a hole is left; else: this file system cannot tell
                yield position, size
            return
        yield start, min(position, size)


def _copy_range(source: int, target: int, start: int, stop: int) -> None:
    while start < stop:
        try:
            copied = os.copy_file_range(source, target, stop - start, start, start)
        except (AttributeError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in _NO_COPY:
                raise
            copied = 0
        if copied == 0:  # some kernels say 0 where they mean "not here"
            chunk = os.pread(source, min(_CHUNK, stop - start), start)
            if not chunk:  # it became shorter: what is missing is a hole, and no row vouches for it
                return
            write(target, start, memoryview(chunk))
            copied = len(chunk)
        start += copied
