"""Calls that nobody can interrupt, made so that who waits for them can go home: in slices, looking at a tick.

A blocking call runs on a daemon thread of a crew that is as large as its backend bears; a coroutine runs on the loop
that it belongs to. Who leaves early leaves the call behind: a coroutine is cancelled, a thread comes home when its call
does, and what that gives is handed to ``late``, so that nothing stays open.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent import futures
from typing import Any, Final, TypeVar

T = TypeVar("T")
Tick = Callable[[], None]

#: Seconds between two looks at the tick.
SLICE: Final = 0.05


class Crew:
    """At most ``most`` threads for the calls of one backend; more calls wait for their turn."""

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._load = 0

    def call(self, make: Callable[[], T], tick: Tick, late: Callable[[T], None] | None = None) -> T:
        """Give what ``make`` gives, or raise what it or ``tick`` raises."""
        reply: futures.Future[T] = futures.Future()

        def job() -> None:
            if not reply.set_running_or_notify_cancel():
                return
            try:
                reply.set_result(make())
            except BaseException as error:  # noqa: BLE001 (whoever asked gets it, whatever it is)
                reply.set_exception(error)

        self._submit(job)
        return waited(reply, tick, late)

    def begin(self, job: Callable[[], None]) -> None:
        """Have ``job``, which must not raise, done soon; nobody waits for it."""
        self._submit(job)

    def _submit(self, job: Callable[[], None]) -> None:
        with self._lock:
            self._load += 1
            grow = self._load > self._threads and self._threads < self._most
            self._threads += grow
        self._jobs.put(job)
        if grow:
            run = contextvars.Context().run
            threading.Thread(target=run, args=(self._run,), name=f"nbxfer-{self._name}", daemon=True).start()

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            job()
            del job  # else the last one keeps its file alive while the thread waits
            with self._lock:
                self._load -= 1


def waited(reply: futures.Future[T], tick: Tick, late: Callable[[T], None] | None = None) -> T:
    """Wait for ``reply`` in slices; where ``tick`` raises, cancel it, and give to ``late`` what comes all the same."""
    try:
        while not reply.done():
            tick()
            futures.wait([reply], SLICE)
        return reply.result()
    except BaseException:
        if not reply.cancel() and late is not None:
            reply.add_done_callback(lambda done: late(done.result()) if done.exception() is None else None)
        raise


def awaited(make: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop, tick: Tick) -> T:
    """Give what a coroutine gives that runs on ``loop``; where ``tick`` raises it is cancelled there."""
    return waited(asyncio.run_coroutine_threadsafe(make, loop), tick)


_crews: dict[str, Crew] = {}
_making: Final = threading.Lock()


def crew(backend: str, most: int) -> Crew:
    """Give the crew of a backend, the same for all that ask."""
    with _making:
        if backend not in _crews:
            _crews[backend] = Crew(most, backend)
        return _crews[backend]
