"""NetworkManager, over the system bus: Metered and Connectivity, and news of both.

https://networkmanager.dev/docs/api/latest/gdbus-org.freedesktop.NetworkManager.html. It does not tell roaming.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import threading
from collections.abc import Mapping
from typing import Any, Final

from nbxfer.core.surroundings import Cost, NetworkConnectivity, NetworkCostType, View
from nbxfer.network.base import Tell

log = logging.getLogger("nbxfer")

BUS: Final = "unix:path=/run/dbus/system_bus_socket"
SERVICE: Final = "org.freedesktop.NetworkManager"
PATH: Final = "/org/freedesktop/NetworkManager"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
DBUS: Final = "org.freedesktop.DBus"
#: How long the bus is waited for (seconds).
PATIENCE: Final = 2.0

#: NMMetered: yes and guess-yes are metered, no and guess-no are not, 0 is unknown.
_METERED: Final = {1: True, 3: True, 2: False, 4: False}
#: NMConnectivityState. "None" is not believed to mean that there is no way out: it may not manage the one there is.
_REACH: Final = {
    1: NetworkConnectivity.LOCAL,
    2: NetworkConnectivity.CONSTRAINED,
    3: NetworkConnectivity.LOCAL,
    4: NetworkConnectivity.INTERNET,
}


def view_of(properties: Mapping[str, Any]) -> View:
    """Give what NetworkManager's properties say. Metered networks count as FIXED, as Windows has it for Wi-Fi."""
    metered = _METERED.get(properties.get("Metered", 0))
    kind = NetworkCostType.FIXED if metered else NetworkCostType.UNRESTRICTED
    return View(_REACH.get(properties.get("Connectivity", 0)), Cost(kind) if metered is not None else None)


class OverTheBus:
    """Watches NetworkManager, where there is one."""

    name = "NetworkManager"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None
        self._closed = False

    @property
    def here(self) -> bool:
        """Whether there is a system bus, and the library to talk to it."""
        address = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS") or BUS
        paths = [part.partition("path=")[2].partition(",")[0] for part in address.split(";") if "path=" in part]
        reachable = not paths or any(os.path.exists(path) for path in paths)
        return reachable and importlib.util.find_spec("dbus_fast") is not None

    def watch(self, tell: Tell) -> None:
        """Look, tell, and tell again whenever it has changed."""
        asyncio.run(self._watch(tell))

    async def _watch(self, tell: Tell) -> None:
        from dbus_fast import BusType, Message, MessageType
        from dbus_fast.aio import MessageBus
        from dbus_fast.errors import DBusError

        leave = asyncio.Event()
        with self._lock:
            self._loop, self._leave = asyncio.get_running_loop(), leave
            if self._closed:
                return
        try:
            bus = await asyncio.wait_for(MessageBus(bus_type=BusType.SYSTEM).connect(), PATIENCE)
        except (OSError, EOFError, TimeoutError, ValueError, DBusError) as error:
            log.debug("there is no system bus to ask about the network (%s)", type(error).__name__)
            return
        news = asyncio.Event()

        def heard(message: Any) -> None:
            if message.message_type == MessageType.SIGNAL and message.member in {
                "PropertiesChanged",
                "NameOwnerChanged",
            }:
                news.set()

        async def call(path: str, interface: str, member: str, *body: str, to: str = SERVICE) -> Any:
            asked = Message(
                destination=to, path=path, interface=interface, member=member, signature="s" * len(body), body=[*body]
            )
            answer = await asyncio.wait_for(bus.call(asked), PATIENCE)
            return answer if answer.message_type != MessageType.ERROR else None

        async def look() -> View:
            answer = await call(PATH, PROPERTIES, "GetAll", SERVICE)
            return view_of({k: v.value for k, v in answer.body[0].items()}) if answer is not None else View()

        bus.add_message_handler(heard)
        ended: Any = bus
        gone = asyncio.ensure_future(ended.wait_for_disconnect())
        left = asyncio.ensure_future(leave.wait())
        try:
            for rule in (
                f"type='signal',interface='{PROPERTIES}',member='PropertiesChanged',path='{PATH}'",
                f"type='signal',interface='{DBUS}',member='NameOwnerChanged',arg0='{SERVICE}'",
            ):
                await call("/org/freedesktop/DBus", DBUS, "AddMatch", rule, to=DBUS)
            while not (gone.done() or left.done()):
                news.clear()
                tell(await look())
                heard_of = asyncio.ensure_future(news.wait())
                await asyncio.wait((heard_of, gone, left), return_when=asyncio.FIRST_COMPLETED)
                heard_of.cancel()
        except (OSError, EOFError, TimeoutError, DBusError) as error:
            log.debug("NetworkManager does not answer any more (%s)", type(error).__name__)
        finally:
            left.cancel()
            gone.add_done_callback(lambda done: done.cancelled() or done.exception())
            bus.disconnect()
            tell(View())

    def close(self) -> None:
        """Let ``watch`` return."""
        with self._lock:
            self._closed = True
            if self._loop is not None and self._leave is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._leave.set)
