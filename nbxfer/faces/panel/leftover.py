"""What an earlier kernel left unfinished, in words: for the offer, and for readers without a kernel or widgets."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words

#: Names that are told; the others are counted.
NAMED = 3


def transfers(number: int) -> str:
    """Give "1 transfer", "3 transfers"."""
    return "1 transfer" if number == 1 else f"{number} transfers"


def sentence(left: Sequence[Snapshot]) -> str:
    """Say what is unfinished: how many, how much of it is here, which."""
    if not left:
        return ""
    kinds: dict[str, int] = {}
    for snapshot in left:
        word = words.state_words(snapshot)
        kinds[word] = kinds.get(word, 0) + 1
    states = ", ".join(f"{number} {word}" for word, number in kinds.items())
    total = sum(s.total or 0 for s in left) if all(s.total is not None for s in left) else None
    here = words.amount_words(sum(s.received for s in left), total)
    names = ", ".join(words.name_words(s) for s in left[:NAMED])
    more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
    verb = "is" if len(left) == 1 else "are"
    return f"{transfers(len(left))} of this notebook {verb} unfinished ({states}; {here} here): {names}{more}."


def faces(left: Sequence[Snapshot], note: str = "") -> dict[str, str]:
    """Give the offer for readers without a kernel, and for front ends without widgets: what to type for each choice."""
    text = sentence(left) + (f" {note}" if note else "")
    ways = "nbxfer.reattach() goes on with them; %xfer ls lists them; %xfer discard gives them up."
    table = f"<p>{escape(text)}</p>\n<p>{escape(ways)}</p>"
    return {"text/plain": f"nbxfer: {text}\n{ways}", "text/html": table}
