"""The background loop: one daemon thread that runs anyio, started once, on first use.

A thread of its own rather than anyio's blocking portal: that one is joined at exit, so a running transfer would hold
the interpreter, and a non-daemon loop thread keeps a kernel's atexit from running at all.

Who is woken over a socket, as event loops are, answers in twice the time of one that sleeps on a lock. So where calls
may come in a row the loop listens to its bell for a moment, and only then as an event loop does.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from nbxfer.engine.workers import no_thread

log = logging.getLogger("nbxfer")

#: So long the bell is listened to at most, and what else there is in the loop is let wait (seconds).
LISTENS: Final = 0.005
LETS_WAIT: Final = 0.05


class Portal:
    """A loop on its own thread that runs one coroutine function until it ends."""

    def __init__(self, main: Callable[[], Awaitable[None]], ended: Callable[[], None] = lambda: None) -> None:
        self._main, self._ended = main, ended
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._bell = threading.Lock()  # held while nobody has rung
        self._bell.acquire()
        self._awake = self._deep = False
        self._gave_way = 0.0
        self.thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; return when the loop runs. Raises AccessDenied where none is to be had."""
        context = contextvars.Context()  # no cell's context: prints would land in its output
        self.thread = threading.Thread(target=context.run, args=(self._run,), name="nbxfer-loop", daemon=True)
        try:
            self.thread.start()
        except RuntimeError:  # whoever tries again may be luckier
            self.thread = None
            raise no_thread() from None
        self._ready.wait()

    def _run(self) -> None:
        try:
            anyio.run(self._enter)
        except Exception:
            log.exception("the transfer loop ended; please report this")
        finally:
            self._loop = None
            self._ended()  # after that: who asks from now on can see that nobody listens
            self._ready.set()

    async def _enter(self) -> None:
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._main()

    @property
    def here(self) -> bool:
        """Whether the caller is on the loop's own thread."""
        return threading.current_thread() is self.thread

    @property
    def running(self) -> bool:
        """Whether the loop still runs."""
        return self._loop is not None

    def wake(self) -> None:
        """Have ``sleep`` return at once; from any thread, cheap when it was woken already."""
        if self._awake:
            return
        self._awake = True
        with contextlib.suppress(RuntimeError):  # two at the same time: it rings already
            self._bell.release()
        loop, event = self._loop, self._wake
        if self._deep and loop is not None and event is not None:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:  # closed in between
                log.debug("woken after the end")

    async def sleep(self, seconds: float, *, lightly: bool = False) -> None:
        """Wait on the loop until woken, at most ``seconds``; ``lightly`` where somebody may well call at once."""
        now = time.monotonic()
        if seconds <= 0 or now - self._gave_way > LETS_WAIT:
            self._gave_way = now
            await anyio.lowlevel.checkpoint()
        if seconds > 0 and not (lightly and self._bell.acquire(timeout=min(seconds, LISTENS))):
            await self._sleep_deeply(seconds)
        self._bell.acquire(blocking=False)
        self._awake = False

    async def _sleep_deeply(self, seconds: float) -> None:
        assert self._wake is not None
        assert self._loop is not None
        self._deep = True
        if not self._awake:  # who rings from here on sees that it has to be done over the socket
            # A timer that wakes: a cancel scope around the waiting costs ten times as much, at every turn.
            late = self._loop.call_later(seconds, self._wake.set)
            await self._wake.wait()
            late.cancel()
        self._deep = False
        self._wake.clear()
