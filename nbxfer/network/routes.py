"""The kernel's own word on Linux: is there any route out of this machine, over an interface that is up.

Told by rtnetlink(7); where that is not to be had, ``look`` is asked now and then. What stands in /proc/net is that of
this process's network namespace.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from typing import Final

from nbxfer.core.surroundings import NetworkConnectivity, View
from nbxfer.network.base import Tell

log = logging.getLogger("nbxfer")

#: RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE
_GROUPS: Final = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
_SIOCGIFFLAGS: Final = 0x8913
_UP, _RUNNING = 0x1, 0x40
#: RTF_UP and not RTF_REJECT, in both tables.
_RTF_UP, _RTF_REJECT = 0x1, 0x200
#: A change of the network is several messages: they are let come together (milliseconds).
SETTLE: Final = 30


def routes() -> Iterator[tuple[str, bool]]:
    """Give each route that leads out: its interface, and whether it leads everywhere. Raises OSError."""
    with open("/proc/net/route") as table:  # Iface Destination Gateway Flags … Mask
        for line in list(table)[1:]:
            (
                device,
                target,
                _,
                flags,
                *_,
            ) = line.split()
            if device != "lo" and _usable(flags):
                yield device, target == "00000000"
    if not os.path.exists("/proc/net/ipv6_route"):
        return
    with open("/proc/net/ipv6_route") as table:  # destination prefix source prefix hop metric ref use flags device
        for line in table:
            target, prefix, *_, flags, device = line.split()
            local = target.startswith(("fe80", "ff"))  # link-local and multicast lead to nobody's server
            if device != "lo" and _usable(flags) and not local and prefix != "80":  # /128: an address of our own
                yield device, prefix == "00"


def _usable(flags: str) -> bool:
    return int(flags, 16) & (_RTF_UP | _RTF_REJECT) == _RTF_UP


def _carries(device: str, asked: socket.socket) -> bool:
    """Whether an interface is up and has somebody at its other end."""
    import fcntl

    try:
        answer = fcntl.ioctl(asked, _SIOCGIFFLAGS, struct.pack("16sh14x", device.encode()[:15], 0))
    except OSError:
        return False
    flags: int = struct.unpack_from("h", answer, 16)[0]
    return flags & (_UP | _RUNNING) == _UP | _RUNNING


def look() -> View:
    """Give how far the routes reach: NONE, LOCAL, or INTERNET where one leads everywhere."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            reach = [everywhere for device, everywhere in routes() if _carries(device, asked)]
    except (OSError, ValueError):
        return View()
    if not reach:
        return View(NetworkConnectivity.NONE)
    return View(NetworkConnectivity.INTERNET if any(reach) else NetworkConnectivity.LOCAL)


class Routes:
    """Watches the routes of this machine."""

    name = "the kernel's routes"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wake: int | None = None  # written to by who closes
        self._closed = False

    @property
    def here(self) -> bool:
        """Whether this is a Linux that shows its routes."""
        return sys.platform == "linux" and os.path.exists("/proc/net/route")

    def watch(self, tell: Tell) -> None:
        """Look, tell, and tell again whenever it has changed."""
        wake, end = os.pipe()
        with self._lock:
            self._wake = end
        news = None if self._closed else _listener()
        try:
            tell(look())
            while news is not None:
                ready, _, _ = select.select([news.fileno(), wake], [], [])
                if wake in ready:
                    return
                select.select([wake], [], [], SETTLE / 1000)
                _drain(news)
                tell(look())
        finally:
            if news is not None:
                news.close()
            with self._lock:
                self._wake = None
            os.close(wake)
            os.close(end)

    def close(self) -> None:
        """Let ``watch`` return."""
        with self._lock:
            self._closed = True
            if self._wake is not None:
                os.write(self._wake, b".")


def _listener() -> socket.socket | None:
    try:
        news = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        news.bind((0, _GROUPS))
    except OSError as error:
        log.debug("the kernel tells no news of routes (%s)", error.strerror)
        return None
    return news


def _drain(news: socket.socket) -> None:
    while True:
        try:
            news.recv(65536)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS: more happened than it can remember; the tables know
            continue
