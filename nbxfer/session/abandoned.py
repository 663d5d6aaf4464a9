"""Uploads that were begun at a store and that nobody will finish: they are paid for, and no list of objects has them.

One is ours where its id is the ticket of a transfer that is over. A process that died before it had written the ticket
down left one that only the store knows; that counts as ours where a transfer of this home to that very key was under
way when it was begun, and none is now. Everything else is left alone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from nbxfer.core import stores
from nbxfer.core.phases import FINAL
from nbxfer.core.record import Record
from nbxfer.engine.doors import Doors
from nbxfer.errors import TransferError
from nbxfer.manifest.remnants import Census
from nbxfer.sinks import registry
from nbxfer.sinks.far import Begun, Cut, Listing

log = logging.getLogger("nbxfer")

#: Seconds that one store is asked at most.
WITHIN: Final = 20.0
#: Seconds that the clock of a store may be off ours.
SKEW: Final = 5.0


class Abandoned(NamedTuple):
    """One upload that nobody will finish, and the transfer (over) that it was begun for."""

    record: Record
    upload: Begun
    listing: Listing
    why: str

    def give_up(self) -> bool:
        """Have the store forget it. Raises TransferError."""
        self.listing.give_up(self.upload, _Bounded(WITHIN))
        return True


class _Bounded:
    """A Stop that is set when a time is over."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def is_set(self) -> bool:
        """See Stop."""
        return time.monotonic() > self._until


def abandoned(doors: Doors, census: Census, older_than: float, now: float) -> Iterator[Abandoned]:
    """Give the uploads that were begun at least ``older_than`` seconds ago and that nobody will finish.

    Asks each store that a transfer of this home went to and that knows of such things; one that does not answer, or
    not to those credentials that are known, is passed over with a warning.
    """
    over: dict[tuple[str, str], list[Record]] = {}
    for record in census.records.values():
        if record.spec.far and record.phase in FINAL and record.id not in census.open:
            over.setdefault(_store(record), []).append(record)
    busy = [census.records[op_id] for op_id in census.open if op_id in census.records]
    # One that this version cannot read may be on its way to anywhere: then only what is surely ours is.
    strange = len(busy) < len(census.open)
    for records in over.values():
        newest = max(records, key=lambda record: record.changed)
        listing = registry.listing(doors.destination(newest.id, newest.spec))
        if listing is None:
            continue
        try:
            found = listing.begun(_beginning([r.spec.destination for r in records]), _Bounded(WITHIN))
        except (TransferError, Cut) as error:
            told = error.message if isinstance(error, TransferError) else "it did not answer in time"
            log.warning("nobody knows what was begun at %s: %s", newest.spec.destination.rpartition("/")[0], told)
            continue
        for upload in found:
            if now - upload.at >= older_than and (mine := _whose(upload, records, busy, strange=strange)) is not None:
                yield Abandoned(mine[0], upload, listing, mine[1])


def _store(record: Record) -> tuple[str, str]:
    """Give what has to be the same for one listing: the bucket, and how it is asked for."""
    spec = record.spec
    scheme, host, _ = stores.place(spec.destination)
    return f"{scheme}://{host}", spec.storage if spec.kind == "upload" else spec.target


def _beginning(urls: list[str]) -> str:
    """Give what all of them begin with: the first and the last in order tell."""
    first, last = min(urls), max(urls)
    return first[: next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def _whose(upload: Begun, records: list[Record], busy: list[Record], *, strange: bool) -> tuple[Record, str] | None:
    """Give the transfer that an upload was begun for, and why it is of no use; None where that is not sure."""
    if any(r.ticket is not None and r.ticket.place == upload.place for r in busy):
        return None
    for record in records:
        if record.ticket is not None and record.ticket.place == upload.place:
            return record, f"its transfer is {record.phase}"
    if strange or any(r.spec.destination == upload.url for r in busy):
        return None
    for record in records:
        if record.spec.destination == upload.url and record.created - SKEW <= upload.at <= record.changed + SKEW:
            return record, "begun for a transfer that is over, by a process that could not write it down"
    return None
