"""The way to one server: straight, or through a proxy; and what two requests must have in common to share a line."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from nbxfer.core.policy import Patience
from nbxfer.errors import TransferError
from nbxfer.wire import tls
from nbxfer.wire.access import Access
from nbxfer.wire.addresses import is_public, sounds_public
from nbxfer.wire.dial import addresses, dial, inward, secured
from nbxfer.wire.place import Place
from nbxfer.wire.proxies import Proxy
from nbxfer.wire.sockets import Line, Tick
from nbxfer.wire.translate import FOREIGN, translate
from nbxfer.wire.tunnel import connect, socks

T = TypeVar("T")


@dataclass(frozen=True)
class Route:
    """How requests to one ``url`` go. ``ours``: to the origin that may see secrets; ``shy``: see dial."""

    access: Access
    url: Place
    target: tuple[str, str, int]  # its origin
    ours: bool
    shy: bool
    proxy: Proxy | None

    @cached_property
    def key(self) -> Hashable:
        """What a kept line has to be of."""
        return pool_key(self.access, self.target, ours=self.ours, shy=self.shy, proxy=self.proxy)

    @property
    def read_by_proxy(self) -> Proxy | None:
        """The proxy that reads the request itself; a tunnel's does not."""
        plain = self.proxy is not None and not self.proxy.socks and self.url.scheme == "http"
        return self.proxy if plain else None

    def open(self, patience: Patience, tick: Tick, *, http2: bool) -> Line:
        """Give a fresh line to the server. Raises TransferError where a proxy is the reason; else foreign errors."""
        access, url, proxy = self.access, self.url, self.proxy
        port = self.target[2]
        trust = None
        if url.scheme == "https":
            mine = access.certificate if self.ours else None
            trust = tls.context(access.verify, trust_env=access.trust_env, certificate=mine, http2=http2)
        if proxy is None:
            return dial(url.raw_host, port, trust=trust, within=patience.connect, tick=tick, shy=self.shy)
        host, public = url.raw_host, sounds_public(url.raw_host.decode("ascii"))
        if proxy.scheme == "socks5":  # names are looked up here
            host, public = self._looked_up(host, port)
        elif self.shy and not public:
            raise inward()
        deadline = time.monotonic() + patience.connect
        line = self._to(proxy, patience.connect, tick)
        try:
            if proxy.socks:
                _at(proxy, lambda: socks(line, proxy, host, port, deadline, tick))
            elif trust is not None:
                _at(proxy, lambda: connect(line, proxy, host, port, deadline, tick))
            if trust is not None:
                line.sock = secured(line.sock, trust, url.raw_host, deadline, tick, "The server")
        except BaseException:
            line.close()
            raise
        line.public = public
        return line

    def _looked_up(self, host: bytes, port: int) -> tuple[bytes, bool]:
        found = addresses(host, port, shy=self.shy)
        # A proxy without IPv6 is the rule.
        address: str = next((a for family, a in found if family == socket.AF_INET), found[0][1])[0]
        return address.encode(), is_public(address)

    def _to(self, proxy: Proxy, within: float, tick: Tick) -> Line:
        """Give a line to the proxy itself, which may be anywhere."""
        access = self.access
        trust = tls.context(access.verify, trust_env=access.trust_env) if proxy.scheme == "https" else None
        host = proxy.host.encode()
        return _at(
            proxy, lambda: dial(host, proxy.port, trust=trust, within=within, tick=tick, who=f"The proxy {proxy.url}")
        )


def _at(proxy: Proxy, call: Callable[[], T]) -> T:
    """Have ``call`` made; whatever goes wrong in it is the proxy's doing, and is told so."""
    try:
        return call()
    except TransferError:
        raise
    except FOREIGN as error:
        ours = translate(error, proxy.url)
        ours.message = f"The proxy cannot be used. {ours.message}"
        raise ours from None


def pool_key(
    access: Access, target: tuple[str, str, int], *, ours: bool, shy: bool = False, proxy: Proxy | None = None
) -> Hashable:
    """Give what two requests must have in common to share a line: origin, trust, identity, how shy, which proxy."""
    trust = (access.verify, access.trust_env, access.http2)
    return target, trust, access.identity_for(ours=ours), shy, proxy
