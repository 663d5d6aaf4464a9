"""What a provider of news about the surroundings has to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nbxfer.core.surroundings import View

Tell = Callable[[View], None]


class Provider(Protocol):
    """Somebody who can see the network. ``name`` is how the picture says whom it believed."""

    name: str

    @property
    def here(self) -> bool:
        """Whether it can see anything on this machine; quick, and imports nothing large."""
        ...

    def watch(self, tell: Tell) -> None:
        """Look, tell, and tell again whenever it has changed; return when closed, or when nobody answers any more."""
        ...

    def close(self) -> None:
        """Let ``watch`` return. Any thread."""
        ...
