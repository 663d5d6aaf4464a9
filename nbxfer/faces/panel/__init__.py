"""The panel in a notebook: one anywidget model that shows every operation, and the static table it leaves behind.

Knows: the board (latest snapshots), the front desk's ``wish`` and ``refresh``. May not: wait, decide, print, or reach
below the session; nothing foreign becomes markup. Called by ``nbxfer.panel()`` and by the handles when a cell ends in
one. Importing it loads neither ipywidgets nor anywidget: these come with the first panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from nbxfer.faces.panel import static
from nbxfer.faces.panel.rows import Desk, chosen

if TYPE_CHECKING:
    from nbxfer.faces.panel.widget import Panel

__all__ = ["bundle", "panel"]


def panel(session: Desk) -> Panel:
    """Give the panel of this notebook's operations: the same one however often it is asked for.

    Shows, starts nothing. Its model id follows from the session's home and notebook, so that an output from before a
    kernel restart comes alive again when the panel is asked for anew.
    """
    from nbxfer.faces.panel.widget import open_panel

    session.refresh()
    return open_panel(session)


def bundle(session: Desk, op_ids: Sequence[str] | None = None) -> dict[str, Any]:
    """Give the MIME bundle of the operations ``op_ids`` (None: of all that the panel shows).

    Always text/plain and text/html; the live view only where a kernel with a front end runs.
    """
    from nbxfer.faces.panel import control

    if control.kernel() is None:
        snapshots = chosen(session, op_ids)
        return {"text/plain": static.plain(snapshots), "text/html": static.html(snapshots)}
    from nbxfer.faces.panel.widget import open_panel, open_view

    widget = open_panel(session) if op_ids is None else open_view(session, op_ids)
    return widget._repr_mimebundle_()[0]
