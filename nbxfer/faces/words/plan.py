"""A plan in words: how much of what, what is refused and why, what was passed over."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from nbxfer.faces.words.amounts import size_words
from nbxfer.faces.words.text import clean, cut_middle

#: What each verdict means, in the order in which they are told.
MEANING: Final = {
    "new": "new",
    "ask": "finished before: the source is asked whether it changed",
    "replace": "differs: replaced",
    "beside": "differs: lands beside it",
    "same": "there already: skipped",
    "conflict": "refused",
}
#: Rows that are shown by name.
_SHOWN: Final = 10


class Row(Protocol):
    """One file of a plan."""

    source: str
    target: str
    size: int | None
    verdict: Any
    why: str


class Shown(Protocol):
    """What is to be told of a plan."""

    source: str
    destination: str

    @property
    def counts(self) -> Mapping[str, tuple[int, int]]:
        """Files and bytes by verdict."""
        ...

    @property
    def size(self) -> int | None:
        """Bytes that would move."""
        ...

    @property
    def conflicts(self) -> Sequence[Row]:
        """What is refused."""
        ...

    @property
    def passed(self) -> Mapping[str, int]:
        """What was passed over."""
        ...

    def __iter__(self) -> Any:
        """Give the rows."""
        ...


def headline(plan: Shown) -> str:
    """Give the whole in one line: how many files move, how much that is, from where to where."""
    moving = sum(number for verdict, (number, _) in plan.counts.items() if verdict not in ("same", "conflict"))
    size = size_words(plan.size) if moving else "nothing"
    return f"{_files(moving)} to transfer ({size}): {clean(plan.source)} → {clean(plan.destination)}"


def plan_words(plan: Shown) -> str:
    """Give a plan as lines of text."""
    rows = [f"  {number:>8}  {size_words(size):>9}  {words}" for words, number, size in _counted(plan)]
    refused = [f"    {_name(row)}: {clean(row.why)}" for row in plan.conflicts[:_SHOWN]]
    if len(plan.conflicts) > _SHOWN:
        refused.append(f"    … and {len(plan.conflicts) - _SHOWN} more")
    passed = [f"  {number:>8}  passed over: {clean(why)}" for why, number in plan.passed.items()]
    return "\n".join([headline(plan), *rows, *refused, *passed, "Nothing has moved; .start() begins."])


def plan_html(plan: Shown) -> str:
    """Give a plan as HTML: a table of what happens to how many, and the first files by name."""
    rows = "".join(
        f"<tr><td>{number}</td><td>{size_words(size)}</td><td>{html.escape(words)}</td></tr>"
        for words, number, size in _counted(plan)
    )
    rows += "".join(
        f"<tr><td>{number}</td><td></td><td>passed over: {html.escape(clean(why))}</td></tr>"
        for why, number in plan.passed.items()
    )
    first = [*plan.conflicts[:_SHOWN], *_first(row for row in plan if row.verdict != "conflict")]
    files = "".join(
        f"<tr><td>{html.escape(_name(row))}</td><td>{size_words(row.size)}</td><td>{html.escape(str(row.verdict))}</td>"
        f"<td>{html.escape(clean(row.why))}</td></tr>"
        for row in first
    )
    more = len(list(plan)) - len(first)
    named = f"<details><summary>files</summary><table><tbody>{files}</tbody></table>{_more(more)}</details>"
    return (
        f"<div class='nbxfer-plan'><b>{html.escape(headline(plan))}</b>"
        f"<table><thead><tr><th>files</th><th>size</th><th>what happens</th></tr></thead><tbody>{rows}</tbody></table>"
        f"{named if first else ''}<i>Nothing has moved; <code>.start()</code> begins.</i></div>"
    )


def _counted(plan: Shown) -> list[tuple[str, int, int]]:
    return [(words, *plan.counts[verdict]) for verdict, words in MEANING.items() if verdict in plan.counts]


def _first(rows: Iterable[Row]) -> list[Row]:
    found: list[Row] = []
    for row in rows:
        if len(found) == _SHOWN:
            break
        found.append(row)
    return found


def _name(row: Row) -> str:
    return cut_middle(clean(row.target or row.source, 1000), 80)


def _more(number: int) -> str:
    return f"… and {number} more" if number > 0 else ""


def _files(number: int) -> str:
    return "1 file" if number == 1 else f"{number} files"
