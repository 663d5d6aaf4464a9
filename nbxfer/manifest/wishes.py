"""Wishes: what other processes ask of an owner. A file each, written aside and renamed in, taken once."""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import time
from typing import Final

import msgspec

from nbxfer.manifest import storage
from nbxfer.manifest.base import Wish
from nbxfer.manifest.layout import Layout, is_id

_LARGEST: Final = 4096  # bytes of a wish
#: More than this are not taken at once: the rest next time.
_AT_ONCE: Final = 4096
_NAME: Final = re.compile(r"[0-9]{20}-[0-9a-f]{16}\.json")
_VERB: Final = re.compile(r"[a-z-]{1,24}")
_read_wish = msgspec.json.Decoder(Wish).decode


def leave(layout: Layout, owner: str, wish: Wish) -> None:
    """Leave a wish for an owner. Raises NoSpace, AccessDenied, StorageFailed."""
    folder = layout.wishes(owner)
    with storage.doing("The wish could not be left"):
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
        name = f"{time.time_ns():020d}-{secrets.token_hex(8)}.json"
        storage.write_aside(os.path.join(folder, name), msgspec.json.encode(wish), sync=False)


def take(layout: Layout, owner: str) -> list[Wish]:
    """Take the wishes that were left for an owner, oldest first. What makes no sense is thrown away."""
    folder = layout.wishes(owner)
    try:
        waiting = sorted(filter(_NAME.fullmatch, storage.names(folder)))
    except OSError:
        return []
    taken = []
    for name in waiting[:_AT_ONCE]:
        path = os.path.join(folder, name)
        wish = _read(path)
        # Only what could be removed is taken: a wish must not come true twice.
        if storage.remove(path) and wish is not None:
            taken.append(wish)
    return taken


def _read(path: str) -> Wish | None:
    try:
        data = storage.read_small(path, _LARGEST)
        wish = _read_wish(data) if data is not None else None
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if (
        wish is None
        or not _VERB.fullmatch(wish.verb)
        or not is_id(wish.op_id)
        or wish.priority not in (0, 1, 2)
        or not math.isfinite(wish.place)
    ):
        return None
    return wish if not wish.asker or is_id(wish.asker) else None


def forget(layout: Layout, owner: str) -> None:
    """Remove all that was asked of an owner who is gone."""
    folder = layout.wishes(owner)
    with contextlib.suppress(OSError):
        for name in storage.names(folder):
            storage.remove(os.path.join(folder, name))
        os.rmdir(folder)
