"""The totals of the panel's header, kept up to date by differences: 10,000 rows cost no more than the ones in work."""

from __future__ import annotations

from typing import Any

from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words
from nbxfer.faces.panel.rows import tone

#: Tones that do not count towards the totals of bytes.
_OUT = frozenset({"cancel", "fail"})
#: Tones that go on by themselves: their missing bytes are what the time left is about.
_GOING = frozenset({"run", "queue", "wait"})


class Tally:
    """Bytes received, expected and still to come, and how fast they come."""

    def __init__(self) -> None:
        self._parts: dict[str, tuple[str, int, int | None, float]] = {}
        self._running = 0
        self._received = self._total = self._unknown = self._left = 0
        self._rate = 0.0
        self._etas: dict[str, float] = {}  # of what is running: few, however long the list

    def take(self, snapshot: Snapshot) -> None:
        """Replace what this operation contributed."""
        self._add(self._parts.get(snapshot.id), -1)
        part = (tone(snapshot), snapshot.received, snapshot.total, snapshot.rate or 0.0)
        self._parts[snapshot.id] = part
        self._add(part, 1)
        self._etas.pop(snapshot.id, None)
        if part[0] == "run" and snapshot.eta is not None:
            self._etas[snapshot.id] = snapshot.eta

    def _add(self, part: tuple[str, int, int | None, float] | None, sign: int) -> None:
        if part is None:
            return
        found, received, total, rate = part
        self._running += sign * (found == "run")
        self._rate += sign * rate
        if found in _OUT:
            return
        self._received += sign * received
        self._unknown += sign * (total is None)
        self._total += sign * (total or 0)
        if found in _GOING and total is not None:
            self._left += sign * (total - received)

    def words(self) -> dict[str, Any]:
        """Give the header's figures in words; ``fraction`` is 0 to 1, or None while a size is unknown."""
        total = None if self._unknown else self._total
        moving = self._running > 0 and self._rate > 1
        # The slowest one may take longer than all the bytes at the speed of all.
        left = max([self._left / self._rate, *self._etas.values()]) if moving else None
        return {
            "size": words.amount_words(self._received, total) if self._received or total else "",
            "rate": words.rate_words(self._rate) if moving else "",
            "left": words.eta_words(left) if total is not None else "",
            "fraction": round(min(1.0, self._received / total), 4) if total else None,
        }
