"""How many bytes have come this month, by everybody who shares a home: one small file a process, added up when read.

Nobody writes another's file, so nothing needs a lock. A kill forgets what has come since the last note: five seconds'.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger("nbxfer")

#: Seconds between two notes.
NOTE_EVERY: Final = 5.0


class Budget:
    """Counts bytes by calendar month (local time). Any thread; ``note`` alone touches the disk."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = home / "budget", clock
        self._mine = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._lock = threading.Lock()
        self._month = ""
        self._ours = self._noted = self._others = 0
        self._next = 0.0

    @property
    def used(self) -> int:
        """Bytes of this month: all of ours, and what the others had noted when we last did."""
        with self._lock:
            return self._ours + self._others if self._month == self._now() else 0

    def add(self, n: int) -> bool:
        """Count ``n`` bytes more; say whether it is time for a note."""
        with self._lock:
            self._turn()
            self._ours += n
            now = self._clock()
            due = now >= self._next
            if due:
                self._next = now + NOTE_EVERY
            return due

    def note(self) -> None:
        """Write our count down where it has changed, and read those of the others."""
        with self._lock:
            self._turn()
            month, ours, changed = self._month, self._ours, self._ours != self._noted
        written = changed and self._write(month, ours)
        others = self._read(month)
        self._forget_before(month)
        with self._lock:
            if self._month == month:
                self._others = others
                self._noted = ours if written else self._noted

    def _now(self) -> str:
        return time.strftime("%Y-%m", time.localtime(self._clock()))

    def _turn(self) -> None:
        if (month := self._now()) != self._month:
            self._month, self._ours, self._noted, self._others = month, 0, 0, 0

    def _write(self, month: str, count: int) -> bool:
        folder = self._folder / month
        aside = folder / f"{self._mine}.new"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside.write_text(str(count), "ascii")
            os.replace(aside, folder / self._mine)
        except OSError as error:
            log.warning("what has come this month cannot be noted: %s", error.strerror)
            return False
        return True

    def _read(self, month: str) -> int:
        total = 0
        with contextlib.suppress(OSError):
            for path in (self._folder / month).iterdir():
                if path.name != self._mine and path.suffix != ".new":
                    with contextlib.suppress(OSError, ValueError):
                        total += max(0, int(path.read_bytes()[:32]))
        return total

    def _forget_before(self, month: str) -> None:
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if path.name < month:
                    shutil.rmtree(path, ignore_errors=True)
