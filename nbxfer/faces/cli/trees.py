"""Folders and globs in the command line: their options, what is told of a plan, and of what was there already."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

import click

from nbxfer.faces.cli import exits
from nbxfer.faces.cli.desk import Call, Handle
from nbxfer.faces.cli.stay import stay

COMPARE: Final = ("mtime", "checksum", "size")
Command = Callable[..., Any]


def taking(command: Command) -> Command:
    """Add the options that make one source a tree."""
    options = (
        click.option("-r", "--recursive", is_flag=True, help="It is a folder: with all that is in it."),
        click.option("--glob", is_flag=True, help="It is a pattern (quote it): all that it matches."),
        click.option("--include", metavar="PATTERN", multiple=True, help="Of a tree, only this. May be repeated."),
        click.option("--exclude", metavar="PATTERN", multiple=True, help="Of a tree, not this. May be repeated."),
        click.option(
            "--compare",
            type=click.Choice(COMPARE),
            help="By what a file of a tree that is there already is called the same: size and time of change (mtime, "
            "the default), size and checksum, size alone.",
        ),
        click.option("--dry-run", is_flag=True, help="Only say what would be done with a tree."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read(given: dict[str, Any]) -> dict[str, Any]:
    """Take out the options of trees, by the session's names; {} where no tree is meant. Raises UsageError."""
    found = {name: given.pop(name) for name in ("recursive", "glob", "include", "exclude", "compare")}
    options: dict[str, Any] = {name: value for name, value in found.items() if value}
    dry = given.pop("dry_run")
    if not options and not dry:
        return {}
    if not (options.get("recursive") or options.get("glob")):
        raise click.UsageError("--include, --exclude, --compare and --dry-run are for trees: add -r or --glob.")
    return {**options, **({"plan": True} if dry else {})}


def carry_out(
    call: Call, ask: Callable[..., Any], sources: Sequence[str], dest: str | None, asked: dict[str, Any]
) -> int:
    """Plan each tree and say it, or begin it and stay with all; give the exit code. Raises as the session does."""
    made = [ask(source, dest, **asked) for source in sources]
    if asked.get("plan"):
        for plan in made:
            _told(call, plan)
        return exits.SOME_FAILED if any(plan.conflicts for plan in made) else exits.DONE
    handles: list[Handle] = [handle for tree in made for handle in tree]
    call.staying = handles
    for tree in made:
        _there(call, tree.plan)
    if asked.get("start") is False:
        call.pen.say(f"{len(handles)} are noted down. To start them: {call.command('resume --all')}")
        return exits.of_noted([handle.snapshot for handle in handles])
    return stay(call, handles) if handles else exits.DONE


def _told(call: Call, plan: Any) -> None:
    from nbxfer.faces.words.plan import plan_words

    if not call.pen.json:
        call.pen.out(plan_words(plan).replace("Nothing has moved; .start() begins.", "Nothing has moved."))
        return
    for file in plan:
        call.pen.row(source=file.source, path=plan.place(file), total=file.size, verdict=file.verdict, why=file.why)


def _there(call: Call, plan: Any) -> None:
    """Give what needed no transfer as results, and say what was passed over."""
    same = plan.of("same")
    for file in same:
        if call.pen.json:
            path, size = plan.place(file), file.size
            call.pen.row(id=None, status="COMPLETED", received=size, total=size, path=path, error=None)
        elif not sys.stdout.isatty():
            call.pen.path(plan.place(file))
    if same:
        call.pen.say(f"{len(same)} {'was' if len(same) == 1 else 'were'} there already")
    for why, number in plan.passed.items():
        call.pen.say(f"passed over: {number} ({why})")
