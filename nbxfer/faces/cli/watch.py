"""``watch``: the list as it changes."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import click

from nbxfer.faces.cli import exits, look
from nbxfer.faces.cli.desk import Call

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot, SpeedMeter

#: Seconds between two looks.
WATCH_EVERY: Final = 1.0


@click.command(short_help="Show downloads as they go.")
@click.pass_obj
@click.pass_context
def watch(ctx: click.Context, call: Call) -> None:
    """Show every download as it goes, until all are over or you press Ctrl-C.

    Leaving stops no download. Where standard output is no terminal, a line is printed whenever a state changes.

    \b
    Example:
      nbxfer watch
    """
    call.pen.setup()
    try:
        _watch(call, _Screen() if _is_screen() else _Paper(call.pen.out), time.sleep)
    except exits.Interrupted:
        raise
    except KeyboardInterrupt:  # this is how one leaves
        ctx.exit(exits.DONE)


def _is_screen() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _watch(call: Call, paper: _Screen | _Paper, sleep: Callable[[float], None]) -> None:
    from nbxfer.core.phases import LIVE

    desk, speeds = call.desk(), _Speeds()
    ours: set[str] = set()
    while True:
        snapshots = [speeds.added(s, time.monotonic()) for s in look.snapshots(desk)]
        # What ends while we look stays in the picture.
        ours |= {s.id for s in snapshots if look.unfinished(s)}
        shown = [s for s in snapshots if s.id in ours]
        paper.show(shown)
        if not any(s.phase in LIVE and s.owner != "orphaned" for s in shown):
            call.pen.say(_ending(call, shown))
            return
        sleep(WATCH_EVERY)


def _ending(call: Call, shown: Sequence[Snapshot]) -> str:
    """Say why there is nothing more to watch."""
    from nbxfer.core.phases import LIVE

    if left := [s for s in shown if s.owner == "orphaned" and s.phase in LIVE]:
        some = f"{len(left)} unfinished, and no process runs " + ("them" if len(left) > 1 else "it")
        return f"{some}. To go on: {call.command('resume --all')}"
    return "all are over." if shown else "nothing is unfinished."


class _Speeds:
    """What other processes run comes to us without its speed: it is taken from one look to the next."""

    def __init__(self) -> None:
        self._meters: dict[str, SpeedMeter] = {}

    def added(self, snapshot: Snapshot, now: float) -> Snapshot:
        """Give the snapshot with speed and time left, where they are not known but can be seen."""
        import msgspec

        from nbxfer.core.phases import TransferStatus
        from nbxfer.core.snapshot import SpeedMeter

        if snapshot.rate is not None or snapshot.status is not TransferStatus.RUNNING:
            self._meters.pop(snapshot.id, None)
            return snapshot
        meter = self._meters.setdefault(snapshot.id, SpeedMeter())
        meter.count(now, snapshot.received)
        rate = meter.rate(now)
        left = (snapshot.total - snapshot.received) / rate if rate and snapshot.total is not None else None
        return msgspec.structs.replace(snapshot, rate=rate or None, eta=left)


class _Screen:
    """A table that is drawn again over itself."""

    def __init__(self) -> None:
        self._lines = 0

    def show(self, snapshots: Sequence[Snapshot]) -> None:
        """Draw."""
        from nbxfer.faces.words import summary

        size = shutil.get_terminal_size((100, 24))
        lines = look.table(snapshots, size.columns - 1).splitlines() if snapshots else []
        room = max(3, size.lines - 3)
        if len(lines) > room:
            lines = [*lines[: room - 1], f"… and {len(lines) - room + 1} more"]
        if len(snapshots) > 1:
            lines.append(summary(snapshots))
        up = f"\x1b[{self._lines}A\r" if self._lines else ""
        click.echo(f"{up}\x1b[J" + "".join(f"{line}\n" for line in lines), nl=False)
        self._lines = len(lines)


class _Paper:
    """A line whenever a state changes: for files, pipes and the patient."""

    def __init__(self, out: Callable[[str], None]) -> None:
        self._out = out
        self._told: dict[str, str] = {}

    def show(self, snapshots: Sequence[Snapshot]) -> None:
        """Print what changed."""
        from nbxfer.faces.words import line, state_words

        for snapshot in snapshots:
            if self._told.get(snapshot.id) != state_words(snapshot):
                self._told[snapshot.id] = state_words(snapshot)
                self._out(f"{snapshot.id[:8]}  {line(snapshot)}")
