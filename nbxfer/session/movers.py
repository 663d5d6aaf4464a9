"""Whether a child process can move bytes here: tried, not guessed."""

from __future__ import annotations

from nbxfer.engine.movers import Movers
from nbxfer.engine.movers import Use as _Use
from nbxfer.session import config


def trial() -> tuple[bool, str]:
    """Say whether movers are used here, and in words why, or why not; one is begun, and let go again, to see."""
    use: _Use = config.get("movers")
    movers = Movers(lambda _: None, use)
    try:
        seconds = movers.begun_within()
    finally:
        movers.close()
    if seconds is None:
        return False, f"None: {movers.why_not or 'no child process came up in time'}; the bytes stay with threads."
    return True, f"A child process was ready within {seconds * 1000:.0f} ms (movers = {use})."
