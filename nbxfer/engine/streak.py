"""Which hosts have had small files of late, so that the next is taken to be small, too."""

from __future__ import annotations

from typing import Final

#: So many small files in a row make a host one of small files.
TRUST: Final = 16


class Streak:
    """How many files of each host in a row were small. On the loop's thread only."""

    def __init__(self) -> None:
        self._by_host: dict[str, int] = {}

    def count(self, host: str, *, small: bool) -> None:
        """Take note of one more file."""
        if small:
            self._by_host[host] = self._by_host.get(host, 0) + 1
        else:
            self._by_host.pop(host, None)

    def holds(self, host: str) -> bool:
        """Whether the next one will be small, too, as far as anybody can know."""
        return self._by_host.get(host, 0) >= TRUST
