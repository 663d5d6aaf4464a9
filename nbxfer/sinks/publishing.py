"""A finished part gets its final name: atomically, over nothing that may not be replaced, and again after a crash.

The steps, each of which may be the last one before a crash::

    set the mode → link(part, final) → unlink(part)          nothing may be replaced
    set the mode → rename(part, final)                       what ``before`` describes is replaced
    → parts that are left are removed → fsync(folder)        by the caller

Called again, it looks first: a final file with the sealed inode and size is ours. The device is not compared: its
number changes with every mount of NFS, btrfs or overlay, and an inode number is unique in a folder anyway.
Between looking at a file that may be replaced and replacing it there is a gap of some microseconds; no system call
closes it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress
from functools import cache
from typing import Any, Final, NamedTuple, NoReturn

from nbxfer.core.record import Before, Seal
from nbxfer.errors import DestinationExists, SourceChanged
from nbxfer.sinks.folder import Folder, PartNames

#: So often everything is looked at anew when somebody changes the destination under our hands.
_LOOKS: Final = 8
_CHUNK: Final = 1024 * 1024
_AT_RENAME_NOREPLACE: Final = 1
#: link() answers so where the file system has no hard links (FAT, exFAT, SMB, many FUSE ones).
NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV, errno.EINVAL}
)
#: And so where there is no room for one more name (tmpfs counts names as inodes); a rename needs none.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
#: renameat2() answers so where kernel or file system do not know RENAME_NOREPLACE (NFS, some FUSE ones).
_NO_NOREPLACE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})


class Placed(NamedTuple):
    """What lies at the destination now, whether it came there without a gap, and whether it is our part, just moved."""

    there: os.stat_result
    atomic: bool
    moved: bool = False


def place(
    folder: Folder,
    names: PartNames,
    epoch: int,
    seal: Seal,
    before: Before | None,
    shown: str,
    final: str,
    mask: int | None = None,
) -> Placed:
    """Give the sealed part the name ``final`` in ``folder``. Raises DestinationExists, SourceChanged, OSError.

    ``mask`` is the umask where it is known.
    """
    for _ in range(_LOOKS):
        # The part first: if another owner publishes it at this moment, it is gone, and then the name is there.
        found = _open_sealed(folder, names, epoch, seal)
        try:
            there = folder.look(final)
            if there is not None and _is_sealed(there, seal):
                return Placed(there, atomic=True)
            if there is not None and not _described(there, before):
                if not _same_bytes(folder, final, there, found[1] if found else None, seal):
                    _refuse(there, shown)
                return Placed(there, atomic=True)
            if found is None:
                raise SourceChanged(
                    f"The finished part of {shown} is gone or was altered.", hint="It is fetched again."
                )
            part, fd = found
            _set_mode(fd, 0o666 & ~(umask() if mask is None else mask) if there is None else there.st_mode & 0o777)
            sealed = os.fstat(fd)  # as it is now, whatever somebody did to it meanwhile
        finally:
            if found is not None:
                os.close(found[1])  # before the unlink: an open file leaves a .nfs… name behind on NFS
        try:
            if there is not None:
                folder.rename(part, final)
                return Placed(sealed, atomic=True, moved=True)
            return Placed(sealed, _name_new(folder, part, final), moved=True)
        except (FileExistsError, FileNotFoundError, IsADirectoryError):
            continue  # somebody came between; or an NFS server did it and its answer was lost
    raise DestinationExists(f"{shown} keeps changing.", hint="Find out what writes there, or give another destination.")


def _is_sealed(there: os.stat_result, seal: Seal) -> bool:
    return stat.S_ISREG(there.st_mode) and there.st_ino == seal.inode and there.st_size == seal.size


def _described(there: os.stat_result, before: Before | None) -> bool:
    """Whether it is the file that may be replaced; FAT keeps even seconds, but so it was when it was noted."""
    return (
        before is not None
        and stat.S_ISREG(there.st_mode)
        and (there.st_size, there.st_mtime_ns) == (before.size, before.mtime_ns)
    )


def _open_sealed(folder: Folder, names: PartNames, epoch: int, seal: Seal) -> tuple[str, int] | None:
    """Open the newest part that is the sealed one: by its inode, or by its digest where inode numbers do not last."""
    for e in folder.candidates(names, epoch):
        name = names.part(e)
        fd = folder.open_own(name, os.O_RDONLY)
        if fd is None:
            continue
        right = False
        try:
            there = os.fstat(fd)
            right = _is_sealed(there, seal) or (there.st_size == seal.size and _has_digest(fd, seal.digest))
        finally:
            if not right:
                os.close(fd)
        if right:
            return name, fd
    return None


def _same_bytes(folder: Folder, name: str, there: os.stat_result, part: int | None, seal: Seal) -> bool:
    """Whether somebody else put there just what we were to put there (two notebooks, one download)."""
    if not stat.S_ISREG(there.st_mode) or there.st_size != seal.size:
        return False
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder.fd)
    except OSError:
        return False
    try:
        if not os.path.samestat(os.fstat(fd), there):
            return False
        return _equal(fd, part, seal.size) if part is not None else _has_digest(fd, seal.digest)
    finally:
        os.close(fd)


def _equal(one: int, other: int, size: int) -> bool:
    return all(os.pread(one, _CHUNK, at) == os.pread(other, _CHUNK, at) for at in range(0, size, _CHUNK))


def _has_digest(fd: int, digest: str | None) -> bool:
    if digest is None:
        return False
    algorithm, _, wanted = digest.partition(":")
    sums = hashlib.new(algorithm)
    position = 0
    while chunk := os.pread(fd, _CHUNK, position):
        sums.update(chunk)
        position += len(chunk)
    return sums.hexdigest() == wanted


def _refuse(there: os.stat_result, shown: str) -> NoReturn:
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFREG: "another file"}
    kind = kinds.get(stat.S_IFMT(there.st_mode), "something that is no regular file")
    hint = {
        stat.S_IFLNK: "Give the path that the link leads to, or remove the link, then retry.",
        stat.S_IFDIR: "Give the path of a file in it, or remove it, then retry.",
    }.get(stat.S_IFMT(there.st_mode), "Move it away, then retry; or give another destination.")
    raise DestinationExists(f"{shown} is there already: it is {kind}. The finished part is kept.", hint=hint)


def _set_mode(fd: int, mode: int) -> None:
    """Set the mode, where the file system has modes. No set-uid, set-gid or sticky bit is ever passed on."""
    try:
        os.fchmod(fd, mode)
    except OSError as error:
        if error.errno not in NO_LINKS:  # FAT, SMB and the like, once more
            raise


def _name_new(folder: Folder, part: str, final: str) -> bool:
    """Name the part without ever replacing anything; give False when the file system cannot promise that.

    Raises FileExistsError when something has the name.
    """
    try:
        os.link(part, final, src_dir_fd=folder.fd, dst_dir_fd=folder.fd, follow_symlinks=False)
    except OSError as error:
        if error.errno not in NO_LINKS | _NO_ROOM:
            raise
    else:
        folder.unlink(part)
        return True
    refused = rename_noreplace(folder.fd, part, final)
    if refused == 0:
        return True
    if refused not in _NO_NOREPLACE:
        raise OSError(refused, os.strerror(refused))
    if folder.look(final) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    folder.rename(part, final)
    return False


@cache
def _renameat2() -> Any:
    """Give the C library's renameat2; None where there is none."""
    try:
        import ctypes  # some builds of Python do without
    except ImportError:
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        call.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return call


def rename_noreplace(folder: int, old: str, new: str) -> int:
    """Rename within an open folder unless ``new`` is there; give 0, or the errno of the refusal."""
    rename = _renameat2()
    if rename is None:
        return errno.ENOSYS
    if rename(folder, os.fsencode(old), folder, os.fsencode(new), _AT_RENAME_NOREPLACE) == 0:
        return 0
    import ctypes

    return ctypes.get_errno()


# -- umask ------------------------------------------------------------------------------------------------------------
def _umask_of_proc() -> int | None:
    """Read the process's umask without changing it (Linux 4.7 and later)."""
    with suppress(OSError, ValueError), open("/proc/self/status", "rb") as status:
        for line in status:
            if line.startswith(b"Umask:"):
                return int(line.split()[1], 8)
    return None


def _umask_by_setting() -> int:
    """Learn the umask by setting it: for a moment other threads make files that are too private, never too open."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


# Where /proc does not tell, once, while this room is first entered: later there are more threads to disturb.
_FALLBACK = _umask_by_setting() if _umask_of_proc() is None else 0o022


def umask() -> int:
    """Give the umask of this process as it is now."""
    mask = _umask_of_proc()
    return _FALLBACK if mask is None else mask
