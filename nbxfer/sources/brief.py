"""One plain GET that waits for nothing: for many small files, asked for by one thread over several kept lines.

Only what is plain goes this way: no credentials, cookies or proxies, a URL without anything out of the way, a 200 with
one length of at most ``SMALL`` bytes that is here at once. Whatever else shows itself is left to HttpSource, which goes
on with the very same line and what has come over it, so that no server is asked twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe, Want
from nbxfer.core.url import safe_url
from nbxfer.sources import pages
from nbxfer.sources.answer import judge
from nbxfer.sources.base import SMALL
from nbxfer.sources.question import Ask, Reply, Take
from nbxfer.wire.access import Access
from nbxfer.wire.client import Client
from nbxfer.wire.exchange import MAX_HEAD, Head, plain_head
from nbxfer.wire.place import Place, place
from nbxfer.wire.pool import Pool
from nbxfer.wire.sockets import Line

#: Bytes that there is room for at first.
ROOM: Final = 64 * 1024
#: So long (seconds) what holds for one URL of an origin is held to hold for the next: a proxy may be set meanwhile.
HOLDS: Final = 0.1
#: Origins that are remembered at once.
MOST: Final = 64

_ASK: Final = Ask.first(Want())
_END: Final = b"\r\n\r\n"


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
        self._rooms: list[bytearray] = []

    def ask(self, access: Access, patience: Patience, destination: str = "") -> Brief | None:
        """Ask over a kept line; None where there is none, or where it is no matter of a plain GET. Raises nothing."""
        where = place(access.url) if "@" not in access.url and "#" not in access.url else None
        if where is None or where.raw_path != where.path.encode() or access.auth is not None or access.storage:
            return None
        way = self._way(access, where, patience)
        if way is None or (line := self._pool.take(way.key)) is None:
            return None
        head = b"GET %b%b" % (where.raw_path, way.rest)
        line.heard = False
        try:
            sent = line.offer(memoryview(head))
        except OSError:
            sent = 0
        if sent != len(head):  # closed by the server at this very moment, or it takes nothing
            line.close()
            return None
        line.asked = head
        room = self._rooms.pop() if self._rooms else bytearray(ROOM)
        return Brief(self, way.key, line, where, destination, room)

    def _way(self, access: Access, where: Place, patience: Patience) -> Way | None:
        of = (
            where.scheme, where.netloc, access.headers, access.verify, access.proxy, access.trust_env, access.http2,
            access.cookies, access.certificate,
        )  # fmt: skip
        now, known = self._clock(), self._ways.get(of)
        if known is not None and known.until > now and self._pool.frequency.rate is None:
            return known
        self._ways.pop(of, None)
        found = Client(access, patience, self._pool).plain(_ASK.headers())
        begin = b"GET %b" % where.raw_path
        if found is None or not found[2].startswith(begin + b" HTTP/1.1\r\n"):
            return None
        if len(self._ways) >= MOST:
            self._ways.clear()
        way = self._ways[of] = Way(now + HOLDS, found[1], found[2][len(begin) :])
        return way

    def done(self, room: bytearray) -> None:
        """Take a room back for the next one."""
        if len(room) == ROOM and len(self._rooms) < MOST:
            self._rooms.append(room)

    def keep(self, key: Hashable, line: Line) -> None:
        """Keep a line for the next request."""
        self._pool.put(key, line)


class Brief:
    """One request that is under way. ``line`` is for who waits for its answer."""

    def __init__(
        self, home: Briefly, key: Hashable, line: Line, where: Place, destination: str, room: bytearray
    ) -> None:
        self.key, self.line = key, line
        self.probe: Probe | None = None  # when all of it has come
        self._home, self._where, self._destination = home, where, destination
        self._room, self._view, self._filled = room, memoryview(room), 0
        self._head: Head | None = None
        self._begin = self._length = 0  # of the body, in the room

    def hear(self) -> bool:
        """Take what has come; False where this goes on no further in this way. ``probe`` tells when all has come."""
        try:
            while True:
                got = self.line.take(self._view[self._filled :])
                if got <= 0:
                    return got < 0  # what it has closed before its time is asked for again
                self._filled += got
                if self._head is None and not self._began():
                    return False
                if self._head is not None and self._filled - self._begin >= self._length:
                    return self._judged(self._head)
        except OSError:
            return False

    def _began(self) -> bool:
        """Look for the end of the head; False where it is none that is plain, or of something that is not small."""
        end = self._room.find(_END, 0, self._filled)
        if end < 0:
            return self._filled < min(MAX_HEAD, len(self._room))
        self._begin = end + len(_END)
        self._head = plain_head(bytes(self._view[: self._begin]))
        if self._head is None or not self._head.length or self._head.length > SMALL:
            return False
        self._length = self._head.length
        if (needed := self._begin + self._length + 1) > len(self._room):
            room = bytearray(needed)
            room[: self._filled] = self._view[: self._filled]
            self._room, self._view = room, memoryview(room)
        return True

    def _judged(self, head: Head) -> bool:
        """Hold the answer against the question; False where it is to be looked into, or what comes is too much."""
        text = self._where.text
        verdict = judge(_ASK, Reply(head.status, head.headers, safe_url(text), self._where.path, time.time()))
        if not isinstance(verdict, Take) or verdict.length != self._length or self._filled > self._begin + self._length:
            return False
        if pages.suspect(verdict.probe) and pages.unexpected(self._where.path, self._destination):
            return False
        self.probe = verdict.probe
        return True

    @property
    def body(self) -> memoryview:
        """All of it, when it has come; good until ``close``."""
        return self._view[self._begin : self._filled]

    def close(self, *, whole: bool) -> None:
        """Let the line go: for the next request where the answer has come as a ``whole``, else for good."""
        self._home.done(self._room)
        self.line.asked = b""
        if whole and self._head is not None and self._head.reusable:
            self._home.keep(self.key, self.line)
        else:
            self.line.close()

    def handed_on(self) -> tuple[Hashable, Line]:
        """Give the line and its key; on it everything is as if nobody had read anything of the answer."""
        self.line.come = bytes(self._view[: self._filled])
        self._home.done(self._room)
        return self.key, self.line
