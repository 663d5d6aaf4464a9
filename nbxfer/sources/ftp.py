"""A file over FTP: one body from a byte on, as long as SIZE said, and the same file after it as before."""

from __future__ import annotations

import ftplib
import time
from collections.abc import Callable

import msgspec

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.errors import RangesRefused
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.pinned import Opening, PinnedStream, decided, patient, unchanged
from nbxfer.wire.access import Access
from nbxfer.wire.ftp import Body, Server


class FtpSource:
    """What ``access`` leads to. Several streams may be open at once, each with a control connection."""

    def __init__(self, access: Access, patience: Patience, now: Callable[[], float] = time.time) -> None:
        self._server, self._patience, self._now = Server(access), patience, now

    def open(self, want: Want, stop: Stop) -> PinnedStream | None:
        """See Source."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        wait = patient(stop, self._patience.response, self._server.where)
        wait()
        found: tuple[Opening, Body] | None = self._server.call(lambda: self._opened(want), wait, _left)
        return None if found is None else PinnedStream(*found, tick, self._check(*found, tick))

    def _check(self, how: Opening, body: Body, tick: Callable[[], None]) -> Callable[[], None]:
        def check() -> None:
            facts = body.facts(tick)
            unchanged(how.probe, facts.size, facts.mtime, self._now())

        return check

    def _opened(self, want: Want) -> tuple[Opening, Body] | None:
        line = self._server.line()
        try:
            return self._begun(line, want)
        except BaseException:
            line.close()
            raise

    def _begun(self, line: ftplib.FTP, want: Want) -> tuple[Opening, Body] | None:
        facts = self._server.facts(line)
        ranges = not want.ranged or self._server.restarts(line)
        how = decided(want, self._server.where, facts.size, facts.mtime, self._now(), ranges=ranges)
        if how is None:
            self._server.give_back(line)
            return None
        data, there = self._server.body(line, how.start)
        if not there:
            if want.part:
                data.close()
                raise RangesRefused(f"{self._server.where} gives only the whole.")
            probe = msgspec.structs.replace(how.probe, start=0, ranges=False)
            how = Opening(probe, 0, how.stop, how.restarted)
        return how, Body(self._server, line, data)

    def close(self) -> None:
        """See Source."""
        self._server.close()

    def __repr__(self) -> str:
        return f"<FtpSource {self._server.where}>"


def _left(found: tuple[Opening, Body] | None) -> None:
    """Close what came for somebody who has gone home."""
    if found is not None:
        found[1].close()
