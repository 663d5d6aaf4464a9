"""From what is known to what is asked next, and why. One stream for now; segments have their place in Plan."""

from __future__ import annotations

import msgspec

from nbxfer.core.probe import Probe, Validator, Want
from nbxfer.core.ranges import ByteRange, RangeSet

#: Bytes that a resume asks for again, to compare them with the disk.
OVERLAP = 4096


class Plan(msgspec.Struct, frozen=True):
    """The ranges to fetch, in order, and the reason for their number.

    ``segments`` is empty when the size is unknown (or 0): then the one open stream is read to its end.
    """

    segments: tuple[ByteRange, ...]
    why: str


def provable(held: RangeSet, size: int | None, pinned: Validator | None) -> bool:
    """Say whether a later answer can be told to be of the version of which ``held`` is.

    A strong validator tells. Where there is only a size or a weak validator, the bytes before the first hole have to
    tell, by being compared with what is sent again.
    """
    if pinned is not None and pinned.strong:
        return True
    return bool(held.front()) and (size is not None or pinned is not None)


def first_want(held: RangeSet, size: int | None, pinned: Validator | None) -> Want:
    """Give the first request: a plain one when nothing is here, else one that overlaps what is here by 4 KiB."""
    if not held or not provable(held, size, pinned):
        # Nothing to build on, or nothing that could prove that the old bytes still belong: start over.
        return Want()
    front = held.front()
    overlap = min(OVERLAP, front)
    return Want(start=front - overlap, pinned=pinned, size=size, overlap=overlap)


def complete(held: RangeSet, size: int | None) -> bool:
    """Say whether every byte is here; never true while the size is unknown."""
    return size is not None and held.covers(0, size)


def plan(probe: Probe, held: RangeSet) -> Plan:
    """Give what to fetch after ``probe``, when ``held`` is on the disk already."""
    if probe.size is None:
        return Plan((), "one stream: the server does not say how long it is")
    missing = held.missing(0, probe.size).ranges
    if not probe.ranges:
        return Plan(missing[:1], "one stream: the server does not offer ranges")
    if probe.validator is None or not probe.validator.strong:
        return Plan(missing[:1], "one stream: no strong validator ties ranges together")
    return Plan(missing[:1], "one stream")
