"""When a notebook is opened again: its outputs revive, and below its first cell stands what was left unfinished."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbxfer.session import Session

log = logging.getLogger("nbxfer")


def _nothing_there() -> bool:
    """Whether the home surely remembers nothing: then a kernel starts without importing the front desk."""
    if "nbxfer.session" in sys.modules:
        return False
    home = os.environ.get("NBXFER_HOME", "").strip()
    if not home:
        import platformdirs

        base = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        if any(os.path.exists(path) for path in (f"{base}/nbxfer/config.toml", "/etc/nbxfer/config.toml")):
            return False  # it may say where home is
        home = platformdirs.user_state_dir("nbxfer")
    return not any(_holds(os.path.join(os.path.expanduser(home), part)) for part in ("journals", "outputs"))


def _holds(folder: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(True for _ in entries)
    except FileNotFoundError:
        return False
    except OSError:  # who looks closer can say why
        return True


class Announcement:
    """What is said once in the life of a kernel, below the first cell that is run."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._waiting = False

    def begin(self) -> None:
        """Revive what the notebook's outputs show, and wait for the first cell."""
        try:
            if _nothing_there():
                return
            self._shell.events.register("post_run_cell", self._below)
            self._waiting = True
            if getattr(self._shell, "kernel", None) is not None:
                from nbxfer.faces.panel import revive

                revive(_session())
        except Exception as error:  # noqa: BLE001 -- the kernel has to start, and this may be its startup file
            log.warning("what was left unfinished could not be looked for: %s", error)

    def end(self) -> None:
        """Say nothing any more."""
        if self._waiting:
            self._waiting = False
            self._shell.events.unregister("post_run_cell", self._below)

    def _below(self, result: Any = None) -> None:
        self.end()
        try:
            tell(_session())
        except Exception as error:  # noqa: BLE001 -- the person's cell has run; that is what counts
            log.warning("what was left unfinished could not be shown: %s", error)


def tell(session: Session) -> bool:
    """Show below this cell what is unfinished here and nobody runs, if there is anything; say whether there was."""
    from IPython.display import display

    from nbxfer.faces import panel

    left = session.left_over()
    if not left:
        return False
    for data in panel.offer_bundles(session, left):
        display(data, raw=True)
    return True


def _session() -> Session:
    from nbxfer.session import default

    return default()
