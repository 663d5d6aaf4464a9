"""What single calls in a row have in common: worked out for the first, and believed for a moment by the next.

Ten thousand calls in a loop ask for files of one server with no word on credentials, proxies or trust. What depends on
the environment and on files is looked at again after a tenth of a second, as whoever sends the requests does.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from nbxfer.session import config
from nbxfer.session.options import is_usual
from nbxfer.session.request import Request, Seat
from nbxfer.session.specs import Specs
from nbxfer.session.ways import ways_in
from nbxfer.wire.access import Access

#: So long (seconds) something is believed, and of so many servers.
HOLDS: Final = 0.1
MOST: Final = 64


class Terms(NamedTuple):
    """How to get at a source, and what writes its spec; ``until`` when they are believed."""

    until: float
    access: Access
    specs: Specs


class Usual:
    """What the last single calls have found out. One thread at a time."""

    def __init__(self, seat: Seat, clock: Callable[[], float] = time.monotonic) -> None:
        self._seat, self._clock = seat, clock
        self._terms: dict[tuple[str, int], Terms] = {}
        self._offline: tuple[float, str | None, bool] = (0.0, None, False)

    def terms(self, asked: Request) -> Terms:
        """Give what holds for a request. Raises InvalidRequest."""
        now, key = self._clock(), (asked.server, id(asked.options))
        known = self._terms.get(key)
        if known is not None and known.until > now:
            return known
        made = Terms(now + HOLDS, ways_in([asked])[0], Specs(self._seat))
        if asked.server and is_usual(asked.options):
            if len(self._terms) >= MOST:
                self._terms.clear()
            self._terms[key] = made
        return made

    def offline(self) -> bool:
        """Say whether the network is not to be asked. Raises InvalidRequest for a setting that cannot be read."""
        now, told = self._clock(), os.environ.get("NBXFER_OFFLINE")
        until, word, answer = self._offline
        if until <= now or told != word:
            answer = bool(config.get("offline"))
            self._offline = (now + HOLDS, told, answer)
        return answer
