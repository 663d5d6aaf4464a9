"""The destination's folder, held open, and the names that one operation's parts have in it.

Everything that one call does goes through one directory descriptor: whatever becomes of the path meanwhile (a link
swapped in by somebody else), look and act meet the same folder.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from nbxfer.errors import InvalidRequest

#: So many bytes of the final name are in a part's name; with the rest it stays under 143 (eCryptfs) for usual ids.
STEM_BYTES: Final = 100
#: Up to this epoch names are tried one by one; above, the folder is listed (it may hold 100,000 files).
_FEW: Final = 16
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

#: How a part is made.
NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
#: What fsync on a folder answers where the file system has no such thing (SMB, FUSE) or the folder is unreadable.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF})


class PartNames:
    """What the parts of one operation are called: ``.<NAME up to 100 bytes>.<id>.<epoch>.part``.

    A copy that is not whole yet ends in ``.clone``. Raises InvalidRequest for an id that cannot stand in a name.
    """

    __slots__ = ("_prefix", "final")

    def __init__(self, final: str, op_id: str) -> None:
        if not _ID.fullmatch(op_id):
            raise InvalidRequest("The operation's id cannot stand in a file name.", hint="Use letters and digits.")
        if final in ("", ".", "..") or "/" in final or "\0" in final:
            raise InvalidRequest("The destination is not the name of a file.", hint="Give the path of a file.")
        stem = final
        while len(stem) > STEM_BYTES // 4 and len(os.fsencode(stem)) > STEM_BYTES:
            stem = stem[:-1]
        self.final = final
        self._prefix = f".{stem}.{op_id}."

    def part(self, epoch: int) -> str:
        """Give the name of that epoch's part."""
        return f"{self._prefix}{epoch}.part"

    def clone(self, epoch: int) -> str:
        """Give the name that a copy for that epoch has until it is whole."""
        return f"{self._prefix}{epoch}.clone"

    def epoch_of(self, name: str) -> int | None:
        """Give the epoch of a part's or clone's name; None for any other file."""
        if not name.startswith(self._prefix):
            return None
        number, _, kind = name[len(self._prefix) :].partition(".")
        return int(number) if kind in ("part", "clone") and number.isascii() and number.isdigit() else None


class Folder:
    """One folder, open from ``with`` to its end. Raises OSError; whoever opens it translates."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.fd = -1

    def __enter__(self) -> Self:
        try:
            self.fd = os.open(self.path, _OPEN_FOLDER)
        except PermissionError:
            # A drop box (write and search, not read): it can be used, though neither listed nor synced.
            self.fd = os.open(self.path, getattr(os, "O_PATH", 0) | _OPEN_FOLDER)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fd, self.fd = self.fd, -1
        os.close(fd)

    def look(self, name: str) -> os.stat_result | None:
        """Give what stands under ``name``, links not followed; None when nothing does."""
        try:
            return os.stat(name, dir_fd=self.fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def make(self, name: str) -> int:
        """Make a new private file; give its descriptor. Whatever has that name must be gone before."""
        return os.open(name, NEW, 0o600, dir_fd=self.fd)

    def open_own(self, name: str, flags: int) -> int | None:
        """Open a part that is there; None when there is none, or when it cannot be one that we made.

        Refused are links, what is no regular file, and files of other people. (Some mounts show one made-up owner
        for everything: there the folder has the same one.)
        """
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        there = self.look(name)
        if there is None or not stat.S_ISREG(there.st_mode):
            return None
        if there.st_uid != os.geteuid() and there.st_uid != os.fstat(self.fd).st_uid:
            return None
        try:
            try:
                return os.open(name, flags, dir_fd=self.fd)
            except PermissionError:
                # It was about to be published with the mode of a read-only file that it replaces.
                os.chmod(name, 0o600, dir_fd=self.fd)
                return os.open(name, flags, dir_fd=self.fd)
        except FileNotFoundError:
            return None

    def epochs(self, names: PartNames, first: int, last: int) -> list[int]:
        """Give the epochs from ``first`` to ``last``, both inclusive, that have a part; the newest first."""
        if last - first < _FEW:
            return [e for e in range(last, first - 1, -1) if self.look(names.part(e)) is not None]
        found = {e for name, e in self._ours(names) if name.endswith(".part") and first <= e <= last}
        return sorted(found, reverse=True)

    def candidates(self, names: PartNames, last: int) -> Iterable[int]:
        """Give the epochs up to ``last``, inclusive, that may have a part, the newest first."""
        return range(last, -1, -1) if last < _FEW else self.epochs(names, 0, last)

    def has_part(self, names: PartNames) -> bool:
        """Say whether any part of the operation is here."""
        return any(name.endswith(".part") for name, _ in self._ours(names))

    def remove(self, names: PartNames, last: int | None = None) -> None:
        """Remove parts and clones up to epoch ``last``, inclusive; all of them without."""
        if last is not None and last < _FEW:
            gone = [name for e in range(last + 1) for name in (names.part(e), names.clone(e))]
        else:
            gone = [name for name, e in self._ours(names) if last is None or e <= last]
        for name in gone:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.fd)

    def _ours(self, names: PartNames) -> Iterator[tuple[str, int]]:
        try:
            listed = os.listdir(self.fd)
        except OSError as error:
            if error.errno != errno.EBADF:
                raise
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None  # the drop box
        for name in listed:
            epoch = names.epoch_of(name)
            if epoch is not None:
                yield name, epoch

    def rename(self, old: str, new: str) -> None:
        """Rename within the folder; what had the new name is replaced."""
        os.replace(old, new, src_dir_fd=self.fd, dst_dir_fd=self.fd)

    def unlink(self, name: str) -> None:
        """Take a name away; no matter if it cannot be done, for it is only left-over."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self.fd)

    def sync(self) -> None:
        """Return when the names are on the disk, where the file system can say so."""
        try:
            os.fsync(self.fd)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise


def make_folders(path: str) -> None:
    """Make the folders that are missing, and see to it that each is known to its parent on the disk."""
    missing: list[str] = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    for folder in reversed(missing):
        with suppress(FileExistsError):  # somebody else was quicker
            os.mkdir(folder)
        with Folder(os.path.dirname(folder)) as parent:
            parent.sync()


def nearest(path: str) -> str:
    """Give the nearest folder on the way up that is there."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path
