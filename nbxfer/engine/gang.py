"""Many small files of one host: one thread asks for them over all the lines that the host allows, and writes them.

A worker for each would spend most of its time on waking up, and its way through the loop. Where the last files of a
host were small (``Streak``), the dispatcher lets more of its operations begin than have a place to run in; they ride
here. Each takes a connection of its host's while it is asked for, and none before. Of whatever is no small file that is
here at once (another answer, a slow one, no line that is kept) the usual way makes the best: it takes the operation
with line and place, and goes on with what has come.
"""

from __future__ import annotations

import logging
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Final, Protocol, runtime_checkable

import crc32c

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.ranges import RangeSet
from nbxfer.core.spec import Spec
from nbxfer.engine.ahead import may_be_ahead
from nbxfer.engine.hosts import Hosts
from nbxfer.engine.job import Ahead, Job
from nbxfer.engine.perform import guarded, look_at_name, lost
from nbxfer.engine.workers import Workers
from nbxfer.errors import TransferError
from nbxfer.sources.brief import Brief
from nbxfer.wire.sockets import Line

log = logging.getLogger("nbxfer")

Answers = Sequence[tuple[str, ev.Event]]
#: What takes longer (seconds) goes the usual way.
AT_ONCE: Final = 0.25
#: Seconds between two looks at who is to stop.
LOOK: Final = 0.02


class Ask(Protocol):
    """Begins a request that waits for nothing; see Briefly."""

    def __call__(self, op_id: str, spec: Spec) -> Brief | None:
        """Give the request under way; None where it is none for here."""
        ...


@runtime_checkable
class GoesOn(Protocol):
    """What a source is that can go on with a request that somebody else has sent (HttpSource; httpx comes with it)."""

    def go_on(self, key: Hashable, line: Line) -> None:
        """Take over a line of that key on which the first question has been asked, and not answered in full."""
        ...


#: Has a worker do what is none for here, with the connection of the host's that was taken for it.
Usual = Callable[[Job, do.Probe], None]


class Member:
    """One that is to be fetched."""

    __slots__ = ("action", "brief", "job", "since")

    def __init__(self, job: Job, action: do.Probe) -> None:
        self.job, self.action = job, action
        self.brief: Brief | None = None
        self.since = 0.0


class Gang:
    """Fetches what rides. ``add`` is called on the loop.

    ``room`` gives how many more may run at this moment; ``post`` takes answers.
    """

    def __init__(
        self,
        workers: Workers,
        hosts: Hosts,
        ask: Ask,
        usual: Usual,
        post: Callable[[Answers], None],
        room: Callable[[], int],
    ) -> None:
        self._workers, self._hosts, self._ask, self._usual = workers, hosts, ask, usual
        self._post, self._room = post, room
        self._lock = threading.Lock()
        self._new: list[Member] = []
        self._news = threading.Event()
        self._busy = False
        self._waiting: dict[str, deque[Member]] = {}  # by host
        self._active: dict[int, Member] = {}  # by descriptor
        self._answers: list[tuple[str, ev.Event]] = []
        self._looked = 0.0
        self._selector: selectors.BaseSelector | None = None

    def add(self, tasks: Sequence[tuple[Job, do.Probe]]) -> None:
        """Have these fetched soon."""
        for job, _ in tasks:
            job.enter()
        with self._lock:
            self._new += [Member(job, action) for job, action in tasks]
            start, self._busy = not self._busy, True
        self._news.set()
        if start:
            self._workers.submit(self._run)

    def _run(self) -> None:
        # poll() costs no call to the system for each line that comes and goes.
        self._selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)()
        try:
            while self._round():
                pass
        except BaseException as error:
            log.exception("small files that were asked for together were left; please report this")
            self._leave_all(Fault("TransferError", f"nbxfer itself failed ({type(error).__name__}).", Remedy.RETRY))
        finally:
            self._selector.close()
            self._hosts.crave(frozenset())

    def _leave_all(self, fault: Fault) -> None:
        """Have each tried again, the usual way: nobody shall wait for ever, whatever it was."""
        with self._lock:
            new, self._new, self._busy = self._new, [], False
        for member in self._active.values():
            if member.brief is not None:
                member.brief.close(whole=False)
            self._hosts.release(member.job.host)
        for member in {*self._active.values(), *new, *(m for queue in self._waiting.values() for m in queue)}:
            self._answered(member, lost(member.job, member.action, fault))
        self._active, self._waiting = {}, {}
        answers, self._answers = self._answers, []
        self._post(answers)

    def _round(self) -> bool:
        with self._lock:
            new, self._new = self._new, []
            if not new and not self._active and not any(self._waiting.values()):
                self._busy = False
                return False
            self._news.clear()
        for member in new:
            self._waiting.setdefault(member.job.host, deque()).append(member)
        began = self._begin()
        if self._active:
            assert self._selector is not None
            for key, _ in self._selector.select(LOOK):
                self._heard(key.data)
        elif not began:
            self._news.wait(LOOK)
        if (now := time.monotonic()) - self._looked >= LOOK:
            self._looked = now
            self._look(now)
        if self._answers:
            answers, self._answers = self._answers, []
            self._post(answers)
        return True

    # -- beginning -----------------------------------------------------------------------------------------------
    def _begin(self) -> bool:
        """Ask for as many as there may be at once; say whether anything came of it."""
        left, began, craving = self._room() - len(self._active), False, set()
        for host, queue in list(self._waiting.items()):
            while queue and left > 0:
                member = queue[0]
                if member.job.stop.is_set() or self._hosts.resting(host):
                    self._give_back(queue.popleft())
                elif not self._hosts.take(host):
                    craving.add(host)
                    break
                else:
                    left, began = left - 1, True
                    self._begun(queue.popleft())
            if not queue:
                del self._waiting[host]
        self._hosts.crave(frozenset(craving))
        return began

    def _begun(self, member: Member) -> None:
        job, action = member.job, member.action
        try:
            member.brief = self._ask(job.op_id, job.spec) if _fits(job, action) else None
        except Exception:
            log.exception("a small file was not asked for; please report this")
        if member.brief is None:
            self._hand_on(member)
            return
        job.logged, job.ahead = False, None
        member.since = time.monotonic()
        fd = member.brief.line.fileno
        self._active[fd] = member
        assert self._selector is not None
        self._selector.register(fd, selectors.EVENT_READ, member)

    def _give_back(self, member: Member) -> None:
        """Let it wait for another turn, or be stopped: nothing has been done for it."""
        self._answered(member, ev.CutShort(member.action.serial, None))

    # -- what comes ----------------------------------------------------------------------------------------------
    def _heard(self, member: Member) -> None:
        assert member.brief is not None
        if not member.brief.hear():
            self._leave(member)
            self._hand_on(member)
        elif member.brief.probe is not None:
            self._leave(member)
            event = guarded(member.job, member.action, partial(self._landed, member))
            if event is None:
                self._hand_on(member)
                return
            member.brief.close(whole=not isinstance(event, ev.ProbeLost))
            self._hosts.release(member.job.host)
            self._answered(member, event)

    def _landed(self, member: Member) -> ev.Event | None:
        """Put a whole file into its part; None where the usual way is to say what is wrong with that."""
        job, action, brief = member.job, member.action, member.brief
        assert brief is not None
        probe = brief.probe
        assert probe is not None
        if not may_be_ahead(job, action, probe):
            return None
        look_at_name(job.spec, action.path or job.spec.destination, probe.name)
        body, part = brief.body, None
        try:
            part = job.sink.create(action.epoch, len(body))
            part.write_at(0, body)
        except TransferError:
            if part is not None:
                part.close()
            return None
        job.open_part(action.epoch, part, None, RangeSet.of([(0, len(body))]))
        job.ahead = Ahead(action.epoch, len(body), crc32c.crc32c(body), proven=True)
        return ev.Probed(action.serial, probe, RangeSet(), restarted=False, checksum=None)

    def _look(self, now: float) -> None:
        """See who is to stop, and who takes too long."""
        for member in list(self._active.values()):
            stopped = member.job.stop.is_set()
            if not stopped and now - member.since < AT_ONCE:
                continue
            self._leave(member)
            if stopped:
                assert member.brief is not None
                member.brief.close(whole=False)
                self._hosts.release(member.job.host)
                self._give_back(member)
            else:
                self._hand_on(member)
        for queue in self._waiting.values():
            for member in [member for member in queue if member.job.stop.is_set()]:
                queue.remove(member)
                self._give_back(member)

    # -- ending --------------------------------------------------------------------------------------------------
    def _leave(self, member: Member) -> None:
        assert member.brief is not None
        assert self._selector is not None
        fd = member.brief.line.fileno
        del self._active[fd]
        self._selector.unregister(fd)

    def _answered(self, member: Member, event: ev.Event) -> None:
        self._answers.append((member.job.op_id, event))
        member.job.leave()

    def _hand_on(self, member: Member) -> None:
        """Have a worker go on with it; connection and line go with it."""
        job, brief = member.job, member.brief
        if brief is not None:
            key, line = brief.handed_on()
            source = job.source
            if isinstance(source, GoesOn):
                source.go_on(key, line)
            else:
                line.close()
        job.leave()
        self._usual(job, member.action)


def _fits(job: Job, action: do.Probe) -> bool:
    """Say whether it is a plain file of the web of which nothing is here, and whose first request this is."""
    spec = job.spec
    plain = job.far is None and spec.kind == "download" and spec.url.startswith(("http://", "https://"))
    first = action.serial == 1 and action.before is None and action.size is None and action.pinned is None
    odd = spec.adopted or spec.random_access or spec.checksum_at is not None or job.part is not None
    return plain and first and not odd and job.pace.rate is None and job.shared.rate is None
