"""From a host and a port to an open line: every address is tried, a silent one holds nobody up, TLS on top."""

from __future__ import annotations

import errno
import os
import socket
import ssl
import time
from typing import Any, Final

from nbxfer.errors import BadAnswer, WebErrorStatus
from nbxfer.wire.addresses import is_public
from nbxfer.wire.foreign import NO_ROUTE
from nbxfer.wire.nested import Nested
from nbxfer.wire.sockets import POLL, Line, Tick, in_time, ready

#: Seconds before the next address is tried beside one that does not answer (RFC 8305 §5).
STAGGER: Final = 0.25

Address = tuple[int, tuple[Any, ...]]  # family, socket address


def dial(
    host: bytes,
    port: int,
    *,
    trust: ssl.SSLContext | None,
    within: float,
    tick: Tick,
    shy: bool = False,
    who: str = "The server",
) -> Line:
    """Connect to ``host`` within ``within`` seconds, with TLS when there is ``trust``.

    ``shy`` refuses addresses of loopback, link-local and private networks: a server on the public internet has led
    here, and it shall not look through our eyes at what is behind our firewall. ``who`` is what the sentences call the
    other side. Foreign errors leave as they are.
    """
    deadline = time.monotonic() + within
    tick()
    sock = connected(addresses(host, port, shy=shy), deadline, tick, who)
    try:
        public = is_public(sock.getpeername()[0])
        if trust is not None:
            return Line(secured(sock, trust, host, deadline, tick, who), public=public)
    except BaseException:
        sock.close()
        raise
    return Line(sock, public=public)


def connected(addresses: list[Address], deadline: float, tick: Tick, who: str = "The server") -> socket.socket:
    """Give a socket to the first of ``addresses`` that takes a connection. Foreign errors leave as they are."""
    sock = _race(addresses, deadline, tick, who)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        sock.close()
        raise
    return sock


def addresses(host: bytes, port: int, *, shy: bool) -> list[Address]:
    """Look ``host`` up, both families in turn; raise BadAnswer where ``shy`` leaves none of what is found."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # cannot be interrupted
    usable = _interleaved([(family, address) for family, _, _, _, address in found])
    if shy:
        usable = [a for a in usable if is_public(a[1][0])]
        if not usable:
            raise inward()
    return usable


def inward() -> BadAnswer:
    """Give the error for a redirect from the internet into a private network."""
    return BadAnswer(
        "A server on the public internet redirects to an address in a private network.",
        status=WebErrorStatus.REDIRECT_FAILED,
        hint="If that is right, give the URL that it leads to.",
    )


def _interleaved(addresses: list[Address]) -> list[Address]:
    """Let the families take turns, so that one of them that leads nowhere costs one stagger (RFC 8305 §4)."""
    first = [a for a in addresses if a[0] == addresses[0][0]]
    other = [a for a in addresses if a[0] != addresses[0][0]]
    turns = [a for pair in zip(first, other, strict=False) for a in pair]
    longer = first if len(first) > len(other) else other
    return turns + longer[len(turns) // 2 :]


def _race(addresses: list[Address], deadline: float, tick: Tick, who: str) -> socket.socket:
    """Give the first socket that connects; where none does, raise the error that says most."""
    waiting = list(addresses)
    trying: list[socket.socket] = []
    failed: list[OSError] = []
    next_start = 0.0
    try:
        while waiting or trying:
            tick()
            in_time(deadline, f"{who} could not be reached in time.")
            if waiting and (not trying or time.monotonic() >= next_start):
                next_start = time.monotonic() + STAGGER
                if (sock := _started(waiting.pop(0), failed)) is not None:
                    trying.append(sock)
            for sock in list(trying):
                if not ready(sock, write=True, seconds=POLL / len(trying)):
                    continue
                trying.remove(sock)
                if not (code := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                    return sock
                sock.close()
                failed.append(OSError(code, os.strerror(code)))
    finally:
        for sock in trying:
            sock.close()
    # "Refused" by one address says more than "no route" to another: that one may only be of a family we lack.
    raise next((e for e in failed if e.errno not in NO_ROUTE), failed[0])


def _started(address: Address, failed: list[OSError]) -> socket.socket | None:
    try:
        sock = socket.socket(address[0], socket.SOCK_STREAM)
    except OSError as error:  # a family this machine does not have, or no file descriptor left
        failed.append(error)
        return None
    sock.setblocking(False)
    code = sock.connect_ex(address[1])
    if code in (0, errno.EINPROGRESS, errno.EWOULDBLOCK):
        return sock
    sock.close()
    failed.append(OSError(code, os.strerror(code)))
    return None


def secured(
    sock: socket.socket | Nested, trust: ssl.SSLContext, host: bytes, deadline: float, tick: Tick, who: str
) -> ssl.SSLSocket | Nested:
    """Give ``sock`` with TLS on top, once ``host`` has proven that it is who ``trust`` wants; close it otherwise."""
    name = host.decode("ascii").rstrip(".")
    secure: ssl.SSLSocket | Nested
    if isinstance(sock, ssl.SSLSocket | Nested):  # to a proxy over TLS; in there, to the server
        secure = Nested(sock, trust, name)
    else:
        # Ragged ends must show: a body that ends with the connection would else be cut unnoticed (RFC 9112 §8).
        secure = trust.wrap_socket(
            sock, server_hostname=name, do_handshake_on_connect=False, suppress_ragged_eofs=False
        )
    try:
        while True:
            tick()
            in_time(deadline, f"{who} did not finish the TLS handshake in time.")
            try:
                secure.do_handshake()
                return secure
            except ssl.SSLWantReadError:
                ready(secure, seconds=POLL)
            except ssl.SSLWantWriteError:
                ready(secure, write=True, seconds=POLL)
    except BaseException:
        secure.close()
        raise
