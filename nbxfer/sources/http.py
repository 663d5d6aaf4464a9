"""A file on a web server: one GET, an answer held against what is known, a body that ends where it was said to."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Hashable
from typing import Final
from urllib.parse import unquote, unquote_plus, urlsplit

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.sources import pages
from nbxfer.sources.answer import judge
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.question import Ask, Refuse, Reply, Take, Unchanged
from nbxfer.sources.stream import HttpStream
from nbxfer.wire.access import Access
from nbxfer.wire.client import Answer, Client
from nbxfer.wire.pool import Pool
from nbxfer.wire.sockets import Line

log = logging.getLogger("nbxfer")

#: What is long enough to be a secret, or a piece of one.
_WORD: Final = re.compile(r"\w{6,}")


class HttpSource:
    """What ``access`` leads to, over HTTP/1.1. Several streams may be open at once.

    ``pool`` may be shared with other sources: many files of one server then need few connections. ``now`` gives Unix
    time, for a Retry-After date. A web page is refused where URL or ``destination`` (the name of the file that is to
    be) are those of something else, unless ``page_ok``. Raises nothing when made.
    """

    def __init__(
        self,
        access: Access,
        patience: Patience | None = None,
        pool: Pool | None = None,
        now: Callable[[], float] = time.time,
        *,
        page_ok: bool = False,
        destination: str = "",
    ) -> None:
        self._own_pool = Pool() if pool is None else None
        shared = pool if pool is not None else self._own_pool
        assert shared is not None
        self._client = Client(access, patience or Patience(), shared)
        self._access, self._where, self._now = access, access.safe_url, now
        self._no_page = not page_ok and pages.unexpected(urlsplit(access.url).path, destination)

    def open(self, want: Want, stop: Stop) -> HttpStream | None:
        """See Source. Asks again, more simply each time, where an answer cannot be used as it is."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        ask = Ask.first(want)
        while True:
            answer = self._client.get(self._headers(ask.headers()), tick)
            verdict = judge(ask, self._reply(answer))
            if isinstance(verdict, Take):
                return HttpStream(answer, verdict, tick, self._looked_into(answer, verdict, tick))
            answer.close()
            if isinstance(verdict, Unchanged):
                return None
            if isinstance(verdict, Refuse):
                raise verdict.error
            ask = verdict.ask
            log.debug("%s: %s", self._where, verdict.why)

    def go_on(self, key: Hashable, line: Line) -> None:
        """Take over a line of that key on which the first question has been asked already, and not answered in full."""
        self._client.begun = (key, line)

    def _looked_into(self, answer: Answer, take: Take, tick: Callable[[], None]) -> bytes:
        """Give what had to be read of the body to see that it is no web page; raise BadAnswer where it is one."""
        if not self._no_page or not pages.suspect(take.probe):
            return b""

        def read_into(room: memoryview) -> int:
            tick()
            return answer.read_into(room)

        try:
            body = pages.beginning(read_into, take.length)
            if pages.is_page(body):
                raise pages.refusal(answer.safe_url, self._harmless(pages.title(body)))
        except BaseException:
            answer.close()
            raise
        return body

    def _harmless(self, title: str) -> str:
        """Give the title, or "" where it may repeat something of the request that is a secret."""
        if self._access.auth is not None or self._access.cookies or self._access.proxy_auth is not None:
            return ""
        parts = urlsplit(self._access.url)
        user = parts.netloc.rpartition("@")[0]
        told = [parts.query, user, unquote_plus(parts.query), unquote(user)]
        text = " ".join([*told, *(value for _, value in self._access.headers)])
        repeats = any(word in text for word in _WORD.findall(title)) or any(w in title for w in _WORD.findall(text))
        return "" if repeats else title

    def _headers(self, asked: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return asked

    def _reply(self, answer: Answer) -> Reply:
        return Reply(answer.status, answer.headers, answer.safe_url, answer.path, self._now())

    def close(self) -> None:
        """See Source."""
        self._client.close()
        if self._own_pool is not None:
            self._own_pool.close()

    def __repr__(self) -> str:
        return f"<HttpSource {self._where}>"
