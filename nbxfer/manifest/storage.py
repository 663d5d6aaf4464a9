"""Files as this room wants them: private, never through a link, whole or not at all, errors in the project's words."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final

from nbxfer.errors import AccessDenied, NoSpace, StorageFailed, TransferError

#: Never through a symbolic link, never into a child process, never waiting for somebody to open a FIFO's other end.
_SAFELY: Final = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)
READ: Final = os.O_RDONLY | _SAFELY
APPEND: Final = os.O_RDWR | os.O_CREAT | os.O_APPEND | _SAFELY
CREATE: Final = APPEND | os.O_EXCL

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP})


def translated(error: OSError, what: str) -> TransferError:
    """Give the error of errors.py that says the same as ``error``, which came while doing ``what``."""
    if isinstance(error, TransferError):
        return error
    reason = f"{what}: {error.strerror or type(error).__name__}."
    if error.errno in _NO_ROOM:
        return NoSpace(reason, hint="Make room in the manifest's file system, or point NBXFER_HOME elsewhere.")
    if error.errno in (errno.EMFILE, errno.ENFILE):  # no room for another open file; it comes by itself
        return NoSpace(reason, hint="It goes on by itself when some are closed (ulimit -n).")
    if error.errno in _REFUSED:
        return AccessDenied(reason, hint="Point NBXFER_HOME at a folder that you can write to.")
    return StorageFailed(reason, hint="Look after that file system; what was saved before is still there.")


class _Doing:
    """See doing. A class, for a journal enters four of these at each append, and a generator costs three times more."""

    __slots__ = ("_what",)

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, OSError) and not isinstance(error, TransferError):
            raise translated(error, self._what) from error


def doing(what: str) -> AbstractContextManager[None]:
    """Translate every OSError that comes up inside. ``what`` begins a sentence: "The journal could not be …"."""
    return _Doing(what)


def is_ours(status: os.stat_result) -> bool:
    """Say whether a file belongs to this user (always, where the system has no such thing)."""
    return not hasattr(os, "geteuid") or status.st_uid == os.geteuid()


def open_to_read(path: str) -> int | None:
    """Open a file of ours; None when there is none, or when it is a link, no plain file, or another user's."""
    try:
        fd = os.open(path, READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR}:
            return None
        raise
    try:
        status = os.fstat(fd)
        plain = stat.S_ISREG(status.st_mode) and is_ours(status)
    except OSError:
        os.close(fd)
        raise
    if not plain:
        os.close(fd)
        return None
    return fd


def read_small(path: str, limit: int) -> bytes | None:
    """Give the content of a small file of ours; None when there is none, or when it is longer than ``limit`` bytes."""
    fd = open_to_read(path)
    if fd is None:
        return None
    try:
        data = os.read(fd, limit + 1)
    finally:
        os.close(fd)
    return data if len(data) <= limit else None


def append(fd: int, data: bytes) -> int:
    """Write all of ``data`` at the end, in one call where that can be; give the size of the file then.

    Where that fails, the file is cut back to what it was, and OSError raised.
    """
    return append_each(fd, (data,))


def append_each(fd: int, pieces: Iterable[bytes]) -> int:
    """Write pieces at the end as they are made; give the size of the file then.

    Where that fails, or making one does, the file is cut back to what it was, and the error raised.
    """
    before = after = os.fstat(fd).st_size
    try:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                written = os.write(fd, view)
                after += written
                view = view[written:]
    except BaseException:
        if after > before:  # half a record is on the disk; if it can't be cut off, readers find their way past it
            with contextlib.suppress(OSError):
                os.ftruncate(fd, before)
        raise
    return after


def write_aside(path: str, data: bytes, *, sync: bool) -> None:
    """Put a whole file under ``path``, replacing what is there: it is seen whole or not at all."""
    aside = os.path.join(os.path.dirname(path), f".{os.urandom(8).hex()}.new")
    fd = os.open(aside, CREATE, 0o600)
    try:
        try:
            append(fd, data)
            if sync:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(aside, path)
    except OSError:
        remove(aside)
        raise


def remove(path: str) -> bool:
    """Remove a file; say whether it was there. Never raises: what cannot be removed does no harm."""
    try:
        os.unlink(path)
    except OSError:
        return False
    return True


def names(folder: str) -> list[str]:
    """List a folder; [] when there is none."""
    try:
        return os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []


def sync_folder(path: str) -> None:
    """Return when the names in a folder are on the disk. Some file systems refuse that: it is as good as it gets."""
    if os.name == "nt":
        return
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES}:
            raise
    finally:
        os.close(fd)
