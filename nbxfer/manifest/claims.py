"""Claims: who works on a destination, so that a second notebook joins instead of fetching the same twice.

A claim is a small file that appears whole, under a name that is the destination's alone: by a hard link, which fails
when the name is taken, also over NFS, where locks and exclusive creation may lie. It saves traffic; nothing that has
to be right depends on it, so a claim that cannot be made (a full disk) or read (damage) does not stop anybody.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sys
import time
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from nbxfer.manifest import storage
from nbxfer.manifest.base import Claim
from nbxfer.manifest.layout import Layout, is_id, key

_LARGEST: Final = 64 * 1024  # bytes of a claim
#: A claim that nobody has given up is forgotten after this (seconds); so many are looked at, at once.
_KEPT_FOR: Final = 30 * 86400.0
_AT_ONCE: Final = 1000
#: For more than so many the folder is listed first.
_FEW: Final = 64
_read_claim = msgspec.json.Decoder(Claim).decode


def claim(layout: Layout, destination: str, mine: Claim) -> Claim:
    """Claim a destination; give the claim that holds: ours, or whose was there first."""
    path = layout.claim(destination)
    try:
        if _make(path, msgspec.json.encode(mine)):
            return mine
        there = claimed(layout, destination)
        if there is None:
            reclaim(layout, destination, mine)
    except OSError:
        return mine
    return there or mine


def _make(path: str, data: bytes) -> bool:
    """Make the claim; False when there is one."""
    aside = f"{os.path.dirname(path)}/.{secrets.token_hex(8)}.new"
    fd = os.open(aside, storage.CREATE, 0o600)
    try:
        try:
            storage.append(fd, data)
        finally:
            os.close(fd)
        try:
            os.link(aside, path)
        except FileExistsError:
            return _is_linked(aside)
        except OSError:
            return _is_linked(aside) or _make_exclusively(path, data)
        return True
    finally:
        storage.remove(aside)


def _is_linked(path: str) -> bool:
    """Say whether a link was made, whatever the answer was: over NFS it may be lost, and the repetition refused."""
    return os.stat(path, follow_symlinks=False).st_nlink == 2


def _make_exclusively(path: str, data: bytes) -> bool:
    """Make the claim where the file system knows no hard links (FAT, some of FUSE)."""
    try:
        fd = os.open(path, storage.CREATE, 0o600)
    except FileExistsError:
        return False
    try:
        storage.append(fd, data)
    finally:
        os.close(fd)
    return True


def reclaim(layout: Layout, destination: str, mine: Claim) -> None:
    """Replace whatever claim is there."""
    try:
        storage.write_aside(layout.claim(destination), msgspec.json.encode(mine), sync=False)
    except OSError:
        return


def claimed(layout: Layout, destination: str) -> Claim | None:
    """Give the claim on a destination; None when there is none that can be read."""
    return read(layout.claim(destination))


def keys(layout: Layout, most: int) -> Collection[str] | None:
    """Give the keys of the claimed destinations; None where they are ``most`` or more, or cannot be listed."""
    try:
        with os.scandir(layout.claims) as entries:
            found = {entry.name for entry in itertools.islice(entries, most)}
    except FileNotFoundError:
        return ()
    except OSError:
        return None
    return found if len(found) < most else None


def read(path: str) -> Claim | None:
    """Give the claim of that file; None when there is none that can be read."""
    try:
        data = storage.read_small(path, _LARGEST)
        found = _read_claim(data) if data is not None else None
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return found if found is not None and is_id(found.op_id) and is_id(found.owner) else None


def unclaim(layout: Layout, destination: str, op_id: str) -> None:
    """Remove the claim if it is that operation's."""
    there = claimed(layout, destination)
    if there is not None and there.op_id == op_id:
        storage.remove(layout.claim(destination))


def unclaim_all(layout: Layout, ended: Sequence[tuple[str, str]]) -> None:
    """Remove the claims of operations, as (destination, id): of many small files few ever had one."""
    there = keys(layout, sys.maxsize) if len(ended) > _FEW else None
    for destination, op_id in ended:
        if there is None or key(destination) in there:
            unclaim(layout, destination, op_id)


def prune(layout: Layout) -> None:
    """Remove claims that are long past: of dead owners, and what a kill left half made. Never raises."""
    oldest = time.time() - _KEPT_FOR
    with contextlib.suppress(OSError), os.scandir(layout.claims) as found:
        for entry in itertools.islice(found, _AT_ONCE):
            if entry.stat(follow_symlinks=False).st_mtime < oldest:
                storage.remove(entry.path)
