"""``nbxfer put`` and ``nbxfer copy``: what is sent, and staying with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from nbxfer.faces.cli import exits, options, storage, trees
from nbxfer.faces.cli.desk import Call, Handle
from nbxfer.faces.cli.get import noted
from nbxfer.faces.cli.stay import stay

IF_EXISTS: Final = ("overwrite", "skip", "error")
#: Options of downloads that mean nothing where nothing lands here.
_NOT_HERE: Final = ("preserve_mtime", "max_size", "expect_size")


def _if_exists(command: trees.Command) -> trees.Command:
    return click.option(
        "--if-exists",
        type=click.Choice(IF_EXISTS),
        default="overwrite",
        show_default=True,
        help="What becomes of something that is there already. What is the same is never sent again.",
    )(command)


@click.command(short_help="Send files to a URL.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.argument("url", metavar="URL")
@_if_exists
@storage.storing
@trees.taking
@options.accepting
@options.reaching
@click.option("-n", "--no-wait", is_flag=True, help="Only note it down; 'nbxfer resume' or a notebook starts it.")
@options.watching
@click.pass_obj
@click.pass_context
def put(ctx: click.Context, call: Call, /, files: tuple[str, ...], url: str, **given: Any) -> None:
    """Send files to a URL: a store, a server; print where they are when all of it is there.

    A URL that ends in / is a folder, and each file keeps its name in it. Nothing is seen under the name before all of
    it is there, but where a server of the web knows no such thing. After Ctrl-C, a broken network or a crash, 'nbxfer
    resume' goes on from what the far side has.

    \b
    Examples:
      nbxfer put model.pt s3://bucket/models/
      nbxfer put *.csv sftp://me@host/data/
      nbxfer put -r results/ s3://bucket/run1/ --storage-option endpoint_url=https://host
    """
    ctx.exit(_sent(call, "upload", files, url, given))


@click.command("copy", short_help="Copy from one URL to another.")
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@_if_exists
@storage.storing
@trees.taking
@options.accepting
@options.reaching
@click.option("-n", "--no-wait", is_flag=True, help="Only note it down; 'nbxfer resume' or a notebook starts it.")
@options.watching
@click.pass_obj
@click.pass_context
def copy(ctx: click.Context, call: Call, /, source: str, target: str, **given: Any) -> None:
    """Copy from anywhere to anywhere, with no file in between.

    Each side is a URL or a path of this machine. Options of a store are for both sides where they are of one kind.

    \b
    Example:
      nbxfer copy gs://a/b.parquet s3://c/b.parquet
    """
    ctx.exit(_sent(call, "copy", (source,), target, given))


def _sent(call: Call, verb: str, sources: Sequence[str], target: str, given: dict[str, Any]) -> int:
    options.setup(call, given)
    asked = trees.read(given)
    told = storage.read(given)
    urls = [text for text in (*sources, target) if "://" in text]
    asked |= {"if_exists": given["if_exists"], **options.read(call, given, urls[-1:])}
    here = verb == "copy" and "://" not in target
    if here and asked["if_exists"] == "overwrite":
        asked.pop("if_exists")
    asked |= told
    asked |= {"start": False} if given["no_wait"] else {}
    if not here:
        asked = {name: value for name, value in asked.items() if name not in _NOT_HERE}
    desk: Any = call.desk()
    ask = getattr(desk, verb)
    if asked.get("recursive") or asked.get("glob"):
        return trees.carry_out(call, ask, sources, target, asked)
    one = len(sources) == 1
    made = ask(sources[0] if one else list(sources), target, **asked)
    handles: Sequence[Handle] = [made] if one else made
    call.staying = handles
    if not given["no_wait"]:
        return stay(call, handles)
    noted(call, handles)
    return exits.of_noted([handle.snapshot for handle in handles])
