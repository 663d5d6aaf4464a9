"""What is open for whom, and the start of every action: the half of the engine that touches the world.

``Work`` is called on the loop thread only; what it starts runs on worker threads and comes home through ``post``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import url as urls
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import FINAL, Phase
from nbxfer.engine import ahead
from nbxfer.engine.crossing import Crossing
from nbxfer.engine.dispatcher import Planned
from nbxfer.engine.ferry import MANY, Ferry
from nbxfer.engine.gang import Gang
from nbxfer.engine.gates import Gates
from nbxfer.engine.hosts import Hosts
from nbxfer.engine.job import Job
from nbxfer.engine.limits import Slots
from nbxfer.engine.movers import Movers
from nbxfer.engine.pace import Pace
from nbxfer.engine.perform import perform
from nbxfer.engine.refresh import refreshed, unanswered
from nbxfer.engine.streak import Streak
from nbxfer.engine.timers import Timers
from nbxfer.engine.together import Answers, Task, Together
from nbxfer.engine.workers import Workers
from nbxfer.errors import TransferError
from nbxfer.manifest.base import Manifest

#: Parts that stay open for operations that wait to try again.
OPEN_JOBS = 64
#: Seconds within which ``refresh`` has to answer, and how many may be asked at once.
REFRESH_WITHIN, REFRESHERS = 120.0, 64
#: Seconds between two looks for room, and the number of looks after which a disk that cannot tell is tried again.
ROOM_EVERY, ROOM_TRIES = 1.0, 30
#: So long a worker waits until what it has to have written down is (seconds).
SAVED_WITHIN = 60.0


#: What may have been done before it was decided.
_MAY_BE_DONE = (do.Fetch, do.Verify)


def _saved_at_once(_op_id: str, _event: ev.Event, reply: Future[None]) -> None:
    reply.set_result(None)


class Work:
    """Performs the actions of a turn and keeps the jobs."""

    def __init__(
        self,
        manifest: Manifest,
        doors: Gates,
        workers: Workers,
        timers: Timers,
        post: Callable[[str, ev.Event], None],
        post_all: Callable[[Answers], None],
        hosts: Hosts | None = None,
        pace: Pace | None = None,
        movers: Movers | None = None,
        slots: Slots | None = None,
    ) -> None:
        self.later: Callable[[Callable[[], None]], None] = lambda call: call()  # makes it on the loop
        #: Answers when the turn that took the event is saved.
        self.post_saved: Callable[[str, ev.Event, Future[None]], None] = _saved_at_once
        self.manifest, self.doors, self.workers, self.timers, self.post = manifest, doors, workers, timers, post
        self.together = Together(workers, manifest, post_all)
        self.hosts = hosts if hosts is not None else Hosts(8)
        self.slots, self.streak = slots if slots is not None else Slots(8, self.hosts), Streak()
        self.gang = Gang(workers, self.hosts, doors.brief, self._usual, post_all, lambda: self.slots.free)
        self.pace = pace if pace is not None else Pace(None)  # of all together
        self.crossing = Crossing(workers, self.hosts, doors.passage, post_all, lambda: self.slots.free, manifest.sync)
        self.ferry = Ferry(self.crossing, movers, self.pace, self.perform)
        self.movers = movers
        self.upload_pace = Pace(None)  # of all that is sent
        self.refreshers = Workers(REFRESHERS, "nbxfer-refresh")
        self.jobs: dict[str, Job] = {}
        self.leaving = False  # who is stopped stays stopped
        self.waiting: Callable[[], int] = lambda: 0  # how many have no place yet

    def job(self, op: Operation) -> Job:
        """Give what is open for an operation."""
        job = self.jobs.get(op.id)
        if job is not None and job.spec.url != op.spec.url:  # it has turned to a mirror, or was given another URL
            job.forget_source()
            job.spec, job.host = op.spec, urls.server(op.spec.asked)
            if job.far is not None:
                job.far.origin = None  # a mirror lies elsewhere
        if job is None:
            job = Job(
                op.id,
                op.spec,
                op.before,
                lambda: self.doors.source(op),
                self.doors.sink(op),
                self.manifest,
                host=urls.server(op.spec.asked),
                hosts=self.hosts,
                shared=self.upload_pace if op.spec.kind == "upload" else self.pace,
                movers=self.movers,
            )
            job.small = lambda url, most: self.doors.small(op.spec, url, most, op.id, job.stop)
            job.unproven, job.ticket = op.unproven, op.ticket
            job.save = partial(self._saved, op.id)
            self.jobs[op.id] = job
        return job

    def _saved(self, op_id: str, event: ev.Event) -> None:
        """Have the turn take ``event`` in, and come back when that is written down. Raises what the manifest raises."""
        reply: Future[None] = Future()
        self.post_saved(op_id, event, reply)
        reply.result(SAVED_WITHIN)

    def perform(self, planned: Sequence[Planned]) -> None:
        """Start the actions of a turn. Many at once, so that what can be done as one is done as one."""
        commits: list[Task] = []
        small: list[Task] = []
        riders: list[tuple[Job, do.Probe]] = []
        for op, action in self.ferry.take(planned, lambda op_id: self.slots.rides(op_id) and op_id not in self.jobs):
            match action:
                case do.Stop():
                    self.job(op).stop.set()
                case do.AwaitClearance():
                    pass  # the dispatcher's clearance has an eye on it
                case do.Wait() | do.AwaitRoom() | do.Refresh():
                    self._await(op, action)
                case _:
                    job = self.job(op)
                    if self.together.takes(job, action):
                        small.append((job, action))
                    elif isinstance(action, do.Commit):
                        commits.append((job, action))
                    elif isinstance(action, do.Probe) and self.slots.rides(op.id):
                        riders.append((job, action))
                    else:
                        self._submit(self._awake(job), action)
        if small:
            self.together.add(small)
        if commits:
            self.workers.submit(lambda: self._publish(commits))
        if riders:
            self.gang.add([(self._awake(job), action) for job, action in riders])
            if self.waiting() > MANY or (self.movers is not None and self.movers.use == "always"):
                self.ferry.call()  # a few are here sooner than a mover

    def _await(self, op: Operation, action: do.Wait | do.AwaitRoom | do.Refresh) -> None:
        if isinstance(action, do.AwaitRoom):
            self._await_room(op, action)
        elif isinstance(action, do.Refresh):
            self._refresh(op, action)
        else:
            met = ev.ConditionMet(action.serial)
            self.timers.at(time.monotonic() + action.seconds, lambda: self.post(op.id, met))

    def _awake(self, job: Job) -> Job:
        """Let one that was stopped before go on."""
        if not self.leaving:
            job.stop.clear()
        return job

    def _usual(self, job: Job, action: do.Probe) -> None:
        """Have a worker do what was none for the gang, which has taken a connection for it."""
        self.later(lambda: self.slots.seat(job.op_id, job.host))
        self._submit(job, action)

    def ahead(self, op: Operation, action: do.Action) -> ev.Event | None:
        """Give the answer to an action that has been done already; None where it is to be performed."""
        if not isinstance(action, _MAY_BE_DONE):
            return None
        known = self.ferry.answer(op.id, action) or ahead.answer(self.jobs.get(op.id), action)
        if isinstance(action, do.Fetch) and op.spec.kind == "download":
            self.streak.count(urls.server(op.spec.asked), small=known is not None)
        return known

    def _publish(self, commits: Sequence[Task]) -> None:
        """Let the committing records reach the disk, once for all of them, then give the names."""
        try:
            self.manifest.sync()
        except TransferError as error:
            for job, action in commits:
                self.post(job.op_id, ev.CommitLost(action.serial, faults.of(error)))
            return
        for job, action in commits:
            self._submit(job, action)

    def _submit(self, job: Job, action: do.Action) -> None:
        def work() -> None:
            with job.entered():
                event = perform(job, action, lambda news: self.post(job.op_id, news))
            self.post(job.op_id, event)

        self.workers.submit(work)

    def _refresh(self, op: Operation, action: do.Refresh) -> None:
        op_id, spec, job = op.id, op.spec, self.jobs.get(op.id)

        late = threading.Event()

        def refresh() -> None:
            event = refreshed(self.doors, op_id, spec, action, late)
            if job is not None:
                job.forget_source()
            self.post(op_id, event)

        def give_up() -> None:
            late.set()
            self.post(op_id, ev.RefreshLost(action.serial, unanswered(REFRESH_WITHIN)))

        # On threads of their own: what hangs there takes none from the bytes.
        self.refreshers.submit(refresh)
        self.timers.at(time.monotonic() + REFRESH_WITHIN, give_up)

    def _await_room(self, op: Operation, action: do.AwaitRoom, tried: int = 0) -> None:
        """Look once a second. A quota cannot be looked at: where the disk says it has room, try again after a while."""
        if op.phase is not Phase.STALLED or action.serial not in op.in_flight:
            return
        job = self.job(op)

        def look() -> None:
            room = job.room()
            # Not at the first look: where a write has just failed, "there is room" may be a quota's word.
            if tried >= (ROOM_TRIES if room is None else 1) and (room is None or room > action.need):
                self.post(op.id, ev.ConditionMet(action.serial))

        def again() -> None:
            self.workers.submit(look)
            self._await_room(op, action, tried + 1)

        self.timers.at(time.monotonic() + ROOM_EVERY, again)

    def rested(self, op: Operation) -> None:
        """Close what an operation has open when it rests; those that wait to try again keep it, within reason."""
        if not op.in_flight:
            self.ferry.forget(op.id)
        if (job := self.jobs.get(op.id)) is not None:
            job.pace.rate = op.spec.bandwidth
        if op.in_flight and op.phase is not Phase.STALLED:
            return
        if op.phase in (Phase.STALLED, Phase.QUEUED) and len(self.jobs) <= OPEN_JOBS and not op.handed_to:
            return
        if op.phase in FINAL:  # nothing is asked for it any more, so nobody needs to know how
            self.doors.forget(op.id)
        job = self.jobs.pop(op.id, None)
        if job is not None and not job.rests:
            self.workers.submit(job.let_go)

    def limited(self, rate: float | None) -> None:
        """Take note of a new limit: what is fetched without one by the ferry is fetched in another way; any thread."""
        if rate is not None:
            self.later(self.ferry.stop_all)

    def stop_all(self) -> None:
        """Let everything that is in flight come home."""
        self.ferry.stop_all()
        for job in self.jobs.values():
            job.stop.set()

    def surrender(self) -> None:
        """Stop everything and forget it: what comes back to this process is opened anew."""
        self.stop_all()
        for op_id in list(self.jobs):
            self.workers.submit(self.jobs.pop(op_id).let_go)

    def close(self) -> None:
        """Close what is open; what a worker still holds is closed by it."""
        for op_id in list(self.jobs):
            job = self.jobs.pop(op_id, None)
            if job is not None:  # else somebody else closes at the same time
                job.let_go()
        self.ferry.close()
        if self.movers is not None:
            self.movers.close()
        self.refreshers.close()
        self.doors.close()
