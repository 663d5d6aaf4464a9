"""Daemon threads that make blocking calls for the loop.

Not anyio's own: those cannot be had any more once the interpreter is leaving (CPython 3.12 refuses new threads then),
and a script that waits for its transfers at exit still needs them; these stay once they are there. They also start
with an empty context, so that no cell's output is held by a transfer.
"""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable

from nbxfer.errors import AccessDenied

log = logging.getLogger("nbxfer")

Job = Callable[[], None]


def no_thread() -> AccessDenied:
    """Give the error where the system lets a process begin no more threads."""
    return AccessDenied(
        "The system lets this process begin no more threads, and transfers need two.",
        hint="Raise the limit of processes (ulimit -u), or end some.",
    )


class Workers:
    """Up to ``most`` threads; a job waits when all are busy. Jobs must not raise, and report by themselves."""

    def __init__(self, most: int, name: str = "nbxfer-worker") -> None:
        self.most, self.name = most, name
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._load = 0  # jobs that are queued or running

    def begin(self) -> None:
        """See to it that there is one thread at least. Raises AccessDenied where the system gives none."""
        try:
            self.submit(lambda: None)
        except RuntimeError:
            raise no_thread() from None

    def submit(self, job: Job) -> None:
        """Have ``job`` called on some thread, soon."""
        with self._lock:
            self._load += 1
            grow = self._load > self._threads and self._threads < self.most
            if grow:
                self._threads += 1
        self._jobs.put(job)
        if grow:
            context = contextvars.Context()
            thread = threading.Thread(target=context.run, args=(self._run,), name=self.name, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the interpreter is leaving: those that are there do the work
                with self._lock:
                    self._threads -= 1
                    if self._threads == 0:
                        self._jobs.get(block=False)
                        self._load -= 1
                        raise

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException:  # whatever it is, the thread is needed for the next one
                log.exception("a job failed; please report this")
            finally:
                del job  # else the last one keeps its stream alive while the thread waits
                with self._lock:
                    self._load -= 1

    @property
    def busy(self) -> bool:
        """Whether anything is to be done, but for what asks this."""
        return self._load > (threading.current_thread().name == self.name)

    def close(self) -> None:
        """Let the threads go when they have done what was submitted."""
        with self._lock:
            threads, self._threads = self._threads, 0
        for _ in range(threads):
            self._jobs.put(None)
