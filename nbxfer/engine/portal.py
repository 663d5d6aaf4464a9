"""The background loop: one daemon thread that runs until its work ends, started once, on first use.

It sleeps on a lock. Nothing in the engine awaits: what blocks is on workers, and comes home by ``wake``; an event loop
that is woken over a socket took twice as long from a call to its answer. A daemon, for a thread that is none keeps a
kernel's atexit from running at all.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from collections.abc import Callable

from nbxfer.engine.workers import no_thread

log = logging.getLogger("nbxfer")


class Portal:
    """A thread of its own that runs one function until it ends."""

    def __init__(self, main: Callable[[], None], ended: Callable[[], None] = lambda: None) -> None:
        self._main, self._ended = main, ended
        self._ready = threading.Event()
        self._bell = threading.Lock()  # held while nobody has woken it
        self._bell.acquire()
        self._awake = self._running = False
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; return when it runs. Raises AccessDenied where none is to be had."""
        context = contextvars.Context()  # no cell's context: prints would land in its output
        self.thread = threading.Thread(target=context.run, args=(self._run,), name="nbxfer-loop", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:  # whoever tries again may be luckier
            self.thread = None
            raise no_thread() from None
        self._ready.wait()

    def _run(self) -> None:
        self._running = True
        self._ready.set()
        try:
            self._main()
        except Exception:
            log.exception("the transfer loop ended; please report this")
        finally:
            self._running = False
            self._ended()  # after that: who asks from now on can see that nobody listens

    @property
    def here(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.current_thread() is self.thread

    @property
    def running(self) -> bool:
        """Whether the loop still runs."""
        return self._running

    def wake(self) -> None:
        """Have ``sleep`` return at once; from any thread, cheap when it was woken already."""
        if self._awake:
            return
        self._awake = True
        with contextlib.suppress(RuntimeError):  # two at the same time: it rings already
            self._bell.release()

    def sleep(self, seconds: float) -> None:
        """Wait on the loop until woken, at most ``seconds``."""
        if seconds > 0:
            self._bell.acquire(timeout=seconds)
        else:
            self._bell.acquire(blocking=False)
        self._awake = False
