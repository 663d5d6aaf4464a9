"""Life around the panel in IPython: the extension, its magics, the offer below the first cell, the startup file.

Knows: IPython's shell, the front desk, and the panel that it shows. May not: start or change a transfer that nobody
asked for, or disturb the start of a kernel; loading it sends no request. IPython calls ``load`` (``%load_ext nbxfer``,
or the startup file that ``nbxfer install-startup`` writes); everything heavy is imported when it is needed.
"""

from __future__ import annotations

import logging
from typing import Any

from nbxfer.faces.notebook import announcing, magics

__all__ = ["load", "unload"]

log = logging.getLogger("nbxfer")


def load(shell: Any) -> None:
    """Add %xfer; bring saved outputs back to life; below the next cell, offer what was left unfinished.

    Loaded twice it does nothing. Never raises: a kernel has to start whatever our home looks like.
    """
    if getattr(shell, "_nbxfer", None) is not None:
        return
    shell._nbxfer = announcing.Announcement(shell)
    magics.register(shell)
    shell._nbxfer.begin()


def unload(shell: Any) -> None:
    """Take %xfer and the offer away again; the panels and the transfers stay."""
    known = getattr(shell, "_nbxfer", None)
    if known is not None:
        known.end()
        magics.unregister(shell)
        del shell._nbxfer
