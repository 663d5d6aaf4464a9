"""The shapes of the manifest: what the engine may rely on, whichever home it is kept in.

Writing is for one engine, on its loop thread (``append``, ``touch``) or a worker (``sync``, ``compact``); reading is
for everybody, at any time, without leaving a trace. Block logs are written by whoever writes the bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import msgspec

from nbxfer.core.lease import Hold, Owner, Process
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Record


class Row(msgspec.Struct, frozen=True, array_like=True):
    """The first ``length`` bytes of block number ``block`` are in the part; ``crc32c`` is theirs."""

    block: int
    length: int
    crc32c: int


class BlockLog(Protocol):
    """The block log of one operation and epoch: append-only, fixed binary rows, each with its own CRC."""

    def append(self, rows: Sequence[Row]) -> None:
        """Add rows in one write; call it after the bytes were written. Raises NoSpace, StorageFailed."""
        ...

    def close(self) -> None:
        """Close. Never raises."""
        ...


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """What another process asks of an operation: pause, resume, cancel, retry, priority, place, hand-over.

    No URL and no secret can be asked this way. ``asker`` is an owner id (hand-over) or empty.
    """

    verb: str
    op_id: str
    asker: str = ""
    delete_partial: bool = True
    priority: int = 0
    place: float = 0.0


class Claim(msgspec.Struct, frozen=True):
    """Who works on a destination. It saves traffic; correctness never rests on it."""

    op_id: str
    owner: str
    identity: str


class Card(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that is said of ``name`` to whoever comes later; ``owner``: in whose hands it is (empty: nobody's)."""

    kind: str  # "groups", "completions"
    name: str
    text: str
    owner: str = ""


class Found(msgspec.Struct, frozen=True):
    """One operation as read from somebody's journal."""

    record: Record
    owner: str  # the id of whose journal it stands in
    hold: Hold


class Fenced(Exception):
    """Our journal is not ours any more: another process took it over. Stop, write nothing."""


class Manifest(Protocol):
    """One home, seen by one process. ``me`` is this process's owner entry."""

    me: Owner

    # -- writing -------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Make the folders (0700), the owner file and an empty journal; called before the first append."""
        ...

    def append(self, records: Iterable[Record]) -> None:
        """Add the records in one write, safe against SIGKILL when it returns. Raises Fenced, NoSpace, StorageFailed."""
        ...

    def sync(self) -> None:
        """Return when everything appended before is on the disk (also against power loss)."""
        ...

    def touch(self) -> None:
        """Heartbeat, and a look at whether our journal still is ours. Raises Fenced, StorageFailed."""
        ...

    def enlist(self, movers: Sequence[Process]) -> None:
        """Enter other processes that write for us: who takes over waits until they are gone too. Any thread.

        Raises NoSpace, StorageFailed, AccessDenied.
        """
        ...

    def compact(self, live: Iterable[Record]) -> None:
        """Rewrite the journal with ``live`` only; finished operations go to history first. Aside, fsync, rename."""
        ...

    def tidy(self) -> bool:
        """Do what of compacting is due and cheap; False where ``compact`` is due, and has to be told what is live."""
        ...

    @property
    def bulky(self) -> bool:
        """Whether compacting is worth it."""
        ...

    def end(self) -> None:
        """Leave in order: finished operations into history, the owner file removed when nothing is unfinished."""
        ...

    # -- block logs ----------------------------------------------------------------------------------------------
    def blocks(self, op_id: str, epoch: int, rows: Sequence[Row] = ()) -> BlockLog:
        """Begin the block log of that epoch anew, with ``rows``; the old one is there until the new one is."""
        ...

    def read_blocks(self, op_id: str, epoch: int) -> list[Row]:
        """Give the newest good row of every block, in order; torn or flipped rows are left out. [] when none."""
        ...

    def block_epochs(self, op_id: str) -> list[int]:
        """Give the epochs that have a block log, oldest first."""
        ...

    def forget_blocks(self, op_id: str, keep: int | None = None) -> None:
        """Remove the block logs of every epoch but ``keep``."""
        ...

    # -- reading -------------------------------------------------------------------------------------------------
    def scan(self) -> list[Found]:
        """Read every journal: the best record of each operation (highest epoch, then newest)."""
        ...

    def look(self, op_id: str, owner: str) -> Found | None:
        """Read one owner's journal for one operation; cheap when nothing was appended since the last look."""
        ...

    def hold_of(self, owner: str) -> Hold:
        """Say whether that owner lives."""
        ...

    def finished(self, destination: str) -> Record | None:
        """Give the newest finished operation for a destination, from history or from any journal."""
        ...

    def ended(self, op_id: str) -> Record | None:
        """Give how an operation that this process has seen came to its end; None while it has not."""
        ...

    def recent(self, limit: int) -> list[Record]:
        """Give the ``limit`` operations that were done, canceled or failed last, in any process, newest first."""
        ...

    # -- ownership -----------------------------------------------------------------------------------------------
    def take_over(self, owner: str) -> list[Record] | None:
        """Take a dead or lapsed owner's journal; give its records, best of each. None when somebody else won.

        The caller appends the records (with a higher epoch) to its own journal, syncs, then calls ``taken``.
        """
        ...

    def taken(self, owner: str) -> None:
        """Remove what is left of a journal that was taken over and folded."""
        ...

    def claim(self, destination: str, claim: Claim) -> Claim:
        """Claim a destination by hard link; give the claim that holds (ours, or whose was there first)."""
        ...

    def reclaim(self, destination: str, claim: Claim) -> None:
        """Replace whatever claim is there."""
        ...

    def claimed(self, destination: str) -> Claim | None:
        """Give the claim on a destination."""
        ...

    def claim_keys(self, most: int) -> Collection[str] | None:
        """Give what stands for each claimed destination (layout.key); None where they are ``most`` or more.

        Also None where they cannot be listed.
        """
        ...

    def unclaim(self, destination: str, op_id: str) -> None:
        """Remove the claim if it is that operation's."""
        ...

    # -- wishes --------------------------------------------------------------------------------------------------
    def wish(self, owner: str, wish: Wish) -> None:
        """Leave a wish for another owner: written aside, renamed in."""
        ...

    def wishes(self) -> list[Wish]:
        """Take the wishes that were left for us, oldest first."""
        ...

    # -- cards ---------------------------------------------------------------------------------------------------
    def put_card(self, card: Card) -> None:
        """Write a card in place of the one that was there; durable when it returns. Raises NoSpace, StorageFailed."""
        ...

    def card(self, kind: str, name: str) -> Card | None:
        """Give a card that is in nobody's hands."""
        ...

    def cards(self, kind: str) -> list[Card]:
        """Give all cards of a kind, in whosoever's hands."""
        ...

    def take_card(self, card: Card) -> Card | None:
        """Take a card into our hands; None where somebody else was quicker. One of several wins."""
        ...

    def drop_card(self, card: Card) -> bool:
        """Remove a card; False where it was not there any more."""
        ...


def good_ranges(rows: Iterable[Row], block_size: int) -> RangeSet:
    """Give the bytes that the rows vouch for."""
    return RangeSet.of((r.block * block_size, r.block * block_size + r.length) for r in rows)


def latest(records: Iterable[Record], limit: int) -> list[Record]:
    """Give those of the records that are over, or have failed, newest first and ``limit`` at most."""
    over = [r for r in records if r.phase in FINAL or r.phase is Phase.FAILED]
    return sorted(over, key=lambda r: (r.changed, r.id), reverse=True)[:limit]
