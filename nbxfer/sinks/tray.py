"""Small files of one first request each: into their parts and to their names in as few calls as that can be done.

The parts have the names that LocalFile gives them, in the same folders, and keep the same promise. Only what is plain
is done here; None says that something is to be looked at first, and leaves it to LocalFile.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress

from nbxfer.core.record import Published, Seal
from nbxfer.errors import InvalidRequest
from nbxfer.sinks.folder import NEW, Folder, PartNames
from nbxfer.sinks.localfile import SHORT
from nbxfer.sinks.partfile import Slip, write
from nbxfer.sinks.publishing import rename_noreplace
from nbxfer.sinks.together import Shelf


class Tray:
    """Folders that are open while parts are made in them, each with the room that it had when it was opened."""

    def __init__(self) -> None:
        self._folders: dict[str, tuple[Folder, int, int]] = {}

    def put(self, destination: str, op_id: str, body: memoryview) -> Slip | None:
        """Put the whole of a file into its first part; None where that could not be, or more is to be looked at."""
        parent, _, final = destination.rpartition("/")
        if len(final) > SHORT or os.path.abspath(destination) != destination:
            return None
        try:
            folder, room, files = self._folders.get(parent) or self._opened(parent)
            if room < len(body) or files <= 0:
                return None
            fd = os.open(PartNames(final, op_id).part(1), NEW, 0o600, dir_fd=folder.fd)
        except (OSError, InvalidRequest):
            return None
        self._folders[parent] = folder, room - len(body), files - 1
        slip = Slip(fd, parent, len(body))
        try:
            write(fd, 0, body)
        except OSError:
            slip.close()
            return None
        return slip

    def _opened(self, parent: str) -> tuple[Folder, int, int]:
        folder = Folder(parent)
        folder.__enter__()
        try:
            disk = os.fstatvfs(folder.fd)
        except OSError:
            folder.__exit__(None, None, None)
            raise
        known = folder, disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else 1 << 62
        self._folders[parent] = known
        return known

    def close(self) -> None:
        """Close the folders; the next part opens its own anew, so that a folder that was moved is missed soon."""
        for folder, _, _ in self._folders.values():
            folder.__exit__(None, None, None)
        self._folders.clear()


def named(shelf: Shelf, destination: str, op_id: str, seal: Seal) -> Published | None:
    """Give a first part its name, where nothing has that; None where nothing was done, for more is to be looked at.

    The sync of the folder is left to ``shelf``.
    """
    parent, _, final = destination.rpartition("/")
    with suppress(OSError, InvalidRequest):
        if os.path.abspath(destination) != destination:
            return None
        folder, part = shelf.folder(parent), PartNames(final, op_id).part(1)
        there = os.stat(part, dir_fd=folder.fd, follow_symlinks=False)
        right = (stat.S_IFREG | (0o666 & ~shelf.umask), os.geteuid(), seal.inode, seal.size)
        if (there.st_mode, there.st_uid, there.st_ino, there.st_size) == right and not rename_noreplace(
            folder.fd, part, final
        ):
            return Published(destination, there.st_size, there.st_mtime_ns)
    return None
