"""Saved outputs come back to life: what a notebook shows is remembered, and made again in its next kernel.

An output in the file names its widget by an id. A widget of that id, made in any kernel, feeds it: before a cell was
run, where the extension is loaded at the start; else when it is loaded, or the cell is run again.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from nbxfer.errors import TransferError
from nbxfer.faces.panel import rows

if TYPE_CHECKING:
    from nbxfer.session import Session

log = logging.getLogger("nbxfer")


def keep(desk: Any, kind: str, widget: Any) -> None:
    """Remember that an output shows this widget; a desk that remembers nothing, or a full disk, does no harm."""
    remember = getattr(desk, "keep_output", None)
    if remember is None:
        return
    only, op_ids = ("", ()) if kind == "offer" else (widget.only, tuple(widget._op_ids or ()))
    try:
        remember(widget.model_id, widget.uid, kind, only, op_ids)
    except TransferError as error:
        log.info("a new kernel will not know of this output: %s", error)


def revive(session: Session) -> int:
    """Make the widgets again that outputs of this notebook show; give their number. Moves nothing, asks no server.

    One that was renamed finds those of its former name, as it finds its transfers.
    """
    session.refresh()
    kept = [output for book in sorted(rows.books(session)) for output in session.kept_outputs(book)]
    made = []
    for output in kept:
        with contextlib.suppress(TransferError):
            _make(session, output)
            made.append(output.model)
    if made:
        from nbxfer.faces.panel.reviver import draw_again

        draw_again(made)
    return len(made)


def _make(session: Session, output: Any) -> None:
    from nbxfer.faces.panel import offer, widget

    if output.kind == "offer":
        offer.reopen(session, output.uid, output.model)
        return
    known = widget._panels.get(output.uid)
    if known is None or known.comm is None:
        known = widget._panels[output.uid] = widget.Panel(session, output.uid)
    known.connect(session)
    if output.kind == "view":
        assert known._feed is not None
        known._feed.scope(output.only, output.op_ids)
        view = widget._views.get(output.model)
        if view is None or view.comm is None:
            widget._views[output.model] = widget.View(session, output.uid, output.only, output.op_ids)
