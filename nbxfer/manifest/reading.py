"""All journals of a home as one process sees them: the best record of each operation, and in whose hands it is.

The best record has the highest epoch, then is the newest. A line that this version does not understand hides what is
older than it: showing, or going on with, an outdated state would be worse than showing nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import Final

from nbxfer.core.lease import Hold
from nbxfer.core.phases import FINAL
from nbxfer.core.record import Record
from nbxfer.manifest import history, storage
from nbxfer.manifest.base import Found
from nbxfer.manifest.layout import JournalName, Layout, checked, journal_name
from nbxfer.manifest.tail import Tail

#: A journal that is renamed between listing and opening is looked for again, this often.
_LOOKS: Final = 5

#: Two changes within this time (nanoseconds) may leave one time of change.
_MOMENT: Final = 2_000_000_000

#: For an owner and the times at which its journals were changed: how it stands to us.
HoldOf = Callable[[str, Iterable[float]], Hold]


def listing(layout: Layout) -> list[JournalName]:
    """List the journals, each owner's own before what others took of it. Raises StorageFailed."""
    with storage.doing("The journals could not be listed"):
        found = map(journal_name, storage.names(layout.journals))
        return sorted(name for name in found if name is not None)


def line(names: Iterable[JournalName], owner: str) -> list[str]:
    """Give the line of succession: ``owner``, who took it over, who took that one over …; the last holds it all."""
    own = {name.owner for name in names if not name.taker}
    heir = {name.owner: name.taker for name in names if name.taker}
    found = [owner]
    while found[-1] not in own and (after := heir.get(found[-1])) and after not in found:
        found.append(after)
    return found


def best(tails: Iterable[tuple[JournalName, Tail]]) -> dict[str, tuple[Record, JournalName]]:
    """Give the best record of each operation and where it stands."""
    found: dict[str, tuple[tuple[int, float], Record | None, JournalName]] = {}
    for name, tail in tails:
        for op_id, stored in tail.best.items():
            record = tail.record(op_id)
            rank = (stored.epoch, record.changed if record is not None else float("inf"))
            known = found.get(op_id)
            if known is None or known[0] <= rank:
                found[op_id] = (rank, record, name)
    return {op_id: (record, name) for op_id, (_, record, name) in found.items() if record is not None}


class Reading:
    """What others' journals say, followed from look to look. Any thread may ask; nothing is written."""

    def __init__(self, layout: Layout, me: str, hold_of: HoldOf) -> None:
        self._layout = layout
        self._own = JournalName(me, "")
        self._hold_of = hold_of
        self._lock = threading.RLock()
        self._tails: dict[JournalName, Tail] = {}
        self._seen: dict[str, str] = {}  # destination of the operations that were looked for
        self._open: set[tuple[str, int]] = set()  # operations and epochs that the history does not know …
        self._stamp = 0  # … as it was then

    def refresh(self) -> None:
        """Read what is new in every journal but our own. Raises StorageFailed."""
        with self._lock:
            for _ in range(_LOOKS):
                names = [name for name in listing(self._layout) if name != self._own]
                self._tails = {name: self._tails.get(name) or Tail() for name in names}
                gone = [name for name in names if not self._follow(name)]
                if not gone:
                    return

    def _follow(self, name: JournalName) -> bool:
        tail = self._tails.setdefault(name, Tail())
        try:
            there = tail.follow(os.path.join(self._layout.journals, name.file))
        except OSError:  # of a journal that cannot be read at the moment, what was read before still holds
            return True
        if not there:
            del self._tails[name]
        return there

    def _mine(self) -> list[tuple[JournalName, Tail]]:
        """Read our own journal. It is not kept: the engine has all of that in memory."""
        tail = Tail()
        with contextlib.suppress(OSError):
            if tail.follow(os.path.join(self._layout.journals, self._own.file)):
                return [(self._own, tail)]
        return []

    def scan(self) -> list[Found]:
        """Give the best record of each operation of the home, oldest operation first."""
        with self._lock:
            self.refresh()
            mine = self._mine()
            found = best([*self._tails.items(), *mine])
            self._seen |= {record.id: record.spec.destination for record, _ in found.values()}
            names = [*self._tails, *(name for name, _ in mine)]
            holders: dict[JournalName, tuple[str, Hold]] = {}
            all_ = []
            for record, name in found.values():
                if (record.handed_to or name.taker) and self._is_over(record):
                    continue
                if name not in holders:
                    holders[name] = self._holder(names, name)
                all_.append(Found(record, *holders[name]))
        return sorted(all_, key=lambda f: (f.record.created, f.record.id))

    def _holder(self, names: Collection[JournalName], name: JournalName) -> tuple[str, Hold]:
        """Give who holds a journal, and how that one stands to us.

        What we took over and have not folded, since the disk was full, is nobody's yet: it counts as the victim's, so
        that it can be asked for again. (One that has woken up since has lost it all the same.)
        """
        last = line(names, name.taker or name.owner)[-1]
        if last == self._own.owner and name != self._own:
            hold = self._hold_of(name.owner, self._times(name.owner))
            return name.owner, Hold.DEAD if hold is Hold.DEAD else Hold.LAPSED
        return last, self._hold_of(last, self._times(last))

    def _times(self, owner: str) -> list[float]:
        return [tail.touched for name, tail in self._tails.items() if owner in name]

    def _is_over(self, record: Record) -> bool:
        """Say whether the history knows how an operation ended; asked again only when something was added to it."""
        stamp = history.stamp(self._layout)
        if stamp != self._stamp:
            self._open.clear()
            self._stamp = stamp
        if (record.id, record.epoch) in self._open:
            return False
        over = history.ended(self._layout, record.spec.destination, record.id)
        if over is not None and over.epoch >= record.epoch:
            return True
        # What was added in this very moment may leave the time of change as it is.
        if time.time_ns() - stamp > _MOMENT:
            self._open.add((record.id, record.epoch))
        return False

    def look(self, op_id: str, owner: str) -> Found | None:
        """Give the best record of one operation from the hands of one owner, or of whoever took that owner over."""
        checked(op_id)
        name = JournalName(checked(owner), "")
        with self._lock:
            if name == self._own:
                tails = dict(self._mine())
            else:
                self._follow(name)
                tails = self._tails
            record = tails[name].record(op_id) if name in tails else None
            if record is not None:
                self._seen[op_id] = record.spec.destination
                return Found(record, *self._holder([name], name))
            return self._look_further(op_id, owner)

    def _look_further(self, op_id: str, owner: str) -> Found | None:
        self.refresh()
        names = list(self._tails)
        heirs = line(names, owner)
        estate = [(n, t) for n, t in self._tails.items() if line(names, n.taker or n.owner)[-1] == heirs[-1]]
        mine = self._mine() if heirs[-1] == self._own.owner else []
        record, name = best([*estate, *mine]).get(op_id, (None, JournalName(heirs[-1], "")))
        if record is None and op_id in self._seen:  # compacted away since we looked last
            record = history.ended(self._layout, self._seen[op_id], op_id)
        if record is None:
            return None
        self._seen[op_id] = record.spec.destination
        return Found(record, *self._holder([*names, *(n for n, _ in mine)], name))

    def ended(self, op_id: str) -> Record | None:
        """Give how an operation that was seen before has ended, from the history, else from a journal."""
        with self._lock:
            destination = self._seen.get(op_id)
            if destination is None:
                return None
            over = history.ended(self._layout, destination, op_id)
            if over is None:
                self.refresh()
                over, _ = best([*self._tails.items(), *self._mine()]).get(op_id, (None, None))
        return over if over is not None and over.phase in FINAL else None

    def done(self, destination: str) -> Record | None:
        """Give the newest operation that has finished a destination, from others' journals."""
        with self._lock:
            self.refresh()
            found = [record for tail in self._tails.values() if (record := tail.done(destination)) is not None]
        return max(found, key=lambda record: record.changed, default=None)

    def further(self, records: Iterable[Record], but: Collection[JournalName] = ()) -> set[str]:
        """Give the ids of those operations that another owner's journal has under a higher epoch.

        The journals ``but`` are not looked at; our own never is.
        """
        with self._lock:
            self.refresh()
            others = [tail.best for name, tail in self._tails.items() if name not in but]
            return {
                record.id
                for record in records
                for best_of in others
                if (there := best_of.get(record.id)) is not None and there.epoch > record.epoch
            }

    def over(self, records: Iterable[Record]) -> set[str]:
        """Give the ids of those operations whose end the history knows."""
        with self._lock:
            return {record.id for record in records if self._is_over(record)}

    def gone(self, records: Collection[Record]) -> set[str]:
        """Give the ids of those operations that others have carried further, to their end or not."""
        return self.further(records) | self.over(records) if records else set()
