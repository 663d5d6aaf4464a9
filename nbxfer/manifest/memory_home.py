"""What the processes of one home in memory share, in place of a disk."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from nbxfer.core.phases import FINAL
from nbxfer.core.record import Record
from nbxfer.manifest.base import Card, Claim, Row, Wish


class MemoryBlockLog:
    """The block log of one operation and epoch."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows."""
        self.rows.extend(rows)

    def close(self) -> None:
        """Close. Never raises."""


class MemoryHome:
    """What all processes of one home share."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.journals: dict[str, list[Record]] = {}
        self.heirs: dict[str, str] = {}  # owner → who took that journal
        self.dead: set[str] = set()
        self.silent: set[str] = set()
        self.history: list[Record] = []
        self.claims: dict[str, Claim] = {}
        self.cards: dict[tuple[str, str, str], Card] = {}
        self.wishes: dict[str, list[Wish]] = {}
        self.blocks: dict[tuple[str, int], MemoryBlockLog] = {}

    def kill(self, owner: str) -> None:
        """Let that owner be dead, and seen to be dead."""
        self.dead.add(owner)

    def silence(self, owner: str) -> None:
        """Let that owner's heartbeat have lapsed; it may wake up."""
        self.silent.add(owner)

    def line(self, owner: str) -> list[str]:
        """Give the line of succession from ``owner`` to who holds its journal now."""
        found = [owner]
        while (heir := self.heirs.get(found[-1])) is not None:
            found.append(heir)
        return found

    def best(self, owners: Iterable[str]) -> dict[str, tuple[Record, str]]:
        """Give the best record of each operation in these owners' journals, and whose it is."""
        found: dict[str, tuple[Record, str]] = {}
        for owner in owners:
            newest: dict[str, Record] = {}
            for record in self.journals.get(owner, ()):
                if record.id not in newest or newest[record.id].epoch <= record.epoch:
                    newest[record.id] = record
            for op_id, record in newest.items():
                known = found.get(op_id)
                if known is None or (known[0].epoch, known[0].changed) <= (record.epoch, record.changed):
                    found[op_id] = (record, owner)
        return found

    def settle(self, victim: str, missing: set[str]) -> None:
        """Clear away what was taken over from ``victim``; what is ``missing`` at the heir's stays the victim's."""
        left: list[Record] = []
        for name in [owner for owner in self.journals if victim in self.line(owner)]:
            self.history.extend(r for r in self.journals[name] if r.phase in FINAL)
            left += [r for r in self.journals.pop(name) if r.id in missing]
            self.wishes.pop(name, None)
            if name != victim:
                del self.heirs[name]
        if left:
            self.journals[victim] = left
        else:
            del self.heirs[victim]

    def ended(self, record: Record) -> bool:
        """Say whether the history knows how an operation ended."""
        return any(r.id == record.id and r.epoch >= record.epoch for r in self.history)
