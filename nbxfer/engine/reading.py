"""How one operation stands for who reads its file while it comes: asked of the loop, or read in the manifest."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent import futures
from typing import TypeVar

import msgspec

from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase
from nbxfer.core.record import Record
from nbxfer.engine import windows
from nbxfer.engine.engine import Engine
from nbxfer.engine.job import Job
from nbxfer.engine.standing import standing
from nbxfer.engine.windows import LOOK_AGAIN, SLICE, Coming, Finished, Kept, Window
from nbxfer.errors import InvalidTransferState
from nbxfer.manifest.base import Found
from nbxfer.sinks.base import Sink
from nbxfer.sinks.far import here

T = TypeVar("T")


class Sight(msgspec.Struct, frozen=True):
    """How an operation stands at one instant. ``owner`` is "ours", "theirs" or "orphaned", as a snapshot says it."""

    record: Record
    owner: str
    sink: Sink
    job: Job | None = None  # what is open of it in this process


class Looking:
    """One operation, looked at for one reader. Not for the loop's thread."""

    def __init__(self, engine: Engine, op_id: str) -> None:
        self._engine, self._op_id = engine, op_id
        self._found: Found | None = None
        self._next = 0.0
        self._destination = ""

    def look(self) -> Sight | None:
        """Give how it stands now; None when nobody knows it any more.

        Raises InvalidTransferState on the loop's thread, and where the session is closed.
        """
        sight = on_loop(self._engine, self._ours) if self._op_id in self._engine.dispatcher.ops else None
        if sight is None:
            return self._elsewhere()
        self._found, self._destination = None, sight.record.spec.destination
        return sight

    def window(self, sight: Sight, old: Window | None) -> Window | None:
        """Give the window through which most of it is seen, perhaps ``old``; None where nothing of it is there yet.

        Who gets a new one closes the old one. Raises StorageFailed, AccessDenied.
        """
        record = sight.record
        if record.phase is Phase.DONE:
            return old if old is not None and old.finish(record) else self._finished(sight)
        if sight.job is not None and not sight.job.landing.ended:
            if isinstance(old, Coming) and old.landing is sight.job.landing:
                return old
            return windows.coming(sight.job) or old
        if isinstance(old, Coming) and sight.owner == "ours":  # what has come while it was open is there still
            return old
        if isinstance(old, Kept) and time.monotonic() < old.until:
            return old
        return windows.kept(sight.sink, self._engine.manifest, record) or old

    def _finished(self, sight: Sight) -> Window | None:
        published = sight.record.published
        view = sight.sink.view_final(published) if published is not None else None
        return Finished(view, published.size) if view is not None and published is not None else None

    def _ours(self) -> Sight | None:
        op = self._engine.dispatcher.ops.get(self._op_id)
        if op is None:
            return None
        job = self._engine.work.jobs.get(self._op_id)
        return Sight(op.record(), "ours", here(self._engine.doors.sink(op)) if job is None else job.sink, job)

    def _elsewhere(self) -> Sight | None:
        now = time.monotonic()
        if self._found is None or now >= self._next:
            self._next = now + LOOK_AGAIN
            self._found = self._find()
        if self._found is None:
            return None
        record = self._found.record
        self._destination = record.spec.destination
        sink = self._engine.doors.sink(Operation.load(record, record.changed, crashed=False))
        return Sight(record, standing(self._found, self._engine.manifest), here(sink))

    def _find(self) -> Found | None:
        manifest, found = self._engine.manifest, None
        if self._found is not None:
            found = manifest.look(self._op_id, self._found.owner)
        found = found or next((f for f in manifest.scan() if f.record.id == self._op_id), None)
        shown = self._engine.board.get(self._op_id)
        if found is None and shown is not None:  # over, and in the history
            for destination in filter(None, (self._destination, shown.destination)):
                record = manifest.finished(destination)
                if record is not None and record.id == self._op_id:
                    return Found(record, manifest.me.id, manifest.hold_of(manifest.me.id))
        return found


def on_loop(engine: Engine, make: Callable[[], T]) -> T:
    """Have ``make`` called on the loop and give what it gives, without waiting for anything to be saved.

    Raises InvalidTransferState where there is no loop any more, and on the loop's own thread.
    """
    engine.elsewhere()
    reply: futures.Future[T] = futures.Future()

    def call() -> None:
        try:
            reply.set_result(make())
        except Exception as error:  # noqa: BLE001 (whoever asked gets it, whatever it is)
            reply.set_exception(error)

    engine.later(call)
    while not reply.done():
        futures.wait([reply], SLICE)
        if not engine.running and not reply.done():
            raise InvalidTransferState("Its session is closed.", hint="Look at it from another one.")
    return reply.result()
