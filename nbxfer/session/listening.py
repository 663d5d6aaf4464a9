"""Telling a program what happens to an operation: done callbacks, listeners for one kind of news, what follows.

Every call is made on a thread for such calls, never on the engine's own. The calls of one listener come one after the
other; what happens while it is busy is put together into its next call. One that raises is logged, and told in the
operation's story; one that never returns is called no more. The transfer goes on in either case.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import msgspec

from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.ranges import RangeSet
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import InvalidRequest
from nbxfer.session.checks import shown as quoted
from nbxfer.session.waiting import OVER

if TYPE_CHECKING:
    from nbxfer.session.helm import Helm

log = logging.getLogger("nbxfer")
T = TypeVar("T")


class Ranges(msgspec.Struct, frozen=True):
    """News of the bytes on the disk, as (start, stop) with stop exclusive.

    ``added`` came since the last call, ``held`` is everything. ``restarted``: what had been there before was given up,
    and ``added`` is all that is there now.
    """

    added: tuple[tuple[int, int], ...]
    held: tuple[tuple[int, int], ...]
    restarted: bool = False


Judge = Callable[[Snapshot, Snapshot], bool]  # whether the step from one picture to the next is news

EVENTS: Final[dict[str, Judge]] = {
    "progress": lambda old, new: (old.received, old.total, old.rate) != (new.received, new.total, new.rate),
    "status": lambda old, new: (old.status, old.reason) != (new.status, new.reason),
    "response": lambda old, new: new.http_status is not None and old.response != new.response,
    "restarted": lambda old, new: new.restarts > old.restarts,
    "done": lambda old, new: new.phase is Phase.DONE is not old.phase,
    "failed": lambda old, new: new.phase is Phase.FAILED is not old.phase,
    "canceled": lambda old, new: new.phase is Phase.CANCELED is not old.phase,
    "over": lambda old, new: new.phase in OVER and old.phase not in OVER,
}
#: What is told at once when it is so already.
_ENDS: Final[dict[str, Collection[Phase]]] = {
    "done": {Phase.DONE},
    "failed": {Phase.FAILED},
    "canceled": {Phase.CANCELED},
    "over": OVER,
}


class Listener:
    """One listener of one operation: the last picture that it was told of, and whether it is busy."""

    def __init__(self, session: Helm, op_id: str, name: str, tell: Callable[[Snapshot, Snapshot], None]) -> None:
        self._session, self._op_id, self._name, self._tell = session, op_id, name, tell
        self._lock = threading.Lock()
        self._told: Snapshot | None = None
        self._busy = self._ended = self._failed = False
        self._unsubscribe = session.board.subscribe(lambda _: self.look(), ids=[op_id])

    def begin(self, told: Snapshot) -> Callable[[], None]:
        """Listen from ``told`` on; give what ends it."""
        self._told = told
        self.look()
        return self.end

    def end(self) -> None:
        """Listen no more; a call that is under way still comes to its end."""
        self._ended = True
        self._unsubscribe()

    def look(self) -> None:
        """Have the listener called, unless it is busy: it looks again by itself then."""
        with self._lock:
            if self._busy or self._ended or self._told is None or self._session.board.get(self._op_id) == self._told:
                return
            self._busy = True
        self._session.apart(self._call, f"{id(self)}")

    def _call(self) -> None:
        while True:
            with self._lock:
                old, new = self._told, self._session.board.get(self._op_id)
                if old is None or new is None or new == old or self._ended:
                    self._busy = False
                    return
                self._told = new
            if new.phase in FINAL:
                self._unsubscribe()
            try:
                self._tell(old, new)
            except BaseException as error:
                if not self._failed:  # once: it would be said ten times a second
                    log.exception("a listener of %s failed", new.name, extra={"op_id": self._op_id})
                    self._session.note(self._op_id, "listener failed", f"on({self._name!r}): {type(error).__name__}")
                self._failed = True


class Listening:
    """The half of a handle that tells others."""

    __slots__ = ("_session", "id")

    def __init__(self, session: Helm, op_id: str) -> None:
        self._session = session
        self.id = op_id

    def on(self, event: str, fn: Callable[[Any], object]) -> Callable[[], None]:
        """Have ``fn`` called with the newest snapshot whenever there is news; give the function that ends it.

        ``event``: "progress", "status", "response", "restarted", "done", "failed", "canceled", "over" (any of the last
        three; at once where it is so already), or "ranges" (see ``on_ranges``). What happens while ``fn`` is busy
        makes one call more, not many. Raises InvalidRequest.
        """
        if event == "ranges":
            return self.on_ranges(fn)
        _check(fn, "on")
        judge = EVENTS.get(f"{event}")
        if judge is None:
            words = ", ".join(repr(word) for word in (*EVENTS, "ranges"))
            raise InvalidRequest(f"on({quoted(event)}) is unknown.", hint=f"Give one of {words}.")

        def tell(old: Snapshot, new: Snapshot) -> None:
            if judge(old, new):
                fn(new)

        return self._listen(event, tell, already=_ENDS.get(event, ()))

    def on_ranges(self, fn: Callable[[Ranges], object]) -> Callable[[], None]:
        """Have ``fn`` called with the bytes that have landed since its last call; give the function that ends it.

        The first call has everything that is there. Calls never overlap; what lands while ``fn`` is busy is put
        together. ``restarted`` is true in the call in which earlier bytes do not count any more.
        """
        _check(fn, "on_ranges")

        def tell(old: Snapshot, new: Snapshot) -> None:
            restarted = new.restarts > old.restarts
            added = new.held if restarted else _less(new.held, old.held)
            if added or restarted:
                fn(Ranges(_pairs(added), _pairs(new.held), restarted))

        return self._listen("ranges", tell, anew=True)

    def _listen(
        self,
        name: str,
        tell: Callable[[Snapshot, Snapshot], None],
        already: Collection[Phase] = (),
        *,
        anew: bool = False,
    ) -> Callable[[], None]:
        listener = Listener(self._session, self.id, name, tell)
        told = now = self._session.snapshot(self.id)
        if now.owner == "theirs":
            self._session.attend(self.id)
        if anew:
            told = msgspec.structs.replace(now, held=RangeSet())
        elif now.phase in already:
            told = msgspec.structs.replace(now, phase=Phase.RUNNING)
        return listener.begin(told)

    def then(self, fn: Callable[[Any], T]) -> Future[T]:
        """Have ``fn(result)`` called when it is done, with path or URL; give a Future of what that gives.

        Where the transfer fails or is canceled ``fn`` is not called, and the Future raises that.
        """
        _check(fn, "then")
        future: Future[T] = Future()

        def follow(op: Any) -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(op.result(0)))
            except BaseException as error:  # noqa: BLE001 (whoever asks the Future gets it)
                future.set_exception(error)

        self.add_done_callback(follow)
        return future

    def add_done_callback(self, fn: Callable[[Self], object]) -> None:
        """Have ``fn(self)`` called once when it is over: at once if it is, else on a thread for callbacks."""
        once = threading.Lock()

        def ring() -> None:
            try:
                fn(self)
            except BaseException as error:  # those of others are called on the same thread
                log.exception("a done callback failed", extra={"op_id": self.id})
                self._session.note(self.id, "listener failed", f"a done callback: {type(error).__name__}")

        def look(call: Callable[[Callable[[], None]], None]) -> None:
            if self._session.snapshot(self.id).phase in OVER and once.acquire(blocking=False):
                unsubscribe()
                call(ring)

        unsubscribe = self._session.board.subscribe(
            lambda _: look(lambda ring: self._session.apart(ring, self.id)), ids=[self.id]
        )
        look(lambda ring: ring())


def _check(fn: object, verb: str) -> None:
    if not callable(fn):
        raise InvalidRequest(f"{verb}() takes a function, not {quoted(fn)}.", hint="Give one that takes one argument.")


def _less(held: RangeSet, known: RangeSet) -> RangeSet:
    for one in known:
        held = held.subtract(one.start, one.stop)
    return held


def _pairs(held: RangeSet) -> tuple[tuple[int, int], ...]:
    return tuple((one.start, one.stop) for one in held)
