"""How many operations run at once, and that each of them has a connection to its host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nbxfer.engine.hosts import Hosts

#: So many may be checked and named beside those that run, where that is little work.
ASIDE: Final = 128


class Slots:
    """Places to run in; an operation has one or none, and with it one of its host's connections."""

    def __init__(self, most: int, hosts: Hosts | None = None) -> None:
        self.most = most
        self.hosts = hosts if hosts is not None else Hosts(most)
        self._taken: dict[str, str | None] = {}
        self._aside: set[str] = set()  # of those

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, op_id: str) -> bool:
        return op_id in self._taken

    def __iter__(self) -> Iterator[str]:
        return iter(self._taken)

    @property
    def free(self) -> int:
        """How many more may run."""
        return self.most - (len(self._taken) - len(self._aside))

    def take(self, op_id: str, host: str = "") -> None:
        """Give a place."""
        self._taken[op_id] = host if self.hosts.take(host) else None

    def disconnect(self, op_id: str, *, little: bool = False) -> None:
        """Take the connection back: what is still to be done needs none. ``little`` work does not keep others out."""
        if little and op_id in self._taken and len(self._aside) < ASIDE:
            self._aside.add(op_id)
        host = self._taken.get(op_id)
        if host is not None:
            self._taken[op_id] = None
            self.hosts.release(host)

    def release(self, op_id: str) -> None:
        """Take the place back; nothing happens where none was had."""
        self.disconnect(op_id)
        self._taken.pop(op_id, None)
        self._aside.discard(op_id)
