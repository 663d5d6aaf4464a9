"""The offer below a notebook's first cell: what an earlier kernel left unfinished, and three ways to go from there.

It decides nothing and takes no time: a choice is handed to the front desk, which says what came of it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from nbxfer.errors import TransferError
from nbxfer.faces import words
from nbxfer.faces.panel import control
from nbxfer.faces.panel.leftover import faces, sentence, transfers

if TYPE_CHECKING:
    from nbxfer.core.snapshot import Snapshot
    from nbxfer.session import Session

log = logging.getLogger("nbxfer")

_HERE = Path(__file__).parent
_offers: dict[str, Offer] = {}


class Offer(anywidget.AnyWidget):
    """Says what is unfinished, and takes one choice: resume, keep, discard. Traits hold a uid and a flag only."""

    _esm = _HERE / "offer.js"
    _css = _HERE / "offer.css"
    uid = traitlets.Unicode().tag(sync=True)
    control = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, session: Session, uid: str, model: str, op_ids: Sequence[str] = ()) -> None:
        self._session, self._op_ids = session, tuple(op_ids)
        self._said = ""
        heard = control.listen(uid, self._hear)
        super().__init__(uid=uid, control=heard, model_id=model)
        control.mend(self.comm)
        self.on_msg(lambda _, content, __: self._hear(content))

    def about(self, op_ids: Sequence[str]) -> None:
        """Be about these operations from now on, with nothing chosen yet."""
        self._op_ids, self._said = tuple(op_ids), ""
        self._tell()

    def _open(self) -> list[Snapshot]:
        found = [self._session.board.get(op_id) for op_id in self._op_ids]
        return [s for s in found if s is not None and s.owner == "orphaned"]

    def _tell(self) -> None:
        left = self._open()
        said = self._said or ("" if left else "Nothing is left unfinished here.")
        self.send({"t": "offer", "text": sentence(left), "said": said})

    def _hear(self, content: object) -> str:
        kind = content.get("t") if isinstance(content, dict) else None
        if kind == "hello":
            self._tell()
            return "ok"
        choice = content.get("choice") if isinstance(content, dict) and kind == "choose" else None
        if not isinstance(choice, str) or choice not in _CHOICES or self._said:
            return "unknown"
        ids = [s.id for s in self._open()]
        self._said = _CHOICES[choice][0].format(n=transfers(len(ids)))
        self._tell()
        if (do := _CHOICES[choice][1]) and ids:
            self._session.apart(lambda: self._do(do, ids))
        return "ok"

    def _do(self, do: str, ids: list[str]) -> None:
        try:
            refused = getattr(self._session, do)(ids)
        except TransferError as error:
            refused = [str(error)]
        except Exception:
            log.exception("what was chosen could not be done; please report this")
            refused = ["It was not possible; the log says why."]
        if refused:
            self._said = words.clean(f"{self._said} {len(refused)} would not: {refused[0]}", 400)
            self._tell()


#: What is said when it was chosen, and what the session is asked.
_CHOICES = {
    "resume": ("Going on with {n}.", "take_up"),
    "keep": ("Left as it is: nbxfer.panel() shows it, nbxfer.reattach() goes on.", ""),
    "discard": ("Discarding {n}.", "give_up"),
}


def offered(session: Session, left: Sequence[Snapshot], note: str = "") -> tuple[dict[str, Any], Offer]:
    """Give the bundle of the offer, and its widget."""
    data: dict[str, Any] = dict(faces(left, note))
    uid = uuid.uuid5(uuid.NAMESPACE_URL, f"nbxfer-offer\n{session.home}\n{session.notebook}").hex
    offer = _offers.get(uid)
    if offer is None or offer.comm is None:
        offer = _offers[uid] = Offer(session, uid, uid)
    offer._session = session
    offer.about([s.id for s in left])
    live = offer._repr_mimebundle_() or ({}, {})
    return live[0] | data, offer


def reopen(session: Session, uid: str, model: str) -> None:
    """Make the offer of a saved output again: it is about what is unfinished now."""
    if (known := _offers.get(uid)) is None or known.comm is None:
        offer = _offers[uid] = Offer(session, uid, model)
        offer.about([s.id for s in session.left_over()])
