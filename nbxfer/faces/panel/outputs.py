"""Saved outputs come back to life: what a notebook shows is remembered, and made again in its next kernel.

An output in the file names its widget by an id. A widget of that id, made in any kernel, feeds it: before a cell was
run, where the extension is loaded at the start; else when it is loaded, or the cell is run again.
"""

from __future__ import annotations

import contextlib
import contextvars
import logging
import threading
from typing import TYPE_CHECKING, Any

from nbxfer.errors import TransferError
from nbxfer.faces.panel import rows

if TYPE_CHECKING:
    from nbxfer.session import Session

log = logging.getLogger("nbxfer")

#: Seconds after which widgets that no page has answered for are announced again.
UNHEARD = 3.0


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
        # A fresh context: else the thread would hold on to the cell it was started from.
        later = threading.Timer(UNHEARD, contextvars.Context().run, (_once_more, made))
        later.daemon = True
        later.start()
    return len(made)


def _once_more(models: list[str]) -> None:
    """Announce the widgets again if no page has answered.

    A page connects to a kernel that is restarting at some moment: what was told before is lost, so it may know of a
    widget and not of the layout that belongs to it, and shows an error instead. That is given up after two seconds.
    """
    from nbxfer.faces.panel import reviver, widget

    try:
        if widget.announce_again():
            reviver.draw_again(models)
    except Exception:  # the kernel is leaving
        log.debug("the widgets could not be announced again", exc_info=True)


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
