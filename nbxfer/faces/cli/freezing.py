"""``nbxfer freeze`` and ``nbxfer restore``: the same data elsewhere."""

from __future__ import annotations

from typing import Any

import click

from nbxfer.faces.cli import options
from nbxfer.faces.cli.desk import Call
from nbxfer.faces.cli.stay import stay


@click.command(short_help="Write down what was fetched, to have it again elsewhere.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("-o", "--output", metavar="FILE", default="data.lock", show_default=True, help="The lock file.")
@click.option("--root", metavar="DIR", help="Paths are written as they lie below it (else the folder that holds all).")
@click.pass_obj
def freeze(call: Call, ids: tuple[str, ...], output: str, root: str | None) -> None:
    """Write down what was fetched: URLs, sizes, SHA-256, versions, times. Nothing secret is written.

    Without ids, everything finished of this folder or notebook that still is as it was fetched.

    \b
    Examples:
      nbxfer freeze
      nbxfer freeze 3f2a 9b01 -o inputs.lock
    """
    desk = call.desk()
    call.pen.out(str(desk.freeze(output, [desk.find(one) for one in ids] if ids else None, root)))


@click.command(short_help="Fetch what a lock file lists.")
@click.argument("lock", metavar="[FILE]", default="data.lock")
@click.option("-o", "--output", metavar="DIR", help="The folder in which it is to lie (else the working folder).")
@options.pacing
@options.reaching
@options.watching
@click.pass_obj
@click.pass_context
def restore(ctx: click.Context, call: Call, /, lock: str, output: str | None, **given: Any) -> None:
    """Fetch what a lock file lists; each file is held against its SHA-256, and what is right costs no request.

    \b
    Examples:
      nbxfer restore
      nbxfer restore inputs.lock -o data/
    """
    options.setup(call, given)
    asked = options.read(call, given, [])
    handles = call.desk().restore(lock, output, **asked)
    call.staying = handles
    ctx.exit(stay(call, handles))
