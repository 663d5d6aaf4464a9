"""Writes docs/phases.md and docs/formats.md from the program itself: ``python tools/pages.py``.

tests/test_house.py holds them current.
"""

from __future__ import annotations

import ast
import json
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from nbxfer.core import phases  # noqa: E402  (run from a plain checkout: nothing is installed)
from nbxfer.core.phases import AFTER_A_CRASH, FINAL, STALL_STATUS, STATUS, Phase, Stall  # noqa: E402
from nbxfer.core.probe import Validator  # noqa: E402
from nbxfer.core.record import Entry, Record  # noqa: E402
from nbxfer.core.spec import Spec  # noqa: E402
from nbxfer.manifest.lines import encode  # noqa: E402

WRITTEN = "This page is written by `python tools/pages.py` from {source}; a test holds it current."

PHASES = """\
# The life of an operation

{written}

Each arrow is one line of the table `TRANSITIONS`. What is not an arrow is refused: `move()` raises
`InvalidTransferState` and changes nothing. What ends in *-ing* has something in flight; a request is not a result, so
an operation is *pausing* until everything in flight has come home, and only then *paused*.

```mermaid
{diagram}
```

## What people see, and what a phase means after a crash

`status` has the integers of Windows' Background Transfer (0–32) and ours from 100. *After a crash* is what a phase
read from the manifest means when the process that was in it is gone.

| phase | status | after a crash |
|---|---|---|
{rows}

A *stalled* operation goes on by itself when its condition is met, and its status says which condition that is:

| stalled because of | status |
|---|---|
{stalls}

`ORPHANED` (102) is no phase: it is what a watcher sees when nobody alive owns an operation. Ownership is a second
machine beside this one (`nbxfer/core/lease.py`).
"""


def _after(phase: Phase) -> str:
    if phase is Phase.COMMITTING:
        return "the disk is looked at first"
    if phase is Phase.CANCELING:
        return "is finished"
    return "–" if phase in FINAL or AFTER_A_CRASH[phase] is phase else str(AFTER_A_CRASH[phase])


def phases_page() -> str:
    """Give docs/phases.md."""
    shown = {p: "see below" if p is Phase.STALLED else f"{STATUS[p].name} {STATUS[p].value}" for p in Phase}
    return PHASES.format(
        written=WRITTEN.format(source="the tables in `nbxfer/core/phases.py`"),
        diagram=phases.diagram(),
        rows="\n".join(f"| {phase} | {status} | {_after(phase)} |" for phase, status in shown.items()),
        stalls="\n".join(f"| {s} | {STALL_STATUS[s].name} {STALL_STATUS[s].value} |" for s in Stall),
    )


FORMATS = """\
# What lies on the disk

{written}

Nothing here is a database, and nothing needs a lock: each file has one writer, and what is replaced is written aside
and renamed. Formats carry a number. A newer one is never changed, repaired or thrown away by an older nbxfer.
"""

#: Heading, and the module whose docstring stands below it.
CHAPTERS = {
    "The home": "manifest/layout.py",
    "A line of a journal": "manifest/lines.py",
    "The block log": "manifest/blocks.py",
    "Owners": "manifest/owners.py",
    "Claims": "manifest/claims.py",
    "Wishes": "manifest/wishes.py",
    "Cards": "manifest/cards.py",
    "History": "manifest/history.py",
    "The part file, and the final name": "sinks/localfile.py",
    "What lies at a far side": "sinks/far.py",
}


def _markdown(docstring: str) -> str:
    """Give a docstring as Markdown: ``::`` blocks become fences, double backticks single ones."""
    blocks: list[str] = []
    fenced = False
    for block in docstring.split("\n\n"):
        if fenced and block.startswith("    "):
            blocks.append(f"```\n{textwrap.dedent(block)}\n```")
            continue
        fenced = block.endswith("::")
        text = block.removesuffix("::").strip() + (":" if fenced and block.strip() != "::" else "")
        blocks.append(text.replace("``", "`"))
    return "\n\n".join(block for block in blocks if block)


def _example() -> str:
    spec = Spec("download", "https://example.org/data.bin", "/home/you/data.bin", "https://example.org/data.bin")
    record = Record(
        "0123456789abcdef", 1, spec, Phase.RUNNING, 1e9, 1e9 + 3,
        size=268435456, validator=Validator("etag", '"v1"'), received=4194304,
        story=(Entry(1e9, "slot free"), Entry(1e9 + 1, "probed", "one stream")),
    )  # fmt: skip
    line = json.loads(encode(record, 12))
    return json.dumps(line, indent=1)


def formats_page() -> str:
    """Give docs/formats.md."""
    parts = [FORMATS.format(written=WRITTEN.format(source="the docstrings of the modules that read and write it"))]
    for heading, module in CHAPTERS.items():
        docstring = ast.get_docstring(ast.parse((ROOT / "nbxfer" / module).read_text("utf-8")))
        parts.append(f"## {heading}\n\n`nbxfer/{module}`\n\n{_markdown(docstring or '')}\n")
        if module == "manifest/lines.py":
            parts.append(f"For example (spread over lines here; it is one):\n\n```json\n{_example()}\n```\n")
    return "\n".join(parts)


PAGES = {"docs/phases.md": phases_page, "docs/formats.md": formats_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / name).write_text(page(), "utf-8")
