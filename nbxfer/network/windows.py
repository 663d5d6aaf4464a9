"""Windows' own picture of the connection, by Windows.Networking.Connectivity (PyWinRT).

Written after its documentation and never run: there was no Windows machine to try it on. It fails quietly: what it
cannot tell is unknown, and nothing is held up.
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

_LIBRARY = "winrt.windows.networking.connectivity"


def view_of(profile: Any) -> View:
    """Give what a ConnectionProfile says; the integers are the same. None: there is no connection."""
    if profile is None:
        return View(NetworkConnectivity.NONE)
    said = profile.get_connection_cost()
    cost = Cost(
        NetworkCostType(int(said.network_cost_type)),
        bool(said.roaming),
        bool(said.approaching_data_limit),
        bool(said.over_data_limit),
        bool(getattr(said, "background_data_usage_restricted", False)),
    )
    return View(NetworkConnectivity(int(profile.get_network_connectivity_level())), cost)


class Windows:
    """Watches the internet connection profile."""

    name = "Windows"

    def __init__(self) -> None:
        self._leave = threading.Event()

    @property
    def here(self) -> bool:
        """Whether this is Windows, with the library that asks it."""
        return sys.platform == "win32" and importlib.util.find_spec("winrt") is not None

    def watch(self, tell: Tell) -> None:
        """Look, tell, and tell again whenever it has changed."""
        try:
            library = importlib.import_module(_LIBRARY).NetworkInformation
        except ImportError:
            log.debug("%s is not installed; nobody tells what the network costs", _LIBRARY)
            return

        def look(*_: object) -> None:
            tell(view_of(library.get_internet_connection_profile()))

        look()
        token = library.add_network_status_changed(look)
        self._leave.wait()
        library.remove_network_status_changed(token)

    def close(self) -> None:
        """Let ``watch`` return."""
        self._leave.set()
