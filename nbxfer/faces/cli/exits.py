"""How the program ends: its exit codes, and dying by the signal that interrupted it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Self

from nbxfer import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbxfer.core.snapshot import Snapshot

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
LEFT: Final = 3  # paused, and resumable
SOME_FAILED: Final = 4

#: What ends us in order; SIGINT is Python's own KeyboardInterrupt.
_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))

#: Seconds that the program is given to notice the first signal before a second kills.
GRACE: Final = 2.0


class Interrupted(KeyboardInterrupt):
    """A signal asks the program to end."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def of_error(error: errors.TransferError) -> int:
    """Give the exit code of an error that ends a command."""
    if isinstance(error, errors.NeedsAttention):
        return LEFT
    return USAGE if isinstance(error, errors.InvalidRequest) else FAILED


def of_snapshots(snapshots: Sequence[Snapshot], refused: int = 0) -> int:
    """Give the exit code of a command that stayed with operations; ``refused`` more were never accepted."""
    from nbxfer.core.phases import Phase

    done = sum(s.phase is Phase.DONE for s in snapshots)
    bad = sum(s.phase in (Phase.FAILED, Phase.CANCELED) for s in snapshots) + refused
    every = len(snapshots) + refused
    if done == every:
        return DONE
    if bad:
        return FAILED if bad == every else SOME_FAILED
    return LEFT


def of_noted(snapshots: Sequence[Snapshot]) -> int:
    """Give the exit code of a command that did not stay: only what was refused has failed."""
    from nbxfer.core.phases import Phase

    failed = sum(s.phase is Phase.FAILED for s in snapshots)
    return DONE if not failed else FAILED if failed == len(snapshots) else SOME_FAILED


class Signals:
    """What the signals that ask the program to end do while it is entered; one that is ignored (nohup) stays so.

    The first raises, in the main thread. A second would hit what unwinds then, in the midst of a lock: it is passed
    over for GRACE seconds, or until ``last_words`` are known. From then on it writes them and kills.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.first: int | None = None
        self._clock, self._since = clock, 0.0
        self._words: str | None = None
        self._taken: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, *_SIGNALS):
                if (before := signal.getsignal(signum)) in (signal.SIG_DFL, signal.default_int_handler):
                    self._taken[signum] = before
                    signal.signal(signum, self.heed)
        return self

    def __exit__(self, *_: object) -> None:
        for signum, before in self._taken.items():
            signal.signal(signum, before)

    def heed(self, signum: int, _: FrameType | None) -> None:
        """Take one signal."""
        if self.first is None:
            self.first, self._since = signum, self._clock()
            raise KeyboardInterrupt if signum == signal.SIGINT else Interrupted(signum)
        if self._words is not None or self._clock() - self._since > GRACE:
            with contextlib.suppress(OSError):  # not by way of a stream: that may be in the midst of writing
                os.write(2, ("nbxfer: interrupted.\n" if self._words is None else self._words).encode(errors="replace"))
            signal.signal(signum, signal.SIG_DFL)
            os.kill(os.getpid(), signum)

    def last_words(self, words: str) -> None:
        """Say what a second signal is to write before it kills: the whole line."""
        self._words = words


def die_by(signum: int) -> None:
    """End as the signal would have ended us, so that a shell's loop around us ends, too."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
