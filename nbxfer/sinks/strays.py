"""Part files that lie about in a folder, whoever made them: found by their names, removed by name and inode."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from typing import Final

import msgspec

from nbxfer.sinks.folder import Folder
from nbxfer.sinks.oserrors import translated

_PART: Final = re.compile(r"\.(.+)\.([0-9a-f]{8,32})\.([0-9]{1,9})\.(?:part|clone)", re.DOTALL)


class Stray(msgspec.Struct, frozen=True):
    """A part or clone: whose it is by its name, its size (bytes on the disk), its last change (Unix seconds)."""

    path: str
    stem: str  # the beginning of the final name, up to 100 bytes
    op_id: str
    epoch: int
    size: int
    changed: float
    inode: int


def parts(folders: Iterable[str]) -> list[Stray]:
    """Give the parts in these folders that are plain files of this user; a folder that cannot be listed has none."""
    found: list[Stray] = []
    seen: set[tuple[int, int]] = set()
    for path in sorted(set(folders)):
        try:
            with Folder(path) as folder:
                here = os.fstat(folder.fd)
                if (here.st_dev, here.st_ino) not in seen:
                    seen.add((here.st_dev, here.st_ino))
                    found += [s for name in os.listdir(folder.fd) if (s := _stray(folder, name)) is not None]
        except OSError:
            continue
    return found


def _stray(folder: Folder, name: str) -> Stray | None:
    match = _PART.fullmatch(name)
    there = folder.look(name) if match is not None else None
    if match is None or there is None or not stat.S_ISREG(there.st_mode) or there.st_uid != os.geteuid():
        return None
    path = os.path.join(folder.path, name)
    size = there.st_blocks * 512
    return Stray(path, match[1], match[2], int(match[3]), size, there.st_mtime, there.st_ino)


def remove(stray: Stray) -> bool:
    """Remove it, if it still is that very file; say whether it was there. Raises AccessDenied, StorageFailed."""
    with translated("A part that was left behind could not be removed"):
        try:
            with Folder(os.path.dirname(stray.path)) as folder:
                name = os.path.basename(stray.path)
                there = folder.look(name)
                if there is None or there.st_ino != stray.inode or not stat.S_ISREG(there.st_mode):
                    return False
                os.unlink(name, dir_fd=folder.fd)
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False
