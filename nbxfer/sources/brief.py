"""One plain GET that is under way over a kept line, heard bit by bit: for many small files, asked for by one thread.

Only what is plain goes this way: a 200 with one length of at most ``SMALL`` bytes. Whatever else shows itself is left
to others. No httpx: a mover asks so, too.
"""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Final, NamedTuple, Protocol

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe, Want
from nbxfer.core.url import safe_url
from nbxfer.sources import pages
from nbxfer.sources.alike import Alike
from nbxfer.sources.answer import judge
from nbxfer.sources.base import SMALL
from nbxfer.sources.question import Ask, Reply, Take
from nbxfer.wire.exchange import MAX_HEAD, Head, plain_head
from nbxfer.wire.prepared import Prepared
from nbxfer.wire.sockets import Line

#: Bytes that there is room for at first.
ROOM: Final = 64 * 1024
#: Rooms that are kept for the next ones.
MOST: Final = 64

#: What is asked.
ASK: Final = Ask.first(Want())
_END: Final = b"\r\n\r\n"
_STATUS: Final = slice(9, 12)


class Passage(NamedTuple):
    """How another process asks for one file: its path behind ``text``, and the request (None: there is no line)."""

    text: str
    path: str
    patience: Patience
    prepared: Prepared | None


class Rooms:
    """Buffers that are used again. One thread's own."""

    def __init__(self) -> None:
        self._free: list[bytearray] = []

    def take(self) -> bytearray:
        """Give one of ``ROOM`` bytes."""
        return self._free.pop() if self._free else bytearray(ROOM)

    def put(self, room: bytearray) -> None:
        """Take one back for the next one."""
        if len(room) == ROOM and len(self._free) < MOST:
            self._free.append(room)


class Home(Protocol):
    """Where a line goes on which another request may follow."""

    def keep(self, key: Hashable, line: Line) -> None:
        """Keep a line for the next request."""
        ...


def begun(line: Line, head: bytes) -> bool:
    """Send a request over a line, at once; False, with the line closed, where its server has left or takes nothing."""
    line.heard = False
    try:
        sent = line.offer(memoryview(head))
    except OSError:
        sent = 0
    if sent != len(head):
        line.close()
    return sent == len(head)


class Answer:
    """What comes over a line in answer to one plain GET. ``alike`` knows the last one of this server."""

    def __init__(
        self, line: Line, text: str, path: str, destination: str, rooms: Rooms, alike: Alike | None = None
    ) -> None:
        """``text`` is the URL, without a secret, and ``path`` its path; ``destination`` the name that it is to get."""
        self.line = line
        self.probe: Probe | None = None  # when all of it has come
        self._text, self._path, self._destination = text, path, destination
        self._rooms, self._room = rooms, rooms.take()
        self._view, self._filled = memoryview(self._room), 0
        self._alike = alike
        self._head: Head | None = None
        self._known: Probe | None = None  # what it is taken for, where it is like the last one
        self._begin = self._length = 0  # of the body, in the room; before that begins the length is 0
        self.reusable = False  # another request may follow over the line when all has come

    def hear(self) -> bool:
        """Take what has come; False where this goes on no further in this way. ``probe`` tells when all has come."""
        try:
            while True:
                got = self.line.take(self._view[self._filled :])
                if got <= 0:
                    return got < 0  # what it has closed before its time is asked for again
                self._filled += got
                if not self._length and not self._began():
                    return False
                if self._length and self._filled - self._begin >= self._length:
                    return self._judged()
        except OSError:
            return False

    def _began(self) -> bool:
        """Look for the end of the head; False where it is none that is plain, or of something that is not small."""
        end = self._room.find(_END, 0, self._filled)
        if end < 0:
            return self._filled < min(MAX_HEAD, len(self._room))
        self._begin = end + len(_END)
        told = bytes(self._view[: self._begin])
        if self._alike is not None and (known := self._alike.read(told, self._text)) is not None:
            self._known, self.reusable, length = known, True, known.size
        else:
            self._head = plain_head(told)
            length = self._head.length if self._head is not None else None
            self.reusable = self._head is not None and self._head.reusable
        if not length or length > SMALL:
            return False
        self._length = length
        if (needed := self._begin + length + 1) > len(self._room):
            room = bytearray(needed)
            room[: self._filled] = self._view[: self._filled]
            self._room, self._view = room, memoryview(room)
        return True

    def _judged(self) -> bool:
        """Hold the answer against the question; False where it is to be looked into, or what comes is too much."""
        if self._filled > self._begin + self._length:
            return False
        if (head := self._head) is not None:
            verdict = judge(ASK, Reply(head.status, head.headers, safe_url(self._text), self._path, time.time()))
            if not isinstance(verdict, Take) or verdict.length != self._length:
                return False
            if pages.suspect(verdict.probe) and pages.unexpected(self._path, self._destination):
                return False
            self._known = verdict.probe
            if self._alike is not None and head.reusable:
                self._alike.learn(bytes(self._view[: self._begin]), head.headers, verdict.probe)
        self.probe = self._known
        return True

    @property
    def status(self) -> int:
        """The status of the answer, as far as it has come; 0 where it is none."""
        told = bytes(self._view[_STATUS])
        return int(told) if self._filled >= _STATUS.stop and told.isdigit() else 0

    @property
    def body(self) -> memoryview:
        """All of it, when it has come; good until ``leave``."""
        return self._view[self._begin : self._filled]

    def leave(self) -> None:
        """Give the room back: nobody reads the body any more."""
        self._rooms.put(self._room)


class Brief(Answer):
    """One request that is under way over a line of somebody's. ``line`` is for who waits for its answer."""

    def __init__(
        self, home: Home, key: Hashable, line: Line, text: str, path: str, destination: str, rooms: Rooms
    ) -> None:
        """``home`` is where the line goes, under ``key``, when all has come; see Answer."""
        super().__init__(line, text, path, destination, rooms)
        self.key, self._home = key, home

    def close(self, *, whole: bool) -> None:
        """Let the line go: for the next request where the answer has come as a ``whole``, else for good."""
        self.leave()
        self.line.asked = b""
        if whole and self.reusable:
            self._home.keep(self.key, self.line)
        else:
            self.line.close()

    def handed_on(self) -> tuple[Hashable, Line]:
        """Give the line and its key; on it everything is as if nobody had read anything of the answer."""
        self.line.come = bytes(self._view[: self._filled])
        self.leave()
        return self.key, self.line
