"""The latest snapshot of every operation, and who wants to hear of news.

One lock, no loop, no thread. The engine posts; a subscriber is called on the engine's thread with what has changed
since it was last called, at most ``per_second`` times a second, but at once when a phase changed. It must return at
once and never raise. Everybody may read at any time.

Who wants to hear of certain operations only is found by their ids, and only who has news is looked at: ten thousand
callbacks for ten thousand operations cost as much as one for each.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from nbxfer.core.completion import Notice
from nbxfer.core.phases import Phase
from nbxfer.core.rows import Over, Rows, Waiting, whole
from nbxfer.core.snapshot import Snapshot

log = logging.getLogger("nbxfer")

#: What a subscriber is called with: the newest snapshot of each operation that changed, by id.
News = Mapping[str, Snapshot]


#: Notices that are kept for those who come late.
KEPT = 50


#: From so many operations on, those that wait and those that are over are kept as rows.
FEW = 10_000

#: Who wants to hear of more operations than this is asked for each piece of news, and is not noted at each operation.
MANY = 256


class _Subscriber:
    __slots__ = ("broken", "call", "due", "every", "ids", "news")

    def __init__(self, call: Callable[[News], None], every: float, ids: frozenset[str] | None) -> None:
        self.call, self.every, self.due, self.ids = call, every, 0.0, ids
        self.broken = False
        self.news: dict[str, Snapshot] = {}

    def hear(self, news: News) -> None:
        """Call it; that it fails is said once."""
        try:
            self.call(news)
        except Exception:
            if not self.broken:  # once: it would be said ten times a second
                log.exception("a subscriber of the board failed")
            self.broken = True


class Board:
    """The store between the engine and the faces."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: dict[str, Snapshot | Waiting | Over] = {}
        self._rows = Rows()
        # Dictionaries for their order, and because leaving costs nothing however many there are.
        self._of_all: dict[_Subscriber, None] = {}
        self._of_one: dict[str, dict[_Subscriber, None]] = {}
        self._of_many: dict[_Subscriber, frozenset[str]] = {}
        self._notices: deque[Notice] = deque(maxlen=KEPT)
        self._waiting: dict[_Subscriber, None] = {}  # those with news

    def __len__(self) -> int:
        return len(self._latest)

    def get(self, op_id: str) -> Snapshot | None:
        """Give the latest snapshot of one operation."""
        found = self._latest.get(op_id)
        return whole(found) if found is not None else None

    def phase(self, op_id: str) -> Phase | None:
        """Give the latest phase of one operation: that is cheap, however many there are."""
        found = self._latest.get(op_id)
        return _seen(found).phase if found is not None else None

    def all(self) -> list[Snapshot]:
        """Give the latest snapshot of every operation, in the order of their first appearance."""
        with self._lock:
            rows = list(self._latest.values())
        return [whole(row) for row in rows]

    def some(self, fits: Callable[[Snapshot], bool]) -> list[Snapshot]:
        """Give those of which ``fits`` says so; it may look at phase, owner and notebook, and at nothing else."""
        with self._lock:
            rows = list(self._latest.values())
        return [whole(row) for row in rows if fits(_seen(row))]

    def post(self, snapshots: Iterable[Snapshot]) -> None:
        """Take the newest snapshots of a turn and pass them on."""
        urgent = False
        with self._lock:
            for new in snapshots:
                if (row := self._latest.get(new.id)) is None:
                    urgent = True
                elif not urgent:
                    old = _seen(row)
                    urgent = old.phase is not new.phase or old.owner != new.owner
                self._latest[new.id] = new if len(self._latest) < FEW else self._rows.row(new)
                for concerned in (self._of_all, self._of_one.get(new.id, ())):
                    for subscriber in concerned:
                        subscriber.news[new.id] = new
                        self._waiting[subscriber] = None
                for subscriber, ids in self._of_many.items():
                    if new.id in ids:
                        subscriber.news[new.id] = new
                        self._waiting[subscriber] = None
        self.flush(urgent=urgent)

    def announce(self, notice: Notice) -> None:
        """Show a notice to whoever looks at the board, now or soon after; the last few are kept."""
        with self._lock:
            self._notices.append(notice)
            ready = list(self._of_all)
        for subscriber in ready:
            subscriber.hear({})

    def notices(self, after: float = 0.0) -> list[Notice]:
        """Give the notices that are kept and were made after ``after`` (Unix time), the oldest first."""
        with self._lock:
            return [notice for notice in self._notices if notice.at > after]

    def flush(self, *, urgent: bool = False) -> None:
        """Call the subscribers whose time has come; the engine calls this on every tick."""
        if not self._waiting:
            return
        now = self._clock()
        ready: list[tuple[_Subscriber, dict[str, Snapshot]]] = []
        with self._lock:
            for subscriber in [s for s in self._waiting if urgent or now >= s.due]:
                del self._waiting[subscriber]
                ready.append((subscriber, subscriber.news))
                subscriber.news, subscriber.due = {}, now + subscriber.every
        for subscriber, news in ready:
            subscriber.hear(news)

    def subscribe(
        self, call: Callable[[News], None], *, per_second: float = 10.0, ids: Iterable[str] | None = None
    ) -> Callable[[], None]:
        """Have ``call`` told of news; give the function that ends it (a call that is on its way still comes).

        With ``ids`` it hears of these operations only, also of those that nobody has posted yet.
        """
        subscriber = _Subscriber(call, 1.0 / per_second, frozenset(ids) if ids is not None else None)
        with self._lock:
            if subscriber.ids is None:
                self._of_all[subscriber] = None
            elif len(subscriber.ids) > MANY:
                self._of_many[subscriber] = subscriber.ids
            else:
                for op_id in subscriber.ids:
                    self._of_one.setdefault(op_id, {})[subscriber] = None
        return lambda: self._unsubscribe(subscriber)

    def _unsubscribe(self, subscriber: _Subscriber) -> None:
        with self._lock:
            self._of_all.pop(subscriber, None)
            self._waiting.pop(subscriber, None)
            if self._of_many.pop(subscriber, None) is not None:
                return
            for op_id in subscriber.ids or ():
                concerned = self._of_one.get(op_id, {})
                concerned.pop(subscriber, None)
                if not concerned:
                    self._of_one.pop(op_id, None)

    def forget(self, op_ids: Iterable[str]) -> None:
        """Drop operations that nobody wants to see any more."""
        with self._lock:
            for op_id in op_ids:
                self._latest.pop(op_id, None)


def _seen(row: Snapshot | Waiting | Over) -> Snapshot:
    """Give a snapshot that has the phase and the owner of a row, and perhaps nothing else of it."""
    return row if isinstance(row, Snapshot) else row.form
