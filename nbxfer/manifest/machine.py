"""Which machine, boot and process table this is, and whether a process lives: the facts that death is proven with."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import secrets
import sys
import uuid
from typing import Final

from nbxfer.core.lease import Owner, Process

#: The inode of the first pid namespace (Linux, include/linux/proc_ns.h): any other one is a container's.
_FIRST_TABLE: Final = "pid:[4026531836]"
_LINUX: Final = sys.platform.startswith("linux")


def this_owner(notebook: str = "", app: str = "") -> Owner:
    """Give a new owner for this process, under an id that nobody can guess."""
    process = Process(os.getpid(), start_mark(os.getpid()) or "")
    return Owner(
        id=new_id(),
        machine=machine_id(),
        boot=boot_id(),
        table=process_table() if process.started else "",
        contained=is_contained(),
        host=platform.node(),
        process=process,
        notebook=notebook,
        app=app,
    )


def new_id() -> str:
    """Give an id that nobody has had, and nobody can guess."""
    return secrets.token_hex(8)


def machine_id() -> str:
    """Give a name for this machine, from which nothing can be learnt; empty where there is none to trust.

    The host's name is mixed in, for the nodes of a cluster are often started from one image, with one machine id.
    """
    own = ""
    if _LINUX:
        own = _first_line("/etc/machine-id") or _first_line("/var/lib/dbus/machine-id")
    elif not (node := uuid.getnode()) & (1 << 40):  # that bit says: drawn at random
        own = f"{node:012x}"
    return hashlib.sha256(f"nbxfer {own} {platform.node()}".encode()).hexdigest()[:32] if own else ""


def boot_id() -> str:
    """Give what names this boot, for all machines; empty where it cannot be known, which proves nothing.

    Not on Linux it is "-" always: start marks are absolute times there, which tell the processes of two boots apart.
    """
    if _LINUX:
        return _first_line("/proc/sys/kernel/random/boot_id")
    return "-" if machine_id() else ""


def process_table() -> str:
    """Give what names the process table (pid namespace, and the clock that start marks are counted by).

    Empty where it cannot be seen: then nothing is proven.
    """
    if not _LINUX:
        return "-"
    spaces = []
    for name in ("pid", "time"):
        with contextlib.suppress(OSError):
            spaces.append(os.readlink(f"/proc/self/ns/{name}"))
    return " ".join(spaces)


def is_contained() -> bool:
    """Say whether this looks like a container; where that cannot be known: yes, for then less is taken as proof."""
    if not _LINUX:
        return True
    if any(os.path.exists(p) for p in ("/.dockerenv", "/run/.containerenv")) or "KUBERNETES_SERVICE_HOST" in os.environ:
        return True
    return process_table().partition(" ")[0] != _FIRST_TABLE


def lives(process: Process) -> bool | None:
    """Say whether exactly this process lives, in our own process table; None where that cannot be seen.

    A zombie does not live, nor does a later process that was given the same number.
    """
    if process.pid <= 0 or not process.started:
        return False
    if _LINUX:
        mark, state = _stat(process.pid)
        if mark is None:
            return None if state == "?" or _stat(os.getpid())[0] is None else False
        return mark == process.started and (state not in "ZX" or _has_threads(process.pid))
    import psutil

    try:
        found = psutil.Process(process.pid)
        return repr(found.create_time()) == process.started and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return None


def start_mark(pid: int) -> str | None:
    """Give the system's own mark of when a process started; None when there is no such process to be seen."""
    if _LINUX:
        return _stat(pid)[0]
    import psutil

    with contextlib.suppress(psutil.Error):
        return repr(psutil.Process(pid).create_time())
    return None


def _stat(pid: int) -> tuple[str | None, str]:
    """Give (start time, state) of /proc/<pid>/stat, fields 22 and 3, see proc(5); state "?": it could not be read."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program is in parentheses, and may hold blanks and parentheses itself.
            fields = file.read().rpartition(b")")[2].split()
        return fields[19].decode(), fields[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return None, ""
    except (OSError, IndexError):
        return None, "?"


def _has_threads(pid: int) -> bool:
    """Say whether a process whose first thread is a zombie has others: one that hangs in a write may still do it."""
    try:
        return len(os.listdir(f"/proc/{pid}/task")) > 1
    except OSError:
        return False


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except (OSError, UnicodeDecodeError):
        return ""
