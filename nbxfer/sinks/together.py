"""Many small files at once: one sync for all their parts, and one for each folder that gets names.

``syncfs`` writes a whole file system: a few milliseconds for a hundred files that would cost a hundred of them one by
one, but also what others have written there. So it is asked only where it is known to bring the bytes to the disk and
to tell when they did not get there (local file systems; Linux 5.8 and later), and not for a while when it took long.
"""

from __future__ import annotations

import os
import platform
import re
import threading
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from functools import cache, cached_property
from types import TracebackType
from typing import Any, Final, Protocol, Self, runtime_checkable

from nbxfer.core.record import Before, Published, Seal
from nbxfer.errors import TransferError
from nbxfer.sinks.base import Part
from nbxfer.sinks.folder import Folder
from nbxfer.sinks.oserrors import translated
from nbxfer.sinks.partfile import PartFile, Slip
from nbxfer.sinks.publishing import umask

#: From so many parts on it pays.
MANY: Final = 4
#: One that took longer (seconds) is not asked for again within ``REST`` (seconds): somebody else writes a lot.
LONG: Final = 0.5
REST: Final = 60.0
#: Here it waits for the disk, and an error of any file is its error. (FUSE passes nothing on; others do not say.)
_KINDS: Final = frozenset({"ext4", "xfs", "btrfs", "overlay"})
_SINCE: Final = (5, 8)

_resting_until = 0.0


@runtime_checkable
class Gathers(Protocol):
    """What a sink is that can publish into a folder that others share."""

    def publish_into(self, shelf: Shelf, epoch: int, seal: Seal, before: Before | None, path: str = "") -> Published:
        """Do what Sink.publish does, but leave the sync of the folder to ``shelf``."""
        ...


class Shelf:
    """Folders that are open while many files get their names, each synced once. A context manager; one thread's own."""

    def __init__(self) -> None:
        self._folders: dict[str, Folder] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for folder in self._folders.values():
            folder.__exit__(kind, error, trace)

    @cached_property
    def umask(self) -> int:
        """The umask of this process, as it was when it was needed first."""
        return umask()

    def folder(self, path: str) -> Folder:
        """Give the folder, open. Raises OSError."""
        if path not in self._folders:
            folder = Folder(path)
            folder.__enter__()
            self._folders[path] = folder
        return self._folders[path]

    def sync(self) -> dict[str, TransferError]:
        """Return when the names are on the disk; give what went wrong, by folder."""
        wrong: dict[str, TransferError] = {}
        for path, folder in self._folders.items():
            try:
                with translated(f"The names in {path} could not be saved to the disk"):
                    folder.sync()
            except TransferError as error:
                wrong[path] = error
        return wrong


def sync(parts: Sequence[Part | Slip], clock: Callable[[], float] = time.monotonic) -> list[TransferError | None]:
    """Return when all that was written to these parts is on the disk; give for each what went wrong with it.

    After an error that part is not to be trusted, as after Part.sync.
    """
    global _resting_until
    if len(parts) >= MANY and all(isinstance(part, PartFile | Slip) for part in parts) and clock() >= _resting_until:
        begun = clock()
        done = _by_file_system({part.folder for part in parts if isinstance(part, PartFile | Slip)})
        if clock() - begun > LONG:
            _resting_until = clock() + REST
        if done:
            return [None] * len(parts)
    return [_synced(part) for part in parts]


def _synced(part: Part | Slip) -> TransferError | None:
    try:
        part.sync()
    except TransferError as error:
        return error
    return None


def _by_file_system(folders: AbstractSet[str]) -> bool:
    """Sync every file system that has some of these folders; False where that does not do."""
    for path in folders:
        try:
            with Folder(path) as folder:
                if not _trusted(os.fstat(folder.fd).st_dev) or not syncfs(folder.fd):
                    return False
        except OSError:
            return False
    return True


@cache
def _syncfs() -> Any:
    """Give the C library's syncfs; None where there is none, or where it does not tell of errors."""
    version = re.match(r"(\d+)\.(\d+)", platform.release())
    if platform.system() != "Linux" or version is None or (int(version[1]), int(version[2])) < _SINCE:
        return None
    try:
        import ctypes  # some builds of Python do without
    except ImportError:
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)


def syncfs(fd: int) -> bool:
    """Sync the file system that ``fd`` is on; say whether that went well."""
    call = _syncfs()
    return call is not None and call(fd) == 0


_kinds: dict[int, bool] = {}
_reading = threading.Lock()


def _trusted(device: int) -> bool:
    """Say whether the file system of that number is of a kind where ``syncfs`` is enough."""
    with _reading:
        if device not in _kinds:
            _kinds[device] = _kind_of(device) in _KINDS
        return _kinds[device]


def _kind_of(device: int) -> str:
    """Give the kind of a mounted file system, as the system says it (proc(5), mountinfo); "" for none."""
    number = f"{os.major(device)}:{os.minor(device)}"
    with suppress(OSError, ValueError), open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            mount, _, rest = line.partition(" - ")
            if mount.split()[2] == number:
                return rest.split()[0]
    return ""
