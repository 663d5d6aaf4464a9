"""The files below a folder of this machine.

Links to files count as what they lead to; links to folders are passed over, so that no walk goes in circles or out of
the tree. Empty folders are passed over as well: stores have none.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from typing import Final

from nbxfer.core.tree.listed import Listed, Passed
from nbxfer.errors import AccessDenied, InvalidRequest, SourceNotFound
from nbxfer.sources.localfile import version

#: What unfinished transfers lie in.
_PART: Final = re.compile(r"\..+\.[0-9a-f]{8,32}\.[0-9]{1,9}\.(?:part|clone)", re.DOTALL)


def listing(top: str, enter: Callable[[str], bool]) -> Iterator[Listed | Passed]:
    """Give the files below the folder ``top``, sorted within each folder; ``enter`` is asked about each folder below.

    Raises SourceNotFound, AccessDenied, InvalidRequest for ``top`` itself; a folder below that cannot be read is
    passed over with a word.
    """
    try:
        os.scandir(top).close()
    except OSError as error:
        raise _refusal(top, error) from None
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(top, folder)) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield Passed(folder, f"a folder that cannot be read ({error.strerror})")
            continue
        if not found and folder:
            yield Passed(folder, "an empty folder")
        below = []
        for entry in found:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not entry.is_dir(follow_symlinks=False):
                yield _of_entry(entry, path)
            elif enter(path):
                below.append(path)
        waiting += reversed(below)


def _of_entry(entry: os.DirEntry[str], path: str) -> Listed | Passed:
    try:
        told = entry.stat()
    except OSError as error:
        link = entry.is_symlink()
        return Passed(path, "a link that leads nowhere" if link else f"a file that cannot be read ({error.strerror})")
    if stat.S_ISDIR(told.st_mode):
        return Passed(path, "a link to a folder")
    if not stat.S_ISREG(told.st_mode):
        return Passed(path, "no ordinary file (a socket, a pipe or a device)")
    if _PART.fullmatch(entry.name):
        return Passed(path, "the part of an unfinished transfer")
    try:
        path.encode()
    except UnicodeEncodeError:  # such a name cannot be written down, and no store has it
        return Passed(path.encode(errors="replace").decode(), "a name that is no Unicode text")
    return Listed(path, told.st_size, told.st_mtime, version=version(told))


def _refusal(top: str, error: OSError) -> Exception:
    if isinstance(error, FileNotFoundError):
        return SourceNotFound(f"{top} does not exist.")
    if isinstance(error, NotADirectoryError):
        return InvalidRequest(f"{top} is no folder.", hint="Leave the slash at its end out, or recursive=True.")
    return AccessDenied(f"{top} cannot be read ({error.strerror}).")
