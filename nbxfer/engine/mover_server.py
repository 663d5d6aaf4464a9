"""A server of small files as the mover has it: how it is asked, what waits to be asked, and the lines to it."""

from __future__ import annotations

import selectors
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from nbxfer.engine import mover_words as words
from nbxfer.sources.alike import Alike
from nbxfer.sources.base import Stopped
from nbxfer.sources.brief import Answer
from nbxfer.wire.exchange import plainly
from nbxfer.wire.prepared import OUTSIDE, Prepared, opened
from nbxfer.wire.sockets import Line, Tick

#: After so many answers a server that had refused lines is tried with one more.
TRIES_MORE: Final = 128


class Lane:
    """A line to a server, and what is asked for over it; ``answer`` is None while it rests."""

    __slots__ = ("answer", "errand", "fd", "key", "line", "server", "since")

    def __init__(self, server: Server, line: Line) -> None:
        self.server, self.line, self.key, self.fd = server, line, server.prepared, line.fileno
        self.since = 0.0  # when it was asked
        self.errand: words.Errand | None = None
        self.answer: Answer | None = None


class Server:
    """One server: how it is asked, what is still to be asked, and the lines to it."""

    def __init__(
        self,
        said: words.Server,
        came: Callable[[Server, Line | None], None],
        tick: Tick,
        selector: selectors.BaseSelector,
    ) -> None:
        """``came`` is called by another thread, with a line that was opened; None where it could not be.

        ``selector`` has an eye on all lines, those that rest too; what it gives of one is its Lane.
        """
        self._came, self._tick, self._selector = came, tick, selector
        self.waiting: deque[words.Errand] = deque()
        self.idle: list[Lane] = []
        self.busy = self.opening = 0
        self.alike = Alike()
        self._refused = self._answered = 0
        self.prepared = said.prepared
        self.change(said)

    def change(self, said: words.Server) -> None:
        """Ask as ``said`` from now on; lines by which one asks otherwise, or is not to ask at all, are closed."""
        if said.prepared != self.prepared:  # the very same object as long as it says the same: lines are known by it
            self.prepared = said.prepared
            self.close()
        if not said.lanes:
            self.close()
        self.text, self.patience, self.lanes = said.text, said.patience, said.lanes
        head = plainly("GET", b"/", said.prepared.fields)
        self.rest = head.removeprefix(b"GET /") if head is not None else None

    @property
    def most(self) -> int:
        """The most lines at once: as many as the kernel says, less those that the server has hung up on."""
        return max(1, self.lanes - self._refused)

    def narrow(self) -> bool:
        """Have fewer lines, where others are answered while it hangs up on one; False where this is the only one."""
        if not self.busy:
            return False
        self._refused, self._answered = max(self._refused, self.lanes - self.busy), 0
        return True

    def answered(self) -> None:
        """Take note of a good answer."""
        self._answered += 1
        if self._refused and self._answered >= TRIES_MORE:
            self._refused, self._answered = self._refused - 1, 0

    def take_on(self, line: Line) -> None:
        """Have a line that was opened be one of its lanes."""
        lane = Lane(self, line)
        self._selector.register(lane.fd, selectors.EVENT_READ, lane)
        self.keep(lane)

    def keep(self, lane: Lane) -> None:
        """Let a line rest that is free, where it may stay."""
        if self._may_stay(lane):
            self.idle.append(lane)
        else:
            self.drop(lane)

    def _may_stay(self, lane: Lane) -> bool:
        return lane.key is self.prepared and self.lanes > 0 and self.busy + len(self.idle) < self.most

    def again(self, lane: Lane) -> bool:
        """Say whether the next file may be asked for at once over a line that has just got free."""
        return bool(self.waiting) and self.rest is not None and self._may_stay(lane) and lane.line.quiet()

    def lane(self) -> Lane | None:
        """Give a line that is open and free.

        One over which more has come than was asked for is closed: that is nobody's answer (RFC 9112 §9.2).
        """
        while self.idle:
            lane = self.idle.pop()
            if lane.line.quiet():
                return lane
            self.drop(lane)
        return None

    def drop(self, lane: Lane) -> None:
        """Close a line over which nothing is asked for."""
        self._selector.unregister(lane.fd)
        lane.line.close()
        if lane in self.idle:
            self.idle.remove(lane)

    def close(self) -> None:
        """Close what is free."""
        while self.idle:
            self.drop(self.idle.pop())

    def widen(self) -> None:
        """Have as many lines opened as there is something to ask for."""
        more = min(self.most - self.busy - len(self.idle), len(self.waiting)) - self.opening
        for _ in range(more):
            self.opening += 1
            threading.Thread(target=self._open, args=(self.prepared,), daemon=True).start()

    def _open(self, prepared: Prepared) -> None:
        line: Line | None = None
        with suppress(Stopped, *OUTSIDE):
            line = opened(prepared, self.patience, self._tick)
        if line is not None and prepared is not self.prepared:  # one asks otherwise by now
            line.close()
            line = None
        self._came(self, line)
