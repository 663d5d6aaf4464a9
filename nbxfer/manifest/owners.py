"""Owner files: who writes a journal, and how that is found out to be dead.

The heartbeat is the file's time of last change, set by the file system's own clock. Silence is therefore measured
against our own last heartbeat, not against this machine's clock, which on a network file system is another one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from nbxfer.core.lease import Hold, Owner, Process, can_see, hold
from nbxfer.manifest import storage
from nbxfer.manifest.layout import Layout, is_id

_LARGEST: Final = 64 * 1024  # bytes of an owner file
_read_owner = msgspec.json.Decoder(Owner).decode

#: Says whether a process lives, None where that cannot be seen.
Lives = Callable[[Process], bool | None]


def alive(owner: Owner, me: Owner, lives: Lives) -> bool | None:
    """Say whether any of an owner's processes lives; None where this process cannot see them."""
    if not can_see(owner, me):
        return None
    answers = [lives(process) for process in (owner.process, *owner.movers)]
    if any(answers):
        return True
    return None if None in answers else False


class Owners:
    """The owner files of one home, seen by one process."""

    def __init__(self, layout: Layout, me: Owner, lives: Lives) -> None:
        self._layout = layout
        self._me = me
        self._lives = lives
        self._mine = layout.owner(me.id)
        self._beat: tuple[float, float] | None = None  # the file system's time, and the monotonic one, of our last

    def enter(self) -> None:
        """Write our own file. Raises OSError."""
        storage.write_aside(self._mine, msgspec.json.encode(self._me), sync=True)
        self.touch()

    def enlist(self, movers: tuple[Process, ...]) -> Owner:
        """Write our own file anew, with the processes that write for us; give the entry. Raises OSError.

        It need not reach the disk: after a power cut none of them lives.
        """
        self._me = msgspec.structs.replace(self._me, movers=movers)
        storage.write_aside(self._mine, msgspec.json.encode(self._me), sync=False)
        self.touch()
        return self._me

    def touch(self) -> None:
        """Heartbeat. A heartbeat that fails is only a heartbeat missed: it never raises."""
        with contextlib.suppress(OSError):
            os.utime(self._mine)
            self._beat = (os.stat(self._mine).st_mtime, time.monotonic())

    def leave(self) -> None:
        """Say that nothing of ours will write any more, though operations are left: anybody may go on at once.

        Process 0 lives nowhere, which proves death where processes can be looked up; the heartbeat of 1970 has lapsed
        everywhere else. Never raises: where it fails, we are dead or silent soon enough.
        """
        gone = msgspec.structs.replace(self._me, process=Process(0, ""), movers=())
        with contextlib.suppress(OSError):
            storage.write_aside(self._mine, msgspec.json.encode(gone), sync=False)
            os.utime(self._mine, (0, 0))

    def remove(self, owner: str) -> None:
        """Remove an owner's file."""
        storage.remove(self._layout.owner(owner))

    def known(self, owner: str) -> bool:
        """Say whether an owner has a file."""
        return os.path.lexists(self._layout.owner(owner))

    def hold(self, owner: str, journals: Iterable[float] = ()) -> Hold:
        """Say how an owner stands to us; without a readable owner file, by the times its journals were changed."""
        if owner == self._me.id:
            return Hold.OURS
        path = self._layout.owner(owner)
        found = self._read(path, owner)
        try:
            last = os.stat(path, follow_symlinks=False).st_mtime if found is not None else max(journals, default=0.0)
        except OSError:
            last = max(journals, default=0.0)
        state = alive(found, self._me, self._lives) if found is not None else None
        return hold(found, self._me, alive=state, silent_for=self._silence(last))

    def _read(self, path: str, owner: str) -> Owner | None:
        try:
            data = storage.read_small(path, _LARGEST)
            found = _read_owner(data) if data is not None else None
        except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return found if found is not None and is_id(found.id) and found.id == owner else None

    def _silence(self, last: float) -> float:
        if self._beat is None:
            return max(0.0, time.time() - last)
        there, here = self._beat
        # Ahead of the clock is as silent as behind it: the clock was set back since, and nobody has beaten after.
        return abs(there + (time.monotonic() - here) - last)
