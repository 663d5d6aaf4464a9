"""Every exception of nbxfer, in branches by what the reader can do about it.

::

    TransferError
    ├── it was retried by itself, and that was not enough
    │   ├── NetworkError (ConnectionError)
    │   │   └── Offline                      no route, no DNS: waits, is never counted as a try
    │   ├── TransferTimeout (TimeoutError)
    │   └── ServerBusy                       408 425 429 5xx, with retry_after
    ├── a person can mend it
    │   ├── NeedsAttention                   credentials, an expired URL, a full disk: says the way out
    │   ├── AccessDenied (PermissionError)   401 403 407, or a folder that may not be written
    │   ├── NoSpace (OSError)
    │   ├── DestinationExists (FileExistsError)
    │   ├── InvalidRequest (ValueError)      refused before anything moved
    │   │   └── UnknownOption (TypeError)
    │   └── InvalidTransferState             the wish does not fit the phase; carries the story
    ├── give up
    │   ├── SourceNotFound (FileNotFoundError)
    │   ├── SourceChanged
    │   │   └── FileChanged                  a file of this machine, while it was sent: not sent again by itself
    │   ├── ChecksumMismatch
    │   ├── CertificateRefused (ConnectionError)
    │   ├── BadAnswer                        the server's answer cannot be used
    │   │   └── RangesRefused                no parts: goes on over one connection
    │   ├── StorageFailed (OSError)          EIO, a vanished folder: the part can't be trusted or reached
    │   └── TransferCanceled
    └── our side
        ├── ForkedError (RuntimeError)       a handle used in a forked child
        └── TakenOver                        another process owns this operation now

All of them pickle, and none carries a secret: texts are built from ``safe_url`` only.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar


class WebErrorStatus(IntEnum):
    """What went wrong on the wire: Windows' integers; the HTTP code itself from 300 to 599; ours from 1000."""

    UNKNOWN = 0
    CERTIFICATE_COMMON_NAME_IS_INCORRECT = 1
    CERTIFICATE_EXPIRED = 2
    CERTIFICATE_CONTAINS_ERRORS = 3
    CERTIFICATE_REVOKED = 4
    CERTIFICATE_IS_INVALID = 5
    SERVER_UNREACHABLE = 6
    TIMEOUT = 7
    ERROR_HTTP_INVALID_SERVER_RESPONSE = 8
    CONNECTION_ABORTED = 9
    CONNECTION_RESET = 10
    DISCONNECTED = 11
    HTTP_TO_HTTPS_ON_REDIRECTION = 12
    HTTPS_TO_HTTP_ON_REDIRECTION = 13
    CANNOT_CONNECT = 14
    HOST_NAME_NOT_RESOLVED = 15
    OPERATION_CANCELED = 16
    REDIRECT_FAILED = 17
    UNEXPECTED_STATUS_CODE = 18
    UNEXPECTED_REDIRECTION = 19
    UNEXPECTED_CLIENT_ERROR = 20
    UNEXPECTED_SERVER_ERROR = 21
    INSUFFICIENT_RANGE_SUPPORT = 22
    MISSING_CONTENT_LENGTH_SUPPORT = 23
    NO_SPACE = 1000
    FILE_TOO_LARGE = 1001
    ACCESS_DENIED = 1002
    CHECKSUM_MISMATCH = 1003
    SOURCE_CHANGED = 1004
    DESTINATION_EXISTS = 1005
    PROXY_AUTH = 1006
    STALLED = 1007
    DEADLINE = 1008
    STORAGE = 1009


class TransferError(Exception):
    """Something kept a transfer from its end.

    ``status`` is a :class:`WebErrorStatus` integer or an HTTP code (300–599); ``http_status`` the code alone;
    ``retry_after`` is in seconds; ``retryable`` says whether trying again by itself can help; ``hint`` is one
    sentence that says what to do.
    """

    retryable: ClassVar[bool] = False
    default_status: ClassVar[int] = WebErrorStatus.UNKNOWN

    def __init__(
        self,
        message: str = "",
        *,
        op_id: str | None = None,
        status: int | None = None,
        http_status: int | None = None,
        retry_after: float | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.op_id = op_id
        self.status = int(status if status is not None else (http_status or self.default_status))
        self.http_status = http_status
        self.retry_after = retry_after
        self.hint = hint
        self.server = ""  # who asked for that time: "https://host", where that is known

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, {k: v for k, v in vars(self).items() if k != "message"}))


def _rebuild(cls: type[TransferError], message: str, attributes: dict[str, Any]) -> TransferError:
    error = cls(message)
    vars(error).update(attributes)
    return error


class NetworkError(TransferError, ConnectionError):
    """The connection could not be made, or broke."""

    retryable = True
    default_status = WebErrorStatus.CANNOT_CONNECT


class Offline(NetworkError):
    """This machine has no way to the server at the moment (no route, no name service)."""

    default_status = WebErrorStatus.SERVER_UNREACHABLE


class TransferTimeout(TransferError, TimeoutError):
    """The server took longer than agreed to answer, or to send."""

    retryable = True
    default_status = WebErrorStatus.TIMEOUT


class ServerBusy(TransferError):
    """The server asks to come back later (408, 425, 429, 5xx)."""

    retryable = True
    default_status = WebErrorStatus.UNEXPECTED_SERVER_ERROR


class NeedsAttention(TransferError):
    """A person has to do something before this can go on; the text says what."""


class AccessDenied(TransferError, PermissionError):
    """The server or the file system refuses."""

    default_status = WebErrorStatus.ACCESS_DENIED


class NoSpace(TransferError, OSError):
    """The destination's file system, or a quota, is full."""

    default_status = WebErrorStatus.NO_SPACE


class DestinationExists(TransferError, FileExistsError):
    """There is something at the destination that nbxfer did not put there, or may not replace."""

    default_status = WebErrorStatus.DESTINATION_EXISTS


class InvalidRequest(TransferError, ValueError):
    """What was asked for cannot be done as written; nothing has moved."""


class UnknownOption(InvalidRequest, TypeError):
    """A keyword that nbxfer does not know."""


class InvalidTransferState(TransferError):
    """The operation's phase does not allow what was asked; nothing has changed.

    ``story`` are the lines of the operation's story (core.record.Entry) up to that moment.
    """

    story: tuple[Any, ...] = ()


class SourceNotFound(TransferError, FileNotFoundError):
    """The server says that there is nothing (404, 410), or the host does not exist."""


class SourceChanged(TransferError):
    """The source changed again and again while it was being fetched."""

    default_status = WebErrorStatus.SOURCE_CHANGED


class FileChanged(SourceChanged):
    """A file of this machine was changed while it was being sent."""


class ChecksumMismatch(TransferError):
    """The bytes are not those that the checksum promises."""

    default_status = WebErrorStatus.CHECKSUM_MISMATCH


class CertificateRefused(TransferError, ConnectionError):
    """TLS verification failed; never tried again by itself."""

    default_status = WebErrorStatus.CERTIFICATE_IS_INVALID


class BadAnswer(TransferError):
    """The server's answer cannot be used for this transfer."""

    default_status = WebErrorStatus.ERROR_HTTP_INVALID_SERVER_RESPONSE


class RangesRefused(BadAnswer):
    """The server gives no parts of the version that was begun: one connection has to do."""

    default_status = WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT
    retryable = True


class StorageFailed(TransferError, OSError):
    """The disk or the destination's folder failed; the part is kept where it can be."""

    default_status = WebErrorStatus.STORAGE


class TransferCanceled(TransferError):
    """The operation was canceled."""

    default_status = WebErrorStatus.OPERATION_CANCELED


class ForkedError(TransferError, RuntimeError):
    """A forked child cannot steer its parent's transfers."""


class TakenOver(TransferError):
    """Another process has taken this operation over; this one has stopped and harmed nothing."""


def by_name(name: str) -> type[TransferError]:
    """Give the error class of that name; ``TransferError`` for one that this version does not know."""
    found = globals().get(name)
    return found if isinstance(found, type) and issubclass(found, TransferError) else TransferError
