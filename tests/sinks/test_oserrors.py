"""The table at the wall: what the system says, in words for people."""

from __future__ import annotations

import errno
import os

import pytest

from nbxfer.errors import AccessDenied, InvalidRequest, NoSpace, StorageFailed, TransferError, WebErrorStatus
from nbxfer.sinks.oserrors import MEANINGS, shown, translate, translated

#: What the manual pages (Linux man-pages, POSIX) list for the calls that a sink makes, EINTR left out: Python repeats.
DOCUMENTED = {
    "open": "EACCES EBUSY EDQUOT EEXIST EINVAL EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM ENOSPC "
    "ENOTDIR ENXIO EOPNOTSUPP EOVERFLOW EPERM EROFS ETXTBSY EWOULDBLOCK EBADF EFBIG",
    "pwrite": "EAGAIN EBADF EDQUOT EFBIG EINVAL EIO ENOSPC EPERM ENXIO EOVERFLOW",
    "pread": "EAGAIN EBADF EINVAL EIO EISDIR ENXIO EOVERFLOW",
    "fsync": "EBADF EIO ENOSPC EROFS EINVAL EDQUOT",
    "ftruncate": "EFBIG EINVAL EIO EPERM EROFS ETXTBSY EBADF EACCES",
    "fchmod": "EIO EBADF ENOTDIR EPERM EROFS EOPNOTSUPP",
    "link": "EACCES EDQUOT EEXIST EIO ELOOP EMLINK ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTDIR EPERM EROFS EXDEV EBADF",
    "rename": "EACCES EBUSY EDQUOT EINVAL EISDIR ELOOP EMLINK ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTDIR ENOTEMPTY "
    "EEXIST EPERM EROFS EXDEV",
    "unlink": "EACCES EBUSY EIO EISDIR ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EPERM EROFS EBADF EINVAL",
    "mkdir": "EACCES EDQUOT EEXIST EINVAL ELOOP EMLINK ENAMETOOLONG ENOENT ENOMEM ENOSPC ENOTDIR EPERM EROFS",
    "copy_file_range": "EBADF EFBIG EINVAL EIO EISDIR ENOMEM ENOSPC EOPNOTSUPP EOVERFLOW EPERM ETXTBSY EXDEV ENOSYS",
    "network and FUSE mounts": "ESTALE ENOTCONN ETIMEDOUT EIO ENOSYS EILSEQ",
}
NAMED = sorted({name for names in DOCUMENTED.values() for name in names.split()})

BRIEF = {
    "ENOSPC": NoSpace,
    "EDQUOT": NoSpace,
    "EACCES": AccessDenied,
    "EPERM": AccessDenied,
    "EROFS": AccessDenied,
    "ENAMETOOLONG": InvalidRequest,
    "EIO": StorageFailed,
    "ENOENT": StorageFailed,
}


def test_the_table_is_complete() -> None:
    """Every refusal that the manual names has its row: a class, a reason in words and a way out."""
    for name in NAMED:
        meaning = MEANINGS[getattr(errno, name)]
        assert issubclass(meaning.error, TransferError)
        assert meaning.why[0].islower()
        assert meaning.hint[0].isupper()
        assert meaning.hint.endswith(".")


def test_nothing_stands_in_the_table_for_nothing() -> None:
    """Every row is for a refusal that some call is documented to give."""
    assert set(MEANINGS) == {getattr(errno, name) for name in NAMED}


@pytest.mark.parametrize("name", sorted(BRIEF))
def test_what_follows(name: str) -> None:
    """A full disk waits, a closed folder asks, a long name is refused, a failing disk fails."""
    error = translate(OSError(getattr(errno, name), "system's words"), "It could not be written")
    assert type(error) is BRIEF[name]
    assert error.message.startswith("It could not be written: ")
    assert name in error.message


def test_every_number_is_ours() -> None:
    """Whatever the system says, what leaves the room is a TransferError with something to do."""
    for number in sorted(errno.errorcode):
        error = translate(OSError(number, os.strerror(number)), "It failed")
        assert isinstance(error, TransferError)
        assert error.hint, number


def test_unknown() -> None:
    """An error without a number is told as it came."""
    assert "system refused" in translate(OSError(), "It failed").message


def test_too_large_has_its_own_status() -> None:
    """FAT's 4 GiB are no full disk: the status says that the file is too large."""
    assert translate(OSError(errno.EFBIG, ""), "It failed").status == WebErrorStatus.FILE_TOO_LARGE


def test_the_wall() -> None:
    """Errors of ours pass as they are, those of the system are put in words, a NUL in a path is a bad name."""
    mine = NoSpace("Full.")
    with pytest.raises(NoSpace) as caught, translated("It failed"):
        raise mine
    assert caught.value is mine
    with pytest.raises(AccessDenied) as denied, translated("It failed"):
        raise PermissionError(errno.EACCES, "system's words", "/secret/path")
    assert denied.value.__cause__ is None
    assert "/secret" not in str(denied.value)
    with pytest.raises(InvalidRequest), translated("It failed"):
        os.stat("nul\0nul")
    with pytest.raises(ValueError, match="number"), translated("It failed"):
        raise ValueError("not a number")


def test_shown() -> None:
    """A name with terminal escapes, bidi marks or bytes that are no text cannot play tricks in a message."""
    assert shown("a\x1b[31mb\u202ec\udcff\n") == "a�[31mb�c��"
