"""What a file over SFTP needs that is written: to reach the disk, and to get its name in one step."""

from __future__ import annotations

import contextlib
from typing import Any


async def synced(sftp: Any, path: str) -> int:
    """Have a file reach the disk, where the server can; give its size (bytes)."""
    import asyncssh

    async with sftp.open(path, "r+b") as file:
        with contextlib.suppress(asyncssh.SFTPOpUnsupported):
            await file.fsync()
        return int((await file.stat()).size or 0)


async def renamed(sftp: Any, old: str, new: str, *, replace: bool) -> None:
    """Rename over what is there, in one step where the server can."""
    import asyncssh

    try:
        await sftp.posix_rename(old, new)
    except asyncssh.SFTPOpUnsupported:
        if replace:
            await sftp.remove(new)
        await sftp.rename(old, new)


async def copied(sftp: Any, source: str, target: str, start: int, length: int) -> bool:
    """Have the host copy a piece of one file to the same place in another; False where it cannot."""
    import asyncssh

    if not sftp.supports_remote_copy:
        return False
    async with sftp.open(source, "rb") as old, sftp.open(target, "r+b") as new:
        try:
            await sftp.remote_copy(old, new, start, length, start)
        except (asyncssh.SFTPOpUnsupported, asyncssh.SFTPPermissionDenied):
            return False
    return True
