"""What the operating system's refusals mean to a person: one table at the wall of this room.

Every errno that the calls of a sink are documented to give stands here; what is new to us becomes StorageFailed.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from nbxfer.errors import AccessDenied, InvalidRequest, NoSpace, StorageFailed, TransferError, WebErrorStatus


class Meaning(NamedTuple):
    """One row: which of our errors it is, why in half a sentence, and what to do."""

    error: type[TransferError]
    why: str
    hint: str
    status: int | None = None


_ROOM = "It goes on by itself when there is room."
_LOOK = "Look whether the disk or the mount is in order, then retry; the part is kept where it can be."
_FREE = "Give another destination, or make it writable, then retry."
_NAME = "Give another name."
_PATH = "Make the folder again, or give another destination, then retry."
_AGAIN = "Retry when it is free."
_FEWER = "It goes on by itself when some are closed (ulimit -n); or run fewer transfers at once."

#: The table. Keys are errno numbers of this system; where two names share a number the row is the same.
MEANINGS: Final[dict[int, Meaning]] = {
    errno.ENOSPC: Meaning(NoSpace, "the disk is full (or has no room for another file)", _ROOM),
    errno.EDQUOT: Meaning(NoSpace, "the disk quota is used up", _ROOM),
    errno.EACCES: Meaning(AccessDenied, "the folder or the file may not be written", _FREE),
    errno.EPERM: Meaning(AccessDenied, "the file system does not permit it", _FREE),
    errno.EROFS: Meaning(AccessDenied, "the file system is read-only", _FREE),
    errno.ENAMETOOLONG: Meaning(InvalidRequest, "the name is too long for this file system", _NAME),
    errno.EILSEQ: Meaning(InvalidRequest, "the file system does not know a character of the name", _NAME),
    errno.EINVAL: Meaning(StorageFailed, "the file system does not accept the request", _LOOK),
    errno.EFBIG: Meaning(
        StorageFailed,
        "the file is too large for this file system or for the limit set on file sizes",
        "Give a destination on another file system (FAT ends at 4 GiB), or lift the limit (ulimit -f).",
        WebErrorStatus.FILE_TOO_LARGE,
    ),
    errno.EOVERFLOW: Meaning(
        StorageFailed,
        "the file is too large for this system",
        "Give a destination on another file system.",
        WebErrorStatus.FILE_TOO_LARGE,
    ),
    errno.EIO: Meaning(StorageFailed, "the disk failed", _LOOK),
    errno.ENOENT: Meaning(StorageFailed, "the folder is not there any more", _PATH),
    errno.ENOTDIR: Meaning(StorageFailed, "a part of the path is a file, not a folder", "Give another destination."),
    errno.ELOOP: Meaning(StorageFailed, "a symbolic link is in the way", "Remove it, or give another name."),
    errno.ESTALE: Meaning(StorageFailed, "the file server has forgotten the folder", _LOOK),
    errno.ENODEV: Meaning(StorageFailed, "the disk is gone", _LOOK),
    errno.ENXIO: Meaning(StorageFailed, "the disk is gone", _LOOK),
    errno.ENOTCONN: Meaning(StorageFailed, "the mount has lost its server", _LOOK),
    errno.ETIMEDOUT: Meaning(StorageFailed, "the file server does not answer", _LOOK),
    # No room for another open file: it comes by itself, when something else is closed.
    errno.EMFILE: Meaning(NoSpace, "this process has too many files open", _FEWER),
    errno.ENFILE: Meaning(NoSpace, "this machine has too many files open", _FEWER),
    errno.ENOMEM: Meaning(StorageFailed, "the system has no memory left for it", "Free some memory, then retry."),
    errno.EBUSY: Meaning(StorageFailed, "the file is in use", _AGAIN),
    errno.ETXTBSY: Meaning(StorageFailed, "the file is a program that runs", _AGAIN),
    errno.EAGAIN: Meaning(StorageFailed, "the file is locked", _AGAIN),
    errno.EEXIST: Meaning(StorageFailed, "something else is in the way", "Remove it, or give another destination."),
    errno.EISDIR: Meaning(StorageFailed, "a folder is in the way", "Remove it, or give another destination."),
    errno.ENOTEMPTY: Meaning(StorageFailed, "a folder is in the way", "Remove it, or give another destination."),
    errno.EXDEV: Meaning(StorageFailed, "the file system cannot rename in this folder", "Give another destination."),
    errno.EMLINK: Meaning(StorageFailed, "the folder can hold no more", "Give another destination."),
    errno.ENOSYS: Meaning(StorageFailed, "the file system cannot do it", "Give another destination."),
    errno.EOPNOTSUPP: Meaning(StorageFailed, "the file system cannot do it", "Give another destination."),
    errno.EBADF: Meaning(StorageFailed, "the file was closed by somebody else in this process", "Retry."),
}

_UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def shown(path: str | os.PathLike[str]) -> str:
    """Give a path as it may be printed: no control characters, nothing that is not text."""
    return _UNSHOWN.sub("�", os.fsencode(path).decode(errors="replace"))


def translate(error: OSError, what: str) -> TransferError:
    """Give the error of ours that says what ``error`` means; ``what`` is the sentence's beginning."""
    number = error.errno or 0
    name = errno.errorcode.get(number, "unknown error")
    meaning = MEANINGS.get(number)
    if meaning is None:
        return StorageFailed(f"{what}: {error.strerror or 'the system refused'} ({name}).", hint=_LOOK)
    return meaning.error(f"{what}: {meaning.why} ({name}).", status=meaning.status, hint=meaning.hint)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Let no OSError of the system out: ``what`` begins the sentence that is raised instead."""
    try:
        yield
    except TransferError:  # some of ours are OSErrors too; they say it already
        raise
    except OSError as error:
        raise translate(error, what) from None
    except ValueError as error:
        if "null" not in str(error):
            raise
        raise InvalidRequest(f"{what}: there is a NUL in its path.", hint=_NAME) from None
