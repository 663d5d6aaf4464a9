"""Snapshots → what the panel draws: a part that seldom changes, and figures that often do; all in words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from nbxfer.board import Board
from nbxfer.core.phases import Cause, Phase, TransferStatus, may
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words

#: What a click may ask for.
VERBS = frozenset({"pause", "resume", "retry", "cancel"})
#: Stands in ``Row.why`` where the front end puts how long it still is, which the kernel need not say every second.
DUE = "{due}"
#: How the reason of what waits for its next try begins.
AGAIN = "will try again"


class Desk(Protocol):
    """What the panel needs of a session."""

    @property
    def home(self) -> Path:
        """The manifest's folder."""

    @property
    def notebook(self) -> str:
        """The path that tells this notebook from others."""

    @property
    def board(self) -> Board:
        """Where the snapshots are."""

    def wish(self, op_id: str, verb: str) -> None:
        """Hand a wish over and return at once."""

    def refresh(self) -> None:
        """Look at what other processes have written."""


class Row(msgspec.Struct, frozen=True):
    """The part of a row that changes with its phase. ``n`` is its number until the next keyframe.

    ``tone`` groups the phases as people do: run, queue, wait, pause, person, check, fail, orphan, cancel, done.
    ``word`` and ``why`` together read as one sentence. ``due`` is in seconds from the sending.
    """

    n: int
    id: str
    name: str
    host: str
    source: str
    path: str
    tone: str
    word: str
    why: str
    verbs: tuple[str, ...]
    elsewhere: bool
    due: float | None


class Live(msgspec.Struct, frozen=True, array_like=True):
    """The figures of row ``n``: absolute, so that a lost message does no harm. ``fraction`` is 0 to 1, or None."""

    n: int
    fraction: float | None
    size: str
    rate: str
    left: str


_TONES = {
    Phase.CREATED: "queue",
    Phase.QUEUED: "queue",
    Phase.PROBING: "run",
    Phase.RUNNING: "run",
    Phase.STALLED: "wait",
    Phase.PAUSING: "pause",
    Phase.PAUSED: "pause",
    Phase.VERIFYING: "check",
    Phase.COMMITTING: "check",
    Phase.CANCELING: "cancel",
    Phase.CANCELED: "cancel",
    Phase.FAILED: "fail",
    Phase.DONE: "done",
}
#: Tones of what will not move any more by itself or by a click on Resume.
OVER = frozenset({"done", "cancel", "fail"})


def mine(snapshot: Snapshot, desk: Desk) -> bool:
    """Say whether this notebook's panel shows it: it is of this notebook, or runs in this kernel."""
    return snapshot.notebook == desk.notebook or snapshot.owner == "ours"


def shown(desk: Desk) -> list[Snapshot]:
    """Give the snapshots that this notebook's panel shows, in the order of their first appearance."""
    return [s for s in desk.board.all() if mine(s, desk)]


def chosen(desk: Desk, op_ids: Iterable[str] | None) -> list[Snapshot]:
    """Give the snapshots of ``op_ids`` that the board knows; for None all that the panel shows."""
    if op_ids is None:
        return shown(desk)
    return [s for s in map(desk.board.get, op_ids) if s is not None]


def tone(snapshot: Snapshot) -> str:
    """Give the group of phases that it is shown as."""
    if snapshot.needs_person:
        return "person"
    return "orphan" if snapshot.status is TransferStatus.ORPHANED else _TONES[snapshot.phase]


def verbs(snapshot: Snapshot) -> tuple[str, ...]:
    """Give the wishes that fit by the phase table; the machine has the last word."""
    phase = snapshot.phase
    if snapshot.status is TransferStatus.ORPHANED or may(phase, Cause.RESUME):
        first = "retry" if phase is Phase.FAILED else "resume"
    else:
        first = "pause" if may(phase, Cause.PAUSE) or phase is Phase.VERIFYING else ""
    return tuple(filter(None, (first, "cancel" if may(phase, Cause.CANCEL) else "")))


def row(n: int, snapshot: Snapshot, now: float) -> Row:
    """Give the seldom-changing part of a row; ``now`` is the Unix time."""
    word, why = words.state_words(snapshot), words.reason_words(snapshot)
    due = None
    if why.startswith(AGAIN):
        word = AGAIN
        if snapshot.due is not None:
            due = max(0.0, round(snapshot.due - now, 1))
            why = f"{AGAIN}{DUE}{why.removeprefix(AGAIN)}"
    if why.startswith(word):
        why = why[len(word) :]
    elif why:
        why = " by you" if why == "by you" else f": {why}"
    return Row(
        n=n,
        id=snapshot.id,
        name=words.name_words(snapshot),
        host=words.clean(snapshot.host, 100),
        source=words.clean(snapshot.source),
        path=words.clean(snapshot.destination),
        tone=tone(snapshot),
        word=word[:1].upper() + word[1:],
        why=why,
        verbs=verbs(snapshot),
        elsewhere=snapshot.owner == "theirs",
        due=due,
    )


def live(n: int, snapshot: Snapshot) -> Live:
    """Give the figures of a row."""
    running = snapshot.status is TransferStatus.RUNNING and snapshot.phase is Phase.RUNNING
    fraction = snapshot.fraction
    return Live(
        n=n,
        fraction=None if fraction is None else round(fraction, 4),
        size=words.amount_words(snapshot.received, snapshot.total) if snapshot.received or snapshot.total else "",
        rate=words.rate_words(snapshot.rate) if running else "",
        left=words.eta_words(snapshot.eta) if running else "",
    )
