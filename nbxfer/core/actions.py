"""What to do (out). The engine performs each, and each comes home as exactly one event that carries its serial.

Answers: Probe → Probed | Unchanged | AllHere | ProbeLost | CutShort; Fetch → RangeLanded | RangeLost | CutShort (and
BlocksLanded on the way); Verify → Verified | Mismatched | VerifyLost | CutShort; Commit → Committed | CommitLost;
Commit also → NameTaken; Discard → Discarded; Refresh → Refreshed | RefreshLost;
Wait, AwaitRoom, AwaitClearance → ConditionMet. Stop has no answer of its own: what it stops answers.

The dispatcher hands the engine the actions of a whole turn at once, so that many small ones can be done as one:
a composite (fetch whole files, publish many) is one action type more, with one answer for each operation in it.
"""

from __future__ import annotations

import msgspec

from nbxfer.core.faults import Fault
from nbxfer.core.probe import Validator
from nbxfer.core.ranges import ByteRange
from nbxfer.core.record import Before, Seal


class Action(msgspec.Struct, frozen=True, gc=False):
    """Something to do for one operation; ``serial`` is unique within it."""

    serial: int


class Probe(Action, frozen=True):
    """Look at our part (epochs ``fresh_since``–``epoch``), then ask the source; leave the body open for Fetch.

    ``path`` is where the finished file lies, or will.
    """

    epoch: int
    fresh_since: int
    size: int | None
    pinned: Validator | None
    before: Before | None = None
    path: str = ""


class Fetch(Action, frozen=True):
    """Read the open body into the part; ``fresh`` begins a new part.

    ``segments`` are what is missing, in order; empty where the size is unknown: then the body is read to its end.
    With ``lanes`` > 1 that many connections may share the work, each held to ``pinned`` and ``size``. Past ``most``
    bytes a body of unknown size is refused. ``checksum`` is what the file will be held against ("" for nothing), so
    that it can be worked out on the way.
    """

    epoch: int
    fresh: bool
    size: int | None
    segments: tuple[ByteRange, ...] = ()
    lanes: int = 1
    pinned: Validator | None = None
    most: int | None = None
    checksum: str = ""


class Verify(Action, frozen=True):
    """Sync the part, then hold it against size and checksum; ``by`` is the integrity word that a right one earns.

    ``mtime`` is the modification time that the file gets (Unix time).
    """

    epoch: int
    size: int
    checksum: str | None
    by: str = "digest"
    mtime: float | None = None


class Commit(Action, frozen=True):
    """Give the part its final name, once the committing record is on the disk. After a crash: look first.

    ``path`` is the final name where the server chose it ("": the destination).
    """

    epoch: int
    seal: Seal
    by: str
    path: str = ""


class Discard(Action, frozen=True):
    """Remove part and block log; keep them when ``keep``."""

    keep: bool


class Refresh(Action, frozen=True):
    """Have the person's ``refresh`` give what has expired: ``fault`` says what the server had against the old."""

    fault: Fault


class Stop(Action, frozen=True):
    """Let everything of this operation that is in flight come home."""


class Wait(Action, frozen=True):
    """Tell when ``seconds`` are over."""

    seconds: float


class AwaitRoom(Action, frozen=True):
    """Tell when the destination has room for ``need`` bytes."""

    need: int


class AwaitClearance(Action, frozen=True):
    """Tell when the surroundings let it move: cost, network, battery."""
