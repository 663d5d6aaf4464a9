"""Through a proxy to a server: CONNECT (RFC 9110 §9.3.6), or SOCKS 5 (RFC 1928, 1929). What follows is between them."""

from __future__ import annotations

from typing import Any, Final

from nbxfer.errors import AccessDenied, BadAnswer, InvalidRequest, NetworkError, WebErrorStatus
from nbxfer.wire import judged
from nbxfer.wire.lookup import user_and_password
from nbxfer.wire.proxies import Proxy
from nbxfer.wire.sockets import Line, Tick, in_time

#: Answers to CONNECT after which it may be tried again: what is behind the proxy may be there in a while.
_LATER: Final = frozenset((408, 425, 429, *range(500, 600)))

#: What a SOCKS proxy says of its failure (RFC 1928 §6), and whether another try may help.
_REPLIES: Final = {
    1: ("failed", True),
    2: ("may not connect there", False),
    3: ("has no way to that network", True),
    4: ("has no way to that host", True),
    5: ("found nobody there who takes connections", True),
    6: ("took too many steps on the way", True),
    7: ("does not make connections", False),
    8: ("does not know that kind of address", False),
}


def connect(line: Line, proxy: Proxy, host: bytes, port: int, deadline: float, tick: Tick) -> None:
    """Have the HTTP proxy at the other end of ``line`` pass everything on to ``host``.

    Raises AccessDenied where it wants credentials or forbids it, NetworkError where it cannot, BadAnswer for what is
    no answer; foreign errors leave as they are.
    """
    name = host.decode("ascii")
    target = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
    fields = [(b"Host", target.encode()), (b"User-Agent", b"nbxfer"), *proxy.authorization()]
    protocol, request = judged.begun("CONNECT", target.encode(), fields)
    line.send(request, deadline, tick)
    answer = judged.response(line, protocol, b"", deadline, tick, "The proxy")
    status = answer.status_code
    if 200 <= status < 300:
        if protocol.trailing_data[0]:
            raise BadAnswer(f"The proxy {proxy.url} sent bytes that nobody had asked for.")
        return
    if status == 407:
        raise proxy.denied()
    if status in _LATER:
        raise NetworkError(f"The proxy {proxy.url} could not connect to {target} ({status}).")
    if status in (401, 403):
        raise AccessDenied(
            f"The proxy {proxy.url} forbids to connect to {target} ({status}).",
            hint="Ask whoever runs it, or give another proxy=.",
        )
    raise BadAnswer(f"The proxy {proxy.url} does not connect to other servers (it answered {status}).")


class _Exact:
    """Reads messages whose length is told as one goes."""

    def __init__(self, line: Line, deadline: float, tick: Tick) -> None:
        self._line, self._deadline, self._tick = line, deadline, tick

    def __call__(self, count: int) -> bytes:
        got, room = bytearray(), memoryview(bytearray(count))
        while len(got) < count:
            self._tick()
            in_time(self._deadline, "The proxy did not answer in time.")
            filled = self._line.fill(room[: count - len(got)])
            if filled == 0:
                raise NetworkError(
                    "The proxy closed the connection before it had answered.", status=WebErrorStatus.CONNECTION_ABORTED
                )
            got += room[: max(filled, 0)]
        return bytes(got)


def socks(line: Line, proxy: Proxy, host: bytes, port: int, deadline: float, tick: Tick) -> None:
    """Have the SOCKS proxy at the other end of ``line`` pass everything on to ``host``, a name or an address.

    Raises as ``connect`` does.
    """
    from socksio import SOCKS5Command, SOCKS5CommandRequest, SOCKS5Connection, SOCKSError

    protocol = SOCKS5Connection()
    read = _Exact(line, deadline, tick)
    try:
        _greet(line, protocol, proxy, read, deadline, tick)
        protocol.send(SOCKS5CommandRequest.from_address(SOCKS5Command.CONNECT, (host, port)))
        line.send(protocol.data_to_send(), deadline, tick)
        head = read(5)
        rest = {1: 3, 3: head[4], 4: 15}.get(head[3], 3) + 2  # of the address, which begins in the fifth byte; port
        if head[:1] == b"\x05" and head[1] in _REPLIES:
            raise _refused(proxy, head[1], host, port)
        protocol.receive_data(head + read(rest))
    except SOCKSError:
        raise BadAnswer(f"The proxy {proxy.url} does not speak SOCKS 5 as it should.") from None


def _greet(line: Line, protocol: Any, proxy: Proxy, read: _Exact, deadline: float, tick: Tick) -> None:
    """Agree on how to say who we are, and say it (RFC 1929)."""
    from socksio import SOCKS5AuthMethod, SOCKS5AuthMethodsRequest, SOCKS5UsernamePasswordRequest

    methods = [SOCKS5AuthMethod.NO_AUTH_REQUIRED]
    if proxy.credential is not None:
        methods.append(SOCKS5AuthMethod.USERNAME_PASSWORD)
    protocol.send(SOCKS5AuthMethodsRequest(methods))
    line.send(protocol.data_to_send(), deadline, tick)
    chosen = protocol.receive_data(read(2)).method
    if chosen == SOCKS5AuthMethod.NO_AUTH_REQUIRED:
        return
    if proxy.credential is None or chosen != SOCKS5AuthMethod.USERNAME_PASSWORD:
        raise proxy.denied()
    user, password = (part.encode() for part in user_and_password(proxy.credential))
    if not 1 <= len(user) <= 255 or not 1 <= len(password) <= 255:
        raise InvalidRequest("User or password for the SOCKS proxy are empty, or longer than 255 bytes.")
    protocol.send(SOCKS5UsernamePasswordRequest(user, password))
    line.send(protocol.data_to_send(), deadline, tick)
    if not protocol.receive_data(read(2)).success:
        raise proxy.denied()


def _refused(proxy: Proxy, code: int, host: bytes, port: int) -> NetworkError | AccessDenied | BadAnswer:
    words, again = _REPLIES[code]
    said = f"The proxy {proxy.url} {words} ({host.decode('ascii')}:{port})."
    if again:
        return NetworkError(said)
    return AccessDenied(said, hint="Ask whoever runs it.") if code == 2 else BadAnswer(said)
