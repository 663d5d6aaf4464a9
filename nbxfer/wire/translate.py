"""The one table by which foreign errors become ours; a test walks the libraries' classes and proves it complete.

Its first rows are those of foreign.py; those for httpx and h11, which take their time to import, stand here.
"""

from __future__ import annotations

import ssl
from typing import Final

import h11
import httpx

from nbxfer.errors import TransferError, WebErrorStatus
from nbxfer.wire.foreign import ABORTED, LAST, NOT_HTTP, PLAIN, Row, by_table, network, request, timeout


def _connecting(error: Exception, where: str) -> TransferError:
    """Give the error for a connection that did not come about: what lies below httpx's says why."""
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError | ssl.SSLError):
            return by_table(PLAIN, below, where)
        below = below.__cause__ or below.__context__
    return network("There is no connection to", WebErrorStatus.CANNOT_CONNECT)(error, where)


TABLE: Final[tuple[Row, ...]] = (
    *PLAIN,
    (h11.LocalProtocolError, request),
    (h11.ProtocolError, NOT_HTTP),
    (httpx.InvalidURL, request),
    (httpx.UnsupportedProtocol, request),
    (httpx.LocalProtocolError, request),
    (httpx.RequestNotRead, request),
    (httpx.CookieConflict, request),
    (httpx.TimeoutException, timeout),
    (httpx.ConnectError, _connecting),
    (httpx.NetworkError, ABORTED),
    (httpx.ProxyError, network("The proxy did not lead to", WebErrorStatus.CANNOT_CONNECT)),
    (httpx.HTTPError, NOT_HTTP),
    (httpx.StreamError, NOT_HTTP),
    LAST,
)

#: What to catch at the wall.
FOREIGN: Final[tuple[type[Exception], ...]] = tuple(dict.fromkeys(kind for kind, _ in TABLE))
#: The same, and ours: whatever the world outside can bring about.
OUTSIDE: Final[tuple[type[Exception], ...]] = (TransferError, *FOREIGN)


def translate(error: Exception, where: str) -> TransferError:
    """Give our error for a foreign one; ``where`` is the safe form of what was asked for. Ours pass unchanged."""
    return by_table(TABLE, error, where)
