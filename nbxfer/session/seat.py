"""Where this process sits: which notebook, or which folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Protocol

from nbxfer.core.phases import FINAL
from nbxfer.core.snapshot import Snapshot


class HasId(Protocol):
    """Anything that is known by an id."""

    @property
    def id(self) -> str:
        """The operation's id."""
        ...


def notebook() -> str:
    """Give the notebook's path (Jupyter's or VS Code's word for it), else the working folder."""
    name = os.environ.get("JPY_SESSION_NAME", "")
    if name:
        return os.path.abspath(name)
    if "IPython" in sys.modules:
        shell = sys.modules["IPython"].get_ipython()
        vscode = getattr(shell, "user_ns", {}).get("__vsc_ipynb_file__")
        if isinstance(vscode, str):
            return os.path.abspath(vscode)
    return os.getcwd()


def in_kernel() -> bool:
    """Whether this process is a Jupyter kernel."""
    if "ipykernel" not in sys.modules or "IPython" not in sys.modules:
        return False
    return getattr(sys.modules["IPython"].get_ipython(), "kernel", None) is not None


def of_notebook(shown: Iterable[Snapshot], mine: str) -> list[Snapshot]:
    """Give what belongs to this notebook; where that is nothing, what its folder has (it may have been renamed)."""
    everything = list(shown)
    own = [s for s in everything if s.notebook == mine]
    if own:
        return own
    folder = mine if os.path.isdir(mine) else os.path.dirname(mine)
    return [s for s in everything if s.notebook == folder or os.path.dirname(s.notebook) == folder]


def elsewhere(shown: Iterable[Snapshot], here: Iterable[HasId]) -> str:
    """Say how many unfinished transfers belong to other notebooks or folders; nothing where there are none."""
    ids = {o.id for o in here}
    count = sum(1 for s in shown if s.owner == "orphaned" and s.phase not in FINAL and s.id not in ids)
    return f"{count} more of other notebooks or folders: reattach(scope='all')" if count else ""
