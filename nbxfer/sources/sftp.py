"""A file over SFTP: several reads under way at once, held against what the file was before and after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.errors import TransferTimeout
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.pinned import Opening, decided, early, patient, unchanged
from nbxfer.wire.access import Access
from nbxfer.wire.ssh import Host, Pieces


class SftpSource:
    """What ``access`` leads to. Several streams may be open at once; they share a connection."""

    def __init__(self, access: Access, patience: Patience, now: Callable[[], float] = time.time) -> None:
        self._host, self._patience, self._now = Host(access), patience, now

    def open(self, want: Want, stop: Stop) -> SftpStream | None:
        """See Source."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        wait = patient(stop, self._patience.response, self._host.where)
        wait()
        try:
            facts = self._host.facts(wait)
            how = decided(want, self._host.where, facts.size, facts.mtime, self._now())
            if how is None:
                return None
            pieces = self._host.pieces(self._host.open(wait), how.start, how.stop)
        except TransferTimeout:
            self._host.doubt()
            raise
        return SftpStream(how, pieces, tick, self._check(how, tick))

    def _check(self, how: Opening, tick: Callable[[], None]) -> Callable[[], None]:
        def check() -> None:
            facts = self._host.facts(tick)
            unchanged(how.probe, facts.size, facts.mtime, self._now())

        return check

    def close(self) -> None:
        """See Source."""
        self._host.let_go()

    def __repr__(self) -> str:
        return f"<SftpSource {self._host.where}>"


class SftpStream:
    """An open file. One reader; ``close`` may come from another thread."""

    def __init__(self, how: Opening, pieces: Pieces, tick: Callable[[], None], check: Callable[[], None]) -> None:
        self.probe, self.restarted = how.probe, how.restarted
        self._pieces, self._tick, self._check = pieces, tick, check
        self._left = None if how.stop is None else how.stop - how.start
        self._lock = threading.Lock()
        self._closed = self._checked = False

    @property
    def length_proven(self) -> bool:
        """See Stream."""
        return self.probe.size is not None

    def read_into(self, buffer: memoryview) -> int:
        """See Stream."""
        with self._lock:
            self._tick()
            if self._closed:
                raise Stopped
            if not buffer:
                return -1
            got = (
                self._pieces.read_into(buffer if self._left is None else buffer[: self._left]) if self._left != 0 else 0
            )
            if got:
                if self._left is not None:
                    self._left -= max(got, 0)
                return got
            if self._left:
                raise early(self.probe.final_url, self._left)
            if not self._checked:
                self._check()
                self._checked = True
            return 0

    def close(self) -> None:
        """See Stream."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._pieces.close()
