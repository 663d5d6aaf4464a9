"""``ls``, ``explain``, ``config``: looking, which starts and changes nothing."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from nbxfer.errors import InvalidRequest
from nbxfer.faces.cli.desk import Call, Sight
from nbxfer.faces.cli.dialect import in_shell

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot
    from nbxfer.session.config import Setting

#: So many of those that failed are listed unless all are asked for; and how far back a story is looked for.
FAILED_SHOWN: Final = 5
HISTORY: Final = 10_000
#: Settings that are bytes a second, or bytes; and a number of bytes that stands for no end.
_SPEEDS: Final = ("bandwidth", "upload_bandwidth")
_AMOUNTS: Final = ("cache_size", "budget", "memory_min")
UNBOUNDED: Final = 1 << 62


@click.command(short_help="List downloads.")
@click.option("--all", "every", is_flag=True, help="Show what ended lately, too, and all that failed.")
@click.option("--group", metavar="NAME", help="Only those of one group, in its order.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.pass_obj
def ls(call: Call, every: bool, group: str | None, as_json: bool) -> None:
    """List the downloads that are not done, of every notebook and terminal.

    \b
    Example:
      nbxfer ls --all
    """
    call.pen.setup(json=as_json)
    shown = snapshots(call.sight(), group)
    shown = _with_history(call.sight(), shown, group) if every else list(filter(unfinished, shown))
    if as_json:
        for snapshot in shown:
            call.pen.snapshot(snapshot)
        return
    listed, left_out = (shown, 0) if every else _lately_failed(shown)
    if listed:
        call.pen.out(table(listed, _columns(), whole=True))
    else:
        call.nothing("nothing is here." if every else "nothing is unfinished.")
    if left_out:
        call.pen.say(f"{left_out} more failed earlier. To see them: {call.command('ls --all')}")


@click.command(short_help="Tell the story of downloads.")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
def explain(call: Call, ids: tuple[str, ...]) -> None:
    """Tell the story of downloads: what happened when, and why; what it cost; what to do now.

    ID is the beginning of an id that 'nbxfer ls --all' shows.

    \b
    Example:
      nbxfer explain 3f2a
    """
    from nbxfer.faces.words import explain as story

    call.pen.out("\n\n".join(story(_known(call.sight(), op_id)) for op_id in ids))


@click.command(short_help="Show every setting, and where it was set.")
@click.argument("words", nargs=-1, metavar="")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line: name, value, origin.")
@click.pass_obj
def config(call: Call, words: tuple[str, ...], as_json: bool) -> None:
    """Show every setting, and where it was set.

    Options win over NBXFER_… variables, these over ~/.config/nbxfer/config.toml, that over
    /etc/nbxfer/config.toml, whose [limits] nobody can exceed.

    \b
    Example:
      NBXFER_PROGRESS=off nbxfer config
    """
    from nbxfer.faces.words import clean, pad, width
    from nbxfer.session import config as settings

    if words:
        raise click.UsageError(f"config only shows. To set something, write NAME = VALUE in {settings.user_file()}.")
    rows = [
        settings.look_up("home", call.home) if s.name == "home" and call.home is not None else s
        for s in settings.settings()
    ]
    if as_json:
        for s in rows:
            value = s.value if isinstance(s.value, int | float | None) else str(s.value)
            call.pen.row(name=s.name, value=value, origin=s.origin)
    else:
        names = max(width(s.name) for s in rows)
        values = max(width(_shown(s)) for s in rows)
        for s in rows:
            call.pen.out(f"{pad(s.name, names)}  {pad(_shown(s), values)}  ({clean(s.origin)})  {s.about}")
    for stranger in settings.strangers():
        call.pen.fail(f"{stranger} means nothing to this version; is it misspelt?")


def _shown(setting: Setting) -> str:
    """Give a value as people say it."""
    from nbxfer.faces.words import clean, rate_words, size_words

    if setting.value is None or isinstance(setting.value, bool):
        return "yes" if setting.value else "no" if setting.value is False else "none"
    say = {**dict.fromkeys(_SPEEDS, rate_words), **dict.fromkeys(_AMOUNTS, size_words)}.get(setting.name)
    if say is None:
        return clean(str(setting.value))
    return say(setting.value) if setting.value < UNBOUNDED else "none"


# -- what there is -------------------------------------------------------------------------------------------------
def snapshots(desk: Sight, group: str | None = None) -> list[Snapshot]:
    """Give all that is known of every notebook and terminal, in the order of its making, in the terminal's words.

    Those of one ``group`` come in its order.
    """
    found = []
    for handle in desk.operations(group=group, scope="all"):
        with contextlib.suppress(InvalidRequest):  # gone since it was listed
            found.append(_worded(handle.snapshot))
    return found if group is None else sorted(found, key=lambda s: s.place)


def unfinished(snapshot: Snapshot) -> bool:
    """Say whether it is neither done nor canceled."""
    from nbxfer.core.phases import FINAL

    return snapshot.phase not in FINAL


def table(snapshots: Sequence[Snapshot], columns: int, *, whole: bool = False) -> str:
    """Give the list as text, as it is at this moment."""
    from nbxfer.faces import words

    return words.table(snapshots, columns, time.time(), whole=whole)


def _worded(snapshot: Snapshot) -> Snapshot:
    import msgspec

    return msgspec.structs.replace(snapshot, reason=in_shell(snapshot.reason, snapshot.id))


def _with_history(desk: Sight, shown: Sequence[Snapshot], group: str | None) -> list[Snapshot]:
    """Add what ended in processes that have left."""
    known = {s.id for s in shown}
    ended = [_worded(s) for s in desk.history() if s.id not in known and group in (None, s.group)]
    return sorted([*ended, *shown], key=lambda s: s.created if group is None else s.place)


def _lately_failed(shown: Sequence[Snapshot]) -> tuple[list[Snapshot], int]:
    """Leave out all that failed but the latest few; give what is left, and how many were left out."""
    from nbxfer.core.phases import Phase

    failed = sorted((s for s in shown if s.phase is Phase.FAILED), key=lambda s: s.changed)
    out = {s.id for s in failed[:-FAILED_SHOWN]}
    return [s for s in shown if s.id not in out], len(out)


def _known(desk: Sight, prefix: str) -> Snapshot:
    """Give the operation whose id begins so; one that ended in a process that has left is found, too."""
    try:
        return _worded(desk.find(prefix).snapshot)
    except InvalidRequest:
        matches = [s for s in desk.history(HISTORY) if prefix and s.id.startswith(prefix)]
        if len(matches) != 1:
            raise
        return _worded(matches[0])


def _columns() -> int:
    """Give the width to print in: the screen's; for a program, enough for every word."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else 1000
