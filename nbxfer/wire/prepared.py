"""A request as values: what a process that knows nothing of credentials, redirects and proxies needs to ask again.

It goes over a mover's pipe and nowhere else: it holds secrets. ``Asker`` is the whole client of a mover. No httpx.
"""

from __future__ import annotations

import ssl
import threading
import time
from functools import lru_cache
from typing import Any, Final

import msgspec

from nbxfer.core.policy import Patience
from nbxfer.errors import NeedsAttention, NetworkError, TransferError
from nbxfer.wire.body import Body, open_body
from nbxfer.wire.dial import connected, secured
from nbxfer.wire.exchange import Head, converse
from nbxfer.wire.foreign import LAST, PLAIN, by_table
from nbxfer.wire.sockets import Line, Tick

#: Fields that every question brings along itself.
ASKED: Final = frozenset(
    (
        b"range",
        b"if-range",
        b"if-match",
        b"if-unmodified-since",
        b"if-none-match",
        b"if-modified-since",
        b"want-repr-digest",
    )
)
#: What the world outside can bring about here.
OUTSIDE: Final[tuple[type[Exception], ...]] = (TransferError, *(kind for kind, _ in (*PLAIN, LAST)))

Fields = tuple[tuple[bytes, bytes], ...]


class Trust(msgspec.Struct, frozen=True):
    """What a TLS context is made of; ``check`` is False where the server need not prove who it is."""

    check: bool = True
    cafile: str | None = None
    capath: str | None = None
    keylog: str | None = None
    certificate: tuple[str, ...] = ()
    password: str | None = None

    def __repr__(self) -> str:
        return f"<Trust, {'checked' if self.check else 'not verified'}>"


class Tunnel(msgspec.Struct, frozen=True):
    """The HTTP proxy at ``Prepared.address``, which is asked to CONNECT; user and password are what goes to it."""

    host: str
    port: int
    user: str | None = None
    password: str = ""

    def __repr__(self) -> str:
        return f"<Tunnel through {self.host}:{self.port}>"


class Prepared(msgspec.Struct, frozen=True):
    """One request that was answered: the address that was, the target and the fields as they were sent.

    ``host`` and ``port`` are the server's, for TLS and CONNECT; ``address`` is that of who is connected to.
    """

    family: int
    address: tuple[str | int, ...]
    host: str
    port: int
    target: bytes
    fields: Fields
    trust: Trust | None = None
    tunnel: Tunnel | None = None
    public: bool = True
    where: str = ""  # the safe URL
    path: str = ""

    def __repr__(self) -> str:
        return f"<Prepared request to {self.where}>"


@lru_cache(maxsize=8)
def context(trust: Trust) -> ssl.SSLContext:
    """Give the TLS context that ``trust`` describes. Raises NeedsAttention where its files cannot be read any more."""
    try:
        if trust.check:
            made = ssl.create_default_context(cafile=trust.cafile, capath=trust.capath)
        else:
            made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        if trust.certificate:
            # With no password at all OpenSSL would ask for one on the terminal.
            key = trust.certificate[1] if len(trust.certificate) > 1 else None
            made.load_cert_chain(trust.certificate[0], key, lambda: trust.password or "")
    except (OSError, ValueError):
        raise NeedsAttention("The certificates cannot be read any more.", hint="Put them back, or retry.") from None
    made.keylog_filename = trust.keylog  # type: ignore[assignment] # None is what it is without one
    made.set_alpn_protocols(["http/1.1"])
    return made


def opened(prepared: Prepared, patience: Patience, tick: Tick) -> Line:
    """Give a fresh line for ``prepared``. Raises OUTSIDE, what tick raises."""
    deadline = time.monotonic() + patience.connect
    address: tuple[Any, ...] = prepared.address
    sock = connected([(prepared.family, address)], deadline, tick)
    line = Line(sock, public=prepared.public)
    try:
        if prepared.tunnel is not None:
            _dug(line, prepared, prepared.tunnel, deadline, tick)
        if prepared.trust is not None:
            name = prepared.host.encode()
            line.sock = secured(line.sock, context(prepared.trust), name, deadline, tick, "The server")
    except BaseException:
        line.close()
        raise
    return line


def _dug(line: Line, prepared: Prepared, tunnel: Tunnel, deadline: float, tick: Tick) -> None:
    from nbxfer.wire.credentials import Literal
    from nbxfer.wire.proxies import Proxy
    from nbxfer.wire.tunnel import connect

    secret = Literal(tunnel.user, tunnel.password) if tunnel.user is not None else None
    proxy = Proxy("http", tunnel.host, tunnel.port, secret)
    connect(line, proxy, prepared.host.encode(), prepared.port, deadline, tick)


class Asker:
    """Asks by one ``prepared`` request, which may be replaced; keeps its open lines. Any thread."""

    def __init__(self, prepared: Prepared, patience: Patience) -> None:
        self.prepared, self._patience = prepared, patience
        self._lock = threading.Lock()
        self._idle: list[tuple[Prepared, Line]] = []

    def get(self, fields: list[tuple[str, str]], tick: Tick) -> Reply:
        """Send the request with ``fields``, over a kept line or a fresh one. Raises TransferError, what tick raises."""
        prepared = self.prepared
        own = tuple(pair for pair in prepared.fields if pair[0].lower() not in ASKED)
        sent = [*own[:1], *((name.encode(), value.encode()) for name, value in fields), *own[1:]]
        line = self._kept(prepared)
        try:
            if line is not None:
                try:
                    return self._ask(line, prepared, sent, tick)
                except OUTSIDE as error:  # closed by the server at this very moment (RFC 9112 §9.3.1)
                    if not isinstance(by_table((*PLAIN, LAST), error, prepared.where), NetworkError):
                        raise
            return self._ask(opened(prepared, self._patience, tick), prepared, sent, tick)
        except OUTSIDE as error:
            raise by_table((*PLAIN, LAST), error, prepared.where) from None

    def _kept(self, prepared: Prepared) -> Line | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                of, line = self._idle.pop()
            if of is prepared and line.quiet():
                return line
            line.close()

    def _ask(self, line: Line, prepared: Prepared, sent: list[tuple[bytes, bytes]], tick: Tick) -> Reply:
        try:
            head = converse(line, "GET", prepared.target, sent, self._patience.response, tick)
            return Reply(prepared, head, open_body(line, head, lambda fit: self._settle(prepared, line, fit=fit)))
        except BaseException:
            line.close()
            raise

    def _settle(self, prepared: Prepared, line: Line, *, fit: bool) -> None:
        if fit and prepared is self.prepared and line.quiet():
            with self._lock:
                self._idle.append((prepared, line))
        else:
            line.close()

    def close(self) -> None:
        """Close what is idle. Never raises."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, line in idle:
            line.close()


class Reply:
    """An answer to a prepared request: status, headers (lower-case names), and the body, not yet read."""

    def __init__(self, prepared: Prepared, head: Head, body: Body) -> None:
        self.status, self.headers = head.status, head.headers
        self.safe_url, self.path = prepared.where, prepared.path
        self._body, self._asked = body, prepared

    def prepared(self) -> Prepared | None:
        """Give the request that this is the answer to."""
        return self._asked

    @property
    def proven(self) -> bool:
        """Whether the body's end is announced."""
        return self._body.proven

    def read_into(self, view: memoryview) -> int:
        """See wire.body.Body. Raises TransferError."""
        try:
            return self._body.read_into(view)
        except OUTSIDE as error:
            raise by_table((*PLAIN, LAST), error, self.safe_url) from None

    def close(self) -> None:
        """Let the line go: for another request when the body has been read to its end. Never raises."""
        self._body.close()
