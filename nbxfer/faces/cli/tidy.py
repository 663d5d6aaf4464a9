"""``nbxfer clean``: what nobody needs any more."""

from __future__ import annotations

import re
from typing import Final

import click

from nbxfer.faces.cli.desk import Call

#: Seconds of what an age may be given in.
_UNITS: Final = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
#: The kind of what the session leaves, for it may be somebody else's.
UNKNOWN: Final = "unknown part"
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(\w+)", re.ASCII)


def _age(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    """Give the seconds of an age."""
    if text is None:
        return None
    found = _AGE.fullmatch(text.strip().lower())
    if found is None or found[2] not in _UNITS:
        raise click.BadParameter(f"{text!r} is no age: give one like 30d, 12h or 2w.")
    return float(found[1]) * _UNITS[found[2]]


@click.command(short_help="Remove what nobody needs any more.")
@click.option(
    "--older-than",
    metavar="D",
    callback=_age,
    help="Also give up what failed or was left longer ago than this: 30d, 12h.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line: kind, name, size, why.")
@click.pass_obj
def clean(call: Call, older_than: float | None, yes: bool, as_json: bool) -> None:
    """List what nobody needs any more, ask, and remove it: parts of what was canceled, notes of what is gone.

    A finished file is never touched, nor anything that a living process works on. Where nobody can be asked, it
    lists, and removes nothing without --yes.

    \b
    Examples:
      nbxfer clean
      nbxfer clean --older-than 30d --yes
    """
    from nbxfer.faces.words import clean as cleaned
    from nbxfer.faces.words import pad, size_words, width

    call.pen.setup(json=as_json)
    found = list(call.desk().leftovers(older_than))
    known = [one for one in found if one.kind != UNKNOWN]
    if not found:
        call.nothing("nothing is left over.")
        return
    shown = [(cleaned(one.kind, 40), size_words(one.size), cleaned(one.name, 200), cleaned(one.why, 200))
             for one in found]  # fmt: skip
    kinds, sizes = (max(width(row[i]) for row in shown) for i in (0, 1))
    for one, (kind, size, name, why) in zip(found, shown, strict=True):
        if as_json:
            call.pen.row(kind=one.kind, name=one.name, size=one.size, why=one.why)
        else:
            call.pen.out(f"{pad(kind, kinds)}  {pad(size, sizes)}  {name}: {why}")
    if len(known) < len(found):
        call.pen.say(f"an {UNKNOWN} may be of another home: it is left, unless you remove it yourself.")
    if not known:
        return
    total = size_words(sum(one.size for one in known))
    if not yes and not call.agree(f"Remove {'this' if len(known) == 1 else f'these {len(known)}'} ({total})?"):
        call.pen.say("nothing was removed.")
        return
    removed = call.desk().clean(older_than)
    call.pen.say(f"{len(removed)} removed, {size_words(sum(one.size for one in removed))} freed.")
