"""What to do (out). The engine performs each, and each comes home as exactly one event that carries its serial.

Answers: Probe → Probed | Unchanged | AllHere | ProbeLost | CutShort; Fetch → RangeLanded | RangeLost | CutShort (and
BlocksLanded on the way); Verify → Verified | Mismatched | VerifyLost | CutShort; Commit → Committed | CommitLost;
Discard → Discarded; Wait, AwaitRoom → ConditionMet. Stop has no answer of its own: what it stops answers.

The dispatcher hands the engine the actions of a whole turn at once, so that many small ones can be done as one:
a composite (fetch whole files, publish many) is one action type more, with one answer for each operation in it.
"""

from __future__ import annotations

import msgspec

from nbxfer.core.probe import Validator
from nbxfer.core.ranges import ByteRange
from nbxfer.core.record import Before, Seal


class Action(msgspec.Struct, frozen=True):
    """Something to do for one operation; ``serial`` is unique within it."""

    serial: int


class Probe(Action, frozen=True):
    """Look at our part (epochs ``fresh_since``–``epoch``), then ask the source; leave the body open for Fetch."""

    epoch: int
    fresh_since: int
    size: int | None
    pinned: Validator | None
    before: Before | None = None


class Fetch(Action, frozen=True):
    """Read the open body into the part; ``fresh`` begins a new part. ``until`` None: to the end of the body."""

    epoch: int
    fresh: bool
    size: int | None
    segment: ByteRange | None


class Verify(Action, frozen=True):
    """Sync the part, then hold it against size and checksum."""

    epoch: int
    size: int
    checksum: str | None


class Commit(Action, frozen=True):
    """Give the part its final name, once the committing record is on the disk. After a crash: look first."""

    epoch: int
    seal: Seal
    by: str


class Discard(Action, frozen=True):
    """Remove part and block log; keep them when ``keep``."""

    keep: bool


class Stop(Action, frozen=True):
    """Let everything of this operation that is in flight come home."""


class Wait(Action, frozen=True):
    """Tell when ``seconds`` are over."""

    seconds: float


class AwaitRoom(Action, frozen=True):
    """Tell when the destination has room for ``need`` bytes."""

    need: int
