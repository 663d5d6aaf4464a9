"""What of a journal is kept when it is rewritten: copied by its places or, where those cannot be trusted, read anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from nbxfer.core.phases import FINAL
from nbxfer.core.record import Record
from nbxfer.manifest import lines, places
from nbxfer.manifest.places import Ended
from nbxfer.manifest.tail import Tail

#: Puts what is over into the history.
Finish = Callable[[list[Ended]], None]
#: Gives those of operations that were handed over which others have carried further.
Gone = Callable[[list[Record]], set[str]]

_CHANGED: Final = re.compile(rb'"changed":([0-9.e+-]{1,32})')  # the record's own: a quote inside a text is escaped
_HANDED: Final = b'"handed_to":'


class Kept:
    """The lines of a new journal; once they are all given, what is over is in the history (``finish``).

    The journal is trusted before ``live`` (records that its engine has), which may be older than it by now: an
    operation is left out only when its newest line is a finished one, or one that another owner has carried further
    (``gone``, and then in ``dropped``).
    """

    def __init__(self, live: Mapping[str, Record], seq: int, finish: Finish, gone: Gone) -> None:
        self._live, self._seq, self._finish, self._gone = dict(live), seq, finish, gone
        self._ended: list[Ended] = []
        self._handed: list[tuple[Record, bytes]] = []
        self.dropped: set[str] = set()
        self.strange = False  # something was kept that is not understood

    def by_place(
        self, fd: int, live: Mapping[str, int], ended: Mapping[str, tuple[int, str]]
    ) -> Iterator[tuple[str, bytes]]:
        """Give (id, line) of what is unfinished, from where it stands. Raises Unsound, OSError."""
        self._finish(places.ended(fd, ended))
        for op_id in ended:
            self._live.pop(op_id, None)
        for op_id, line in places.found(fd, [(place, op_id) for op_id, place in live.items()]):
            newer = self._live.pop(op_id, None)
            if newer is not None and _is_older(line, newer):
                yield from self._engines(newer)
            elif _HANDED in line and (record := _decoded(line)) is not None and record.handed_to:
                self._handed.append((record, line))
            else:
                yield op_id, line
        yield from self._rest()

    def by_reading(self, tail: Tail) -> Iterator[tuple[str, bytes]]:
        """Give (id, line) of all that is not over, and what this version does not understand as ("", line)."""
        self.strange = bool(tail.foreign)
        for line in tail.foreign:
            yield "", line + b"\n"
        for op_id, best in tail.best.items():
            record, raw = lines.decode(best), best.raw + b"\n"
            newer = self._live.pop(op_id, None)
            if best.foreign:
                continue
            if newer and record and (newer.epoch, newer.changed) > (record.epoch, record.changed):
                record, raw = newer, lines.encode(newer, self._seq)
            if record is None:
                self.strange = True
                yield "", raw
            elif record.phase in FINAL:
                self._ended.append(Ended(record.id, record.spec.destination, raw))
            elif record.handed_to:
                self._handed.append((record, raw))
            else:
                yield op_id, raw
        yield from self._rest()

    def _rest(self) -> Iterator[tuple[str, bytes]]:
        """Give what was handed over and is not gone, and what only the engine knows; the history has the others."""
        while self._live:
            yield from self._engines(self._live.popitem()[1])
        self.dropped = self._gone([record for record, _ in self._handed])
        for record, raw in self._handed:
            if record.id not in self.dropped:
                yield record.id, raw
        self._finish(self._ended)

    def _engines(self, record: Record) -> Iterator[tuple[str, bytes]]:
        line = lines.encode(record, self._seq)
        if record.phase in FINAL:
            self._ended.append(Ended(record.id, record.spec.destination, line))
        elif record.handed_to:
            self._handed.append((record, line))
        else:
            yield record.id, line


def _is_older(line: bytes, newer: Record) -> bool:
    good, changed = lines.stored(line[:-1]), _CHANGED.search(line)
    return good is None or changed is None or (good[1].epoch, float(changed[1])) < (newer.epoch, newer.changed)


def _decoded(line: bytes) -> Record | None:
    good = lines.stored(line[:-1])
    return lines.decode(good[1]) if good is not None else None
