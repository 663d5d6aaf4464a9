"""Waiting for operations on the caller's own thread: interruptible, with a bar, and not for ever where nobody looks."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from nbxfer.core.phases import FINAL, Phase, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import InvalidRequest, NeedsAttention

if TYPE_CHECKING:
    from nbxfer.session.operation import Operation

#: Phases in which nothing more happens by itself, and nobody is asked.
OVER = FINAL | {Phase.FAILED}
#: Those, and those in which a person has the next word.
RESTING = OVER | {Phase.PAUSED, Phase.CREATED}
#: Seconds between two looks while waiting.
LOOK_EVERY = 0.1
#: Seconds after which a silent wait for a person says so, once.
SAY_AFTER = 2.0


class Impatience:
    """Where nobody looks, waiting for a person must end; this notices when it has lasted too long."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.operations = list(operations)
        self.since: float | None = None
        self.patience = self.operations[0]._session.patience if self.operations else None
        self.said = False

    def check(self, *, quiet: bool = True) -> None:
        """Raise NeedsAttention where every operation that is not over has waited for a person for too long.

        Where somebody looks it only says so, once, unless ``quiet``.
        """
        waiting = [s for o in self.operations if (s := o.snapshot).phase not in OVER]
        if not waiting or not all(_waits_for_person(s) for s in waiting):
            self.since = None
            return
        now = time.monotonic()
        self.since = self.since if self.since is not None else now
        first = waiting[0]
        if self.patience is None:
            if not quiet and not self.said and now - self.since >= SAY_AFTER:
                self.said = True
                print(f"nbxfer: waiting; {first.name} is {_held_up(first)}", file=sys.stderr)
        elif now - self.since >= self.patience:
            raise NeedsAttention(
                f"{first.name} waits for a person: {first.reason}",
                op_id=first.id,
                hint=(first.fault.hint if first.fault and first.fault.hint else f"Then: nbxfer resume {first.id[:8]}"),
            )


def _held_up(shown: Snapshot) -> str:
    if shown.phase is Phase.CREATED:
        return "not started: start() lets it go."
    return f"{shown.reason}." if shown.fault is not None else "paused by you: resume() lets it go on."


def _waits_for_person(shown: Snapshot) -> bool:
    return shown.phase in (Phase.PAUSED, Phase.CREATED) or shown.status is TransferStatus.PAUSED_SYSTEM_POLICY


def watch(
    operations: Sequence[Operation], timeout: float | None, progress: bool, until: frozenset[Phase] = OVER
) -> bool:
    """Wait on this thread until all are over, with a bar where there is something to see; give whether they are."""
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
        raise InvalidRequest(f"timeout={timeout!r} is no number of seconds.", hint="Give seconds, or None.")
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
            impatience.check(quiet=bar is not None)
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
