"""The engine of one home in one process: loop, workers, dispatcher, and what is open for whom.

Everything public may be called from any thread. Nothing starts before the first operation is given to it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, TypeVar

from nbxfer.board import Board
from nbxfer.core import events as ev
from nbxfer.core.groups import Rule
from nbxfer.core.lease import HEARTBEAT
from nbxfer.core.lifecycle import Operation
from nbxfer.core.record import Record
from nbxfer.core.surroundings import CostPolicy
from nbxfer.engine import clock, platform, rules
from nbxfer.engine.callers import Callers
from nbxfer.engine.clearance import Clearance
from nbxfer.engine.custody import Custody
from nbxfer.engine.dispatcher import Dispatcher
from nbxfer.engine.gates import Gates
from nbxfer.engine.hosts import Hosts
from nbxfer.engine.limits import Slots
from nbxfer.engine.movers import Movers, Use
from nbxfer.engine.outlook import Outlook
from nbxfer.engine.pace import Pace
from nbxfer.engine.portal import Portal
from nbxfer.engine.reply import Reply
from nbxfer.engine.timers import Timers
from nbxfer.engine.together import Answers
from nbxfer.engine.upkeep import Upkeep
from nbxfer.engine.work import Work
from nbxfer.engine.workers import Workers
from nbxfer.errors import ForkedError, InvalidTransferState, TransferError
from nbxfer.manifest.base import Fenced, Manifest
from nbxfer.network.watch import Watch

log = logging.getLogger("nbxfer")
T = TypeVar("T")

#: Seconds between two looks at the clock while something runs, lives, or rests.
TICK_RUNNING, TICK_LIVE, TICK_IDLE = 0.1, 0.25, 1.0
#: Seconds for which answers are gathered while many wait; and where a mover has hundreds of them before it anyhow.
GATHER, GATHER_MORE = 0.001, 0.012
#: How long leaving waits for what is in flight (seconds); a kernel is killed 2.5 s after it was asked to leave.
LEAVE_WITHIN = 1.5


class Engine:
    """Runs operations in the background of this process."""

    def __init__(
        self,
        manifest: Manifest,
        board: Board,
        doors: Gates,
        *,
        running: int = 8,
        lanes: int = 8,
        per_host: int = 8,
        bandwidth: int | None = None,
        movers: Use = "auto",
        upload_bandwidth: int | None = None,
        watch: Watch | None = None,
        cost_policy: CostPolicy = CostPolicy.DEFAULT,
    ) -> None:
        """Make an engine of up to ``running`` operations, each of up to ``lanes`` connections, ``per_host`` to a host.

        ``bandwidth`` is in bytes a second, of all together; ``pace.rate`` changes it live. ``watch`` sees what the
        surroundings allow; without one nothing is ever held up for them. ``movers`` says when child processes move
        bytes.
        """
        self.manifest, self.board, self.doors = manifest, board, doors
        self.pid, self.timers = os.getpid(), Timers()
        self.workers, self.callers = Workers(running + 4), Callers()  # what programs want called may take its time
        self.pace, hosts = Pace(bandwidth), Hosts(per_host)
        self.movers = Movers(manifest.enlist, movers)
        slots = Slots(running, hosts, platform.spare_descriptors())
        self.work = Work(
            manifest, doors, self.workers, self.timers, self.post, self.post_all, hosts, self.pace, self.movers, slots
        )
        self.work.post_saved, self.work.later, self.work.crossing.later = self.post, self.later, self.later
        self.work.upload_pace.rate = upload_bandwidth
        self.dispatcher = Dispatcher(
            manifest,
            board,
            slots,
            self.work.perform,
            doors.missing,
            lambda op: self.custody.rested(op),  # noqa: PLW0108 -- it is made below
            lanes=min(lanes, per_host),
            ahead=self.work.ahead,
            clock=clock.now,
            rule_of=lambda group: rules.stored(manifest, group) or Rule(),
            clearance=Clearance(cost_policy),
        )
        self.work.waiting = lambda: len(self.dispatcher.turns.queue)
        slots.small, slots.ferried = self.work.streak.holds, self.work.ferry.open
        self.custody = Custody(self.dispatcher, self.work, self.later)
        self.upkeep = Upkeep(manifest, self.dispatcher, self.workers, self.timers, self.later, self._live)
        self.outlook = Outlook(watch or Watch(providers=list), self.dispatcher, self.workers, self.timers, self.later)
        self._inbox: deque[tuple[str, ev.Event, Future[None] | None]] = deque()
        self._calls: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        self._portal = Portal(self._main, self._refuse)
        self._starting = threading.Lock()
        self._ended = self._called = False
        self._next_checkpoint = 0.0

    # -- from any thread -----------------------------------------------------------------------------------------
    @property
    def running(self) -> bool:
        """Whether the loop runs."""
        return self._portal.running

    def start(self) -> None:
        """Start the loop, once."""
        if self.pid != os.getpid():
            raise ForkedError("Transfers belong to the parent process.", hint="Make a Session of your own here.")
        with self._starting:
            if self._portal.thread is None:
                self.manifest.begin()
                self.workers.begin()
                self._portal.start()

    def elsewhere(self) -> None:
        """Refuse a caller on the loop's own thread: it would wait for itself. Raises InvalidTransferState."""
        if self._portal.here:
            raise InvalidTransferState(
                "This was asked on the thread that moves the transfers, which cannot wait for itself.",
                hint="Ask from another thread; a done callback is called on one.",
            )

    def call(self, make: Callable[[], T], within: float | None = None) -> T:
        """Have ``make`` called on the loop; give what it gives once everything it changed is saved (seconds)."""
        self.elsewhere()
        self.start()
        reply = Reply[T]()
        self._calls.append((make, reply))
        return self._answer(reply, within)

    def _answer(self, reply: Future[T], within: float | None = None) -> T:
        self._portal.wake()
        if not self.running:
            self._refuse()
        return reply.result(within)

    def _refuse(self) -> None:
        """Answer everybody who still asks a loop that has ended; any thread may find that out."""
        for queue in (self._inbox, self._calls):
            while True:
                try:
                    reply = queue.popleft()[-1]
                except IndexError:
                    break
                if isinstance(reply, Future) and reply.set_running_or_notify_cancel():
                    reply.set_exception(
                        TransferError("The transfer loop has ended.", hint="Make a new Session; nothing is lost.")
                    )

    def submit(self, ops: Iterable[Operation]) -> None:
        """Take new operations in; call it on the loop."""
        new = list(ops)
        self.dispatcher.admit(new)
        self.custody.stake(new)
        self.work.ferry.expect(new)

    def post(self, op_id: str, event: ev.Event, reply: Future[None] | None = None) -> None:
        """Hand an event over and return at once; ``reply`` is answered when its turn is saved."""
        self._inbox.append((op_id, event, reply))
        self._portal.wake()

    def post_all(self, answers: Answers) -> None:
        """Hand several events over, to be taken in by one turn."""
        self._inbox.extend([(op_id, event, None) for op_id, event in answers])
        self._portal.wake()

    def later(self, call: Callable[[], None]) -> None:
        """Have ``call`` made on the loop, and return at once."""
        self._calls.append((call, Reply()))
        self._portal.wake()

    def apart(self, call: Callable[[], None], key: str = "") -> None:
        """Have ``call`` made soon, on a thread for what may wait, after those of the same key."""
        self.callers.submit(call, key)

    def wish(self, op_id: str, event: ev.Event) -> None:
        """Hand a wish over and wait until it is saved. Raises InvalidTransferState; KeyError for an unknown id."""
        self.elsewhere()
        self.start()
        reply = Reply[None]()
        self._inbox.append((op_id, event, reply))
        self._answer(reply)

    def leave(self, within: float = LEAVE_WITHIN) -> None:
        """Checkpoint and end: what is in flight comes home, at most for ``within`` seconds; everything is resumable."""
        thread = self._portal.thread
        if thread is None or self.pid != os.getpid() or not self.running:
            return
        self.elsewhere()
        deadline, in_flight = time.monotonic() + within, lambda: self.dispatcher.busy
        try:
            self.call(self._stop_all, within)
            while time.monotonic() < deadline and (self.call(in_flight, within) or self.callers.busy):
                time.sleep(0.02)
            self.call(self._end, LEAVE_WITHIN)
        except TimeoutError:
            log.warning("the list of transfers could not be closed in order: something holds the loop up")
        except TransferError as error:
            log.warning("the list of transfers could not be closed in order: %s", error)
        except Fenced:
            log.info("left what another kernel has taken over")
        self._portal.wake()
        thread.join(1.0)
        self.work.close()

    # -- the loop ------------------------------------------------------------------------------------------------
    async def _main(self) -> None:
        self.timers.at(time.monotonic() + HEARTBEAT, self.upkeep.beat)
        self.outlook.begin()
        while not self._ended:
            try:
                self._round()
            except Fenced:
                self.custody.fenced(leaving=self._ended)
            except Exception:
                log.exception("a turn failed; please report this")
            self._gather()
            now = time.monotonic()
            pause = 0 if self._inbox or self._calls else self.timers.next(now, self._tick())
            await self._portal.sleep(pause, lightly=self._called)
            if (late := time.monotonic() - now - pause) >= 0:  # else somebody woke it before its time
                self.movers.pulse.beat(pause, late)
        self.workers.close()
        self.callers.close()

    def _gather(self) -> None:
        """Where others wait for their turn, let a moment's answers come together: a turn for each would cost more."""
        if self.dispatcher.crowded and not (self._calls or self._called or self._ended):
            time.sleep(GATHER_MORE if self.work.ferry.open() else GATHER)

    def _tick(self) -> float:
        if len(self.dispatcher.slots):
            return TICK_RUNNING
        return TICK_LIVE if self.dispatcher.ops or self.custody.followed else TICK_IDLE

    def _round(self) -> None:
        now = time.monotonic()
        self.timers.run(now)
        inbox, items = self._inbox, []
        while inbox:
            items.append(inbox.popleft())
        self.dispatcher.happened(items)
        self._called = bool(self._calls)  # who is answered now may ask for the next thing at once
        while self._calls and not self._ended:
            make, reply = self._calls.popleft()
            try:
                self.dispatcher.answer(reply, make())
            except Fenced as error:
                self.dispatcher.answer(reply, error)
                raise
            except Exception as error:  # noqa: BLE001 -- whoever asked gets it
                self.dispatcher.answer(reply, error)
        if self._ended:  # everything is written down; whoever asks from now on is refused
            self.dispatcher.reply()
            return
        if now >= self._next_checkpoint:
            self._next_checkpoint = now + 1.0
            self.dispatcher.checkpoint()
            self.movers.tidy()
        self.custody.tick(now)
        self.dispatcher.turn()
        self.board.flush()
        self.upkeep.appended()

    def _live(self) -> list[Record]:
        return [*self.dispatcher.records(), *self.custody.parked.values()]

    def _stop_all(self) -> None:
        self.dispatcher.leaving = self.work.leaving = True
        self.custody.leave()
        self.work.stop_all()

    def _end(self) -> None:
        try:
            for op in self.dispatcher.ops.values():
                op.dirty = True
            self.manifest.compact(self._live())
            self.manifest.sync()
        finally:
            self._ended = True
            self.outlook.watch.close()
            self.manifest.end()  # a full disk is no reason not to say that nobody writes here any more
