"""What a crew has to do with, besides what it writes: a job in the kernel, a task in a mover."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nbxfer.core.faults import Fault
from nbxfer.core.policy import Patience
from nbxfer.engine.pace import Pace
from nbxfer.sources.base import Source, Stop


class Connections(Protocol):
    """Who counts connections to a host; see hosts.Hosts."""

    def take(self, host: str) -> bool:
        """Take a connection's place; False when the host has as many as it may have."""
        ...

    def release(self, host: str) -> None:
        """Give a place back."""
        ...

    def hungry(self, host: str) -> bool:
        """Whether an operation waits for a place at this host."""
        ...

    def shut(self, host: str, seconds: float, fault: Fault) -> None:
        """Ask this host nothing for ``seconds``."""
        ...


class Workplace(Protocol):
    """Where a crew works. What it learns of the server is kept here: whether it gives parts, how many lanes at most."""

    parts_refused: bool
    most_lanes: int | None

    @property
    def stroke(self) -> int:
        """The most bytes that a lane reads before it writes them."""
        ...

    @property
    def stop(self) -> Stop:
        """Set when everybody shall come home."""
        ...

    @property
    def source(self) -> Source:
        """Where the bytes come from."""
        ...

    @property
    def paces(self) -> Sequence[Pace]:
        """What may come."""
        ...

    @property
    def patience(self) -> Patience:
        """How long a server may take."""
        ...

    @property
    def host(self) -> str:
        """Whose connections are counted."""
        ...

    @property
    def hosts(self) -> Connections:
        """Who counts them."""
        ...
