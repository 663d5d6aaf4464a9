"""The turn: one dispatcher drains the events of all operations. Decide all, save once, tell once, do.

It runs on the loop thread only and never awaits: a turn is never re-entered. What it needs of the world comes in as
two functions: ``perform`` starts an action, ``missing`` names the secrets that an operation lacks.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, Final

from nbxfer.board import Board
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import url as urls
from nbxfer.core.groups import Rule
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import ASKING, BUSY, FINAL, Phase
from nbxfer.core.record import Record
from nbxfer.engine.clearance import Clearance
from nbxfer.engine.limits import Slots
from nbxfer.engine.turns import Turns
from nbxfer.engine.wording import say_story
from nbxfer.errors import InvalidRequest, TakenOver, TransferError
from nbxfer.manifest.base import Manifest

log = logging.getLogger("nbxfer")

#: What is no larger (bytes) is soon checked and named when it is here.
LITTLE: Final = 1024 * 1024

#: Wishes that may change who of a group goes first.
STIRRING: Final = frozenset((ev.PlaceAsked, ev.PriorityAsked, ev.SpecAsked))

Planned = tuple[Operation, do.Action]
Item = tuple[str, ev.Event, "Future[None] | None"]


class Dispatcher:
    """All live operations of one engine, and the turn that moves them."""

    def __init__(
        self,
        manifest: Manifest,
        board: Board,
        slots: Slots,
        perform: Callable[[Sequence[Planned]], None],
        missing: Callable[[Operation], tuple[str, ...]] = lambda op: (),
        rested: Callable[[Operation], None] = lambda op: None,
        clock: Callable[[], float] = time.time,
        lanes: int = 1,
        ahead: Callable[[Operation, do.Action], ev.Event | None] = lambda op, action: None,
        rule_of: Callable[[str], Rule] = lambda group: Rule(),
        clearance: Clearance | None = None,
    ) -> None:
        self.manifest, self.board, self.slots = manifest, board, slots
        self.perform, self.missing, self.rested, self.clock = perform, missing, rested, clock
        self.clearance = clearance if clearance is not None else Clearance()
        # What gives the answer to an action that has been done already; the most connections of one operation.
        self.ahead, self.lanes = ahead, lanes
        self.came: Callable[[Iterable[Operation]], None] = lambda ops: None  # counts what has come
        self.ops: dict[str, Operation] = {}
        self.by_destination: dict[str, Operation] = {}
        self.turns = Turns(self.ops, slots, rule_of)
        self.leaving = False  # no operation gets a slot any more
        self.unsaved = False  # the manifest's disk refused; what was planned waits in ``_held_back``
        self.appended = 0
        self._touched: dict[str, Operation] = {}
        self._planned: list[Planned] = []
        self._replies: list[tuple[Future[Any], Any]] = []
        self._saved: dict[str, int] = {}  # received, as the journal has it
        self._early: set[str] = set()  # answered ahead in this turn
        self._new: list[str] = []  # admitted in this turn, and not known to the disk yet

    # -- what comes in -------------------------------------------------------------------------------------------
    def admit(self, ops: Iterable[Operation]) -> None:
        """Take operations in, new ones and revived ones; saved and told at the end of the turn."""
        for op in ops:
            self.ops[op.id] = op
            if op.phase is not Phase.FAILED:  # what was refused does not stand in the way of what goes on
                self.by_destination[op.spec.destination] = op
            else:
                self.by_destination.setdefault(op.spec.destination, op)
            self._touched[op.id] = op
            self._new.append(op.id)
            self._planned += [(op, action) for action in op.revive(self.clock())]

    def happened(self, items: Iterable[Item]) -> None:
        """Decide: give each event to its operation."""
        now, chance, talk = self.clock(), random.random, log.isEnabledFor(logging.DEBUG)
        moved: dict[str, Operation] = {}
        for op_id, told, reply in items:
            op, event = self.ops.get(op_id), self.clearance.disguised(told)
            if op is None:
                if reply is not None:
                    self._replies.append((reply, KeyError(op_id)))
                continue
            if isinstance(event, ev.LOST) and event.fault.retry_after is not None:
                self.slots.hosts.shut_both(urls.server(op.spec.asked), event.fault)
            try:
                actions = self._handled(op, event, now, chance())
            except Exception as error:  # whatever it is: the events of all others have to come through
                if isinstance(error, TransferError):
                    error.op_id = op_id
                else:
                    log.exception("an event could not be taken in; please report this")
                if reply is not None:
                    self._replies.append((reply, error))
                continue
            self._touched[op_id] = op
            self._planned += [(op, action) for action in actions]
            if reply is not None:
                self._replies.append((reply, None))
            if talk and type(event) is not ev.BlocksLanded:
                moved[op_id] = op
        for op in moved.values():
            say_story(op, round(now, 3))

    def _handled(self, op: Operation, event: ev.Event, now: float, chance: float) -> list[do.Action]:
        """Let an event have its consequences, and those answers that are there already theirs."""
        actions: list[do.Action] = []
        for action in op.handle(event, now, chance):
            known = self.ahead(op, action)
            if known is None:
                actions.append(action)
            else:
                self._early.add(op.id)
                actions += self._handled(op, known, now, chance)
        if type(event) in STIRRING:
            self.turns.stir(op.spec.group)
        return actions

    def answer(self, reply: Future[Any], value: object) -> None:
        """Answer ``reply`` when this turn is saved: with a value, or by raising an exception."""
        self._replies.append((reply, value))

    # -- the turn ------------------------------------------------------------------------------------------------
    def turn(self) -> None:
        """Finish the turn: grant slots, save, tell, do."""
        if crowd := self.turns.making_room():
            self.happened([(op_id, ev.TurnOver(), None) for op_id in crowd])
        self.happened(self.clearance.review(list(self._touched.values())))
        self._settle()
        self._grant()
        touched = self._touched
        if not touched and not self._planned and not self._replies:
            return
        # Of what was fetched before it was asked for nothing is written down before it is whole: a kill would find no
        # block log of it anyhow, and begins again.
        early, self._early = self._early, set()
        late = [op for op in touched.values() if op.dirty and not (op.phase is Phase.VERIFYING and op.id in early)]
        if not self._save(late):
            return
        now = self.clock()
        self.board.post(op.snapshot(now) for op in touched.values() if not self._waits_still(op))  # one by one, too
        self.came(touched.values())
        for op in touched.values():
            self.rested(op)
            if op.phase in FINAL or op.handed_over:
                self._drop(op.id)
        planned, self._planned, self._touched, self._new = self._planned, [], {}, []
        self.reply()
        if planned:
            self.perform(planned)

    def _waits_still(self, op: Operation) -> bool:
        """Say whether it rides, or did in this turn, and is shown as one that waits: so it does, to whoever looks."""
        unseen = op.phase is Phase.COMMITTING or (op.phase is Phase.PROBING and self.slots.rides(op.id))
        return unseen and self.board.phase(op.id) is Phase.QUEUED

    def _settle(self) -> None:
        now = self.clock()
        for op in self._touched.values():
            if op.phase not in BUSY:
                self.slots.release(op.id)
            elif op.phase not in ASKING:
                self.slots.disconnect(op.id, little=op.size is not None and op.size <= LITTLE)
            if op.phase is Phase.QUEUED and not op.handed_to:
                self.turns.wait(op, now)

    def _grant(self) -> None:
        now, hosts = self.clock(), self.slots.hosts
        go = self.clearance.ready and not self.leaving
        while go and self.slots.free > 0 and (op := self.turns.next(self.slots.passes, now)) is not None:
            self._begin(op, now, ride=False)
        while go and self.slots.seats > 0 and (op := self.turns.rider(self.slots.carries, now)) is not None:
            self._begin(op, now, ride=True)
        hosts.hunger(frozenset(self.turns.queue.passed) if self.slots.free > 0 else frozenset())

    def _begin(self, op: Operation, now: float, *, ride: bool) -> None:
        host, self._touched[op.id] = urls.server(op.spec.asked), op
        self._planned += [(op, action) for action in op.handle(self._turn_of(op, host), now)]
        if op.phase in BUSY:
            self.slots.take(op.id, host, ride=ride)

    def _turn_of(self, op: Operation, host: str) -> ev.Event:
        if missing := self.missing(op):
            return ev.SecretsMissing(missing)
        if (hold := self.clearance.hold(op)) is not None:
            return ev.Held(hold.stall, hold.fault)
        if (busy := self.slots.hosts.wait(host)) is not None:
            return ev.HostBusy(*busy)
        return ev.SlotFree(self.lanes)

    def _save(self, dirty: Sequence[Operation]) -> bool:
        """Append what is news for the disk. Fenced goes through; a full disk makes everything wait."""
        if dirty:
            try:
                self.manifest.append(op.record() for op in dirty)  # one by one: there may be 100,000
            except TransferError as error:
                for op in dirty:  # one that can never be stored must not keep the others from it
                    if isinstance(error, InvalidRequest) and op.id == error.op_id:
                        op.dirty = False
                if not self.unsaved:
                    log.error("the list of transfers cannot be saved, so they wait: %s", error)
                self.unsaved = True
                self._refuse(error)
                return False
            self.appended += len(dirty)
            for op in dirty:
                op.dirty = False
                if op.received or op.id in self._saved:
                    self._saved[op.id] = op.received
        self.unsaved = False
        return True

    def _refuse(self, error: TransferError) -> None:
        """Tell those who wait for this turn; what was accepted before is kept and tried again on the next one."""
        replies, self._replies = self._replies, []
        for op_id in self._new:
            self._touched.pop(op_id, None)
            self._drop(op_id)
        self._planned = [(op, action) for op, action in self._planned if op.id in self.ops]
        self._new = []
        for reply, _ in replies:
            reply.set_exception(error)

    def reply(self) -> None:
        """Answer those who wait for this turn."""
        replies, self._replies = self._replies, []
        for reply, value in replies:
            if not reply.set_running_or_notify_cancel():
                continue
            if isinstance(value, BaseException):
                reply.set_exception(value)
            else:
                reply.set_result(value)

    def _drop(self, op_id: str) -> None:
        op = self.ops.pop(op_id, None)
        if op is not None and self.by_destination.get(op.spec.destination) is op:
            del self.by_destination[op.spec.destination]
        self._saved.pop(op_id, None)
        self.slots.release(op_id)
        self.turns.drop(op_id)

    def surrender(self) -> None:
        """Forget every operation without a word to the disk: they are somebody else's now."""
        for op_id in list(self.ops):
            self._drop(op_id)
        self._touched.clear()
        self._planned.clear()
        self._new.clear()
        replies, self._replies = self._replies, []
        for reply, _ in replies:
            reply.set_exception(TakenOver("Another kernel has taken this over.", hint="Look with operations()."))

    # -- now and then --------------------------------------------------------------------------------------------
    def checkpoint(self) -> None:
        """Note the totals of what is running, so that watchers elsewhere see it move; end what is too late."""
        now = self.clock()
        late = [op.id for op in self.ops.values() if op.spec.deadline is not None and op.spec.deadline <= now]
        self.happened([(op_id, ev.DeadlineOver(), None) for op_id in late])
        self.happened([(op_id, ev.TimeCome(), None) for op_id in self.turns.come(now)])
        crowded = self.slots.free <= 0 or self.turns.queue.passed
        if crowded and not self.leaving and (out := self.turns.exchange(now)) is not None:
            self.happened([(out, ev.TurnOver(), None)])
        running = [op for op in self.ops.values() if op.phase is Phase.RUNNING]
        for op in [op for op in running if self._saved.get(op.id, 0) != op.received]:
            op.dirty = True
            self._touched[op.id] = op

    def records(self) -> list[Record]:
        """Give the record of every live operation."""
        return [op.record() for op in self.ops.values()]

    @property
    def crowded(self) -> bool:
        """Whether more operations wait for their turn than run."""
        return len(self.turns.queue) > len(self.slots)

    @property
    def busy(self) -> bool:
        """Whether anything has something in flight."""
        return any(op.in_flight for op in self.ops.values())
