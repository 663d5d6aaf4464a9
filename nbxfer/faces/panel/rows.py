"""Snapshots → what the panel draws: a part that seldom changes, and figures that often do; all in words."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import msgspec

from nbxfer.board import Board
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import FINAL, Cause, Phase, TransferStatus, may
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words

#: What a click may ask for; "ask" wants what another kernel runs to be handed over.
VERBS = frozenset({"start", "pause", "resume", "retry", "cancel", "priority", "ask", "replace", "first"})
#: Those that one click may ask of many at once.
FOR_MANY = frozenset({"pause", "resume", "retry", "cancel"})
#: Stands in ``Row.why`` where the front end puts how long it still is, which the kernel need not say every second.
DUE = "{due}"
#: Nobody can say how long it is when it would be longer than this (seconds).
_NEVER = 30 * 86400
#: A bar with holes in it is drawn in so many pieces.
PIECES = 100


class Desk(Protocol):
    """What the panel needs of a session.

    ``bandwidth`` and ``surroundings`` are looked for, too: the limit in bytes a second, and the network in words.
    """

    @property
    def home(self) -> Path:
        """The manifest's folder."""

    @property
    def notebook(self) -> str:
        """The path that tells this notebook from others."""

    @property
    def board(self) -> Board:
        """Where the snapshots are."""

    def wish(self, op_id: str, verb: str, refused: Callable[[str], object] | None = None, **fields: Any) -> None:
        """Hand a wish over and return at once; what does not fit is told to ``refused``, on any thread."""

    def ask_for(self, op_id: str) -> None:
        """Ask the living kernel that runs an operation to hand it over; may wait. Raises TransferError."""

    def attend(self, *op_ids: str) -> None:
        """Follow operations that other kernels run; may wait."""

    def apart(self, call: Callable[[], None]) -> None:
        """Have ``call`` made soon, on a thread that may wait."""

    def refresh(self) -> None:
        """Look at what other processes have written."""


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """The part of a row that changes with its phase. ``n`` is its number until the next keyframe.

    ``tone`` groups the phases as people do: run, queue, wait, pause, person, check, fail, orphan, cancel, done.
    ``word`` and ``why`` together read as one sentence. ``ways`` are the ways out that need a person: url, auth, room,
    replace. ``where`` says whose it is, if not this notebook's. ``due`` is in seconds from the sending, ``at`` a Unix
    time: when it was asked for, and when it ended.
    """

    n: int
    id: str
    name: str
    host: str
    source: str
    path: str
    tone: str
    word: str
    at: int
    why: str = ""
    verbs: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    where: str = ""
    due: float | None = None
    kind: str = "download"
    group: str = ""
    priority: int = 0
    place: float = 0.0  # in its group: the smaller goes first


class Live(msgspec.Struct, frozen=True, array_like=True):
    """The figures of row ``n``: absolute, so that a lost message does no harm; in words they are put by who draws.

    Bytes here and in all, bytes a second, seconds left; None where nobody knows. ``pieces`` says where the bytes are,
    in hundredths of the whole: from, to, from, to …; empty where there is no hole.
    """

    n: int
    received: int
    total: int | None
    rate: int | None = None
    left: int | None = None
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
#: Phases in which it matters who comes first.
_RANKED = frozenset({Phase.QUEUED, Phase.PROBING, Phase.RUNNING, Phase.STALLED})
#: What a reason says to who has no buttons.
_GO_ON = re.compile(r"\s*(Put it where it can be, or )?[Gg]o on with resume\([^)]*\)\.?$")
#: Answers after which another address may do, and those after which credentials may.
_MOVED, _CLOSED = frozenset({401, 403, 404, 410}), frozenset({401, 403})
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
    asks = "ask" if snapshot.owner == "theirs" and phase not in (*FINAL, Phase.FAILED) else ""
    ranks = "priority" if phase in _RANKED and snapshot.owner != "orphaned" else ""
    leads = "first" if snapshot.group and phase is Phase.QUEUED and snapshot.owner == "ours" else ""
    return tuple(filter(None, (first, asks, ranks, leads, "cancel" if may(phase, Cause.CANCEL) else "")))


def ways(snapshot: Snapshot) -> tuple[str, ...]:
    """Give what a person can do about it, beyond a click on Resume or Retry: url, auth, replace, room."""
    fault = snapshot.fault
    if fault is None or snapshot.owner == "theirs":
        return ()
    if fault.remedy is Remedy.WAIT_ROOM:
        return ("room",) if snapshot.phase is Phase.STALLED else ()
    if snapshot.phase is not Phase.FAILED and not snapshot.needs_person:
        return ()
    if fault.error == "DestinationExists":
        return ("replace",)
    hint = fault.hint or ""
    new_url = "url=" in hint or fault.http_status in _MOVED
    return (*(("url",) if new_url else ()), *(("auth",) if "auth=" in hint or fault.http_status in _CLOSED else ()))


def group(snapshot: Snapshot) -> str:
    """Give the name of its group as it is shown; empty where it is in none."""
    return _clean(snapshot.group, 80)


def row(n: int, snapshot: Snapshot, now: float, notebook: str = "") -> Row:
    """Give the seldom-changing part of a row; ``now`` is the Unix time, ``notebook`` the one that shows it."""
    word, why = words.state_words(snapshot), words.reason_words(snapshot)
    due = None
    if why.startswith(words.AGAIN):
        word = words.AGAIN
        if snapshot.due is not None:
            due = max(0.0, round(snapshot.due - now, 1))
            why = f"{words.AGAIN}{DUE}{why.removeprefix(words.AGAIN)}"
    if found := ways(snapshot):
        why = _GO_ON.sub("", why)  # there is a button for it
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
        at=int(snapshot.changed if snapshot.phase in FINAL else snapshot.created),
        why=why,
        verbs=verbs(snapshot),
        ways=found,
        where=_where(snapshot, notebook),
        due=due,
        kind=snapshot.kind,
        group=group(snapshot),
        priority=snapshot.priority,
        place=snapshot.place if snapshot.group else 0.0,
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
    received, total = snapshot.received, snapshot.total
    if snapshot.phase is not Phase.RUNNING or snapshot.status is not TransferStatus.RUNNING:
        return Live(n, received, total, None, None, _pieces(snapshot))
    rate, eta = snapshot.rate, snapshot.eta
    left = None if eta is None or eta > _NEVER else max(1, round(eta))
    return Live(n, received, total, None if rate is None else round(rate), left, _pieces(snapshot))


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
