"""The handle of one operation: a Future that can be paused, steered and read while it is under way.

It holds no state: what it shows is the board's latest snapshot, what it is asked becomes a wish. Any number of
handles may exist for one operation, in any thread.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Sequence
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import anyio

from nbxfer.core import faults
from nbxfer.core.phases import FINAL, Phase, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import NeedsAttention, TransferCanceled, TransferError

if TYPE_CHECKING:
    from nbxfer.session.desk import Session

log = logging.getLogger("nbxfer")

#: Phases in which nothing more happens by itself, and nobody is asked.
OVER = FINAL | {Phase.FAILED}
#: Those, and those in which a person has the next word.
RESTING = OVER | {Phase.PAUSED, Phase.CREATED}
#: Seconds between two looks while waiting.
LOOK_EVERY = 0.1


class Operation:
    """One transfer, as its person sees it."""

    __slots__ = ("_session", "id")

    def __init__(self, session: Session, op_id: str) -> None:
        self._session = session
        self.id = op_id

    # -- reading -------------------------------------------------------------------------------------------------
    @property
    def snapshot(self) -> Snapshot:
        """Everything there is to know at this moment."""
        return self._session.snapshot(self.id)

    @property
    def progress(self) -> Snapshot:
        """The snapshot, with ``received``, ``total``, ``rate``, ``eta``, ``fraction``, ``restarted``, ``integrity``."""
        return self.snapshot

    @property
    def status(self) -> TransferStatus:
        """The public status, with Windows' integers."""
        return self.snapshot.status

    @property
    def reason(self) -> str:
        """Why the status is what it is, in words."""
        return self.snapshot.reason

    @property
    def path(self) -> Path:
        """Where it lands."""
        return Path(self.snapshot.destination)

    @property
    def url(self) -> str:
        """The source, in the form that may be shown."""
        return self.snapshot.source

    @property
    def priority(self) -> int:
        """0 default, 1 high, 2 low."""
        return self.snapshot.priority

    @property
    def error(self) -> TransferError | None:
        """What it failed with, or waits for."""
        fault = self.snapshot.fault
        return faults.to_error(fault, self.id) if fault is not None else None

    @property
    def response(self) -> dict[str, str] | None:
        """The headers of the server's answer that may be shown, lower case; None before there is one."""
        shown = self.snapshot
        return dict(shown.response) if shown.http_status is not None else None

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The bytes that are on the disk, as (start, stop) with stop exclusive."""
        return [(r.start, r.stop) for r in self.snapshot.held]

    def explain(self) -> str:
        """Tell the story: what happened when, and why; what was fetched twice; what was verified."""
        return str(resolve_name("nbxfer.faces.words:explain")(self.snapshot))

    def __repr__(self) -> str:
        s = self.snapshot
        size = f"{s.received} of {s.total} bytes" if s.total is not None else f"{s.received} bytes"
        return f"<Operation {self.id[:8]} {s.name!r}: {s.status.name.lower()}, {size}, {s.reason}>"

    def show(self, op_ids: Sequence[str]) -> dict[str, Any]:
        """Give the mime bundle that shows some operations of this session."""
        bundle: dict[str, Any] = resolve_name("nbxfer.faces.panel:bundle")(self._session, op_ids)
        return bundle

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return self.show([self.id])

    # -- steering ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Let an operation made with ``start=False`` go. Raises InvalidTransferState."""
        self._session.steer(self.id, "start")

    def pause(self) -> None:
        """Hold, keeping what has come. Raises InvalidTransferState where there is nothing to pause."""
        self._session.steer(self.id, "pause")

    def resume(self, url: str | None = None, headers: Any = None, auth: Any = None) -> None:
        """Go on; with a new URL, headers or credentials where they had expired. Raises InvalidTransferState."""
        self._session.steer(self.id, "resume", url=url, headers=headers, auth=auth)

    def retry(self, url: str | None = None, headers: Any = None, auth: Any = None) -> None:
        """Try again what failed, from its part. Raises InvalidTransferState."""
        self._session.steer(self.id, "retry", url=url, headers=headers, auth=auth)

    def cancel(self, delete_partial: bool = True) -> bool:
        """Cancel; give whether it was not over yet. Raises InvalidTransferState when it is too late by a moment."""
        if self.snapshot.phase in FINAL:
            return False
        self._session.steer(self.id, "cancel", delete_partial=delete_partial)
        return True

    # -- waiting -------------------------------------------------------------------------------------------------
    def wait(self, timeout: float | None = None, progress: bool = True) -> bool:
        """Wait until it is over, for better or worse; give whether it is (seconds; None: as long as it takes).

        Ctrl-C stops the waiting, never the transfer. Where nobody looks (no terminal, no notebook), raises
        NeedsAttention when it has waited for a person for a minute.
        """
        return watch([self], timeout, progress)

    def result(self, timeout: float | None = None) -> Path:
        """Wait, and give the path; raise the TransferError it ended with, or TimeoutError (seconds)."""
        if not watch([self], timeout, progress=False):
            raise TimeoutError(f"{self.snapshot.name} was not complete after {timeout} s; it goes on.")
        if (error := self.exception()) is not None:
            raise error
        return self.path

    def exception(self, timeout: float | None = None) -> TransferError | None:
        """Wait, and give the error it ended with; None when it is done. Raises TimeoutError (seconds)."""
        if not watch([self], timeout, progress=False):
            raise TimeoutError(f"{self.snapshot.name} was not complete after {timeout} s; it goes on.")
        if self.snapshot.phase is Phase.CANCELED:
            return TransferCanceled(f"{self.snapshot.name} was canceled.", op_id=self.id)
        return self.error if self.snapshot.phase is Phase.FAILED else None

    def done(self) -> bool:
        """Whether it is over: complete, failed or canceled."""
        return self.snapshot.phase in OVER

    def running(self) -> bool:
        """Whether something of it is in flight."""
        return self.status in (TransferStatus.RUNNING, TransferStatus.VERIFYING)

    def cancelled(self) -> bool:
        """Whether it was canceled."""
        return self.snapshot.phase is Phase.CANCELED

    def add_done_callback(self, fn: Callable[[Operation], object]) -> None:
        """Have ``fn(self)`` called once when it is over: at once if it is, else on the engine's thread."""
        once = threading.Lock()

        def look(_: object = None) -> None:
            if self.done() and once.acquire(blocking=False):
                unsubscribe()
                try:
                    fn(self)
                except Exception:
                    log.exception("a done callback failed")

        unsubscribe = self._session.board.subscribe(look)
        look()

    def __await__(self) -> Generator[Any, None, Path]:
        return self._awaited().__await__()

    async def _awaited(self) -> Path:
        # Awake often: a cell that awaits can be interrupted only when its loop wakes.
        async for _ in self.snapshots():
            pass
        return self.result()

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Give the snapshot whenever it has changed, the last one when it is over."""
        last: Snapshot | None = None
        impatience = Impatience([self])
        while True:
            if (now := self.snapshot) is not last:
                last = now
                yield now
            if last.phase in OVER:
                return
            impatience.check()
            await anyio.sleep(LOOK_EVERY)


class Impatience:
    """Where nobody looks, waiting for a person must end; this notices when it has lasted too long."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = list(operations)
        self.since: float | None = None
        self.patience = self.operations[0]._session.patience if self.operations else None

    def check(self) -> None:
        """Raise NeedsAttention where every operation that is not over has waited for a person for too long."""
        if self.patience is None:
            return
        waiting = [s for o in self.operations if (s := o.snapshot).phase not in OVER]
        if not waiting or not all(_waits_for_person(s) for s in waiting):
            self.since = None
            return
        now = time.monotonic()
        self.since = self.since if self.since is not None else now
        if now - self.since >= self.patience:
            first = waiting[0]
            raise NeedsAttention(
                f"{first.name} waits for a person: {first.reason}",
                op_id=first.id,
                hint=(first.fault.hint if first.fault and first.fault.hint else f"Then: nbxfer resume {first.id[:8]}"),
            )


def _waits_for_person(shown: Snapshot) -> bool:
    return shown.phase is Phase.PAUSED or shown.status is TransferStatus.PAUSED_SYSTEM_POLICY


def watch(
    operations: Sequence[Operation], timeout: float | None, progress: bool, until: frozenset[Phase] = OVER
) -> bool:
    """Wait on this thread until all are over, with a bar where there is something to see; give whether they are."""
    if not operations:
        return True
    session = operations[0]._session
    for operation in operations:
        session.attend(operation.id)
    end = None if timeout is None else time.monotonic() + timeout
    news = threading.Event()
    unsubscribe = session.board.subscribe(lambda _: news.set())
    bar = resolve_name("nbxfer.faces.bar:Bar")(lambda: [o.snapshot for o in operations]) if progress else None
    impatience = Impatience(operations)
    try:
        while not all(o.snapshot.phase in until for o in operations):
            left = None if end is None else end - time.monotonic()
            if left is not None and left <= 0:
                return False
            impatience.check()
            news.wait(LOOK_EVERY if left is None else min(LOOK_EVERY, left))
            news.clear()
            if bar is not None:
                bar.refresh()
        return True
    finally:
        unsubscribe()
        if bar is not None:
            bar.close()


def somebody_looks() -> bool:
    """Whether there is a person to ask: a notebook, or a terminal."""
    if "ipykernel" in sys.modules:
        return True
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


__all__ = ["OVER", "RESTING", "Operation", "somebody_looks", "watch"]
