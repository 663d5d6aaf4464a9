"""A file over SFTP: several reads under way at once, held against what the file was before and after."""

from __future__ import annotations

import time
from collections.abc import Callable

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.errors import TransferTimeout
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.pinned import Opening, PinnedStream, decided, patient, unchanged
from nbxfer.wire.access import Access
from nbxfer.wire.ssh import Host


class SftpSource:
    """What ``access`` leads to. Several streams may be open at once; they share a connection."""

    def __init__(self, access: Access, patience: Patience, now: Callable[[], float] = time.time) -> None:
        self._host, self._patience, self._now = Host(access), patience, now

    def open(self, want: Want, stop: Stop) -> PinnedStream | None:
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
        return PinnedStream(how, pieces, tick, self._check(how, tick))

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
