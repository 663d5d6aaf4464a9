"""Which addresses and names are of the internet: a server out there shall not look at what is behind our wall."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

#: Names that never leave a machine or its network (RFC 6761, 6762, 8375; .internal by ICANN).
INSIDE: Final = (".localhost", ".local", ".internal", ".home.arpa")


def is_public(address: str) -> bool:
    """Say whether the whole internet can reach ``address``; raise ValueError where it is none."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    return ip.is_global


def sounds_public(host: str) -> bool:
    """Say the same of a host that somebody else looks up, by what it is called: the address itself is not seen."""
    try:
        return is_public(host)
    except ValueError:
        pass
    try:
        return is_public(socket.inet_ntoa(socket.inet_aton(host)))  # 127.1, 0x7f000001: as resolvers read them
    except OSError:
        name = host.rstrip(".").lower()
        return "." in name and not name.endswith(INSIDE)
