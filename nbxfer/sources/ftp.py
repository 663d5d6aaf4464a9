"""A file over FTP: one body from a byte on, as long as SIZE said, and the same file after it as before."""

from __future__ import annotations

import ftplib
import threading
import time
from collections.abc import Callable

import msgspec

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.errors import RangesRefused
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.pinned import Opening, decided, early, patient, unchanged
from nbxfer.wire.access import Access
from nbxfer.wire.ftp import Body, Server


class FtpSource:
    """What ``access`` leads to. Several streams may be open at once, each with a control connection."""

    def __init__(self, access: Access, patience: Patience, now: Callable[[], float] = time.time) -> None:
        self._server, self._patience, self._now = Server(access), patience, now

    def open(self, want: Want, stop: Stop) -> FtpStream | None:
        """See Source."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        wait = patient(stop, self._patience.response, self._server.where)
        wait()
        found: tuple[Opening, Body] | None = self._server.call(lambda: self._opened(want), wait, _left)
        return None if found is None else FtpStream(found[0], found[1], tick, self._now)

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


class FtpStream:
    """An open body. One reader; ``close`` may come from another thread."""

    def __init__(self, how: Opening, body: Body, tick: Callable[[], None], now: Callable[[], float]) -> None:
        self.probe, self.restarted = how.probe, how.restarted
        self._body, self._tick, self._now = body, tick, now
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
            got = self._body.read_into(buffer if self._left is None else buffer[: self._left]) if self._left != 0 else 0
            if got:
                if self._left is not None:
                    self._left -= max(got, 0)
                return got
            if self._left:
                raise early(self.probe.final_url, self._left)
            if not self._checked:
                self._checked = True
                facts = self._body.facts(self._tick)
                unchanged(self.probe, facts.size, facts.mtime, self._now())
            return 0

    def close(self) -> None:
        """See Stream."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._body.close()
