"""From what is known to what is asked next, over how many connections, and why."""

from __future__ import annotations

import msgspec

from nbxfer.core.probe import Probe, Validator, Want
from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet

#: Bytes that a resume asks for again, to compare them with the disk.
OVERLAP = 4096
#: What is missing has to be more than this (bytes) for a second connection to pay.
WORTH_SHARING = 4 * BLOCK


class Plan(msgspec.Struct, frozen=True):
    """The ranges to fetch, in order, the most connections that may share them, and the reason for their number.

    ``segments`` is empty when the size is unknown (or 0): then the one open stream is read to its end.
    """

    segments: tuple[ByteRange, ...]
    lanes: int
    why: str


def provable(held: RangeSet, size: int | None, pinned: Validator | None, *, adopted: bool = False) -> bool:
    """Say whether a later answer can be told to be of the version of which ``held`` is.

    A strong validator tells. Where there is only a size or a weak validator, the bytes before the first hole have to
    tell, by being compared with what is sent again; so they do for an ``adopted`` part, of which nothing is known.
    """
    if pinned is not None and pinned.strong:
        return True
    return bool(held.front()) and (size is not None or pinned is not None or adopted)


def first_want(
    held: RangeSet, size: int | None, pinned: Validator | None, *, adopted: bool = False, ranged: bool = False
) -> Want:
    """Give the first request: a plain one when nothing is here, else one that overlaps what is here by 4 KiB.

    ``ranged`` asks for a range in any case, so that the answer shows whether the server gives some.
    """
    if not held or not provable(held, size, pinned, adopted=adopted):
        # Nothing to build on, or nothing that could prove that the old bytes still belong: start over.
        return Want(ranged=ranged)
    front = held.front()
    overlap = min(OVERLAP, front)
    return Want(start=front - overlap, pinned=pinned, size=size, overlap=overlap)


def complete(held: RangeSet, size: int | None) -> bool:
    """Say whether every byte is here; never true while the size is unknown."""
    return size is not None and held.covers(0, size)


def plan(probe: Probe, held: RangeSet, connections: int = 1, *, alone: bool = False) -> Plan:
    """Give what to fetch after ``probe``, when ``held`` is on the disk already, over at most ``connections``.

    ``alone``: parts were asked for before, and refused, or of another version.
    """
    if probe.size is None:
        return Plan((), 1, "one connection: the server does not say how long it is")
    missing = held.missing(0, probe.size)
    if not probe.ranges:
        return Plan(missing.ranges[:1], 1, "one connection: the server does not offer ranges")
    if probe.validator is None or not probe.validator.strong:
        return Plan(missing.ranges[:1], 1, "one connection: no strong validator ties ranges together")
    if alone:
        return Plan(missing.ranges[:1], 1, "one connection: its parts could not be had, or did not fit together")
    if connections <= 1:
        return Plan(missing.ranges, 1, "one connection, as asked")
    if missing.total <= WORTH_SHARING:
        return Plan(missing.ranges, 1, "one connection: more would not pay for so little")
    return Plan(missing.ranges, connections, f"up to {connections} connections: ranges and a strong validator")
