"""Facts about this machine that no library tells: file systems, clocks, who has written in a home. Never raises."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import msgspec

from nbxfer.core.lease import LAPSED_AFTER

#: File systems that other machines share, or that pass writes on to somewhere else.
SHARED: Final = frozenset(
    "nfs nfs4 cifs smb smb2 smb3 smbfs 9p lustre gpfs beegfs ceph afs glusterfs fuse.sshfs fuse.glusterfs "
    "fuse.s3fs fuse.gcsfuse fuse.rclone fuse.juicefs fuse.ceph virtiofs".split()
)
_MOUNTS: Final = "/proc/self/mountinfo"


class Writer(msgspec.Struct, frozen=True):
    """A process that writes in a home, or did. ``state`` is "alive", "gone", "left" (in order) or "silent"."""

    id: str
    pid: int
    host: str
    where: str
    state: str
    silent_for: float  # seconds


def version(package: str) -> str | None:
    """Give the installed version of a package; None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def file_system(path: str | Path, mounts: str | Path = _MOUNTS) -> str:
    """Give the type of the file system that ``path`` is on ("ext4", "nfs4"); "unknown" where nobody says."""
    best, kind = "", "unknown"
    real = os.path.realpath(path)
    with contextlib.suppress(OSError):
        for row in Path(mounts).read_text(errors="replace").splitlines():
            # proc_pid_mountinfo(5): … mount point … - type source options; blanks are written \040.
            before, _, after = row.partition(" - ")
            fields = before.split()
            if len(fields) < 5 or not after:
                continue
            point = fields[4].replace("\\040", " ")
            inside = real == point or real.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, after.split()[0]
    return kind


def nearest(path: Path) -> Path:
    """Give the path itself or, where it is not there yet, the first folder above that is."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def clock_difference(folder: Path) -> float | None:
    """Give by how many seconds the clock of a folder's file system is ahead; None where it can't be written."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b".")
            file.flush()
            return os.fstat(file.fileno()).st_mtime - time.time()
    except OSError:
        return None


def writers(home: Path, now: float | None = None) -> Iterator[Writer]:
    """Give who writes in a home, by the owner files; what cannot be read is left out."""
    now = time.time() if now is None else now
    try:
        files = sorted((home / "owners").glob("*.json"))
    except OSError:
        return
    for path in files:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            said = json.loads(path.read_bytes()[:65536])
            yield _writer(path.stem, said, now - path.stat().st_mtime)


def _writer(owner: str, said: dict[str, Any], silent_for: float) -> Writer:
    pid, host = int(said["process"]["pid"]), str(said.get("host", ""))
    where = str(said.get("notebook") or said.get("app") or "")
    if pid <= 0:
        state = "left"
    elif host == platform.node() and not os.path.exists(f"/proc/{pid}") and os.path.exists("/proc/self"):
        state = "gone"
    else:
        state = "alive" if abs(silent_for) <= LAPSED_AFTER else "silent"
    return Writer(owner, pid, host, where, state, silent_for)
