"""Looking at what other processes do: their journals onto the board. Nothing is started, and nothing is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from nbxfer.board import Board
from nbxfer.core.phases import FINAL, TransferStatus
from nbxfer.core.snapshot import Snapshot, picture
from nbxfer.engine import rules
from nbxfer.engine.standing import standing
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.base import Found, Manifest


def others(live: Collection[str], manifest: Manifest, board: Board) -> list[Found]:
    """Read what this process does not run itself, show it, and give it; ``live`` is what it runs."""
    found = [f for f in manifest.scan() if f.record.id not in live]
    # What was ours and is over: the board knows it better than the journal does.
    stands = [(f, standing(f, manifest)) for f in found]
    board.post([picture(f.record, owner=how) for f, how in stands if how != "ours" or board.get(f.record.id) is None])
    _ended(live, manifest, board, {f.record.id for f in found})
    return found


def _ended(live: Collection[str], manifest: Manifest, board: Board, listed: set[str]) -> None:
    """Show the end of what others ran: a journal whose operations are over goes when its process leaves."""
    for shown in board.some(lambda s: s.owner != "ours" and s.phase not in FINAL):
        if shown.id in listed or shown.id in live:
            continue
        record = manifest.ended(shown.id)
        if record is not None:
            board.post([picture(record, owner="theirs")])
        else:  # cleaned away
            board.forget([shown.id])


def ended_lately(live: Collection[str], manifest: Manifest, board: Board, limit: object) -> list[Snapshot]:
    """Give the ``limit`` operations that were done, canceled or failed last, newest first. Raises InvalidRequest."""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise InvalidRequest(f"limit={limit!r} is no number of transfers.", hint="Give a whole number from 1 on.")
    others(live, manifest, board)
    found = []
    for record in manifest.recent(limit):
        shown = board.get(record.id)
        over = shown is not None and shown.phase is record.phase
        found.append(shown if shown is not None and over else picture(record, owner="theirs"))
    return found


def in_group(manifest: Manifest, board: Board, shown: Sequence[Snapshot], group: object) -> list[Snapshot]:
    """Give those of them that are in ``group`` (None: any; "": none). Raises InvalidRequest for one nobody made."""
    name = group_named(group)
    if name and not any(s.group == name for s in board.all()):
        rules.require(manifest, name)
    return [s for s in shown if name is None or s.group == name]


def status_named(status: TransferStatus | int | str | None) -> TransferStatus | None:
    """Give the status that a person means; None stands for any. Raises InvalidRequest."""
    if status is None:
        return None
    try:
        return TransferStatus[status.upper()] if isinstance(status, str) else TransferStatus(status)
    except (KeyError, ValueError):
        names = ", ".join(s.name.lower() for s in TransferStatus)
        raise InvalidRequest(f"status={status!r} is unknown.", hint=f"Give one of {names}.") from None


def group_named(group: object) -> str | None:
    """Give the name of the group that a person means; None stands for any, "" for none. Raises InvalidRequest."""
    name = getattr(group, "name", group)
    if name is not None and not isinstance(name, str):
        raise InvalidRequest(f"group is of type {type(group).__name__}.", hint="Give a Group, or its name.")
    return name


def one_of(ids: Sequence[str], prefix: str) -> str:
    """Give the one id that begins with ``prefix``. Raises InvalidRequest where none or several do."""
    matches = [op_id for op_id in ids if op_id.startswith(prefix)] if prefix else []
    if len(matches) != 1:
        several = f"{len(matches)} transfers begin with {prefix!r}: {', '.join(m[:12] for m in matches[:5])}."
        raise InvalidRequest(
            several if matches else f"No transfer's id begins with {prefix!r}.",
            hint="Give more of the id." if matches else "See nbxfer ls --all.",
        )
    return matches[0]
