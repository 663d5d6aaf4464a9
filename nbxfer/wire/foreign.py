"""Foreign errors that need no more than a socket: system, TLS. The rows for httpx and h11 are in translate.py.

Their texts are not passed on: they may quote headers or URLs. The first row that fits is taken. Movers, which have no
httpx, have no other table.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    CertificateRefused,
    InvalidRequest,
    NetworkError,
    Offline,
    TransferError,
    TransferTimeout,
    WebErrorStatus,
)


class NotWritable(Exception):
    """A request that cannot be written as HTTP (what h11 calls a LocalProtocolError). Never leaves the wire."""


class NotHTTP(Exception):
    """An answer that is no HTTP (what h11 calls a RemoteProtocolError). Never leaves the wire."""


Row = tuple[type[Exception], Callable[[Any, str], TransferError]]

#: No way to the server from this machine, as errno tells it.
NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL}

#: OpenSSL's verification results (x509_vfy.h) → what Windows calls them; any other is CERTIFICATE_CONTAINS_ERRORS.
_CERTIFICATE: Final[dict[int, tuple[WebErrorStatus, str]]] = {
    **dict.fromkeys((62, 64), (WebErrorStatus.CERTIFICATE_COMMON_NAME_IS_INCORRECT, "is for another host")),
    9: (WebErrorStatus.CERTIFICATE_EXPIRED, "is not valid yet"),
    10: (WebErrorStatus.CERTIFICATE_EXPIRED, "has expired"),
    23: (WebErrorStatus.CERTIFICATE_REVOKED, "has been revoked"),
    **dict.fromkeys((2, 18, 19, 20, 21), (WebErrorStatus.CERTIFICATE_IS_INVALID, "comes from nobody who is trusted")),
}


def _certificate(error: ssl.SSLCertVerificationError, where: str) -> TransferError:
    status, words = _CERTIFICATE.get(
        getattr(error, "verify_code", 0), (WebErrorStatus.CERTIFICATE_CONTAINS_ERRORS, "cannot be accepted")
    )
    hint = "Ask whoever runs the server, or give verify= the path of the right CA bundle."
    return CertificateRefused(f"The certificate of {where} {words}.", status=status, hint=hint)


def name_service(error: socket.gaierror, where: str) -> TransferError:
    """Give the error for a name that could not be looked up, or that nobody has."""
    if error.errno in (socket.EAI_AGAIN, getattr(socket, "EAI_SYSTEM", None)):
        return Offline(f"The name of {where} cannot be looked up at the moment.")
    return NetworkError(
        f"There is no host of the name in {where}.",
        status=WebErrorStatus.HOST_NAME_NOT_RESOLVED,
        hint="Check the URL.",
    )


#: What OpenSSL calls an answer that is no TLS at all.
_NO_TLS: Final = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"}

#: What servers say of a client certificate that is missing, or that they do not accept (RFC 8446 §6.2).
_OTHER_CLIENT: Final = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_ACCESS_DENIED",
    "SSLV3_ALERT_BAD_CERTIFICATE", "SSLV3_ALERT_CERTIFICATE_UNKNOWN", "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED", "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
}  # fmt: skip


def _tls(error: ssl.SSLError, where: str) -> TransferError:
    reason = str(getattr(error, "reason", None) or "")
    if reason in _NO_TLS:
        return BadAnswer(f"{where} does not speak TLS.", hint="Try http:// instead of https://, or another port.")
    if reason in _OTHER_CLIENT:
        return AccessDenied(
            f"{where} wants another client certificate, or any.", hint="Give cert=(certificate, key), or another one."
        )
    words = f" ({reason.replace('_', ' ').lower()})" if reason else ""
    return NetworkError(f"TLS failed with {where}{words}.", status=WebErrorStatus.CANNOT_CONNECT)


def _os(error: OSError, where: str) -> TransferError:
    if error.errno in NO_ROUTE:
        return Offline(f"There is no way to {where} from this machine at the moment.")
    words = os.strerror(error.errno) if error.errno else type(error).__name__
    return NetworkError(f"The connection to {where} failed: {words}.")


def network(words: str, status: WebErrorStatus, hint: str | None = None) -> Callable[[Any, str], TransferError]:
    """Give what makes a NetworkError: these words, then where it was."""
    return lambda _, where: NetworkError(f"{words} {where}.", status=status, hint=hint)


def timeout(_: Any, where: str) -> TransferError:
    """Give the error for what took too long."""
    return TransferTimeout(f"It took too long to hear from {where}.")


def bad(words: str) -> Callable[[Any, str], TransferError]:
    """Give what makes a BadAnswer: where it was, then these words."""
    return lambda _, where: BadAnswer(f"{where} {words}.")


def request(_: Any, where: str) -> TransferError:
    """Give the error for a request that cannot be written."""
    return InvalidRequest(f"The request to {where} cannot be written.", hint="Check the URL, headers and auth.")


#: What to do where a host is there, and no server on it.
NOBODY: Final = "Check the port, and whether the server runs."
_RESET: Final = network("The connection was reset by", WebErrorStatus.CONNECTION_RESET)
ABORTED: Final = network("The connection was cut off on the way to", WebErrorStatus.CONNECTION_ABORTED)
NOT_HTTP: Final = bad("does not speak HTTP as it should")

PLAIN: Final[tuple[Row, ...]] = (
    (ssl.SSLCertVerificationError, _certificate),  # also a ValueError
    (ssl.SSLEOFError, ABORTED),
    (ssl.SSLZeroReturnError, ABORTED),
    (ssl.SSLError, _tls),
    (socket.gaierror, name_service),
    (TimeoutError, timeout),
    (ConnectionRefusedError, network("Nobody takes connections at", WebErrorStatus.CANNOT_CONNECT, NOBODY)),
    (ConnectionResetError, _RESET),
    (BrokenPipeError, _RESET),
    (ConnectionError, ABORTED),
    (OSError, _os),
    (NotWritable, request),
    (NotHTTP, NOT_HTTP),
)
#: What is caught where there is no httpx; ValueError is what cannot be read at all.
LAST: Final[Row] = (ValueError, bad("answered with something that cannot be read"))


def by_table(table: Sequence[Row], error: Exception, where: str) -> TransferError:
    """Give our error for a foreign one by ``table``; ``where`` is the safe form of what was asked for."""
    if isinstance(error, TransferError):
        return error
    for kind, make in table:
        if isinstance(error, kind):
            return make(error, where)
    raise TypeError(f"no row for {type(error).__name__}")
