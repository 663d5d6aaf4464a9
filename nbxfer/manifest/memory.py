"""The manifest's twin in memory: the same promises without a disk, for tests and for what need not last.

Several "processes" share one MemoryHome. That one of them dies or falls silent is said to it: ``kill``, ``silence``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec

from nbxfer.core.lease import Hold, Owner, Process
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.record import Record
from nbxfer.errors import TransferError
from nbxfer.manifest import machine
from nbxfer.manifest.base import BlockLog, Card, Claim, Fenced, Found, Row, Wish, latest
from nbxfer.manifest.layout import checked, key
from nbxfer.manifest.memory_home import MemoryBlockLog, MemoryHome

__all__ = ["MemoryHome", "MemoryManifest"]


class MemoryManifest:
    """One home in memory, seen by one "process"; ``trouble`` is raised by every append and sync while it is set."""

    def __init__(self, home: MemoryHome | None = None, *, notebook: str = "", app: str = "") -> None:
        self.home = home if home is not None else MemoryHome()
        self.me = Owner(machine.new_id(), "memory", "-", "-", False, "", Process(1, "-"), (), notebook, app)
        self.trouble: TransferError | None = None
        self._missing: dict[str, set[str]] = {}
        self._seen: dict[str, Record] = {}
        self._appended = 0
        self._begun = False

    @property
    def _fenced(self) -> bool:
        return self._begun and (self.me.id in self.home.heirs or self.me.id not in self.home.journals)

    def _check(self) -> None:
        assert self._begun, "begin() comes first"
        if self._fenced:
            raise Fenced

    # -- writing -------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Begin an empty journal; after Fenced as another owner."""
        with self.home.lock:
            if self._fenced:
                self.me = msgspec.structs.replace(self.me, id=machine.new_id())
                self._missing.clear()
            self._begun = True
            self.home.journals.setdefault(self.me.id, [])

    def append(self, records: Iterable[Record]) -> None:
        """Add the records. Raises Fenced, or ``trouble``."""
        new = list(records)
        with self.home.lock:
            if not new:
                return
            if self.trouble is not None:
                raise self.trouble
            self._check()
            for record in new:
                checked(record.id)
            self.home.journals[self.me.id].extend(new)
            self._appended += len(new)
            for missing in self._missing.values():
                missing -= {record.id for record in new}

    def sync(self) -> None:
        """Return at once; raise ``trouble`` while that is set."""
        if self.trouble is not None:
            raise self.trouble

    def touch(self) -> None:
        """Heartbeat. Raises Fenced."""
        self._check()
        self.home.silent.discard(self.me.id)

    def enlist(self, movers: Sequence[Process]) -> None:
        """See Manifest."""
        self.me = msgspec.structs.replace(self.me, movers=tuple(movers))

    def compact(self, live: Iterable[Record]) -> None:
        """Drop the past; finished operations go to the history first."""
        with self.home.lock:
            self._check()
            found = {record.id: record for record in live}
            for op_id, (record, _) in self.home.best([self.me.id]).items():
                newer = found.get(op_id)
                if newer is None or (newer.epoch, newer.changed) <= (record.epoch, record.changed):
                    found[op_id] = record
            kept = []
            for record in found.values():
                if record.phase in FINAL:
                    self.home.history.append(record)
                    self.unclaim(record.spec.destination, record.id)
                elif not (record.handed_to and self._is_gone(record, [self.me.id])):
                    kept.append(record)
            self.home.journals[self.me.id] = kept
            self._appended = 0

    def tidy(self) -> bool:
        """See Manifest."""
        self._check()
        return not self.bulky

    @property
    def bulky(self) -> bool:
        """Whether compacting is worth it."""
        return self._appended > max(1000, 2 * len(self.home.best([self.me.id])))

    def end(self) -> None:
        """Leave: finished operations into the history; what is left may be taken over at once."""
        with self.home.lock:
            if self._begun and not self._fenced:
                self.compact(())
                self.home.dead.add(self.me.id)
                if not self.home.journals[self.me.id] and self.me.id not in self.home.heirs.values():
                    del self.home.journals[self.me.id]
                    self.home.wishes.pop(self.me.id, None)
            self._begun = False

    # -- block logs ----------------------------------------------------------------------------------------------
    def blocks(self, op_id: str, epoch: int, rows: Sequence[Row] = ()) -> BlockLog:
        """Begin the block log of that epoch anew, with ``rows``."""
        log = self.home.blocks[checked(op_id), epoch] = MemoryBlockLog()
        log.append(rows)
        return log

    def read_blocks(self, op_id: str, epoch: int) -> list[Row]:
        """Give the newest row of every block, in order; [] when none."""
        log = self.home.blocks.get((op_id, epoch))
        newest = {row.block: row for row in log.rows} if log is not None else {}
        return [newest[block] for block in sorted(newest)]

    def block_epochs(self, op_id: str) -> list[int]:
        """Give the epochs that have a block log, oldest first."""
        return sorted(epoch for known, epoch in self.home.blocks if known == op_id)

    def forget_blocks(self, op_id: str, keep: int | None = None) -> None:
        """Remove the block logs of every epoch but ``keep``."""
        for epoch in self.block_epochs(op_id):
            if epoch != keep:
                del self.home.blocks[op_id, epoch]

    # -- reading -------------------------------------------------------------------------------------------------
    def scan(self) -> list[Found]:
        """Give the best record of each operation in any journal, oldest operation first."""
        with self.home.lock:
            found = []
            for record, owner in self.home.best(self.home.journals).values():
                if (record.handed_to or owner in self.home.heirs) and self.home.ended(record):
                    continue
                found.append(Found(record, *self._holder(owner)))
        return sorted(found, key=lambda f: (f.record.created, f.record.id))

    def _holder(self, owner: str) -> tuple[str, Hold]:
        """Give who holds a journal; what we took and have not folded is the victim's still."""
        last = self.home.line(owner)[-1]
        if last == self.me.id != owner:
            return owner, Hold.DEAD if owner in self.home.dead else Hold.LAPSED
        return last, self.hold_of(last)

    def look(self, op_id: str, owner: str) -> Found | None:
        """Give one operation of one owner, or of who took that owner over."""
        checked(op_id)
        with self.home.lock:
            holder = self.home.line(checked(owner))[-1]
            estate = [o for o in self.home.journals if self.home.line(o)[-1] == holder]
            record, where = self.home.best(estate).get(op_id, (None, holder))
            if record is None and op_id in self._seen:
                record = next((r for r in reversed(self.home.history) if r.id == op_id), None)
            if record is None:
                return None
            self._seen[op_id] = record
            return Found(record, *self._holder(where))

    def hold_of(self, owner: str) -> Hold:
        """Say whether that owner lives."""
        if checked(owner) == self.me.id:
            return Hold.OURS
        if owner in self.home.dead:
            return Hold.DEAD
        return Hold.THEIRS if owner in self.home.journals and owner not in self.home.silent else Hold.LAPSED

    def finished(self, destination: str) -> Record | None:
        """Give the newest operation that has finished a destination."""
        with self.home.lock:
            everywhere = [*self.home.history, *(r for journal in self.home.journals.values() for r in journal)]
        done = [r for r in everywhere if r.phase is Phase.DONE and r.spec.destination == destination]
        return max(done, key=lambda r: r.changed, default=None)

    def ended(self, op_id: str) -> Record | None:
        """Give how an operation came to its end; None while it has not."""
        with self.home.lock:
            everywhere = [*self.home.history, *(r for r, _ in self.home.best(self.home.journals).values())]
        return next((r for r in reversed(everywhere) if r.id == op_id and r.phase in FINAL), None)

    def recent(self, limit: int) -> list[Record]:
        """Give the ``limit`` operations that were done, canceled or failed last, in any process, newest first."""
        with self.home.lock:
            found = {r.id: r for r in self.home.history} | {f.record.id: f.record for f in self.scan()}
        return latest(found.values(), limit)

    # -- ownership -----------------------------------------------------------------------------------------------
    def _is_gone(self, record: Record, but: Sequence[str]) -> bool:
        others = (r for o, journal in self.home.journals.items() if o not in (*but, self.me.id) for r in journal)
        return any(r.id == record.id and r.epoch > record.epoch for r in others) or self.home.ended(record)

    def take_over(self, owner: str) -> list[Record] | None:
        """Take a dead or lapsed owner's journal; give its records. None when somebody else has it."""
        with self.home.lock:
            heirs = self.home.line(checked(owner))
            if heirs[-1] == self.me.id:
                if len(heirs) == 1:
                    return None
                victim = heirs[-2]
            elif heirs[-1] in self.home.journals and self.hold_of(heirs[-1]) in (Hold.DEAD, Hold.LAPSED):
                victim = heirs[-1]
                self.home.heirs[victim] = self.me.id
            else:
                return None
            estate = [o for o in self.home.journals if victim in self.home.line(o)]
            found = [r for r, _ in self.home.best(estate).values() if r.phase in FINAL or not self._is_gone(r, estate)]
            self._missing[owner] = {r.id for r in found if r.phase not in FINAL}
            return found

    def taken(self, owner: str) -> None:
        """Remove what was folded of a journal that was taken over."""
        with self.home.lock:
            missing = self._missing.pop(owner, None)
            heirs = self.home.line(owner)
            if missing is None or self.me.id not in heirs:
                return
            self.home.settle(heirs[heirs.index(self.me.id) - 1], missing)

    def claim(self, destination: str, claim: Claim) -> Claim:
        """Claim a destination; give the claim that holds (ours, or whose was there first)."""
        return self.home.claims.setdefault(destination, claim)

    def reclaim(self, destination: str, claim: Claim) -> None:
        """Replace whatever claim is there."""
        self.home.claims[destination] = claim

    def claimed(self, destination: str) -> Claim | None:
        """Give the claim on a destination."""
        return self.home.claims.get(destination)

    def claim_keys(self, most: int) -> Collection[str] | None:
        """Give the keys of the claimed destinations; None where they are too many."""
        return {key(destination) for destination in list(self.home.claims)} if len(self.home.claims) < most else None

    def unclaim(self, destination: str, op_id: str) -> None:
        """Remove the claim if it is that operation's."""
        with self.home.lock:
            there = self.home.claims.get(destination)
            if there is not None and there.op_id == op_id:
                del self.home.claims[destination]

    # -- wishes --------------------------------------------------------------------------------------------------
    def wish(self, owner: str, wish: Wish) -> None:
        """Leave a wish for another owner."""
        with self.home.lock:
            self.home.wishes.setdefault(checked(owner), []).append(wish)

    def wishes(self) -> list[Wish]:
        """Take the wishes that were left for us, oldest first."""
        with self.home.lock:
            return self.home.wishes.pop(self.me.id, [])

    # -- cards ---------------------------------------------------------------------------------------------------
    def put_card(self, card: Card) -> None:
        """Write a card, in place of the one that was there. Raises ``trouble``."""
        if self.trouble is not None:
            raise self.trouble
        with self.home.lock:
            self.home.cards[card.kind, card.name, card.owner] = card

    def card(self, kind: str, name: str) -> Card | None:
        """Give a card that is in nobody's hands."""
        return self.home.cards.get((kind, name, ""))

    def cards(self, kind: str) -> list[Card]:
        """Give all cards of a kind, in whosoever's hands."""
        return [card for card in list(self.home.cards.values()) if card.kind == kind]

    def take_card(self, card: Card) -> Card | None:
        """Take a card into our hands; None where somebody else was quicker."""
        with self.home.lock:
            if (there := self.home.cards.pop((card.kind, card.name, card.owner), None)) is None:
                return None
            mine = self.home.cards[card.kind, card.name, self.me.id] = msgspec.structs.replace(there, owner=self.me.id)
            return mine

    def drop_card(self, card: Card) -> bool:
        """Remove a card; False where it was not there any more."""
        with self.home.lock:
            return self.home.cards.pop((card.kind, card.name, card.owner), None) is not None
