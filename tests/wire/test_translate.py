"""The table by which foreign errors become ours is complete, and tells nothing that it was told."""

from __future__ import annotations

import errno
import pickle
import socket
import ssl
from collections.abc import Iterator
from types import ModuleType

import h11
import httpx
import pytest

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
from nbxfer.wire.translate import FOREIGN, TABLE, translate

WHERE = "https://h/x?…"
SECRET = "hush"


def _classes(module: ModuleType) -> Iterator[type[Exception]]:
    for name in dir(module):
        thing = getattr(module, name)
        if not name.startswith("_") and isinstance(thing, type) and issubclass(thing, Exception):
            yield thing


KINDS = sorted({k for m in (h11, httpx, ssl, socket) for k in _classes(m)}, key=lambda k: (k.__module__, k.__name__))


def _one(kind: type[Exception]) -> Exception:
    if issubclass(kind, httpx.HTTPStatusError):
        request = httpx.Request("GET", "https://h/")
        return httpx.HTTPStatusError(SECRET, request=request, response=httpx.Response(500, request=request))
    if issubclass(kind, httpx.RequestNotRead | httpx.ResponseNotRead | httpx.StreamConsumed | httpx.StreamClosed):
        return kind()
    if issubclass(kind, OSError):
        return kind(errno.EIO, SECRET)
    return h11.LocalProtocolError(SECRET) if kind is h11.ProtocolError else kind(SECRET)  # that one is abstract


@pytest.mark.parametrize("kind", KINDS, ids=[f"{k.__module__}.{k.__name__}" for k in KINDS])
def test_every_class_of_the_libraries(kind: type[Exception]) -> None:
    """Whatever h11, httpx, ssl or socket can raise is caught at the wall and becomes one of ours, wordlessly."""
    error = _one(kind)
    assert isinstance(error, FOREIGN)
    ours = translate(error, WHERE)
    assert isinstance(ours, TransferError)
    assert WHERE in ours.message
    assert SECRET not in str(ours)
    assert ours.message.endswith(".")
    again = pickle.loads(pickle.dumps(ours))
    assert (type(again), again.status) == (type(ours), ours.status)


def test_rows_are_reachable() -> None:
    """No row stands behind a wider one."""
    for i, (kind, _) in enumerate(TABLE):
        assert not any(issubclass(kind, wider) for wider, _ in TABLE[:i]), kind


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (ConnectionRefusedError(), NetworkError, WebErrorStatus.CANNOT_CONNECT),
        (ConnectionResetError(), NetworkError, WebErrorStatus.CONNECTION_RESET),
        (BrokenPipeError(), NetworkError, WebErrorStatus.CONNECTION_RESET),
        (ConnectionAbortedError(), NetworkError, WebErrorStatus.CONNECTION_ABORTED),
        (TimeoutError(), TransferTimeout, WebErrorStatus.TIMEOUT),
        (OSError(errno.ENETUNREACH, ""), Offline, WebErrorStatus.SERVER_UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, ""), Offline, WebErrorStatus.SERVER_UNREACHABLE),
        (OSError(errno.EMFILE, ""), NetworkError, WebErrorStatus.CANNOT_CONNECT),
        (OSError(), NetworkError, WebErrorStatus.CANNOT_CONNECT),
        (socket.gaierror(socket.EAI_AGAIN, ""), Offline, WebErrorStatus.SERVER_UNREACHABLE),
        (socket.gaierror(socket.EAI_NONAME, ""), NetworkError, WebErrorStatus.HOST_NAME_NOT_RESOLVED),
        (ssl.SSLEOFError(8, ""), NetworkError, WebErrorStatus.CONNECTION_ABORTED),
        (ssl.SSLError(1, ""), NetworkError, WebErrorStatus.CANNOT_CONNECT),
        (ssl.SSLCertVerificationError(1, ""), CertificateRefused, WebErrorStatus.CERTIFICATE_CONTAINS_ERRORS),
        (h11.LocalProtocolError("x"), InvalidRequest, WebErrorStatus.UNKNOWN),
        (h11.RemoteProtocolError("x"), BadAnswer, WebErrorStatus.ERROR_HTTP_INVALID_SERVER_RESPONSE),
        (httpx.InvalidURL("x"), InvalidRequest, WebErrorStatus.UNKNOWN),
        (httpx.ReadTimeout("x"), TransferTimeout, WebErrorStatus.TIMEOUT),
        (UnicodeDecodeError("x", b"", 0, 1, ""), BadAnswer, WebErrorStatus.ERROR_HTTP_INVALID_SERVER_RESPONSE),
    ],
)
def test_what_they_become(error: Exception, kind: type[TransferError], status: int) -> None:
    """Each kind of failure is the error that says what can be done about it."""
    ours = translate(error, WHERE)
    assert (type(ours), ours.status) == (kind, status)


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 1), (64, 1), (9, 2), (10, 2), (23, 4), (18, 5), (19, 5), (20, 5), (21, 5), (2, 5), (24, 3), (26, 3), (0, 3)],
)
def test_certificates(code: int, status: int) -> None:
    """Each way for a certificate to be wrong has its number."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code = code
    assert translate(error, WHERE).status == status


def test_client_certificates() -> None:
    """A server that wants a client certificate is told as that, and not tried again."""
    error = ssl.SSLError(1, "x")
    error.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert type(translate(error, WHERE)) is AccessDenied


def test_ours_pass() -> None:
    """Our own errors stay as they are, also where they are of a foreign kind as well; others have no row."""
    mine = BadAnswer("x")
    assert translate(mine, WHERE) is mine
    with pytest.raises(TypeError):
        translate(KeyError("x"), WHERE)


@pytest.mark.parametrize(
    ("below", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, SECRET), "Nobody takes connections at"),
        (socket.gaierror(socket.EAI_NONAME, SECRET), "There is no host of the name in"),
        (ssl.SSLError(1, SECRET), "TLS failed with"),
        (None, "There is no connection to"),
    ],
)
def test_a_connection_that_did_not_come_about(below: Exception | None, words: str) -> None:
    """What lies below httpx's error says why there is no connection."""
    error = httpx.ConnectError(SECRET)
    error.__cause__ = below
    ours = translate(error, WHERE)
    assert str(ours).startswith(words)
    assert SECRET not in str(ours)
