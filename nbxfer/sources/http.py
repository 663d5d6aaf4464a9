"""A file on a web server: one GET, an answer held against what is known, a body that ends where it was said to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import msgspec

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe, Want
from nbxfer.errors import NetworkError, WebErrorStatus
from nbxfer.sources.answer import Ask, Refuse, Reply, Take, Unchanged, judge
from nbxfer.sources.base import Stop, Stopped
from nbxfer.wire.access import Access
from nbxfer.wire.client import Answer, Client
from nbxfer.wire.pool import Pool

log = logging.getLogger("nbxfer")


class HttpSource:
    """What ``access`` leads to, over HTTP/1.1. Several streams may be open at once.

    ``pool`` may be shared with other sources: many files of one server then need few connections. ``now`` gives Unix
    time, for a Retry-After date. Raises nothing when made.
    """

    def __init__(
        self,
        access: Access,
        patience: Patience | None = None,
        pool: Pool | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._own_pool = Pool() if pool is None else None
        shared = pool if pool is not None else self._own_pool
        assert shared is not None
        self._client = Client(access, patience or Patience(), shared)
        self._where, self._now = access.safe_url, now

    def open(self, want: Want, stop: Stop) -> HttpStream | None:
        """See Source. Asks again, more simply each time, where an answer cannot be used as it is."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        ask = Ask.first(want)
        while True:
            answer = self._client.get(ask.headers(), tick)
            verdict = judge(self._as_sent(ask, answer), self._reply(answer))
            if isinstance(verdict, Take):
                return HttpStream(answer, verdict, tick)
            answer.close()
            if isinstance(verdict, Unchanged):
                return None
            if isinstance(verdict, Refuse):
                raise verdict.error
            ask = verdict.ask
            log.debug("%s: %s", self._where, verdict.why)

    @staticmethod
    def _as_sent(ask: Ask, answer: Answer) -> Ask:
        """Give the question as the server that answered has got it: a redirect may have lost the condition."""
        asked = answer.sent & {"if-none-match", "if-modified-since"}
        return ask if asked or not ask.conditional else msgspec.structs.replace(ask, conditional=False)

    def _reply(self, answer: Answer) -> Reply:
        return Reply(answer.status, answer.headers, answer.safe_url, answer.path, self._now())

    def close(self) -> None:
        """See Source."""
        if self._own_pool is not None:
            self._own_pool.close()

    def __repr__(self) -> str:
        return f"<HttpSource {self._where}>"


class HttpStream:
    """An open body. One reader; ``close`` may come from another thread."""

    def __init__(self, answer: Answer, take: Take, tick: Callable[[], None]) -> None:
        self.probe: Probe = take.probe
        self.restarted: bool = take.restarted
        self._answer, self._tick = answer, tick
        self._left = take.length
        self._proven = answer.proven or take.length is not None
        # A reader may be waiting in the socket: closing its descriptor under it could hand it another line's bytes.
        self._lock = threading.Lock()
        self._closed = False

    @property
    def length_proven(self) -> bool:
        """See Stream."""
        return self._proven

    def read_into(self, buffer: memoryview) -> int:
        """See Stream. Raises Stopped once it is closed, too."""
        with self._lock:
            self._tick()
            if self._closed:
                raise Stopped
            if not buffer:  # no room is no end
                return -1
            if self._left is None:
                return self._answer.read_into(buffer)
            if not self._left:
                return 0
            got = self._answer.read_into(buffer[: self._left])
            if not got:
                raise NetworkError(
                    f"{self._where} ended {self._left} bytes early.", status=WebErrorStatus.CONNECTION_ABORTED
                )
            self._left -= max(got, 0)
            return got

    @property
    def _where(self) -> str:
        return f"The body from {self._answer.safe_url}"

    def close(self) -> None:
        """See Stream. Waits for a reader to come out, which takes it 0.1 s at most."""
        with self._lock:
            self._closed = True
            self._answer.close()

    def __repr__(self) -> str:
        return f"<HttpStream of {self._answer.safe_url} from byte {self.probe.start}>"
