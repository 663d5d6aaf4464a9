"""Completion groups: something that is done once, when several operations are over, whatever happens in between.

Enabling one writes a card (manifest): from then on it is a promise of the home, not of this process. Who sees that all
are over makes a claim on firing it, by a hard link that can be made once. A process that dies before that leaves the
promise to the next ``reattach``; one that dies *while the task runs* leaves the claim, and the task is run again, with
``attempt`` 2. So it is run once, unless it is itself cut off.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Iterable, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nbxfer.core import completion as pure
from nbxfer.core.completion import Completion, Outcome
from nbxfer.core.lease import Hold
from nbxfer.core.phases import Phase
from nbxfer.core.snapshot import picture
from nbxfer.engine import clock
from nbxfer.errors import InvalidRequest, InvalidTransferState, TransferError
from nbxfer.manifest.base import Card, Claim
from nbxfer.session import notifying
from nbxfer.session.batch import Batch
from nbxfer.session.checks import function, shown
from nbxfer.session.notifying import Sink
from nbxfer.session.operation import Operation

if TYPE_CHECKING:
    from nbxfer.session.helm import Helm

log = logging.getLogger("nbxfer")

KIND: Final = "completions"
_read = msgspec.json.Decoder(Completion).decode


class Completed:
    """What a completion task is called with.

    ``operations`` are those that are still known, in the order in which they were added; ``failed`` those of them that
    had failed when all were over: ``retry`` goes on from their parts.
    """

    def __init__(self, session: Helm, plan: Completion, outcome: Outcome, attempt: int) -> None:
        self.id, self.name = plan.id, plan.name
        self.outcome = outcome
        self.attempt = attempt  # 2 and more: the process that had begun with the task was killed in it
        known = phases(session, plan)
        self.operations = Batch(Operation(session, i) for i, phase in known.items() if phase is not None)
        self.failed = self.operations.failed

    @property
    def ok(self) -> bool:
        """Whether all have succeeded."""
        return self.outcome.ok

    def __repr__(self) -> str:
        return f"<Completed {self.name or self.id[:8]}: {self.outcome.done} of {self.outcome.count} done>"


class CompletionGroup:
    """Have ``task`` run once, when all operations that were added are done, have failed or were canceled.

    ``task`` is the name of a function that can be imported ("module:function"), so that it can be run by another
    process, too; it gets a ``Completed``. It is fired once: never by two processes, never again once it has returned or
    raised. Only where its process is killed while it runs is it begun again, with ``attempt`` 2: what it does should be
    repeatable, or look at ``attempt``. ``notify`` says how a person is told (see docs/options.md). Operations are
    added by ``add`` or the option ``completion=``; nothing happens before ``enable``, and nothing can be added after.
    """

    def __init__(
        self, task: str | None = None, *, notify: Any = None, name: str = "", session: Helm | None = None
    ) -> None:
        if task is not None and not isinstance(task, str):
            raise InvalidRequest(
                f"task={shown(task)} lives in this process only.",
                hint="Put the function into a module, and give its name: 'module:function'.",
            )
        if task is not None:
            function("task", task, "what is completed")
        self.id = secrets.token_hex(8)
        self.name = name
        self._task = task or ""
        self._sinks = notifying.sinks("notify", notify)
        if not self._task and not self._sinks:
            raise InvalidRequest("There is nothing to do when all are over.", hint="Give task= or notify=.")
        self._session: Helm = session if session is not None else resolve_name("nbxfer.session.kernel:default")()
        self._operations: dict[str, Operation] = {}
        self._lock = threading.Lock()
        self._watch: Watch | None = None

    @property
    def enabled(self) -> bool:
        """Whether it is a promise already."""
        return self._watch is not None

    @property
    def operations(self) -> Batch:
        """What was added."""
        return Batch(self._operations.values())

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None before it has fired."""
        return self._watch.outcome if self._watch is not None else None

    def add(self, *operations: Operation | Iterable[Operation]) -> None:
        """Add operations, batches or groups. Raises InvalidTransferState once it is enabled."""
        with self._lock:
            self.check_open()
            for one in operations:
                many: Iterable[Any] = one if isinstance(one, Iterable) else [one]
                for op in many:
                    if not isinstance(op, Operation):
                        raise InvalidRequest(f"{shown(op)} is no operation.", hint="Give what download() has given.")
                    self._operations[op.id] = op

    def check_open(self) -> None:
        """Raise InvalidTransferState once it is enabled."""
        if self.enabled:
            raise InvalidTransferState(
                "This completion group is enabled; nothing can be added to it any more.",
                hint="Make another one for what comes now.",
            )

    def enable(self) -> None:
        """Make it a promise: durable when this returns. It fires at once where all are over already.

        Raises InvalidTransferState the second time, InvalidRequest where nothing was added.
        """
        with self._lock:
            self.check_open()
            if not self._operations:
                raise InvalidRequest("Nothing was added to this completion group.", hint="add() operations first.")
            names = [way for way in self._sinks if isinstance(way, str)]
            plan = Completion(
                self.id,
                {i: str(op.path) for i, op in self._operations.items()},
                self._task,
                tuple(names),
                self.name,
                self._session.notebook,
                len(self._sinks) - len(names),
            )
            self._watch = Watch.promised(self._session, plan, self._sinks)
        self._watch.begin()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it has fired and its task has returned; give whether that is so (seconds)."""
        return self._watch is not None and self._watch.fired.wait(timeout)

    def __repr__(self) -> str:
        how = "not enabled" if self._watch is None else "fired" if self._watch.fired.is_set() else "enabled"
        return f"<CompletionGroup {self.name or self.id[:8]}: {len(self._operations)} operations, {how}>"


class Watch:
    """One promise, looked after by one process."""

    def __init__(self, session: Helm, plan: Completion, card: Card, sinks: Iterable[Sink]) -> None:
        self._session, self.plan, self._card, self._sinks = session, plan, card, tuple(sinks)
        self.fired = threading.Event()
        self.outcome: Outcome | None = None
        self._once = threading.Lock()
        self._unsubscribe = session.board.subscribe(lambda _: self._look(), ids=plan.operations)

    @classmethod
    def promised(cls, session: Helm, plan: Completion, sinks: Iterable[Sink]) -> Watch:
        """Write a promise down. Raises NoSpace, AccessDenied, StorageFailed."""
        session._engine.start()
        card = Card(KIND, plan.id, msgspec.json.encode(plan).decode(), session._manifest.me.id)
        session._manifest.put_card(card)
        return cls(session, plan, card, sinks)

    def begin(self) -> None:
        """Look for the first time."""
        theirs = [i for i in self.plan.operations if (s := self._session.board.get(i)) and s.owner == "theirs"]
        if theirs:
            self._session.attend(*theirs)
        self._look()

    def _look(self) -> None:
        """Fire when all are over; on the engine's thread: only what the board knows is looked at here."""
        known = [s.phase if (s := self._session.board.get(i)) else None for i in self.plan.operations]
        if pure.outcome(known) is not None and self._once.acquire(blocking=False):
            self._unsubscribe()
            self._session.apart(self._fire, f"completion {self.plan.id}")

    def _fire(self) -> None:
        session, plan = self._session, self.plan
        try:
            how = pure.outcome(phases(session, plan).values())
            attempt = self._claimed() if how is not None else 0
            if how is not None and attempt:
                self._do(how, attempt)
            self.outcome = how
        except TransferError as error:  # the promise stands, for the next one who looks
            log.error("what was to be done when transfers are over could not be done: %s", error)
        finally:
            self.fired.set()

    def _claimed(self) -> int:
        """Give the number of the attempt that is ours; 0 where somebody else does it, or has done it."""
        manifest, attempt = self._session._manifest, 1
        mine = Claim(self.plan.id, manifest.me.id, "")
        while (holder := manifest.claim(_claim(self.plan, attempt), mine)).owner != manifest.me.id:
            if manifest.hold_of(holder.owner) not in (Hold.DEAD, Hold.LAPSED):
                return 0
            attempt += 1  # who began with it was killed
        return attempt

    def _do(self, how: Outcome, attempt: int) -> None:
        session, plan = self._session, self.plan
        if plan.task:
            try:
                resolve_name(plan.task)(Completed(session, plan, how, attempt))
            except BaseException as error:
                log.exception("the completion task %s failed", plan.task)
                self._note("completion task failed", f"{plan.task}: {type(error).__name__}")
            else:
                self._note("completion task done", plan.task)
        if self._sinks:
            notice = pure.notice(plan, how, clock.now(), self._names())
            notifying.tell(
                session.board, notice, self._sinks, lambda way, why: self._note("notice failed", f"{way}: {why}")
            )
        session._manifest.drop_card(self._card)
        for number in range(1, attempt + 1):
            session._manifest.unclaim(_claim(plan, number), plan.id)

    def _note(self, what: str, detail: str) -> None:
        self._session.note(next(reversed(self.plan.operations)), what, detail)

    def _names(self) -> list[str]:
        shown = [s for i in self.plan.operations if (s := self._session.board.get(i))]
        return [s.name for s in sorted(shown, key=lambda s: s.phase is not Phase.FAILED)]


def _claim(plan: Completion, attempt: int) -> str:
    return f"completion:{plan.id}:{attempt}"


def phases(session: Helm, plan: Completion) -> dict[str, Phase | None]:
    """Give how each operation of a promise stands; None for one that nobody knows any more."""
    found: dict[str, Phase | None] = {}
    for op_id, destination in plan.operations.items():
        shown = session.board.get(op_id)
        found[op_id] = shown.phase if shown is not None else None
        if shown is None:
            record = session._manifest.finished(destination)
            if record is not None and record.id == op_id:
                session.board.post([picture(record, owner="theirs")])  # so that its handle has something to show
                found[op_id] = record.phase
    return found


def left(session: Helm, notebook: str | None) -> Mapping[str, Watch]:
    """Take on the promises of processes that are gone (of one notebook; None: of all); give them by id.

    Each is fired as soon as all of its operations are over, which may be at once.
    """
    manifest, taken = session._manifest, {}
    for card in manifest.cards(KIND):
        if manifest.hold_of(card.owner) not in (Hold.DEAD, Hold.LAPSED):
            continue
        try:
            plan = _read(card.text)
        except (msgspec.MsgspecError, ValueError):
            log.warning("a promise of another version is left aside")
            continue
        if notebook is not None and plan.notebook != notebook:
            continue
        mine = manifest.take_card(card)
        if mine is not None:
            if plan.memory:
                log.warning("%s of the ways to tell that transfers are over went with their process", plan.memory)
            taken[plan.id] = Watch(session, plan, mine, plan.notify)
    return taken
