"""``nbxfer doctor``: looks at everything that has kept downloads from working, and says what to do about it."""

from __future__ import annotations

import os
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from nbxfer.errors import TransferError
from nbxfer.faces.cli import exits
from nbxfer.faces.cli.desk import Call

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot
    from nbxfer.faces.cli.findings import Finding

#: Below this much free space (bytes) a home is in danger: a full one can remember nothing.
LITTLE: Final = 200_000_000
_MARKS: Final = {"ok": "  ", "note": "- ", "problem": "! "}


@click.command(short_help="Look for what keeps downloads from working.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line: check, state, text, advice.")
@click.pass_obj
@click.pass_context
def doctor(ctx: click.Context, call: Call, as_json: bool) -> None:
    """Look for what keeps downloads from working, and say what to do.

    Asks no server and changes nothing. Lines that begin with ! are problems (the exit code is then 1), those with -
    are worth knowing.

    \b
    Example:
      nbxfer doctor
    """
    from nbxfer.faces.cli.findings import PROBLEM
    from nbxfer.faces.words import clean

    problems = 0
    for finding in examine(call):
        problems += finding.state == PROBLEM
        if as_json:
            call.pen.row(check=finding.check, state=finding.state, text=finding.text, advice=finding.advice)
            continue
        call.pen.out(f"{_MARKS[finding.state]}{finding.check:<10} {clean(finding.text, 1000)}")
        if finding.advice:
            call.pen.out(f"{'':<13}→ {clean(finding.advice, 1000)}")
    if not as_json:
        call.pen.out(f"\n{problems or 'No'} problem{'' if problems == 1 else 's'} found.")
    ctx.exit(exits.FAILED if problems else exits.DONE)


def examine(call: Call) -> Iterator[Finding]:
    """Give everything that is found; a look that fails is itself a finding."""
    from nbxfer.faces.cli import outside
    from nbxfer.faces.cli.findings import PROBLEM, Finding

    looks: dict[str, Callable[[Call], Iterator[Finding]]] = {
        "versions": _versions,
        "settings": _settings,
        "limits": _limits,
        "home": _home,
        "processes": _processes,
        "downloads": _downloads,
        "movers": outside.movers,
        "network": outside.network,
        "clock": outside.clock,
        "TLS": outside.tls,
        "proxy": outside.proxy,
        "passwords": outside.passwords,
        "extras": outside.extras,
        "notebook": outside.notebook,
    }
    told: set[str] = set()
    for check, look in looks.items():
        try:
            yield from look(call)
        except TransferError as error:
            if error.message in told:  # a broken settings file, which every look reads
                continue
            told.add(error.message)
            yield Finding(check, PROBLEM, error.message, error.hint or "")
        except OSError as error:
            yield Finding(check, PROBLEM, f"This could not be looked at: {error.strerror or type(error).__name__}.")


def _versions(_: Call) -> Iterator[Finding]:
    import nbxfer
    from nbxfer.faces.cli.findings import OK, Finding
    from nbxfer.faces.cli.surroundings import version

    packages = ("anyio", "click", "h11", "httpx", "msgspec", "tqdm")
    found = ", ".join(f"{name} {version(name) or 'missing'}" for name in packages)
    ours = nbxfer.__version__
    yield Finding("versions", OK, f"nbxfer {ours}, Python {platform.python_version()}, {platform.platform()}; {found}")


def _settings(_: Call) -> Iterator[Finding]:
    from nbxfer.faces.cli.findings import NOTE, OK, Finding
    from nbxfer.session import config

    changed = [f"{s.name} = {s.value} ({s.origin})" for s in config.settings() if s.origin != "default"]
    yield Finding("settings", OK, "; ".join(changed) or "all as they come")
    for stranger in config.strangers():
        yield Finding(
            "settings", NOTE, f"{stranger} means nothing to this version.", "Correct its spelling, or remove it."
        )


def _limits(_: Call) -> Iterator[Finding]:
    from nbxfer.faces.cli.findings import OK, Finding
    from nbxfer.faces.words import rate_words
    from nbxfer.session import config

    found = {name: config.look_up(name) for name in ("connections", "per_host", "running", "bandwidth")}
    connections, per_host, running, rate = (setting.value for setting in found.values())
    speed = f"{rate_words(rate)} together" if rate else "as fast as it goes"
    capped = [name for name, setting in found.items() if setting.origin.startswith("[limits]")]
    by_whom = f"; nobody can raise {' and '.join(capped)} ({found[capped[0]].origin})" if capped else ""
    yield Finding(
        "limits",
        OK,
        f"at most {connections} connections for one download, {per_host} to one host; {running} downloads at once, "
        f"{speed}{by_whom}",
    )


# -- the home and those who write in it ------------------------------------------------------------------------------
def _home(call: Call) -> Iterator[Finding]:
    from nbxfer.faces.cli import surroundings
    from nbxfer.faces.cli.findings import NOTE, OK, PROBLEM, Finding
    from nbxfer.faces.words import size_words

    home = call.desk().home
    there = surroundings.nearest(home)
    kind = surroundings.file_system(there)
    space = os.statvfs(there)
    free = space.f_bavail * space.f_frsize
    made = "" if there == home else ", not made yet"
    yield Finding("home", OK, f"{home}{made}; {kind}, {size_words(free)} free")
    if there == home:
        yield from _mode(home)
    elif not there.is_dir():
        yield Finding("home", PROBLEM, f"{there} is a file.", "Point NBXFER_HOME at a folder.")
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding("home", PROBLEM, f"{there} may not be written.", "Point NBXFER_HOME at a folder of your own.")
    if free < LITTLE:
        yield Finding(
            "home", PROBLEM, f"Only {size_words(free)} are free.", "Make room: a full home remembers nothing."
        )
    if kind in surroundings.SHARED:
        yield Finding(
            "home",
            NOTE,
            f"It is shared with other machines ({kind}). That is safe; a pause or cancel that is asked on one machine "
            "may take a minute to be heard on another.",
        )


def _mode(home: Path) -> Iterator[Finding]:
    from nbxfer.faces.cli.findings import PROBLEM, Finding

    info = home.stat()
    if hasattr(os, "getuid") and info.st_uid != os.getuid():
        yield Finding("home", PROBLEM, f"{home} belongs to another user.", "Point NBXFER_HOME at a folder of your own.")
    elif sys.platform != "win32" and (mode := stat.S_IMODE(info.st_mode)) & 0o077:
        yield Finding("home", PROBLEM, f"Others may look into it (mode {mode:04o}).", f"chmod 700 {home}")


def _processes(call: Call) -> Iterator[Finding]:
    from nbxfer.faces.cli.findings import NOTE, OK, Finding
    from nbxfer.faces.cli.surroundings import writers
    from nbxfer.faces.words import time_words

    found = list(writers(call.desk().home))
    alive = [f"process {w.pid} on {w.host} ({w.where})" for w in found if w.state == "alive"]
    yield Finding("processes", OK, f"{len(alive)} at work" + (": " + "; ".join(alive) if alive else ""))
    if dead := [w for w in found if w.state in ("gone", "left")]:
        yield Finding("processes", OK, f"{len(dead)} ended and left something unfinished")
    for writer in found:
        if writer.state == "silent":
            yield Finding(
                "processes",
                NOTE,
                f"process {writer.pid} on {writer.host} has been silent for {time_words(abs(writer.silent_for))}.",
                "If it is stopped or hangs, nbxfer resume --all takes its downloads over.",
            )


def _downloads(call: Call) -> Iterator[Finding]:
    from nbxfer.core.phases import FINAL, Phase
    from nbxfer.faces.cli.findings import NOTE, OK, Finding

    shown = [s for h in call.desk().operations(scope="all") if (s := h.snapshot).phase not in FINAL]
    orphaned = [s for s in shown if s.owner == "orphaned" and s.phase not in (Phase.PAUSED, Phase.FAILED)]
    paused = [s for s in shown if s.phase is Phase.PAUSED]
    failed = [s for s in shown if s.phase is Phase.FAILED]
    yield Finding("downloads", OK, f"{len(shown) - len(failed)} unfinished")
    if orphaned:
        way = call.command("resume --all")
        yield Finding("downloads", NOTE, f"{len(orphaned)} interrupted, and nobody runs them.", f"{way} goes on.")
    if paused:
        way = call.command("resume ID")
        yield Finding("downloads", NOTE, f"{len(paused)} paused.", f"{call.command('ls')} says why, {way} goes on.")
    if failed:
        way = f"{call.command('ls')} says why, {call.command('retry ID')} tries again."
        yield Finding("downloads", NOTE, f"{len(failed)} failed.", way)
    for snapshot in shown:
        yield from _part(snapshot)


def _part(snapshot: Snapshot) -> Iterator[Finding]:
    """Say where what has come of an interrupted download lies, or that it is gone."""
    from nbxfer.faces.cli.findings import NOTE, PROBLEM, Finding
    from nbxfer.faces.words import name_words, size_words

    target = Path(snapshot.destination)
    name = f"{snapshot.id[:8]} ({name_words(snapshot)})"
    if not target.parent.is_dir():
        if snapshot.received:
            where = f"The folder of {name} is gone: {target.parent}."
            yield Finding("downloads", PROBLEM, where, "Mount or restore it, or it begins again there.")
        return
    parts = [p for p in _hidden(target.parent) if f".{snapshot.id}." in p.name and p.name.endswith(".part")]
    if parts:
        size = sum(p.stat().st_blocks * 512 for p in parts)
        yield Finding("downloads", NOTE, f"The part of {name} takes {size_words(size)}: {parts[0]}")
    elif snapshot.received:
        yield Finding("downloads", NOTE, f"The part of {name} is gone.", "It begins again when it goes on.")


def _hidden(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.name.startswith(".")]
