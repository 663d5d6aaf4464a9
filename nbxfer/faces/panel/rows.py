"""Snapshots → what the panel draws: a part that seldom changes, and figures that often do; all in words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from nbxfer.board import Board
from nbxfer.core.phases import Cause, Phase, TransferStatus, may
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words

#: What a click may ask for.
VERBS = frozenset({"start", "pause", "resume", "retry", "cancel"})
#: Stands in ``Row.why`` where the front end puts how long it still is, which the kernel need not say every second.
DUE = "{due}"
#: A bar with holes in it is drawn in so many pieces.
PIECES = 100


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

    def wish(self, op_id: str, verb: str, refused: Callable[[str], object] | None = None) -> None:
        """Hand a wish over and return at once; what does not fit is told to ``refused``, on any thread."""

    def refresh(self) -> None:
        """Look at what other processes have written."""


class Row(msgspec.Struct, frozen=True):
    """The part of a row that changes with its phase. ``n`` is its number until the next keyframe.

    ``tone`` groups the phases as people do: run, queue, wait, pause, person, check, fail, orphan, cancel, done.
    ``word`` and ``why`` together read as one sentence. ``where`` says whose it is, if not this notebook's. ``due`` is
    in seconds from the sending.
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
    where: str
    due: float | None


class Live(msgspec.Struct, frozen=True, array_like=True):
    """The figures of row ``n``: absolute, so that a lost message does no harm. ``fraction`` is 0 to 1, or None.

    ``pieces`` says where the bytes are, in hundredths of the whole: from, to, from, to …; empty where there is no hole.
    """

    n: int
    fraction: float | None
    size: str
    rate: str
    left: str
    pieces: tuple[int, ...] = ()


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


def books(desk: Desk) -> frozenset[str]:
    """Give the notebooks whose operations are shown: this one; while it has none, its folder's: it may be renamed."""
    known = {s.notebook for s in desk.board.all()}
    if desk.notebook in known:
        return frozenset({desk.notebook})
    folder = desk.notebook if os.path.isdir(desk.notebook) else os.path.dirname(desk.notebook)
    return frozenset({desk.notebook, *(book for book in known if folder in (book, os.path.dirname(book)))})


def chosen(desk: Desk, op_ids: Iterable[str] | None) -> list[Snapshot]:
    """Give the snapshots of ``op_ids`` that the board knows; for None all of the notebook's, and what runs here."""
    if op_ids is None:
        here = books(desk)
        return [s for s in desk.board.all() if s.notebook in here or s.owner == "ours"]
    return [s for s in map(desk.board.get, op_ids) if s is not None]


def tone(snapshot: Snapshot) -> str:
    """Give the group of phases that it is shown as."""
    if snapshot.needs_person:
        return "person"
    return "orphan" if snapshot.status is TransferStatus.ORPHANED else _TONES[snapshot.phase]


def verbs(snapshot: Snapshot) -> tuple[str, ...]:
    """Give the wishes that fit by the phase table; the machine has the last word."""
    phase = snapshot.phase
    if phase is Phase.CREATED:
        return ("start", "cancel")
    if snapshot.status is TransferStatus.ORPHANED or may(phase, Cause.RESUME):
        first = "retry" if phase is Phase.FAILED else "resume"
    else:
        first = "pause" if may(phase, Cause.PAUSE) or phase is Phase.VERIFYING else ""
    return tuple(filter(None, (first, "cancel" if may(phase, Cause.CANCEL) else "")))


def row(n: int, snapshot: Snapshot, now: float, notebook: str = "") -> Row:
    """Give the seldom-changing part of a row; ``now`` is the Unix time, ``notebook`` the one that shows it."""
    word, why = words.state_words(snapshot), words.reason_words(snapshot)
    due = None
    if why.startswith(words.AGAIN):
        word = words.AGAIN
        if snapshot.due is not None:
            due = max(0.0, round(snapshot.due - now, 1))
            why = f"{words.AGAIN}{DUE}{why.removeprefix(words.AGAIN)}"
    if why.startswith(word):
        why = why[len(word) :]
    elif why:
        why = " by you" if why == "by you" else f": {why}"
    return Row(
        n=n,
        id=snapshot.id,
        name=_clean(snapshot.name, 120) or words.name_words(snapshot),
        host=_clean(snapshot.host, 100),
        source=_clean(snapshot.source),
        path=_clean(snapshot.destination),
        tone=tone(snapshot),
        word=word[:1].upper() + word[1:],
        why=why,
        verbs=verbs(snapshot),
        where=_where(snapshot, notebook),
        due=due,
    )


def _clean(text: str, limit: int = 500) -> str:
    # Nearly all names are plain: looking at each character of 10,000 rows would hold the GIL for a quarter second.
    plain = len(text) <= limit and text.isascii() and text.isprintable() and "  " not in text
    return text if plain else words.clean(text, limit)


def _where(snapshot: Snapshot, notebook: str) -> str:
    if snapshot.owner == "theirs":
        return "run by another kernel"
    if snapshot.notebook == notebook:
        return ""
    return f"from {words.clean(os.path.basename(snapshot.notebook), 60)}"


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
        pieces=_pieces(snapshot),
    )


def _pieces(snapshot: Snapshot) -> tuple[int, ...]:
    held, total = snapshot.held.ranges, snapshot.total
    if not total or not held or (len(held) == 1 and held[0].start == 0):
        return ()
    here = [0.0] * PIECES  # how much of each piece is there, 0 to 1
    for part in held:
        start, stop = part.start * PIECES / total, min(part.stop, total) * PIECES / total
        for piece in range(int(start), min(PIECES, int(stop) + 1)):
            here[piece] += max(0.0, min(stop, piece + 1) - max(start, piece))
    shown = [False, *(share > 0.49 for share in here), False]
    return tuple(i for i in range(PIECES + 1) if shown[i] != shown[i + 1])
