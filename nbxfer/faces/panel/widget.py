"""The widget: one model for all operations, and thin ones that show a few of them. Traits hold a uid and flags only."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from nbxfer.faces.panel import control, rows, static
from nbxfer.faces.panel.feed import Feed
from nbxfer.faces.panel.rows import Desk

_HERE = Path(__file__).parent


def _module() -> str:
    """Give the one ES module that anywidget wants: store.js and panel.js, joined."""
    store, panel = ((_HERE / name).read_text("utf-8") for name in ("store.js", "panel.js"))
    whole = re.sub(r"^export (?!default)", "", store, flags=re.MULTILINE)
    return whole + re.sub(r"^import .*\n", "", panel, flags=re.MULTILINE)


_NAMES = uuid.UUID("6f0a1c52-0f0e-5b1e-9a53-6e6278666572")
_panels: dict[str, Panel] = {}
_views: dict[str, Panel] = {}


class Panel(anywidget.AnyWidget):
    """The operations of a notebook, live. ``only`` is empty, or names the operation(s) that a view is about."""

    _esm = _module()
    _css = _HERE / "panel.css"
    uid = traitlets.Unicode().tag(sync=True)
    only = traitlets.Unicode().tag(sync=True)
    control = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, desk: Desk, uid: str, only: str = "", op_ids: Sequence[str] | None = None) -> None:
        self._desk = desk
        self._op_ids = op_ids
        self._feed: Feed | None = None
        heard = control.install(_hear)
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


def open_panel(desk: Desk) -> Panel:
    """Give this notebook's panel, made once; one that was closed is made anew under the same id."""
    uid = uuid.uuid5(_NAMES, f"{desk.home}\n{desk.notebook}").hex
    panel = _panels.get(uid)
    if panel is None or panel.comm is None:
        panel = _panels[uid] = Panel(desk, uid)
    panel.connect(desk)
    return panel


def open_view(desk: Desk, op_ids: Sequence[str]) -> Panel:
    """Give a view of these operations. It is fed by the notebook's one panel, which need not be on any page."""
    panel = open_panel(desk)
    ids = tuple(op_ids)
    only = ids[0] if len(ids) == 1 else uuid.uuid5(_NAMES, "\n".join(ids)).hex
    if panel._feed is not None:
        panel._feed.scope(only, ids)
    name = _model_id(panel.uid, only)
    view = _views.get(name)
    if view is None or view.comm is None:
        view = _views[name] = Panel(desk, panel.uid, only, ids)
    view._desk = desk  # not a new widget: the old one's end would close the new one's comm, which has its id
    return view


def _model_id(uid: str, only: str) -> str:
    return uuid.uuid5(_NAMES, f"{uid}\n{only}").hex if only else uid


def _hear(uid: str, content: object) -> str:
    panel = _panels.get(uid)
    if panel is None or panel._feed is None:
        return "unknown"
    return control.hear(panel._desk, panel._feed, content)
