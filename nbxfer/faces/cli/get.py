"""``nbxfer get`` and ``nbxfer adopt``: downloads, and staying with them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final

import click

from nbxfer.faces.cli import exits, listfile, options, storage, trees
from nbxfer.faces.cli.desk import Call, Handle
from nbxfer.faces.cli.stay import stay

#: Values of --name that are rules, not names.
NAMING: Final = ("url", "server", "auto")
#: More than this are not told one by one that they are noted down.
FEW: Final = 3


@click.command(short_help="Download URLs, and print where they are.")
@click.argument("urls", metavar="URL...", nargs=-1)
@click.option(
    "-o", "--output", metavar="DEST", help="A file, or a folder: one that exists, ends in /, or takes several URLs."
)
@click.option(
    "-i",
    "--input",
    "listed",
    metavar="LISTFILE",
    help="Read URLs from here, one a line (- is standard input); behind a tab, where that one is to land.",
)
@click.option(
    "--name",
    metavar="url|server|auto|NAME",
    help="In a folder, the file's name: the last part of the URL's path (the default); what the server says; that, "
    "where the URL's has no ending; or NAME.",
)
@click.option(
    "--if-exists",
    type=click.Choice(options.IF_EXISTS),
    default="revalidate",
    show_default=True,
    help="What becomes of a file that is there already. revalidate asks the server about a file that nbxfer fetched "
    "from there, and refuses to touch any other.",
)
@click.option(
    "--mirror",
    "mirrors",
    metavar="URL",
    multiple=True,
    help="The same file elsewhere, for when a server fails. May be repeated.",
)
@storage.storing
@trees.taking
@options.accepting
@options.reaching
@click.option("-n", "--no-wait", is_flag=True, help="Only note it down; 'nbxfer resume' or a notebook starts it.")
@options.watching
@click.pass_obj
@click.pass_context
def get(ctx: click.Context, call: Call, /, urls: tuple[str, ...], **given: Any) -> None:
    """Download, and print the path when all of it is there.

    Nothing is ever at that path before it is complete. After Ctrl-C, a broken network or a crash, the same command
    again, or 'nbxfer resume', goes on from where it stopped. A download that is already running in another terminal
    or notebook is joined, not begun twice.

    \b
    Examples:
      nbxfer get https://host/data.tar.gz
      nbxfer get https://host/a.csv https://host/b.csv -o data/
      nbxfer get https://host/model.pt --checksum sha256:9f86d081... --header @token.txt
      nbxfer get -i urls.txt -o data/ --bandwidth "5 MB/s"
      nbxfer get -r s3://bucket/run1/ -o data/ --exclude "*.tmp"
      nbxfer get --glob "s3://bucket/run1/*.nc" -o data/ --dry-run
    """
    options.setup(call, given)
    tree, told = trees.read(given), storage.read(given)
    given["typed"] = urls
    entries: dict[str, str | None] = dict.fromkeys(urls)
    if given["listed"]:
        found, call.lines = listfile.read(given["listed"])
        if (given["name"] or "url") == "url":
            listfile.check_names(found, call.lines)
        entries = {**entries, **found}
    if not entries:
        raise click.UsageError("Say what: URLs, or -i LISTFILE.")
    several = len(entries) > 1 or bool(given["listed"]) or bool(tree)
    _check(given, several=several)
    asked = {"if_exists": given["if_exists"], **options.read(call, given, list(entries)), **told}
    asked |= {"name": given["name"]} if given["name"] else {}
    asked |= {"mirrors": list(given["mirrors"])} if given["mirrors"] else {}
    asked |= {"start": False} if given["no_wait"] else {}
    if tree:
        ctx.exit(trees.carry_out(call, call.desk().download, list(entries), given["output"], {**asked, **tree}))
    handles = _accepted(call, entries, given["output"], asked, several=several)
    if not given["no_wait"]:
        ctx.exit(stay(call, handles))
    noted(call, handles)
    ctx.exit(exits.of_noted([handle.snapshot for handle in handles]))


def _check(given: dict[str, Any], *, several: bool) -> None:
    checksum = given["checksum"] or ""
    if several and checksum and "://" not in checksum:
        raise click.UsageError("--checksum is of one file; for several, give the URL of a list of checksums.")
    if several and given["mirrors"]:
        raise click.UsageError("--mirror is of one file.")
    if several and (given["name"] or "url") not in NAMING:
        raise click.UsageError("--name NAME is of one file; in a LISTFILE, the name stands behind a tab.")


def _accepted(
    call: Call, entries: dict[str, str | None], output: str | None, asked: dict[str, Any], *, several: bool
) -> Sequence[Handle]:
    """Ask for all at once: what cannot be had of several is shown as failed, and keeps no other."""
    desk = call.desk()
    if not several:
        handles: Sequence[Handle] = [desk.download(next(iter(entries)), output, **asked)]
    else:
        handles = desk.download(entries if any(entries.values()) else list(entries), output, **asked)
    call.staying = handles
    return handles


@click.command(short_help="Go on with what another program began.")
@click.argument("part", metavar="PART")
@click.argument("url", metavar="URL")
@click.option("-o", "--output", metavar="DEST", help="Where the whole file is to land: a file, or a folder.")
@click.option("--move", is_flag=True, help="Take the part itself, instead of a copy; then it is gone where it was.")
@options.accepting
@options.reaching
@options.watching
@click.pass_obj
@click.pass_context
def adopt(ctx: click.Context, call: Call, /, part: str, url: str, output: str | None, **given: Any) -> None:
    """Go on with what another program began: wget, curl, a browser.

    PART is its unfinished file, URL where it came from. The end of the part is compared with what the server sends;
    only --checksum proves that the rest of it is right, too.

    \b
    Examples:
      nbxfer adopt ~/Downloads/data.tar.gz.crdownload https://host/data.tar.gz
      nbxfer adopt data.tar.gz https://host/data.tar.gz -o whole/ --move --checksum sha256:9f86d081...
    """
    options.setup(call, given)
    asked = options.read(call, given, [url])
    handle = call.desk().adopt(os.path.expanduser(part), url, output, move=given["move"], **asked)
    call.staying = [handle]
    ctx.exit(stay(call, [handle]))


# -- what nobody stays with ------------------------------------------------------------------------------------------
def noted(call: Call, handles: Sequence[Handle]) -> None:
    """Say of operations that nobody stays with where they stand."""
    from nbxfer.core.phases import Phase

    created = 0
    for handle in handles:
        snapshot = handle.snapshot
        if call.pen.json:
            call.pen.snapshot(snapshot)
        else:
            call.pen.out(handle.id)
        if snapshot.phase is Phase.CREATED and len(handles) > FEW:
            created += 1
        else:
            _noted_one(call, handle)
    if created:
        call.pen.say(f"{created} are noted down. To start them: {call.command('resume --all')}")


def _noted_one(call: Call, handle: Handle) -> None:
    from nbxfer.core.phases import Phase
    from nbxfer.faces.cli.pen import fault_words
    from nbxfer.faces.words import name_words, status_words

    snapshot, name = handle.snapshot, name_words(handle.snapshot)
    resume = call.command(f"resume {handle.id[:8]}")
    if snapshot.phase is Phase.CREATED:
        call.pen.say(f"{name} is noted down. To start it: {resume}")
    elif snapshot.phase is Phase.FAILED:
        call.pen.fail(f"{name}: {fault_words(snapshot)}")
    elif snapshot.phase is not Phase.DONE:
        going = snapshot.owner == "theirs"
        way = "Another process runs it." if going else f"To go on: {resume}"
        call.pen.say(f"{name}: {status_words(snapshot)}. {way}")
