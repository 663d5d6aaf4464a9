"""Checks and names for many small files at once: what has come while one group is done makes the next.

The order is that of a single one, and every step is taken for the whole group before the next: the parts are synced,
then (saved by the turn) the decisions are, then come the names, then their folders are synced, and only then is
anything called done. Each action has its own answer; those of a group come home together.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.engine import finishing
from nbxfer.engine.job import Job
from nbxfer.engine.perform import guarded, lost
from nbxfer.engine.workers import Workers
from nbxfer.errors import NoSpace, StorageFailed, TransferError
from nbxfer.manifest.base import Manifest
from nbxfer.sinks import together
from nbxfer.sinks.together import Shelf
from nbxfer.sources.base import SMALL

log = logging.getLogger("nbxfer")

Task = tuple[Job, do.Action]
Answers = Sequence[tuple[str, ev.Event]]
#: The most of one group: nobody waits long for the first of them.
MOST: Final = 256


class Group:
    """Tasks that wait for the group before theirs, and one worker at a time that does them."""

    def __init__(self, workers: Workers, act: Callable[[Sequence[Task]], None]) -> None:
        self._workers, self._act = workers, act
        self._waiting: deque[Task] = deque()
        self._lock = threading.Lock()
        self._busy = False

    def add(self, tasks: Sequence[Task]) -> None:
        """Have these done soon, with others."""
        with self._lock:
            self._waiting += tasks
            start = not self._busy
            self._busy = True
        if start:
            self._workers.submit(self._run)

    def _run(self) -> None:
        while True:
            with self._lock:
                tasks = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
                if not tasks:
                    self._busy = False
                    return
            self._act(tasks)


class Together:
    """Performs Verify and Commit of small files. ``add`` is called on the loop; ``post`` takes a group's answers."""

    def __init__(self, workers: Workers, manifest: Manifest, post: Callable[[Answers], None]) -> None:
        self._manifest, self._post = manifest, post
        self._checks, self._names = Group(workers, self._check), Group(workers, self._name)

    def takes(self, job: Job, action: do.Action) -> bool:
        """Say whether ``action`` is one for here."""
        if job.far is not None:
            return False
        if isinstance(action, do.Verify):
            return action.size <= SMALL and job.part is not None
        return isinstance(action, do.Commit) and action.seal.size <= SMALL

    def add(self, tasks: Sequence[Task]) -> None:
        """Have these done soon."""
        checks = [task for task in tasks if isinstance(task[1], do.Verify)]
        names = [task for task in tasks if isinstance(task[1], do.Commit)]
        for group, some in ((self._checks, checks), (self._names, names)):
            if some:
                group.add(some)

    def _check(self, tasks: Sequence[Task]) -> None:
        with contextlib.ExitStack() as inside:
            for job, _ in tasks:
                inside.enter_context(job.entered())
            whole = [(job, action) for job, action in tasks if isinstance(action, do.Verify)]
            answers: dict[int, ev.Event] = {}
            open_: list[tuple[Job, do.Verify]] = []
            for job, action in whole:
                gone = guarded(job, action, partial(finishing.whole, job, action))
                if gone is not None:
                    answers[id(job)] = gone
                else:
                    open_.append((job, action))
            wrong = together.sync([job.part for job, _ in open_ if job.part is not None])
            for (job, action), error in zip(open_, wrong, strict=True):
                if error is not None:
                    if isinstance(error, NoSpace | StorageFailed):
                        job.close_part()  # see recheck.sync
                    answers[id(job)] = lost(job, action, faults.of(error))
                else:
                    event = guarded(job, action, partial(finishing.checked, job, action))
                    answers[id(job)] = event
        self._post([(job.op_id, answers[id(job)]) for job, _ in tasks])

    def _name(self, tasks: Sequence[Task]) -> None:
        try:
            self._manifest.sync()  # the committing records, once for all of them
        except TransferError as error:
            fault = faults.of(error)
            self._post([(job.op_id, ev.CommitLost(action.serial, fault)) for job, action in tasks])
            return
        answers: list[tuple[Job, do.Action, ev.Event]] = []
        with contextlib.ExitStack() as inside, Shelf() as shelf:
            for job, action in tasks:
                inside.enter_context(job.entered())
                assert isinstance(action, do.Commit)
                event = guarded(job, action, partial(finishing.commit, job, action, shelf))
                answers.append((job, action, event))
            wrong = shelf.sync()
        self._post([(job.op_id, _or_lost(action, event, wrong)) for job, action, event in answers])


def _or_lost(action: do.Action, event: ev.Event, wrong: dict[str, TransferError]) -> ev.Event:
    """Give the answer, unless the folder that the name is in could not be synced: looked at again, it may be there."""
    if wrong and isinstance(event, ev.Committed):
        error = wrong.get(event.published.path.rpartition("/")[0])
        if error is not None:
            return ev.CommitLost(action.serial, faults.of(error))
    return event
