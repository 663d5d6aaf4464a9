"""Looking at what other processes do: their journals onto the board. Nothing is started, and nothing is written."""

from __future__ import annotations

from nbxfer.board import Board
from nbxfer.core.phases import FINAL
from nbxfer.core.snapshot import picture
from nbxfer.engine.custody import seen, standing
from nbxfer.engine.engine import Engine
from nbxfer.manifest.base import Found, Manifest


def others(engine: Engine, manifest: Manifest, board: Board) -> list[Found]:
    """Read what this process does not run itself, show it, and give it."""
    live = engine.dispatcher.ops
    found = [f for f in manifest.scan() if f.record.id not in live]
    # What was ours and is over: the board knows it better than the journal does.
    board.post([seen(f, manifest) for f in found if standing(f, manifest) != "ours" or board.get(f.record.id) is None])
    _ended(engine, manifest, board, {f.record.id for f in found})
    return found


def _ended(engine: Engine, manifest: Manifest, board: Board, listed: set[str]) -> None:
    """Show the end of what others ran: a journal whose operations are over goes when its process leaves."""
    live = engine.dispatcher.ops
    for shown in board.all():
        if shown.owner == "ours" or shown.phase in FINAL or shown.id in listed or shown.id in live:
            continue
        record = manifest.finished(shown.destination)
        if record is not None and record.id == shown.id:
            board.post([picture(record, owner="theirs")])
        else:  # canceled, or cleaned away
            board.forget([shown.id])
