"""Where the copies stand: one folder a source and version, and no more of them than the bound allows."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import threading
import time
from pathlib import Path
from typing import Final, NamedTuple

from nbxfer.cache.copy import Copy, create, load
from nbxfer.core.probe import Validator
from nbxfer.errors import StorageFailed

#: The folders of sparse copies, and of whole ones, in the cache's.
SHELF: Final = "opened"
WHOLE: Final = "whole"
#: How often a copy is begun that another process takes away meanwhile.
_TRIES: Final = 5


class Kept(NamedTuple):
    """A copy as it lies on the disk: its folder, its size there (bytes), and when it was used last (Unix time)."""

    folder: Path
    size: int
    used: float


class Shelf:
    """The sparse copies below a cache's folder; of one source the newest version only. Any thread."""

    def __init__(self, cache: Path) -> None:
        self.folder, self.whole = cache / SHELF, cache / WHOLE
        self._lock = threading.Lock()
        self._open: dict[Path, tuple[Copy, int]] = {}  # with the number of those that have it

    def take(self, identity: str, version: Validator, size: int) -> Copy:
        """Give the copy of a version, the same to all who ask in this process; each gives it back once."""
        folder = self._place(identity) / _name(f"{version.kind}:{version.value}:{size}")
        with self._lock:
            copy, users = self._open.get(folder, (None, 0))
            if copy is None:
                copy = _made(folder, identity, version, size)
            self._open[folder] = copy, users + 1
            with contextlib.suppress(FileNotFoundError):  # another process has taken all of it away
                for other in list(self._place(identity).iterdir()):
                    if other != folder and other not in self._open and other.is_dir() and not other.is_symlink():
                        _remove(other)  # of a version that is gone
        return copy

    def newest(self, identity: str) -> Copy | None:
        """Give the copy that was used last of a source, of whatever version; who asks gives it back once."""
        place = self._place(identity)
        with contextlib.suppress(OSError), self._lock:
            for folder in sorted(place.iterdir(), key=_used, reverse=True):
                copy, users = self._open.get(folder, (None, 0))
                if copy is None and (copy := load(folder)) is not None and copy.identity != identity:
                    copy.close()
                    continue
                if copy is not None:
                    self._open[folder] = copy, users + 1
                    return copy
        return None

    def disown(self, copy: Copy) -> None:
        """Let nobody find a copy any more that cannot be believed; who has it still gives it back."""
        copy.doubted = True
        with self._lock:
            entry = self._open.pop(copy.folder, None)
            _remove(copy.folder)
            copy.folder = copy.folder.with_name(f".gone-{id(copy)}-{copy.folder.name}")  # a key of its own
            if entry is not None:
                self._open[copy.folder] = entry

    def give_back(self, copy: Copy, most: int) -> None:
        """Let go of a copy, and see to it that all together take ``most`` bytes of the disk."""
        copy.used()
        with self._lock:
            same, users = self._open.get(copy.folder, (copy, 1))
            if users > 1:
                self._open[copy.folder] = same, users - 1
            else:
                self._open.pop(copy.folder, None)
                copy.close()
        self.bound(most)

    def bound(self, most: int) -> list[Kept]:
        """Remove those that were not used for longest until the rest takes ``most`` bytes; give what went.

        What this process has open stays. What another one has open may go: its files stay with it until it lets go.
        """
        kept = sorted(self.kept(), key=lambda k: k.used)
        total, gone = sum(k.size for k in kept), []
        for each in kept:
            if total <= most:
                break
            with self._lock:
                if each.folder in self._open:
                    continue
                _remove(each.folder)
            total -= each.size
            gone.append(each)
        return gone

    def kept(self) -> list[Kept]:
        """Give all copies that are on the disk, but for those that are being fetched as a whole."""
        found = []
        for shelf in (self.folder, self.whole):
            for place in _folders(shelf):
                found += [Kept(f, _size(f), _used(f)) for f in _folders(place) if not _coming(f)]
        return found

    def remove(self, folder: Path) -> bool:
        """Remove one copy; say whether it is gone by that. What this process has open stays."""
        with self._lock:
            ours = folder.parent.parent in (self.folder, self.whole)
            if folder in self._open or not ours or not folder.is_dir() or _coming(folder):
                return False
            _remove(folder)
        return not folder.exists()

    def whole_of(self, identity: str) -> Path:
        """Give the folder for a whole copy of a source, and note that it is used."""
        folder = self.whole / self._place(identity).name / "file"
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.utime(folder)
        return folder

    def _place(self, identity: str) -> Path:
        host = re.sub(r"[^a-z0-9.-]", "_", identity.partition("://")[2].partition("/")[0].lower())[:60]
        return self.folder / f"{host}-{_name(identity)}"


def _made(folder: Path, identity: str, version: Validator, size: int) -> Copy:
    """Begin a copy; again where another process takes it away while it is begun. Raises StorageFailed."""
    for _ in range(_TRIES):
        try:
            return create(folder, identity, version, size)
        except StorageFailed:
            if folder.exists():
                raise
    return create(folder, identity, version, size)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:24]


def _folders(parent: Path) -> list[Path]:
    try:
        return [f for f in parent.iterdir() if f.is_dir() and not f.is_symlink() and not f.name.startswith(".gone-")]
    except OSError:
        return []


def _coming(folder: Path) -> bool:
    """Say whether something is being fetched into a folder as a whole."""
    try:
        return any(name.endswith(".part") for name in os.listdir(folder))
    except OSError:
        return False


def _used(folder: Path) -> float:
    for path in (folder / "about", folder):
        with contextlib.suppress(OSError):
            return path.stat().st_mtime
    return 0.0


def _size(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def _remove(folder: Path) -> None:
    """Take the name away first, so that nobody finds half of it."""
    aside = folder.with_name(f".gone-{folder.name}-{os.getpid()}-{time.monotonic_ns()}")
    with contextlib.suppress(OSError):
        os.rename(folder, aside)
        shutil.rmtree(aside, ignore_errors=True)
        folder.parent.rmdir()  # only where it was the last one
