"""The background loop: one daemon thread that runs anyio, started once, on first use.

A thread of its own rather than anyio's blocking portal: that one is joined at exit, so a running transfer would hold
the interpreter, and a non-daemon loop thread keeps a kernel's atexit from running at all.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Awaitable, Callable

import anyio

from nbxfer.engine.workers import no_thread

log = logging.getLogger("nbxfer")


class Portal:
    """A loop on its own thread that runs one coroutine function until it ends."""

    def __init__(self, main: Callable[[], Awaitable[None]], ended: Callable[[], None] = lambda: None) -> None:
        self._main, self._ended = main, ended
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._awake = False
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
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        if self._awake:  # woken before there was a loop
            self._wake.set()
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
        loop, event = self._loop, self._wake
        if loop is not None and event is not None:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:  # closed in between
                log.debug("woken after the end")

    async def sleep(self, seconds: float) -> None:
        """Wait on the loop until woken, at most ``seconds``."""
        assert self._wake is not None
        assert self._loop is not None
        if seconds > 0:
            # A timer that wakes: a cancel scope around the waiting costs ten times as much, at every turn.
            late = self._loop.call_later(seconds, self._wake.set)
            await self._wake.wait()
            late.cancel()
        else:
            await anyio.lowlevel.checkpoint()
        self._wake.clear()
        self._awake = False
