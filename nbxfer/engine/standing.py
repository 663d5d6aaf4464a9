"""How an operation stands to this process. Needs nothing that runs: who only looks takes it from here."""

from __future__ import annotations

from typing import Final

from nbxfer.core.lease import Hold
from nbxfer.core.snapshot import Snapshot, picture
from nbxfer.manifest.base import Found, Manifest

#: ``handed_to`` of an operation that anybody may go on with.
ANYBODY: Final = "*"


def standing(found: Found, manifest: Manifest) -> str:
    """Say how an operation stands to this process: "ours", "theirs" or "orphaned"."""
    to = found.record.handed_to
    # Free, given to us, or given to somebody who never came to take it.
    if to in (ANYBODY, manifest.me.id) or (to is not None and manifest.hold_of(to) in (Hold.DEAD, Hold.LAPSED)):
        return "orphaned"
    if found.hold is Hold.OURS:
        return "theirs" if to is not None else "ours"
    return "theirs" if found.hold is Hold.THEIRS else "orphaned"


def seen(found: Found, manifest: Manifest) -> Snapshot:
    """Give the snapshot of an operation that this engine does not run."""
    return picture(found.record, owner=standing(found, manifest))
