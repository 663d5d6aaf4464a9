"""macOS's own picture of the path to the internet, by NWPathMonitor (pyobjc-framework-Network).

Written after its documentation and never run: there was no Mac to try it on. It fails quietly: what it cannot tell is
unknown, and nothing is held up. "Expensive" and "constrained" (Low Data Mode) both count as metered.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import threading
from typing import Any

from nbxfer.core.surroundings import Cost, NetworkConnectivity, NetworkCostType, View
from nbxfer.network.base import Tell

log = logging.getLogger("nbxfer")

#: nw_path_status_t: satisfied 1, unsatisfied 2, satisfiable 3.
_REACH = {1: NetworkConnectivity.INTERNET, 2: NetworkConnectivity.NONE}


def view_of(library: Any, path: Any) -> View:
    """Give what an nw_path_t says."""
    dear = library.nw_path_is_expensive(path) or library.nw_path_is_constrained(path)
    kind = NetworkCostType.FIXED if dear else NetworkCostType.UNRESTRICTED
    return View(_REACH.get(int(library.nw_path_get_status(path))), Cost(kind))


class MacOS:
    """Watches the path monitor."""

    name = "macOS"

    def __init__(self) -> None:
        self._leave = threading.Event()

    @property
    def here(self) -> bool:
        """Whether this is macOS, with the library that asks it."""
        return sys.platform == "darwin" and importlib.util.find_spec("Network") is not None

    def watch(self, tell: Tell) -> None:
        """Look, tell, and tell again whenever it has changed."""
        try:
            library: Any = importlib.import_module("Network")
            dispatch: Any = importlib.import_module("libdispatch")
        except ImportError:
            log.debug("pyobjc is not complete; nobody tells what the network costs")
            return
        monitor = library.nw_path_monitor_create()
        library.nw_path_monitor_set_queue(monitor, dispatch.dispatch_queue_create(b"nbxfer-network", None))
        library.nw_path_monitor_set_update_handler(monitor, lambda path: tell(view_of(library, path)))
        library.nw_path_monitor_start(monitor)
        self._leave.wait()
        library.nw_path_monitor_cancel(monitor)

    def close(self) -> None:
        """Let ``watch`` return."""
        self._leave.set()
