"""A widget that shows nothing: it has the page draw those outputs again whose models were made anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import anywidget
import traitlets

_last: list[Reviver] = []


class Reviver(anywidget.AnyWidget):
    """Knows the ids of the models, and nothing else."""

    _esm = Path(__file__).with_name("reviver.js")
    ids = traitlets.List(traitlets.Unicode()).tag(sync=True)


def draw_again(models: Sequence[str]) -> None:
    """Have the outputs of these models drawn again, on every page that shows this notebook."""
    while _last:
        _last.pop().close()
    _last.append(Reviver(ids=list(models)))
