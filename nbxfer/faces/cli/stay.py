"""Staying with operations until they are over: bar, log lines, patience, taking over from the dead, the last words."""

from __future__ import annotations

import pkgutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from nbxfer.errors import NeedsAttention, TransferError
from nbxfer.faces.cli import exits
from nbxfer.faces.cli.desk import Call, Handle
from nbxfer.faces.cli.dialect import RESUME, in_shell
from nbxfer.faces.cli.pen import Bar, fault_words

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot

#: Seconds that one wait lasts, and between two looks at operations whose process may have died.
LOOK_EVERY: Final = 0.1
#: Of many thousand, a look takes a while: it is taken so much more seldom that it costs one part in so many.
SHARE: Final = 20.0
TAKE_OVER_EVERY: Final = 2.0
#: After so many seconds it is said, where no bar shows it, what keeps it waiting.
SAY_AFTER: Final = 3.0


def stay(call: Call, handles: Sequence[Handle], refused: int = 0, clock: Callable[[], float] = time.monotonic) -> int:
    """Wait for all, show how it goes, say how it ended; give the exit code. ``refused`` more were not accepted."""
    call.staying = handles
    told: set[str] = set()
    many = len(handles) + refused > 1
    try:
        _wait(call, handles, lambda handle: _told(call, handle, told, many=many), clock)
    except NeedsAttention as error:
        call.pen.fail(str(error))
    for handle in handles:
        _told(call, handle, told, many=many)
    if many and not call.pen.json:
        from nbxfer.faces.words import summary

        ends = [handle.snapshot for handle in handles]
        if refused or exits.of_snapshots(ends) != exits.DONE:
            call.pen.say(f"{summary(ends)}{f'; {refused} refused' if refused else ''}")
    call.staying = ()
    return exits.of_snapshots([handle.snapshot for handle in handles], refused)


def _wait(call: Call, handles: Sequence[Handle], over: Callable[[Handle], None], clock: Callable[[], float]) -> None:
    desk, patience = call.desk(), _Patience(call, clock)
    desk.attend(*(handle.id for handle in handles))
    # By name, as the session opens it: faces do not import each other.
    make: Callable[..., Bar] = pkgutil.resolve_name("nbxfer.faces.bar:Bar")
    bar = None if call.pen.quiet else make(lambda: [handle.snapshot for handle in handles], say_why=False)
    began = next_look = clock()
    silent = not (call.pen.quiet or sys.stderr.isatty())
    waiting = list(handles)
    try:
        while True:
            begun = clock()
            before, waiting = waiting, []
            for handle in before:  # what is over stays so, but for a retry from elsewhere: that is not waited for
                if not handle.done():
                    waiting.append(handle)
                elif call.pen.json:
                    over(handle)
            if not waiting:
                break
            call.pen.drain(bar)
            if clock() >= next_look:
                next_look = clock() + TAKE_OVER_EVERY
                if any(handle.snapshot.owner == "theirs" for handle in waiting):
                    desk.refresh()
                _take_over(call, waiting)
            if silent and clock() - began >= SAY_AFTER:
                silent = not _said_why(call, waiting)
            patience.check(waiting)
            if bar is not None:
                bar.refresh()
            # The last one: it is the likeliest to be over last, and to let us sleep until then.
            waiting[-1].wait(min(1.0, max(LOOK_EVERY, SHARE * (clock() - begun))), progress=False)
    finally:
        if bar is not None:
            bar.close()
        call.pen.drain()


def _said_why(call: Call, waiting: Sequence[Handle]) -> bool:
    """Say once what keeps the first of those that wait for their next try; give whether there was one."""
    from nbxfer.core.phases import Phase
    from nbxfer.faces.words import name_words, status_words

    for handle in waiting:
        if (snapshot := handle.snapshot).phase is Phase.STALLED:
            call.pen.say(in_shell(f"{name_words(snapshot)}: {status_words(snapshot, time.time())}", snapshot.id))
            return True
    return False


def _take_over(call: Call, waiting: Sequence[Handle]) -> None:
    """Go on here with what another process ran until it died: somebody is waiting for it."""
    from nbxfer.core.phases import TransferStatus

    for handle in waiting:
        if handle.snapshot.status is TransferStatus.ORPHANED:
            try:
                handle.resume()
            except TransferError as error:
                call.pen.say(f"it cannot be taken over yet: {error}")


class _Patience:
    """Where nobody looks, nobody will come: says so when all that is left has waited for a person for too long."""

    def __init__(self, call: Call, clock: Callable[[], float]) -> None:
        self._seconds, self._clock, self._call = call.desk().patience, clock, call
        self._since: float | None = None

    def check(self, waiting: Sequence[Handle]) -> None:
        """Raise NeedsAttention when the time is over."""
        from nbxfer.core.phases import Phase, TransferStatus

        def stuck(snapshot: Snapshot) -> bool:
            held = (TransferStatus.PAUSED_SYSTEM_POLICY, TransferStatus.PAUSED_COSTED_NETWORK)
            return snapshot.phase is Phase.PAUSED or snapshot.status in held

        if self._seconds is None or not all(stuck(handle.snapshot) for handle in waiting):
            self._since = None
            return
        now = self._clock()
        self._since = now if self._since is None else self._since
        if now - self._since >= self._seconds:
            raise NeedsAttention(_left_words(self._call, [handle.snapshot for handle in waiting]))


def _left_words(call: Call, snapshots: Sequence[Snapshot]) -> str:
    """Say what waits for a person, why, and how to go on."""
    from nbxfer.faces.words import name_words, status_words

    first = snapshots[0]
    others = f" (and {len(snapshots) - 1} more)" if len(snapshots) > 1 else ""
    why = in_shell(status_words(first)).replace(RESUME, call.command(f"resume {first.id[:8]}"))
    ids = first.id[:8] if len(snapshots) == 1 else "--all"
    stop = "" if why.endswith((".", "!", "?")) else "."
    then = "When that is mended" if first.needs_person else "To go on"
    way = "" if "Go on with: " in why else f" {then}: {call.command(f'resume {ids}')}"
    return f"{name_words(first)}{others}: {why}{stop} Nobody looks here, so it is left.{way}"


def _which(call: Call, snapshot: Snapshot) -> str:
    """Give the short id of one of several, and where in the list it stands."""
    if call.shown_lines is None:
        from nbxfer.core.url import safe_url

        shown = [(safe_url(url), number) for url, number in call.lines.items()]
        times = Counter(url for url, _ in shown)  # without their secrets, two may look alike: then neither is named
        call.shown_lines = {url: number for url, number in shown if times[url] == 1}
    number = call.shown_lines.get(snapshot.source)
    return snapshot.id[:8] + (f", line {number}" if number else "")


def _told(call: Call, handle: Handle, told: set[str], *, many: bool) -> None:
    """Say once how an operation ended: its path or JSON line as a result, why not as a sentence."""
    from nbxfer.core.phases import Phase
    from nbxfer.faces.words import name_words

    if handle.id in told:
        return
    told.add(handle.id)
    snapshot = handle.snapshot
    if call.pen.json:
        call.pen.snapshot(snapshot)
    elif snapshot.phase is Phase.DONE:
        call.pen.path(snapshot.published.path if snapshot.published else snapshot.destination)
    name = f"{name_words(snapshot)} ({_which(call, snapshot)}): " if many else ""
    if snapshot.phase is Phase.FAILED:
        hint = (
            "" if snapshot.fault and snapshot.fault.hint else f" To try again: {call.command(f'retry {handle.id[:8]}')}"
        )
        call.pen.fail(f"{name}{fault_words(snapshot)}{hint}")
    elif snapshot.phase is Phase.CANCELED:
        call.pen.fail(f"{name_words(snapshot)} was canceled.")
