"""The movers of this process: begun when one is wanted, kept warm while they are used, gone when they are idle.

A mover is entered into the owner's file before it is given anything to write, so that whoever takes over from a dead
kernel knows that it has to be gone too. Where none can be had, the bytes stay with the threads; ``why_not`` says why.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Literal

from nbxfer.core.lease import Process
from nbxfer.engine import platform
from nbxfer.engine.mover_channel import Channel
from nbxfer.engine.pulse import Pulse
from nbxfer.engine.ship import Ship
from nbxfer.errors import TransferError
from nbxfer.manifest import machine

log = logging.getLogger("nbxfer")

Use = Literal["auto", "always", "never"]

#: From so many bytes on that are missing, a mover is worth it, where a cell computes.
LARGE: Final = 16 * 1024 * 1024
#: How long a mover with nothing to do is kept (seconds), and after how long one that could not be begun is tried again.
KEEP: Final = 30.0
TRY_AGAIN: Final = 300.0
#: So many movers that died by themselves within TRY_AGAIN are enough.
DEATHS: Final = 3
#: How long a mover may take to begin (seconds).
BEGIN_WITHIN: Final = 10.0
STRANGE: Final = "another version of nbxfer was installed since this kernel began"
#: Of so many operations it is remembered who moved their bytes.
NOTES: Final = 1000
#: How long ending in order may take (seconds).
LEAVE: Final = 0.5


class Movers:
    """Any thread. ``enlist`` writes down which movers there are, and raises what the manifest raises."""

    def __init__(self, enlist: Callable[[Sequence[Process]], None], use: Use = "auto", most: int | None = None) -> None:
        self.use: Use = use
        self.pulse = Pulse()
        self.most = most if most is not None else max(1, min(4, os.cpu_count() or 1))
        self._enlist = enlist
        self._lock = threading.Lock()
        self._ships: list[Ship] = []
        self._leaving: list[subprocess.Popen[bytes]] = []
        self._deaths: list[float] = []
        self._notes: OrderedDict[str, str] = OrderedDict()
        self._failed: tuple[str, float] | None = None
        self._closed = False
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(_forked, weakref.ref(self)))

    @property
    def why_not(self) -> str | None:
        """Why no mover is used at the moment; None where one would be."""
        if self.use == "never":
            return "movers are turned off"
        if (never := platform.why_not()) is not None:
            return never
        if self._failed is not None and time.monotonic() < self._failed[1]:
            return self._failed[0]
        return None

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [ship.process.pid for ship in self._ships if not ship.dead]

    def note(self, op_id: str, words_: str) -> None:
        """Remember who moves the bytes of an operation, for who asks."""
        with self._lock:
            self._notes[op_id] = words_
            self._notes.move_to_end(op_id)
            while len(self._notes) > NOTES:
                self._notes.popitem(last=False)

    def told(self, op_id: str) -> str:
        """Say who moves, or moved, the bytes of an operation; "" where that was not asked here."""
        return self._notes.get(op_id, "")

    def wanted(self, missing: int) -> bool:
        """Say whether ``missing`` bytes are worth a mover now."""
        if self._closed or self.why_not is not None:
            return False
        return self.use == "always" or (missing >= LARGE and self.pulse.busy())

    def take(self) -> Ship | None:
        """Give the mover that has least to do, or a new one, which may not be ``ready`` yet; None: there is none."""
        with self._lock:
            self._let_go([ship for ship in self._ships if ship.dead])
            least = min(self._ships, key=lambda ship: ship.load, default=None)
            if least is not None and (not least.load or len(self._ships) >= self.most):
                return least
            if self._closed:
                return None
            try:
                ship = self._begun()
            except (OSError, ValueError, RuntimeError, subprocess.SubprocessError, TransferError) as error:
                words_ = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
                self.refuse(f"no child process could be begun ({words_})")
                return least
            self._ships.append(ship)
            return ship

    def foresee(self) -> None:
        """Begin a mover, where there is none, without waiting for it: whoever takes one next finds it on its way."""
        if not self.pids:
            threading.Thread(target=self.take, name="nbxfer-foresight", daemon=True).start()

    def _begun(self) -> Ship:
        process, sock = platform.spawn()
        mark = Process(process.pid, machine.start_mark(process.pid) or "")
        ship = Ship(process, Channel(sock), mark)
        try:
            self._enlist([mark, *(other.mark for other in self._ships)])
        except BaseException:
            ship.end()
            raise
        return ship

    def board(self, given_up: Callable[[], bool] = lambda: False) -> Ship | None:
        """Give a mover that is ready, however long that takes; None where none can be had, or nobody waits any more."""
        begun, ship = time.monotonic(), self.take() if self.why_not is None else None
        while ship is not None and not ship.dead and time.monotonic() - begun < BEGIN_WITHIN and not given_up():
            ship.hear(0)
            if ship.strange:
                self.refuse(STRANGE)
                return None
            if ship.ready:
                return ship
            ship.wait(0.02)
        if ship is not None and not given_up():
            self.lost(ship)
        return None

    def begun_within(self) -> float | None:
        """Begin a mover to see whether that can be done; give the seconds it took, None where it never was ready."""
        begun = time.monotonic()
        return time.monotonic() - begun if self.board() is not None else None

    def refuse(self, why: str) -> None:
        """Use none for a while."""
        self._failed = why, time.monotonic() + TRY_AGAIN
        log.info("%s: the bytes stay with the threads", why)

    def lost(self, ship: Ship) -> None:
        """Take note that a mover died, or was ended because it hung. It is gone when this returns."""
        ship.end()
        now = time.monotonic()
        with self._lock:
            if ship not in self._ships:  # somebody else has noted it
                return
            self._ships = [other for other in self._ships if other is not ship]
            self._deaths = [then for then in self._deaths if now - then < TRY_AGAIN] + [now]
            if len(self._deaths) >= DEATHS:
                self.refuse(f"{len(self._deaths)} child processes have died")

    def tidy(self) -> None:
        """Let go of those that have had nothing to do for a while; call it now and then."""
        if not self._ships and not self._leaving:
            return
        now = time.monotonic()
        with self._lock:
            self._let_go([s for s in self._ships if s.dead or (not s.load and now - s.idle_since > KEEP)])
            self._leaving = [process for process in self._leaving if process.poll() is None]

    def _let_go(self, ships: Sequence[Ship]) -> None:
        """Have these end: with their pipe, or at once where they have said nothing, for one may be stopped."""
        self._ships = [ship for ship in self._ships if ship not in ships]
        for ship in ships:
            if ship.dead:
                platform.end(ship.process, 0.0)
            ship.close()
            self._leaving.append(ship.process)

    def close(self) -> None:
        """Let all of them go, and wait a moment until they are gone."""
        with self._lock:
            self._closed = True
            ships, self._ships = self._ships, []
            processes, self._leaving = [*self._leaving, *(ship.process for ship in ships)], []
        for ship in ships:
            ship.close()
        for process in processes:
            try:
                process.wait(LEAVE)
            except subprocess.TimeoutExpired:
                platform.end(process, LEAVE)

    def forked(self) -> None:
        """Be of no use in a forked child, and do not keep the parent's movers alive there."""
        self._closed = True
        for ship in self._ships:
            ship.drop()
        self._ships = []


def _forked(ref: weakref.ref[Movers]) -> None:
    if (movers := ref()) is not None:
        movers.forked()
