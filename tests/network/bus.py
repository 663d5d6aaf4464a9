"""A system bus of one's own, with a NetworkManager on it that says what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from dbus_fast import PropertyAccess
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, dbus_property

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/><allow user="*"/></policy></busconfig>
"""


@contextlib.contextmanager
def private_bus(folder: Path) -> Iterator[str]:
    """Run a dbus-daemon; give its address."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "bus.conf"
    config.write_text(_CONFIG.format(socket=folder / "bus"))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile", "--print-address"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as daemon:
        assert daemon.stdout is not None
        assert daemon.stdout.readline()  # it listens
        try:
            yield f"unix:path={folder / 'bus'}"
        finally:
            daemon.terminate()


def _interface(metered: int, connectivity: int) -> Any:
    """Give the service. Its annotations are D-Bus signatures, which no type checker understands: so it is exec'd."""
    space: dict[str, Any] = {
        "ServiceInterface": ServiceInterface,
        "dbus_property": dbus_property,
        "READ": PropertyAccess.READ,
    }
    exec(
        "class NM(ServiceInterface):\n"
        "    def __init__(self, metered, connectivity):\n"
        "        super().__init__('org.freedesktop.NetworkManager')\n"
        "        self.metered, self.connectivity = metered, connectivity\n"
        "    @dbus_property(access=READ)\n"
        "    def Metered(self) -> 'u': return self.metered\n"
        "    @dbus_property(access=READ)\n"
        "    def Connectivity(self) -> 'u': return self.connectivity\n",
        space,
    )
    return space["NM"](metered, connectivity)


class MockedNetworkManager:
    """A NetworkManager on a bus, run by a thread of its own. ``say`` changes what it tells."""

    def __init__(self, address: str, metered: int = 2, connectivity: int = 4) -> None:
        self._address = address
        self._service = _interface(metered, connectivity)
        self._loop = asyncio.new_event_loop()
        self._bus: Any = None
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mocked-networkmanager", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave the bus."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(5)

    def _run(self) -> None:
        self._loop.run_until_complete(self._begin())
        self._up.set()
        self._loop.run_forever()
        self._bus.disconnect()
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _begin(self) -> None:
        self._bus = await MessageBus(bus_address=self._address).connect()
        self._bus.export("/org/freedesktop/NetworkManager", self._service)
        await self._bus.request_name("org.freedesktop.NetworkManager")

    def say(self, **properties: int) -> None:
        """Say something else from now on: metered=1, connectivity=2."""

        def change() -> None:
            for name, value in properties.items():
                setattr(self._service, name, value)
            self._service.emit_properties_changed({name.title(): value for name, value in properties.items()})

        self._loop.call_soon_threadsafe(change)
