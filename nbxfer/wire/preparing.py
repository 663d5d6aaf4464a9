"""From a request that was answered to one as values (prepared.py), where it can be told in values at all."""

from __future__ import annotations

import os
import socket
import ssl

from nbxfer.core.url import safe_url
from nbxfer.errors import TransferError
from nbxfer.wire.access import Access
from nbxfer.wire.credentials import Basic, Bearer
from nbxfer.wire.exchange import Request, written
from nbxfer.wire.lookup import user_and_password
from nbxfer.wire.prepared import Prepared, Trust, Tunnel
from nbxfer.wire.route import Route
from nbxfer.wire.sockets import Line


def prepared(request: Request, route: Route, line: Line) -> Prepared | None:
    """Give ``request``, which was answered over ``line``, as values.

    None for what other questions cannot be signed like (Digest, and whatever a person has programmed), for HTTP/2, for
    SOCKS, and for proxies that are reached by TLS.
    """
    access, proxy, sock = route.access, route.proxy, line.sock
    if line.speaks_h2 or not isinstance(sock, socket.socket) or not _lasting(access, ours=route.ours):
        return None
    if proxy is not None and (proxy.socks or proxy.scheme != "http"):
        return None
    try:
        target, fields = written(request, route.read_by_proxy)
        address = sock.getpeername()
        tunnel = None
        if proxy is not None and route.read_by_proxy is None:
            user, password = user_and_password(proxy.credential) if proxy.credential is not None else (None, "")
            tunnel = Tunnel(proxy.host, proxy.port, user, password)
        certificate = access.certificate if route.ours else None
        trust = None
        if isinstance(sock, ssl.SSLSocket):
            trust = _trust(access)
            if certificate is not None:
                password = certificate.look_up() or ""
                trust = Trust(
                    trust.check, trust.cafile, trust.capath, trust.keylog, certificate.paths, password or None
                )
    except (OSError, TransferError):  # it has just been closed; a secret is not to be had any more
        return None
    host, port = route.url.raw_host.decode("ascii"), route.target[2]
    return Prepared(
        int(sock.family), tuple(address), host, port, target, tuple(fields), trust, tunnel,
        line.public, safe_url(request.text), route.url.path,
    )  # fmt: skip


def _lasting(access: Access, *, ours: bool) -> bool:
    """Say whether what signed one request signs every other: it is the same words each time."""
    credential = access.credential
    return credential is None or isinstance(credential, Basic | Bearer | str) or not ours


def _trust(access: Access) -> Trust:
    """Say what wire.tls.context makes its context of; a test holds the two against each other."""
    verify, environ = access.verify, os.environ if access.trust_env else {}
    keylog = environ.get("SSLKEYLOGFILE") or None
    if verify is False:
        return Trust(check=False)  # httpx's has no key log then
    if isinstance(verify, str):
        return Trust(capath=verify, keylog=keylog) if os.path.isdir(verify) else Trust(cafile=verify, keylog=keylog)
    if file := environ.get("SSL_CERT_FILE"):
        return Trust(cafile=file, keylog=keylog)
    if folder := environ.get("SSL_CERT_DIR"):
        return Trust(capath=folder, keylog=keylog)
    import certifi

    return Trust(cafile=certifi.where(), keylog=keylog)
