"""How a dead owner's work changes hands: one rename decides, and everything of theirs follows it.

::

    A.jsonl            A is dead
    A.taken.B.jsonl    B won. B folds the records into B.jsonl, under higher epochs, and removes this.
    B died before it came to that: whoever renames B.jsonl to B.taken.C.jsonl holds both files.

So the journal that an owner writes to is what is fought for, never what it had taken: two heirs can't each hold half
of one operation. Only where an owner has left no journal of its own are the taken ones renamed themselves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from nbxfer.core.lease import Hold
from nbxfer.core.phases import FINAL
from nbxfer.core.record import Record
from nbxfer.manifest import history, storage, wishes
from nbxfer.manifest.layout import JournalName, Layout, checked
from nbxfer.manifest.lines import Stored
from nbxfer.manifest.reading import Reading, best, line, listing
from nbxfer.manifest.tail import Tail


class _Estate:
    """What was taken over under one name, until it is folded."""

    def __init__(
        self,
        victim: str,
        tails: dict[JournalName, Tail],
        read: dict[str, Stored],
        unfinished: Iterable[str],
        ended: list[tuple[Record, bytes]],
    ) -> None:
        self.victim = victim
        self.tails, self.read = tails, read  # what was read, and the best line of each operation: it was understood
        self.missing = set(unfinished)  # not yet in our own journal
        self.ended = ended


class Succession:
    """Takes over, for one owner."""

    def __init__(self, layout: Layout, me: str, reading: Reading, hold_of: Callable[[str], Hold]) -> None:
        self._layout = layout
        self._me = me
        self._reading = reading
        self._hold_of = hold_of
        self._estates: dict[str, _Estate] = {}

    def take_over(self, owner: str) -> list[Record] | None:
        """Take a dead or lapsed owner's journals; give its records, best of each. None when somebody else holds them.

        An operation that has been carried further elsewhere is left out. Raises StorageFailed when what was won
        cannot be read: asking again is right then.
        """
        victim = self._win(checked(owner))
        if victim is None:
            return None
        files = self._files(victim)
        tails: dict[JournalName, Tail] = {}
        for name in files:
            tails[name] = Tail()
            with storage.doing("A journal that was taken over could not be read"):
                tails[name].follow(self._path(name))
        found = best(tails.items())
        read = {op_id: tails[name].best[op_id] for op_id, (_, name) in found.items()}
        ended = [(record, read[record.id].raw + b"\n") for record, _ in found.values() if record.phase in FINAL]
        unfinished = [record for record, _ in found.values() if record.phase not in FINAL]
        elsewhere = self._reading.further(unfinished, files)
        # What was handed over, or lay with somebody who had begun to fold it, may have come to its end there.
        doubtful = [r for r, name in found.values() if r.phase not in FINAL and (r.handed_to or name.owner != victim)]
        elsewhere |= self._reading.over(doubtful)
        mine = [record for record, _ in found.values() if record.id not in elsewhere]
        left = (r.id for r in mine if r.phase not in FINAL)
        self._estates[owner] = _Estate(victim, tails, read, left, ended)
        return mine

    def _win(self, owner: str) -> str | None:
        """Rename what decides; give whose journal is ours now."""
        names = listing(self._layout)
        heirs = line(names, owner)
        holder = heirs[-1]
        if holder == self._me:  # it has been ours before: folding was not finished
            return heirs[-2] if len(heirs) > 1 else None
        if self._hold_of(holder) not in (Hold.DEAD, Hold.LAPSED):
            return None
        source = JournalName(holder, "")
        if source not in names:
            left = [name for name in names if name.taker == holder]
            if not left:
                return None
            source = left[0]
        target = JournalName(source.owner, self._me)
        with storage.doing("The journal could not be taken over"):
            try:
                os.rename(self._path(source), self._path(target))
            except OSError as error:
                # Over NFS the answer may be lost, and the repeated request fail: what counts is what is there.
                if not os.path.lexists(self._path(target)):
                    if isinstance(error, FileNotFoundError):
                        return None
                    raise
        return target.owner

    def _files(self, victim: str) -> list[JournalName]:
        """Give the journals of an estate: first what the victim had taken from others, last its own."""
        names = listing(self._layout)

        def of(owner: str, seen: tuple[str, ...]) -> list[JournalName]:
            taken = [n for n in names if n.taker == owner and n.owner not in seen]
            return [file for n in taken for file in (*of(n.owner, (*seen, n.owner)), n)]

        return [*of(victim, (victim, self._me)), JournalName(victim, self._me)]

    def appended(self, op_ids: Iterable[str]) -> None:
        """Note what has been folded into our own journal."""
        for estate in self._estates.values():
            estate.missing.difference_update(op_ids)

    def taken(self, owner: str) -> None:
        """Remove what is left of an owner that was taken over and folded.

        What was not folded, and what this version does not understand, stays in the taken journal. Raises NoSpace,
        StorageFailed; it may be called again then.
        """
        estate = self._estates.get(owner)
        if estate is None:
            return
        history.add(self._layout, self._me, estate.ended)
        files = self._files(estate.victim)
        with storage.doing("The journal that was taken over could not be cleared"):
            rest = self._rest(files, estate)
            if rest:
                storage.write_aside(self._path(files[-1]), rest, sync=True)
            # The owner's file first: a writer that wakes up in the middle of a compaction looks for it last.
            # Where something is left, that it is a dead one's has to stay known.
            folded = files[:-1] if rest else files
            for name in folded:
                storage.remove(self._layout.owner(name.owner))
            for name in files:
                wishes.forget(self._layout, name.owner)
            for name in folded:
                storage.remove(self._path(name))
            gone = {name.owner for name in files}
            for leftover in storage.names(self._layout.journals):
                if leftover.endswith(".new") and leftover[1:].partition(".")[0] in gone:
                    storage.remove(os.path.join(self._layout.journals, leftover))
            storage.sync_folder(self._layout.journals)
        del self._estates[owner]

    def _rest(self, files: list[JournalName], estate: _Estate) -> bytes:
        """Give the lines that have to stay: not folded, or not understood. What came since is read as well."""
        kept = []
        for name in files:
            tail = estate.tails.get(name) or Tail()
            tail.follow(self._path(name))
            kept += tail.foreign
            for op_id, stored in tail.best.items():
                understood = stored is estate.read.get(op_id) or tail.record(op_id) is not None
                if not stored.foreign and (op_id in estate.missing or not understood):
                    kept.append(stored.raw)
        return b"".join(raw + b"\n" for raw in kept)

    def holds_any(self) -> bool:
        """Say whether something that we took over still stands in files of its own."""
        return any(name.taker == self._me for name in listing(self._layout))

    def is_lost(self) -> bool:
        """Say whether somebody has taken *us* over: our journal is in other hands, or folded and our file removed."""
        if any(name.owner == self._me and name.taker for name in listing(self._layout)):
            return True
        return not os.path.lexists(self._layout.owner(self._me))

    def _path(self, name: JournalName) -> str:
        return os.path.join(self._layout.journals, name.file)
