"""What was left over when an earlier kernel ended: which transfers, going on with them, or giving them up."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from typing import TYPE_CHECKING

from nbxfer.core import events as ev
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.errors import InvalidTransferState
from nbxfer.session import seat

if TYPE_CHECKING:
    from nbxfer.session.helm import Helm


def left_over(session: Helm) -> list[Snapshot]:
    """Give what is unfinished in this notebook and nobody runs, in the order of its making. Starts nothing."""
    session.refresh()
    shown = seat.of_notebook(sorted(session.board.all(), key=lambda s: s.created), session.notebook)
    return [s for s in shown if s.owner == "orphaned" and s.phase not in FINAL]


def take_up(session: Helm, op_ids: Collection[str]) -> list[str]:
    """Take these over and go on with them, also with what a person had paused; give why some of them would not."""
    if not op_ids:
        return []
    wanted = set(op_ids)
    session._adopt([f for f in session._others() if f.record.id in wanted])
    refused = []
    for op_id in op_ids:
        shown = session.snapshot(op_id)
        if shown.phase not in (Phase.PAUSED, Phase.FAILED, Phase.CREATED):
            continue
        try:
            session.steer(op_id, "retry" if shown.phase is Phase.FAILED else "resume")
        except InvalidTransferState as error:
            refused.append(str(error))
    return refused


def give_up(session: Helm, op_ids: Collection[str]) -> list[str]:
    """Cancel these and delete what had come, without asking any server; give why some of them would not."""
    wanted = set(op_ids)
    found = [f for f in session._others() if f.record.id in wanted]
    live = wanted - {f.record.id for f in found}
    answers: list[Future[None]] = []

    def end() -> None:
        custody, dispatcher = session._engine.custody, session._engine.dispatcher
        taken = custody.adopt(found) if found else []
        # In the turn that takes them over: not one of them gets to move.
        for op_id in (*taken, *live):
            answers.append(Future())
            dispatcher.happened([(op_id, ev.CancelAsked(delete_partial=True), answers[-1])])

    session._engine.call(end)
    return [str(error) for error in map(_error, answers) if isinstance(error, InvalidTransferState)]


def _error(answer: Future[None]) -> BaseException | None:
    return answer.exception()
