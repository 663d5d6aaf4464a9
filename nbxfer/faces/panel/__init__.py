"""The panel in a notebook: one anywidget model that shows every operation, and the static table it leaves behind.

Knows: the board (latest snapshots), the front desk's ``wish`` and ``refresh``. May not: wait, decide, print, or reach
below the session; nothing foreign becomes markup. Called by ``nbxfer.panel()`` and by the handles when a cell ends in
one. Importing it loads neither ipywidgets nor anywidget: these come with the first panel.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nbxfer.faces.panel import control, leftover, outputs, static
from nbxfer.faces.panel.outputs import revive
from nbxfer.faces.panel.rows import Desk, chosen

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot
    from nbxfer.faces.panel.widget import Panel
    from nbxfer.session import Session

__all__ = ["bundle", "finished", "offer_bundles", "panel", "revive"]


def panel(session: Desk) -> Any:
    """Give the panel of this notebook's operations: the same one however often it is asked for.

    Shows, starts nothing. Its model id follows from the session's home and notebook, so that an output from before a
    kernel restart comes alive again when the panel is asked for anew. Where no widgets are installed it is a table.
    """
    session.refresh()
    if (widgets := _widgets()) is None:
        return static.Sheet(lambda: chosen(session, None))
    widget: Panel = widgets.open_panel(session)
    outputs.keep(session, "panel", widget)
    return widget


def bundle(session: Desk, op_ids: Sequence[str] | None = None) -> dict[str, Any]:
    """Give the MIME bundle of the operations ``op_ids`` (None: of all that the panel shows).

    Always text/plain and text/html; the live view only where a kernel with a front end runs, and widgets are installed.
    """
    widgets = _widgets() if control.kernel() is not None else None
    if widgets is None:
        snapshots = chosen(session, op_ids)
        return {"text/plain": static.plain(snapshots), "text/html": static.html(snapshots)}
    widget: Panel = widgets.open_panel(session) if op_ids is None else widgets.open_view(session, op_ids)
    outputs.keep(session, "panel" if op_ids is None else "view", widget)
    return widget._repr_mimebundle_()[0]


def finished(session: Desk, op_ids: Sequence[str]) -> bool:
    """Say whether what is told of these operations now stays true."""
    return static.over(chosen(session, op_ids))


def offer_bundles(session: Session, left: Sequence[Snapshot]) -> list[dict[str, Any]]:
    """Give what is shown below a notebook's first cell: the offer to go on with ``left``, and these operations."""
    from nbxfer.session import seat

    note = seat.elsewhere(session.board.all(), left)
    note = note and f"{note}."
    if control.kernel() is None or _widgets() is None:
        return [dict(leftover.faces(left, note))]
    from nbxfer.faces.panel import offer

    data, widget = offer.offered(session, left, note)
    outputs.keep(session, "offer", widget)
    return [data, bundle(session, [s.id for s in left])]


def _widgets() -> ModuleType | None:
    """Give the room of the widgets; None where ipywidgets or anywidget are not installed, or do not load."""
    try:
        return importlib.import_module("nbxfer.faces.panel.widget")
    except ImportError:
        return None
