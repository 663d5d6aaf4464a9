"""How many operations run at once, and that each of them has a connection to its host."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from nbxfer.engine.hosts import Hosts

#: So many may be checked and named beside those that run, where that is little work.
ASIDE: Final = 128
#: So many small files may ride, waiting for a connection to be asked for over.
RIDERS: Final = 64
#: So many where a mover takes them along: they need nothing of this process.
FERRIED: Final = 1024
#: So many files stay free for what gets a place: connections, parts, logs.
KEPT: Final = 48
MANY: Final = 1 << 16


class Slots:
    """Places to run in; an operation has one or none, and with it one of its host's connections."""

    def __init__(self, most: int, hosts: Hosts | None = None, spare: int | None = None) -> None:
        """Make ``most`` places. ``spare``: how many files may be opened, for what is aside has its part open."""
        self.most = most
        left = MANY if spare is None else max(0, spare - KEPT)
        self._most_aside, self._most_riding = min(ASIDE, left // 3), min(RIDERS, left // 6)
        self.hosts = hosts if hosts is not None else Hosts(most)
        self.small: Callable[[str], bool] = lambda host: False  # whether what a host has is small, so that it rides
        self.ferried: Callable[[], bool] = lambda: False  # whether a mover takes along what rides
        self._taken: dict[str, str | None] = {}
        self._aside: set[str] = set()  # of those
        self._riding: set[str] = set()  # of those aside; what they need they are given by who takes them along
        self.lent = False  # a place beyond all is there for who has been called, or follows, until he takes it
        self.after = ""  # whom he follows
        self._beyond: set[str] = set()  # of those that run, who took such a place

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, op_id: str) -> bool:
        return op_id in self._taken

    def __iter__(self) -> Iterator[str]:
        return iter(self._taken)

    @property
    def free(self) -> int:
        """How many more may run."""
        return 1 if self.lent else self.most - self.held

    @property
    def held(self) -> int:
        """How many places are taken; more than there are where one was lent, until somebody has ended."""
        return len(self._taken) - len(self._aside)

    def take(self, op_id: str, host: str = "", *, ride: bool = False) -> None:
        """Give a place; one that is to ``ride`` begins without, and waits for its connection with others."""
        if ride:
            self._taken[op_id] = None
            self._aside.add(op_id)
            self._riding.add(op_id)
            return
        if self.lent:
            self.lent = False
            self._beyond.add(op_id)
        self._taken[op_id] = host if self.hosts.take(host) else None

    def passes(self, host: str) -> bool:
        """Say whether to look further for one that gets a place: the host has no room, or what it has rides."""
        return self._ride(host) or self.hosts.closed(host)

    def carries(self, host: str) -> bool:
        """Say whether more of what this host has may ride."""
        return self._ride(host) and not self.hosts.resting(host)

    def _ride(self, host: str) -> bool:
        return self._most_riding > 0 and self.small(host)

    @property
    def seats(self) -> int:
        """How many more may ride; none where those before them wait to be checked."""
        most = FERRIED if self.ferried() else self._most_riding
        return most - len(self._riding) if self.most > self.held else 0

    def rides(self, op_id: str) -> bool:
        """Whether it has begun without a place."""
        return op_id in self._riding

    def seat(self, op_id: str, host: str) -> None:
        """Give one that rode a place, with the connection that has been taken for it."""
        if op_id in self._riding:
            self._riding.discard(op_id)
            self._aside.discard(op_id)
            self._taken[op_id] = host
        else:  # it has come to its end meanwhile
            self.hosts.release(host)

    def disconnect(self, op_id: str, *, little: bool = False) -> None:
        """Take the connection back: what is still to be done needs none. ``little`` work does not keep others out."""
        self._riding.discard(op_id)
        if little and op_id in self._taken and len(self._aside) < self._room_aside() + len(self._riding):
            self._aside.add(op_id)
        host = self._taken.get(op_id)
        if host is not None:
            self._taken[op_id] = None
            self.hosts.release(host)

    def _room_aside(self) -> int:
        return FERRIED if self.ferried() else self._most_aside

    def release(self, op_id: str) -> None:
        """Take the place back; nothing happens where none was had."""
        self.disconnect(op_id)
        self._taken.pop(op_id, None)
        self._aside.discard(op_id)
        if op_id in self._beyond:  # the next of the same host goes on with it, unless somebody has paid it back
            self._beyond.discard(op_id)
            self.lent, self.after = self.held >= self.most, op_id
