"""The background loop: one daemon thread that runs one function, started once, on first use.

A plain thread that sleeps on a lock, and no event loop: nothing in the engine awaits anything, and to wake one up
through its pipe and its selector cost a third of a small file's way. A daemon, for a thread that is joined at exit
would hold the interpreter, and keep a kernel's atexit from running at all.
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
    """A thread of its own that runs one function until that ends."""

    def __init__(self, main: Callable[[], None], ended: Callable[[], None] = lambda: None) -> None:
        self._main, self._ended = main, ended
        self._bell = threading.Lock()  # taken while nobody rings
        self._bell.acquire()
        self._awake = False
        self.running = False
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; what wakes it from now on is heard. Raises AccessDenied where the system gives none."""
        context = contextvars.Context()  # no cell's context: prints would land in its output
        self.running = True
        self.thread = threading.Thread(target=context.run, args=(self._run,), name="nbxfer-loop", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:
            self.running, self.thread = False, None
            raise no_thread() from None

    def _run(self) -> None:
        try:
            self._main()
        except Exception:
            log.exception("the transfer loop ended; please report this")
        finally:
            self.running = False
            self._ended()  # after that: who asks from now on can see that nobody listens

    @property
    def here(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.current_thread() is self.thread

    def wake(self) -> None:
        """Have ``sleep`` return at once; from any thread, cheap when it was woken already."""
        if not self._awake:
            self._awake = True
            with contextlib.suppress(RuntimeError):  # somebody else has rung at the same moment
                self._bell.release()

    def sleep(self, seconds: float) -> None:
        """Wait until woken, at most ``seconds``."""
        self._bell.acquire(timeout=max(seconds, 0.0))
        self._awake = False  # who rings from now on rings anew; what was rung before is seen by who comes back
