"""The one writer of the panel's model: board → compact custom messages with absolute values.

Custom messages are never stored in a notebook, traits are: so everything travels here. At most ten messages a second
while somebody looks (jupyter_server drops messages above a rate, and says so in the user's cell), none while nobody
does: the latest snapshots wait. Front ends ask for a keyframe with "hello"; until the first one asks, keyframes are
repeated a few times, because what leaves before the front end listens is lost. Since any message may be lost, rows
that moved are told once more, whole, when they have come to rest.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from nbxfer.board import News
from nbxfer.core.phases import FINAL
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import TransferError
from nbxfer.faces import words
from nbxfer.faces.panel import around, rows
from nbxfer.faces.panel.bell import Bell
from nbxfer.faces.panel.rows import Desk

log = logging.getLogger("nbxfer")

#: Rows in one message.
CHUNK = 5000
#: Seconds between messages.
WATCHED = 0.1
#: A front end that looks says so every 25 s; after this many seconds of silence nobody does. So many may look at once.
LOOKS_FOR, VIEWERS = 60.0, 16
#: Seconds between two looks at what other processes have written, made while somebody looks.
OTHERS_EVERY = 20.0
#: Of what other kernels run, so many operations are followed.
FOLLOWED = 64
#: Seconds of rest after which the rows that moved are told once more.
REST = 1.0
#: Seconds after the opening at which keyframes are repeated until a front end answers.
REPEATS = (0.0, 0.5, 1.0, 2.5, 5.0, 10.0)

#: Tells the widgets of this kernel from those that a page still has of one before it.
KERNEL = uuid.uuid4().hex[:8]

#: Sends one message: its content and its buffers.
Send = Callable[[dict[str, Any], list[bytes]], None]


class Feed:
    """What one model is told. All methods return at once; ``step`` alone sends."""

    def __init__(self, desk: Desk, send: Send, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk, self._send, self._clock = desk, send, clock
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._news: dict[str, Snapshot] = {}
        self._asked = True
        self._notes: list[tuple[str, str]] = []
        self._stories: set[str] = set()
        self._scopes: dict[str, tuple[str, ...]] = {}
        self._scoped: frozenset[str] = frozenset()  # the ids that any scope names
        self._books = rows.books(desk)
        self._viewers: dict[str, float] = {}  # until when each front end is taken to look
        self._others_at = 0.0
        self._bell = Bell(desk.board, time.time())
        self._repeats = [clock() + seconds for seconds in REPEATS]
        self._boot = uuid.uuid4().hex[:8]
        self._serial = 0
        self._numbers: dict[str, int] = {}
        self._told: dict[str, rows.Row] = {}
        self._top: dict[str, Any] = {}
        self._warning = ""
        self._next = 0.0
        self._moved: set[str] = set()
        self._rests_at = 0.0
        self._open = True
        self._failed = False
        self.met = False  # whether a page has said that it has this kernel's widget
        self._unsubscribe = desk.board.subscribe(self._take, per_second=1 / WATCHED)

    # -- from any thread ---------------------------------------------------------------------------------------------
    def _take(self, news: News) -> None:
        with self._lock:
            self._news.update(news)
        self._wake.set()

    def hello(self, who: str = "", *, keyframe: bool = True, visible: bool = True, kernel: str = "") -> None:
        """Know that the front end ``who`` listens, whether somebody looks at it, and whose widget it has."""
        now = self._clock()
        self.met = self.met or kernel == KERNEL
        with self._lock:
            self._repeats.clear()
            self._asked = self._asked or keyframe
            self._viewers = {name: until for name, until in self._viewers.items() if until > now and name != who}
            if visible and len(self._viewers) < VIEWERS:
                self._viewers[who] = now + LOOKS_FOR
        self._wake.set()

    def scope(self, key: str, op_ids: Sequence[str]) -> None:
        """Have a view named ``key`` show only these operations."""
        with self._lock:
            if self._scopes.get(key) != tuple(op_ids):
                self._scopes[key] = tuple(op_ids)
                self._scoped = frozenset().union(*self._scopes.values())
                self._asked = True
        self._wake.set()

    def note(self, op_id: str, text: str) -> None:
        """Say something about a row for a moment, as why a wish was refused."""
        with self._lock:
            self._notes.append((op_id, text))
        self._wake.set()

    def look(self) -> None:
        """See soon whether there is anything to tell."""
        self._wake.set()

    def tell_story(self, op_id: str) -> None:
        """Tell what explain() says of an operation, soon."""
        with self._lock:
            self._stories.add(op_id)
        self._wake.set()

    def shown(self, op_ids: Iterable[str] | None = None) -> list[Snapshot]:
        """Give the latest snapshots of what is shown, in the board's order."""
        found = self._desk.board.all() if op_ids is None else [s for i in op_ids if (s := self._desk.board.get(i))]
        return [s for s in found if self._shows(s)]

    def scoped(self, key: str) -> tuple[str, ...] | None:
        """Give the ids that the view named ``key`` shows; None for a view that nobody opened."""
        return self._scopes.get(key, (key,) if self.knows(key) else None)

    def knows(self, op_id: str) -> bool:
        """Say whether the panel shows this operation."""
        snapshot = self._desk.board.get(op_id)
        return snapshot is not None and self._shows(snapshot)

    def _shows(self, snapshot: Snapshot) -> bool:
        return snapshot.notebook in self._books or snapshot.owner == "ours" or snapshot.id in self._scoped

    def close(self) -> None:
        """End: no message follows."""
        self._open = False
        self._unsubscribe()
        self._wake.set()

    def start(self) -> None:
        """Have a thread of its own send what is due."""
        # A fresh context: else the thread would hold on to the cell it was started from.
        work = contextvars.Context().run
        threading.Thread(target=work, args=(self._run,), name="nbxfer-panel", daemon=True).start()

    # -- from the writer alone ---------------------------------------------------------------------------------------
    def _run(self) -> None:
        while self._open:
            self._look_around()
            wait = self.step()
            self._wake.wait(wait)
            self._wake.clear()

    def _look_around(self) -> None:
        """Read what other processes have written, while somebody looks; this thread may wait for a folder."""
        now = self._clock()
        if now < self._others_at or not self._watched(now):
            return
        self._others_at = now + OTHERS_EVERY
        try:
            self._desk.refresh()
            shown = self.shown()
            self._warning = around.fate(shown)
            theirs = [s.id for s in shown if s.owner == "theirs" and s.phase not in FINAL]
            if theirs:
                self._desk.attend(*theirs[:FOLLOWED])
        except TransferError as error:
            log.info("the panel cannot see what other kernels do: %s", error)
        except Exception:
            log.exception("the panel could not look around")

    def _watched(self, now: float) -> bool:
        return any(until > now for until in self._viewers.values())

    def step(self) -> float | None:
        """Send what is due; give the seconds until something will be, None when only news can change that."""
        now = self._clock()
        if now < self._next:
            return self._next - now
        with self._lock:
            if self._repeats and now >= self._repeats[0]:
                self._repeats = [at for at in self._repeats if at > now]
                self._asked = True
            watched = self._watched(now)
            asked, self._asked = self._asked, False
            notes, stories = [], set()
            news: dict[str, Snapshot] = {}
            if asked or watched:
                news, self._news = self._news, {}
                notes, self._notes = self._notes, []
                stories, self._stories = self._stories, set()
        sent = 0
        if asked:
            sent = self._keyframe(notes)
        elif news or notes or (watched and self._top != self._heading()):
            sent = self._tell(news.values(), notes)
        elif watched and self._moved and now >= self._rests_at:
            sent = self._rest()
        if not self._repeats:  # a front end listens, if only in the background
            sent += self._bell.ring(self._post)
        for snapshot in self.shown(sorted(stories)):
            self._post({"t": "story", "id": snapshot.id}, words.explain(snapshot).encode())
            sent += 1
        if sent:
            self._next = now + sent * WATCHED
        return self._wait(now, watched=watched)

    def _wait(self, now: float, *, watched: bool) -> float | None:
        with self._lock:
            if self._asked or (watched and (self._news or self._notes or self._stories)):
                return max(0.0, self._next - now)
            times = self._repeats[:1]
        if watched:
            times = [*times, *([self._rests_at] if self._moved else []), now + 1.0]  # the limit may be set elsewhere
        return max(0.0, self._next - now, min(times) - now) if times else None

    def _heading(self) -> dict[str, Any]:
        return around.heading(self._desk, self._warning)

    def _keyframe(self, notes: list[tuple[str, str]]) -> int:
        """Tell everything, with new numbers."""
        self._numbers, self._told = {}, {}
        self._moved.clear()
        self._books = rows.books(self._desk)
        with self._lock:
            scopes = dict(self._scopes)
        return self._send_rows(self.shown(), notes, scopes=scopes, whole=True)

    def _tell(self, snapshots: Iterable[Snapshot], notes: list[tuple[str, str]]) -> int:
        fresh = [s for s in snapshots if self._shows(s)]
        if not fresh and not notes and self._top == self._heading():
            return 0
        self._moved.update(s.id for s in fresh)
        self._rests_at = self._clock() + REST
        return self._send_rows(fresh, notes)

    def _rest(self) -> int:
        """Tell the rows that have moved once more, whole: nothing on the screen may stay wrong."""
        snapshots = rows.chosen(self._desk, sorted(self._moved))
        self._moved.clear()
        for snapshot in snapshots:
            self._told.pop(snapshot.id, None)
        return self._send_rows(snapshots, [])

    def _send_rows(
        self,
        snapshots: Sequence[Snapshot],
        notes: list[tuple[str, str]],
        scopes: dict[str, tuple[str, ...]] | None = None,
        *,
        whole: bool = False,
    ) -> int:
        """Send messages of at most CHUNK rows each; give their number."""
        now = time.time()
        parts = [snapshots[i : i + CHUNK] for i in range(0, len(snapshots), CHUNK)] or [()]
        for index, part in enumerate(parts):
            body: dict[str, Any] = {"rows": [], "live": []}
            for snapshot in part:
                number = self._numbers.setdefault(snapshot.id, len(self._numbers))
                row = rows.row(number, snapshot, now, self._desk.notebook)
                if self._told.get(snapshot.id) != row:
                    self._told[snapshot.id] = row
                    body["rows"].append(row)
                body["live"].append(rows.live(number, snapshot))
            last = index == len(parts) - 1
            content = {"t": "rows", "boot": self._boot, "serial": self._serial, "whole": whole}
            content |= {"first": whole and index == 0, "last": last}
            if last:
                self._top = self._heading()
                body |= {"top": self._top, "notes": notes} | ({"scopes": scopes} if scopes else {})
            self._serial += 1
            self._post(content, msgspec.json.encode(body))
        return len(parts)

    def _post(self, content: dict[str, Any], body: bytes) -> None:
        # As a buffer: ipykernel walks through every value of a JSON content, 10,000 rows of them in 50 ms.
        try:
            self._send(content, [body])
        except Exception:
            # The front end's way is gone (the kernel is leaving, the comm was closed): a face may die.
            if not self._failed:
                log.exception("the panel could not be told")
            self._failed = True
