"""Who asks for small files one after the other, and without waiting: credentials, cookies and proxies want more.

Only what is plain goes this way, over lines that are open already. No server is asked twice: HttpSource goes on with
the very same line, and what has come over it, where that is no plain answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from nbxfer.core.policy import Patience
from nbxfer.sources.brief import ASK, MOST, Brief, Passage, Rooms, begun
from nbxfer.wire.access import Access
from nbxfer.wire.client import Client
from nbxfer.wire.place import Place, place
from nbxfer.wire.pool import Pool
from nbxfer.wire.prepared import Prepared
from nbxfer.wire.sockets import Line

#: So long (seconds) what holds for one URL of an origin is held to hold for the next: a proxy may be set meanwhile.
HOLDS: Final = 0.1


class Way(NamedTuple):
    """How requests to one origin are made: the key of their lines, and what follows the target."""

    until: float
    key: Hashable
    rest: bytes


class Briefly:
    """Makes brief requests. One thread's own, but for ``pool``."""

    def __init__(self, pool: Pool, clock: Callable[[], float] = time.monotonic) -> None:
        self._pool, self._clock = pool, clock
        self._ways: dict[Hashable, Way | None] = {}
        self._rooms = Rooms()
        self._prepared: dict[Hashable, tuple[bytes, Prepared]] = {}

    def ask(self, access: Access, patience: Patience, destination: str = "") -> Brief | None:
        """Ask over a kept line; None where there is none, or where it is no matter of a plain GET. Raises nothing."""
        where = plain_place(access)
        way = self._way(access, where, patience) if where is not None else None
        if where is None or way is None or (line := self._pool.take(way.key)) is None:
            return None
        head = b"GET %b%b" % (where.raw_path, way.rest)
        if not begun(line, head):
            return None
        line.asked = head
        return Brief(self, way.key, line, where.text, where.path, destination, self._rooms)

    def passage(self, access: Access, patience: Patience) -> Passage | None:
        """Say how another process asks for what ``access`` leads to; None where that is no matter of a plain GET.

        The request is told of a line that is kept; where there is none at the moment, there is no request to tell. Such
        lines are closed, for whoever is told will have lines of its own.
        """
        where = plain_place(access)
        way = self._way(access, where, patience) if where is not None else None
        if where is None or way is None:
            return None
        known = self._prepared.get(way.key)
        while (line := self._pool.take(way.key)) is not None:  # the server has lines to the other process now
            if known is None or known[0] != way.rest:
                prepared = Client(access, patience, self._pool).as_values(ASK.headers(), line)
                known = (way.rest, prepared) if prepared is not None else None
            line.close()
            if known is None:
                return None
            self._prepared[way.key] = known
        if known is None or known[0] != way.rest:
            return Passage("", where.path, patience, None)
        return Passage(where.text.removesuffix(where.path), where.path, patience, known[1])

    def _way(self, access: Access, where: Place, patience: Patience) -> Way | None:
        of = (
            where.scheme, where.netloc, access.headers, access.verify, access.proxy, access.trust_env, access.http2,
            access.cookies, access.certificate,
        )  # fmt: skip
        now, known = self._clock(), self._ways.get(of)
        if known is not None and known.until > now and self._pool.frequency.rate is None:
            return known
        self._ways.pop(of, None)
        found = Client(access, patience, self._pool).plain(ASK.headers())
        begin = b"GET %b" % where.raw_path
        if found is None or not found[2].startswith(begin + b" HTTP/1.1\r\n"):
            return None
        if len(self._ways) >= MOST:
            self._ways.clear()
        way = self._ways[of] = Way(now + HOLDS, found[1], found[2][len(begin) :])
        return way

    def keep(self, key: Hashable, line: Line) -> None:
        """Keep a line for the next request."""
        self._pool.put(key, line)


def plain_place(access: Access) -> Place | None:
    """Give the place of a URL that has nothing out of the way, and to which nobody has to be let in."""
    where = place(access.url) if "@" not in access.url and "#" not in access.url else None
    if where is None or where.raw_path != where.path.encode() or access.auth is not None or access.storage:
        return None
    return where
