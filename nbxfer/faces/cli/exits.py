"""How the program ends: its exit codes, and dying by the signal that interrupted it."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Final, NoReturn

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


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into Interrupted; one that somebody ignores (nohup) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, _: FrameType | None) -> NoReturn:
        raise Interrupted(signum)

    taken = [signum for signum in _SIGNALS if signal.getsignal(signum) is signal.SIG_DFL]
    for signum in taken:
        signal.signal(signum, interrupt)
    try:
        yield
    finally:
        for signum in taken:
            signal.signal(signum, signal.SIG_DFL)


def second_one_kills() -> None:
    """Give the signals their own meaning back: whoever asks twice does not want to wait."""
    if threading.current_thread() is threading.main_thread():
        for signum in (signal.SIGINT, *_SIGNALS):
            if signal.getsignal(signum) is not signal.SIG_IGN:
                signal.signal(signum, signal.SIG_DFL)


def die_by(signum: int) -> None:
    """End as the signal would have ended us, so that a shell's loop around us ends, too."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
