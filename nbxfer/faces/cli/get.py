"""``nbxfer get``: downloads, and staying with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click

from nbxfer.errors import InvalidRequest, TransferError
from nbxfer.faces.cli import exits
from nbxfer.faces.cli.desk import Call, Handle
from nbxfer.faces.cli.dialect import in_shell
from nbxfer.faces.cli.stay import stay

IF_EXISTS = ("revalidate", "error", "skip", "overwrite", "unique")


@click.command(short_help="Download URLs, and print where they are.")
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="DEST", help="A file, or a folder: one that exists, ends in /, or takes several URLs."
)
@click.option("--checksum", metavar="A:H", help="What the file has to be, like sha256:9f86d0…; for one URL at a time.")
@click.option(
    "--header",
    "headers",
    metavar="K:V|@FILE",
    multiple=True,
    help="Send this header, or those that stand in FILE, one a line. Everybody on this machine can read a command "
    "line: put secrets in a file. May be repeated.",
)
@click.option(
    "--if-exists",
    type=click.Choice(IF_EXISTS),
    default="revalidate",
    show_default=True,
    help="What becomes of a file that is there already. revalidate asks the server about a file that nbxfer fetched "
    "from there, and refuses to touch any other.",
)
@click.option("--cacert", metavar="FILE", help="Trust these certificate authorities (PEM) instead of the usual ones.")
@click.option(
    "--timeout", metavar="S", type=float, help="Seconds to wait for a connection, and for an answer, before a retry."
)
@click.option("-n", "--no-wait", is_flag=True, help="Only note it down; 'nbxfer resume' or a notebook starts it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line instead of paths.")
@click.option("-q", "--quiet", is_flag=True, help="No bar; only paths, and errors.")
@click.option("-v", "--verbose", is_flag=True, help="Show what is logged, too.")
@click.pass_obj
@click.pass_context
def get(
    ctx: click.Context,
    call: Call,
    urls: tuple[str, ...],
    output: str | None,
    checksum: str | None,
    headers: tuple[str, ...],
    if_exists: str,
    cacert: str | None,
    timeout: float | None,
    no_wait: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Download, and print the path when all of it is there.

    Nothing is ever at that path before it is complete. After Ctrl-C, a broken network or a crash, the same command
    again, or 'nbxfer resume', goes on from where it stopped. A download that is already running in another terminal
    or notebook is joined, not begun twice.

    \b
    Examples:
      nbxfer get https://host/data.tar.gz
      nbxfer get https://host/a.csv https://host/b.csv -o data/
      nbxfer get https://host/model.pt --checksum sha256:9f86d081... --header @token.txt
    """
    if quiet and verbose:
        raise click.UsageError("--quiet and --verbose contradict each other.")
    if checksum and len(urls) > 1:
        raise click.UsageError("--checksum is of one file: give one URL at a time.")
    call.pen.setup(json=as_json, quiet=quiet, verbose=verbose)
    options: dict[str, Any] = {"if_exists": if_exists}
    options |= {"checksum": checksum} if checksum else {}
    options |= {"headers": list(_headers(headers))} if headers else {}
    options |= {"verify": os.path.expanduser(cacert)} if cacert else {}
    options |= {"timeout": timeout} if timeout is not None else {}
    options |= {"start": False} if no_wait else {}
    dest: str | None = output
    if len(urls) > 1:
        dest, options["into"] = None, output or os.curdir
    handles, refused = _accepted(call, urls, dest, options)
    if not no_wait:
        ctx.exit(stay(call, handles, refused))
    for handle in handles:
        _noted(call, handle)
    ctx.exit(exits.DONE if not refused else exits.SOME_FAILED if handles else exits.FAILED)


def _accepted(call: Call, urls: tuple[str, ...], dest: str | None, options: dict[str, Any]) -> tuple[list[Handle], int]:
    """Ask for each; one of several that cannot be had does not keep the others. Give handles, and how many not."""
    desk, handles, refused = call.desk(), [], 0
    for url in dict.fromkeys(urls):
        try:
            handles.append(desk.download(url, dest, **options))
            call.staying = handles
        except TransferError as error:
            if len(urls) == 1:
                raise
            refused += 1
            call.pen.fail(f"{_shown(url)}: {error}")
            if call.pen.json:
                call.pen.row(id=None, status="ERROR", received=0, total=None, path=None, error=in_shell(str(error)))
    return handles, refused


def _shown(url: str) -> str:
    from nbxfer.core.url import safe_url
    from nbxfer.faces.words import clean

    return clean(safe_url(url), 200)


def _headers(given: tuple[str, ...]) -> Iterator[str]:
    """Give the header lines, those of files included. Blank lines and lines that begin with # are left out."""
    for one in given:
        if not one.startswith("@"):
            yield one
            continue
        path = os.path.expanduser(one[1:])
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise InvalidRequest(
                f"The header file {path} cannot be read: {why}.", hint="Give --header @FILE."
            ) from None
        yield from (line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _noted(call: Call, handle: Handle) -> None:
    """Say of an operation that nobody stays with where it stands."""
    from nbxfer.core.phases import Phase
    from nbxfer.faces.words import name_words, status_words

    snapshot = handle.snapshot
    if call.pen.json:
        call.pen.snapshot(snapshot)
    else:
        call.pen.out(handle.id)
    if snapshot.phase is Phase.CREATED:
        call.pen.say(f"{name_words(snapshot)} is noted down. To start it: {call.command(f'resume {handle.id[:8]}')}")
    elif snapshot.phase is not Phase.DONE:
        going = snapshot.owner == "theirs"
        way = "Another process runs it." if going else f"To go on: {call.command(f'resume {handle.id[:8]}')}"
        call.pen.say(f"{name_words(snapshot)}: {status_words(snapshot)}. {way}")
