"""The widget: one model for all operations, and thin ones that show a few of them. Traits hold a uid and flags only."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

from nbxfer.faces.panel import control, hearing, rows, static
from nbxfer.faces.panel.feed import KERNEL, Feed
from nbxfer.faces.panel.rows import Desk

_HERE = Path(__file__).parent


#: In this order; each may use what stands in those before it.
SCRIPTS = ("words.js", "store.js", "parts.js", "forms.js", "row.js", "order.js", "head.js", "panel.js")


def _module() -> str:
    """Give the one ES module that anywidget wants: the scripts, joined, without their comments and indents.

    It travels with each widget: so it had better be short. No line of the scripts may begin inside a text.
    """
    texts = [(_HERE / name).read_text("utf-8") for name in SCRIPTS]
    whole = "\n".join(re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE) for text in texts)
    whole = re.sub(r"^import .*\n", "", whole, flags=re.MULTILINE)
    whole = re.sub(r"^\s*/\*\*.*?\*/[ \t]*", "", whole, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\n\s*", "\n", re.sub(r"^\s*//.*$", "", whole, flags=re.MULTILINE))


_NAMES = uuid.UUID("6f0a1c52-0f0e-5b1e-9a53-6e6278666572")
_panels: dict[str, Panel] = {}
_views: dict[str, View] = {}


#: A view has no script of its own, for there may be hundreds: it is drawn by the panel's, which is on the page, too.
_THIN = """
const all = globalThis[Symbol.for("nbxfer.panel.2")] ??= { places: new WeakMap(), here: {} };
all.ready ??= new Promise((resolve) => { all.come = resolve; });
export default { render: async (context) => (await all.ready).render(context) };
"""


class View(anywidget.AnyWidget):
    """Some operations of a notebook, live. ``only`` names the one or the ones; it is empty for all."""

    _esm = _THIN
    uid = traitlets.Unicode().tag(sync=True)
    only = traitlets.Unicode().tag(sync=True)
    control = traitlets.Bool(default_value=False).tag(sync=True)
    kernel = traitlets.Unicode(KERNEL).tag(sync=True)

    def __init__(self, desk: Desk, uid: str, only: str = "", op_ids: Sequence[str] | None = None) -> None:
        self._desk = desk
        self._op_ids = op_ids
        self._feed: Feed | None = None
        heard = control.install(_hear_privately)
        super().__init__(uid=uid, only=only, control=heard, model_id=_model_id(uid, only))
        control.mend(self.comm)
        self.on_msg(lambda _, content, __: _hear(uid, content))

    def connect(self, desk: Desk) -> None:
        """Show the operations of ``desk`` from now on."""
        if self._feed is not None:
            if self._desk is desk:
                return
            self._feed.close()
        self._desk = desk
        self._feed = Feed(desk, self.send)
        self._feed.start()

    def close(self) -> None:
        """Take the panel off every page; the transfers go on."""
        feed = getattr(self, "_feed", None)
        if feed is not None:
            feed.close()
        super().close()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        snapshots = rows.chosen(self._desk, self._op_ids)
        live, metadata = (super()._repr_mimebundle_() or ({}, {})) if self.comm is not None else ({}, {})
        return live | {"text/plain": static.plain(snapshots), "text/html": static.html(snapshots)}, metadata

    def __repr__(self) -> str:
        return static.plain(rows.chosen(self._desk, self._op_ids))


class Panel(View):
    """The panel itself, which brings the script and the looks of all views."""

    _esm = _module()
    _css = _HERE / "panel.css"


def open_panel(desk: Desk) -> Panel:
    """Give this notebook's panel, made once; one that was closed is made anew under the same id."""
    uid = uuid.uuid5(_NAMES, f"{desk.home}\n{desk.notebook}").hex
    panel = _panels.get(uid)
    if panel is None or panel.comm is None:
        panel = _panels[uid] = Panel(desk, uid)
    panel.connect(desk)
    return panel


def open_view(desk: Desk, op_ids: Sequence[str]) -> View:
    """Give a view of these operations. It is fed by the notebook's one panel, which need not be on any page."""
    panel = open_panel(desk)
    ids = tuple(op_ids)
    only = ids[0] if len(ids) == 1 else uuid.uuid5(_NAMES, "\n".join(ids)).hex
    if panel._feed is not None:
        panel._feed.scope(only, ids)
    name = _model_id(panel.uid, only)
    view = _views.get(name)
    if view is None or view.comm is None:
        view = _views[name] = View(desk, panel.uid, only, ids)
    view._desk = desk  # not a new widget: the old one's end would close the new one's comm, which has its id
    return view


def announce_again() -> bool:
    """Tell the pages of their models once more where none has answered as one that has them; say whether that was so.

    A page that lived through a restart goes on speaking for the widgets that it had, so that it speaks says nothing.
    """
    unheard = [panel for panel in _panels.values() if panel._feed is not None and not panel._feed.met]
    for panel in unheard:
        for view in (panel, *(view for view in _views.values() if view.uid == panel.uid)):
            for one in (view.layout, view):
                if one.comm is not None:
                    state = {"state": one.get_state(), "buffer_paths": []}
                    one.comm.open(data=state, metadata={"version": ipywidgets._version.__protocol_version__})
    return bool(unheard)


def _model_id(uid: str, only: str) -> str:
    return uuid.uuid5(_NAMES, f"{uid}\n{only}").hex if only else uid


def _hear(uid: str, content: object, *, private: bool = False) -> str:
    panel = _panels.get(uid)
    if panel is None or panel._feed is None:
        return "unknown"
    return hearing.hear(panel._desk, panel._feed, content, private=private)


def _hear_privately(uid: str, content: object) -> str:
    return _hear(uid, content, private=True)
