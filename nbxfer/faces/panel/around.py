"""What the head of the panel says beside its sums: the limit, the network, and what will become of this kernel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import words
from nbxfer.faces.panel.rows import Desk
from nbxfer.session import config, culling

#: What needs a person or is over keeps no kernel busy.
_RESTING = FINAL | {Phase.FAILED, Phase.PAUSED, Phase.CREATED}


def heading(desk: Desk, warning: str = "") -> dict[str, Any]:
    """Give the limit in bytes a second, and the network and ``warning`` in words; empty where nobody sees anything."""
    found = getattr(desk, "surroundings", None)
    unseen = found is None or getattr(found, "who", "") == "nobody"
    text = "" if unseen else str(getattr(found, "words", found))
    return {
        "limit": getattr(desk, "bandwidth", None),
        "around": words.clean(text[:1].upper() + text[1:], 300),
        "warning": words.clean(warning, 300),
    }


def fate(shown: Iterable[Snapshot]) -> str:
    """Say what its server will do to this kernel before all is done, as far as that can be known; else nothing."""
    known = culling.known()
    if known is None:
        return ""
    lefts = [s.eta for s in shown if s.owner == "ours" and s.phase not in _RESTING]
    if not lefts:
        return ""
    whole = [left for left in lefts if left is not None]
    left = max(whole) if len(whole) == len(lefts) else None
    return culling.warning(left, known, alive=config.get("keep_alive") is not None)
