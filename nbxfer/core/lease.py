"""Who owns an operation, and what follows: free, ours, theirs or lapsed. Facts are arguments; nothing is looked up.

Death is *proven* in two ways only. Same boot and same process table: the pid is gone, or started at another time.
Same machine with another boot: only outside containers, for images share machine ids and containers share boots.
Everything else has a heartbeat; a heartbeat that lapsed allows a take-over, but proves nothing: such an owner may
wake up and write, so its part file is cloned and never re-used in place.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

#: Seconds between two heartbeats, and after how many an owner counts as lapsed.
HEARTBEAT = 5.0
LAPSED_AFTER = 60.0


class Process(msgspec.Struct, frozen=True):
    """One process, so that it is never taken for another: ``started`` is the system's own mark of its start."""

    pid: int
    started: str


class Owner(msgspec.Struct, frozen=True):
    """Who writes a journal. ``table`` names the process table (pid namespace); what is empty proves nothing."""

    id: str
    machine: str
    boot: str
    table: str
    contained: bool
    host: str
    process: Process
    movers: tuple[Process, ...] = ()
    notebook: str = ""
    app: str = ""
    format: int = 1


class Hold(StrEnum):
    """How an owner stands to us."""

    OURS = "ours"
    THEIRS = "theirs"  # alive: ask it
    DEAD = "dead"  # proven: take over, re-use its part in place
    LAPSED = "lapsed"  # silent: take over, clone its part


def can_see(owner: Owner, me: Owner) -> bool:
    """Say whether this process can look the owner's processes up: same machine, same boot, same process table."""
    if not owner.boot or not owner.table:  # a boot's id is unique; a machine's may be shared by images, or missing
        return False
    return (owner.machine, owner.boot, owner.table) == (me.machine, me.boot, me.table)


def hold(owner: Owner | None, me: Owner, *, alive: bool | None, silent_for: float) -> Hold:
    """Say how ``owner`` stands to ``me``.

    ``alive`` is whether any of its processes lives, None where that cannot be looked up; ``silent_for`` is the age
    of its heartbeat in seconds. A journal whose owner file is missing has an owner of None: it counts by its age.
    """
    if owner is not None and owner.id == me.id:
        return Hold.OURS
    if owner is not None:
        if alive is False and can_see(owner, me):
            return Hold.DEAD
        rebooted = bool(owner.machine) and owner.machine == me.machine and owner.boot != me.boot
        if rebooted and not owner.contained and not me.contained:
            return Hold.DEAD
    return Hold.LAPSED if silent_for > LAPSED_AFTER else Hold.THEIRS
