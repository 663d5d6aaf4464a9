"""Somebody else's unfinished file becomes a part: under a second name, or as a copy.

::

    link(theirs, part)                       they asked us to move it: their name goes when the record is saved
    copy(theirs, clone) → rename(clone, part)    they keep theirs; or it has to be one, for want of links

Until the caller removes their name, nothing is lost by giving up.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

from nbxfer.errors import AccessDenied, InvalidRequest, StorageFailed
from nbxfer.sinks.folder import Folder
from nbxfer.sinks.oserrors import shown, translated
from nbxfer.sinks.publishing import NO_LINKS


class Theirs:
    """Somebody's file, as it is at this moment. Raises InvalidRequest, AccessDenied for what cannot be taken over."""

    def __init__(self, path: str | os.PathLike[str], *, move: bool) -> None:
        self.path, self.move = os.path.abspath(path), move
        self.shown = shown(self.path)
        with translated(f"{self.shown} could not be looked at"):
            try:
                self.stat = os.lstat(self.path)
            except FileNotFoundError:
                raise self._refused("is not there", "Correct the path of the unfinished file.") from None
        self._check(self.stat)

    def _check(self, there: os.stat_result) -> None:
        if not stat.S_ISREG(there.st_mode):
            kinds = {stat.S_IFLNK: "is a link", stat.S_IFDIR: "is a folder"}
            kind = kinds.get(stat.S_IFMT(there.st_mode), "is no ordinary file")
            raise self._refused(kind, "Give the path of the unfinished file itself.")
        if self.move and there.st_nlink != 1:
            raise self._refused(f"has {there.st_nlink} names, and would change under each", "Leave move out.")
        if self.move and there.st_uid != os.geteuid():
            raise AccessDenied(f"{self.shown} belongs to another user.", hint="Leave move out: it is copied then.")

    def _refused(self, why: str, hint: str) -> InvalidRequest:
        return InvalidRequest(f"{self.shown} {why}.", hint=hint)

    def open(self) -> int:
        """Open it, for writing too where it is to be the part. Raises StorageFailed when it is another one by now."""
        flags = (os.O_RDWR if self.move else os.O_RDONLY) | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self.path, flags)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise self._exchanged() from None
        if not os.path.samestat(os.fstat(fd), self.stat):
            os.close(fd)
            raise self._exchanged()
        return fd

    def link(self, folder: Folder, name: str, fd: int) -> bool:
        """Give it ``name`` in ``folder`` as well; False where only a copy will do. ``fd`` is it, open."""
        try:
            os.link(self.path, name, dst_dir_fd=folder.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            return False
        there = folder.look(name)
        if there is None or not os.path.samestat(there, os.fstat(fd)):
            folder.unlink(name)
            raise self._exchanged()
        with suppress(OSError):  # FAT and the like have no modes
            os.fchmod(fd, 0o600)
        return True

    def _exchanged(self) -> StorageFailed:
        return StorageFailed(f"{self.shown} was exchanged at this very moment.", hint="Try again.")

    # -- afterwards --------------------------------------------------------------------------------------------------
    def check_unchanged(self) -> None:
        """Raise InvalidRequest when somebody has written to it since it was looked at."""
        with translated(f"{self.shown} could not be looked at"):
            now = os.lstat(self.path)
        if _content(now) != _content(self.stat):
            raise self._refused("is still being written", "End what writes it (wget, curl, the browser), then retry.")

    def restore(self) -> None:
        """Leave it as it was: it did not become a part."""
        with suppress(OSError):
            if self.move and os.path.samestat(os.lstat(self.path), self.stat):
                os.chmod(self.path, stat.S_IMODE(self.stat.st_mode))

    def remove(self) -> bool:
        """Take their name for it away, where it was to be moved and nobody touched it; say whether it is gone."""
        try:
            if not self.move or _content(os.lstat(self.path)) != _content(self.stat):
                return False
            os.unlink(self.path)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def let_go(self) -> bool:
        """Take their name away once it is known that the bytes were the server's; say whether it is gone.

        By then it may be a second name of what has been written to since, which is no reason to keep it.
        """
        try:
            now = os.lstat(self.path)
            if os.path.samestat(now, self.stat) and now.st_nlink > 1:
                os.unlink(self.path)
                return True
        except OSError:
            return False
        return self.remove()


def _content(there: os.stat_result) -> tuple[int, int, int, int]:
    return there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns


def solid(fd: int) -> int:
    """Give the number of bytes before the first hole: who downloads in pieces leaves holes where nothing came."""
    size = os.fstat(fd).st_size
    try:
        return min(size, os.lseek(fd, 0, os.SEEK_HOLE))
    except OSError:  # this file system cannot tell (or there is nothing)
        return size
