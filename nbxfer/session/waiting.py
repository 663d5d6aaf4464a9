"""Waiting for operations on the caller's own thread: interruptible, with a bar, and not for ever where nobody looks."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Self

from nbxfer.board import News
from nbxfer.core.phases import FINAL, Phase, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import InvalidRequest, InvalidTransferState, NeedsAttention

if TYPE_CHECKING:
    from nbxfer.session.operation import Operation

#: Phases in which nothing more happens by itself, and nobody is asked.
OVER = FINAL | {Phase.FAILED}
#: Those, and those in which a person has the next word.
RESTING = OVER | {Phase.PAUSED, Phase.CREATED}
#: What a person may have to do something about, though it goes on by itself when it can.
_FOR_A_PERSON = (
    TransferStatus.PAUSED_SYSTEM_POLICY,
    TransferStatus.PAUSED_COSTED_NETWORK,
    TransferStatus.ORPHANED,
)
#: Seconds between two looks while waiting.
LOOK_EVERY = 0.1
#: Seconds between two looks at all of them, not only at those that there is news of.
LOOK_AT_ALL = 1.0
#: Who waits for more than ``MANY`` is not woken by each: it takes a breath (seconds) between two looks.
MANY, BREATH = 16, 0.005
#: Seconds after which a silent wait for a person says so, once.
SAY_AFTER = 2.0


class Impatience:
    """Where nobody looks, waiting for a person must end; this notices when it has lasted too long."""

    def __init__(self, operations: Iterable[Operation], patience: float | None = None) -> None:
        self.operations: Collection[Operation] = list(operations)
        self.since: float | None = None
        self.patience = patience
        if patience is None and self.operations:
            self.patience = next(iter(self.operations))._session.patience
        self.said = False

    def check(self, *, quiet: bool = True) -> None:
        """Raise NeedsAttention where every operation that is not over has waited for a person for too long.

        Where somebody looks it only says so. It is said once, unless ``quiet``.
        """
        first: Snapshot | None = None
        for operation in self.operations:
            shown = operation.snapshot
            if shown.phase in OVER:
                continue
            if not _waits_for_person(shown):
                first = None
                break
            first = first or shown
        if first is None:
            self.since = None
            return
        now = time.monotonic()
        self.since = self.since if self.since is not None else now
        if not quiet and not self.said and now - self.since >= SAY_AFTER:
            self.said = True
            end = "" if self.patience is None else f" Nobody seems to be there; {self.patience:g} s are waited."
            print(f"nbxfer: {_held_up(first)}{end}", file=sys.stderr)
        if self.patience is not None and now - self.since >= self.patience:
            raise NeedsAttention(
                f"{first.name} waits for a person: {first.reason}",
                op_id=first.id,
                hint=(first.fault.hint if first.fault and first.fault.hint else f"Then: nbxfer resume {first.id[:8]}"),
            )


def _held_up(shown: Snapshot) -> str:
    if shown.phase is Phase.CREATED:
        return f"waiting; {shown.name} is not started: start() lets it go."
    if shown.fault is None:
        return f"waiting; {shown.name} is paused by you: resume() lets it go on."
    return f"{shown.name} waits for you: {shown.reason.rstrip('.')}."


def _waits_for_person(shown: Snapshot) -> bool:
    if shown.status in _FOR_A_PERSON:
        return True
    return shown.phase in (Phase.PAUSED, Phase.CREATED)


class _Looks:
    """Looks at operations, each time one is over, until all are. A context manager; one thread's own.

    The board's news say which are over, so of a hundred thousand only those are looked at; and all of them now and
    then. Who is ``patient`` need not know of each: many of them wake it only when the last may be over.
    """

    def __init__(
        self,
        operations: Sequence[Operation],
        timeout: float | None,
        until: frozenset[Phase],
        patience: float | None = None,
        *,
        patient: bool = False,
    ) -> None:
        if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, int | float)):
            raise InvalidRequest(f"timeout={timeout!r} is no number of seconds.", hint="Give seconds, or None.")
        self.all = list(operations)
        self.until = until
        self.impatience = Impatience(operations, patience)
        self._patient = patient
        self._end = None if timeout is None else time.monotonic() + timeout
        self._news = threading.Event()
        self._heard: deque[str] = deque()  # ids of those that are over
        self._cost = 0.0
        self.begin_again()

    def __enter__(self) -> Self:
        self._unsubscribe: Callable[[], None] = lambda: None
        if self.all:
            session = self.all[0]._session
            session.attend(*self.left)
            self._unsubscribe = session.board.subscribe(self._hear, ids=self.left)
        return self

    def __exit__(self, *_: object) -> None:
        self._unsubscribe()

    def _hear(self, news: News) -> None:
        self._heard.extend([op_id for op_id, shown in news.items() if shown.phase in self.until])
        if not self._lets_it_be or len(self._heard) >= len(self.left):
            self._news.set()

    @property
    def _lets_it_be(self) -> bool:
        return self._patient and len(self.left) > MANY

    def begin_again(self) -> None:
        """Look at all of them: somebody may have retried one that was over."""
        self.left = {operation.id: operation for operation in self.all}
        self.impatience.operations = self.left.values()
        self._all_at = 0.0

    def over(self) -> list[Operation]:
        """Give those of which the end was not known at the last look, each once."""
        begin = time.monotonic()
        some: Iterable[str] = {self._heard.popleft() for _ in range(len(self._heard))}
        everything = begin >= self._all_at
        if everything:
            some = list(self.left)
        over = [i for i in some if (there := self.left.get(i)) is not None and there._session.phase(i) in self.until]
        self._cost = time.monotonic() - begin
        if everything:
            self._all_at = begin + max(LOOK_AT_ALL, 100 * self._cost)
        return [self.left.pop(op_id) for op_id in over]

    def sleep(self, *, quiet: bool) -> bool:
        """Wait for news, a moment at most; say whether there is time left. Raises NeedsAttention.

        Who waits for thousands looks less often: the looking must not slow down what it looks at.
        """
        left = None if self._end is None else self._end - time.monotonic()
        if left is not None and left <= 0:
            return False
        self.impatience.check(quiet=quiet)
        if self.all[0]._session._engine._ended:  # another thread has closed it: no news will ever come
            raise InvalidTransferState(
                "Its session was closed while this waited; what has come is saved.", hint="To go on: reattach()."
            )
        self._news.wait(LOOK_EVERY if left is None else min(LOOK_EVERY, left))
        self._news.clear()
        breath = BREATH if len(self.left) > MANY and not self._patient else 0.0
        time.sleep(min(LOOK_EVERY, max(10 * self._cost, breath)))
        return True


def watch(
    operations: Sequence[Operation],
    timeout: float | None,
    progress: bool,
    until: frozenset[Phase] = OVER,
    patience: float | None = None,
) -> bool:
    """Wait on this thread until all are over, with a bar where there is something to see; give whether they are.

    ``patience`` is how long a person is waited for (seconds; None: as the session says). Raises NeedsAttention.
    """
    looks = _Looks(operations, timeout, until, patience, patient=True)
    if not operations:
        return True
    with looks:
        bar = resolve_name("nbxfer.faces.bar:Bar")(partial(_pictures, operations)) if progress else None
        try:
            while True:
                looks.over()
                if not looks.left:
                    looks.begin_again()
                    looks.over()
                    if not looks.left:
                        return True
                if not looks.sleep(quiet=bar is not None):
                    return False
                if bar is not None:
                    bar.refresh()
        finally:
            if bar is not None:
                bar.close()
            heard(o for o in operations if o.id not in looks.left)


def _pictures(operations: Sequence[Operation]) -> list[Snapshot]:
    """Give the snapshots of operations, as far as they are known."""
    return [shown for o in operations if (shown := o._session.board.get(o.id)) is not None]


def not_over(shown: Snapshot, timeout: float) -> TimeoutError:
    """Give the error for one that was not over after ``timeout`` seconds: with the reason."""
    waits = "it waits for a person. " if shown.phase is Phase.PAUSED and shown.fault is not None else ""
    return TimeoutError(f"{shown.name} was not over after {round(timeout, 2):g} s: {waits}{shown.reason.rstrip('.')}.")


def heard(operations: Iterable[Operation]) -> None:
    """Know that somebody waited for these to their end, and so was told how they ended."""
    for operation in operations:
        operation._session._told.add(operation.id)


def completed(operations: Sequence[Operation], timeout: float | None) -> Iterator[Operation]:
    """Give each operation when it is over. Raises TimeoutError (seconds), NeedsAttention."""
    with _Looks(operations, timeout, OVER) as looks:
        while looks.left:
            over = looks.over()
            heard(over)
            yield from sorted(over, key=lambda o: o.snapshot.changed)
            if not over and not looks.sleep(quiet=False):
                raise TimeoutError(
                    f"{len(looks.left)} of {len(operations)} were not over after {round(timeout or 0, 2):g} s."
                )


def somebody_looks() -> bool:
    """Whether there is a person to ask: a notebook, or a terminal."""
    if "ipykernel" in sys.modules:
        return True
    return any(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))
