"""Writing to stores: their coroutines, waited for from a worker, and which of our errors each of theirs is.

s3fs, gcsfs, adlfs and asyncssh are asynchronous. They live on fsspec's own loop thread, so that nothing of theirs can
hold up the engine's. Who waits looks at Stop, and gives up what nobody wants any more.
"""

from __future__ import annotations

import asyncio
import errno
import os
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar, cast

from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    InvalidRequest,
    NeedsAttention,
    NetworkError,
    NoSpace,
    Offline,
    ServerBusy,
    SourceNotFound,
    TransferError,
    TransferTimeout,
    WebErrorStatus,
)
from nbxfer.wire import bridge
from nbxfer.wire.foreign import NO_ROUTE, NOBODY

T = TypeVar("T")


class Stop(Protocol):
    """Says whether nobody wants the answer any more."""

    def is_set(self) -> bool:
        """Say whether to give up."""
        ...


class GivenUp(Exception):
    """Nobody wants the answer any more; the sink that asked says so in its own way."""


class Unwilling(Exception):
    """Raised where a store does not copy within itself; the bytes come and go then. Never leaves the engine.

    ``word`` says why, for the story; ``always``: what it says of this one holds of all.
    """

    def __init__(self, word: str, *, always: bool = True) -> None:
        super().__init__(word)
        self.word, self.always = word, always


def loop_of(fs: Any = None) -> asyncio.AbstractEventLoop:
    """Give the loop that a filesystem lives on; without one, that of all of them."""
    from fsspec.asyn import get_loop

    found = getattr(fs, "loop", None) if fs is not None else None
    return cast("asyncio.AbstractEventLoop", found if found is not None else get_loop())


def call(
    loop: asyncio.AbstractEventLoop,
    make: Callable[[], Coroutine[Any, Any, T]],
    stop: Stop | None = None,
    within: float | None = None,
) -> T:
    """Have what ``make`` gives awaited on ``loop``; give what it gives, raise what it raises.

    Raises GivenUp when ``stop`` is set, TimeoutError after ``within`` seconds; it is canceled then.
    """
    deadline = time.monotonic() + within if within is not None else None

    def tick() -> None:
        if stop is not None and stop.is_set():
            raise GivenUp
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError

    async def awaited() -> T:
        return await make()

    return bridge.awaited(awaited(), loop, tick)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn whatever a library raises into ours; ``where`` is the safe URL. Their texts are not repeated."""
    try:
        yield
    except (TransferError, GivenUp, Unwilling):
        raise
    except Exception as error:  # noqa: BLE001 (backends raise what they like)
        raise translate(error, where) from None


def code(error: BaseException) -> tuple[int | None, str]:
    """Give the HTTP status and the store's own word that an error, or what caused it, carries."""
    seen: BaseException | None = error
    status, word = None, ""
    while seen is not None:
        response = getattr(seen, "response", None)
        if isinstance(response, Mapping):
            status = status or response.get("ResponseMetadata", {}).get("HTTPStatusCode")
            word = word or str(response.get("Error", {}).get("Code", ""))
        for name in ("status_code", "status", "code", "http_status"):
            told = getattr(seen, name, None)
            if status is None and str(told).isdigit() and 300 <= int(str(told)) <= 599:
                status = int(str(told))
        told = getattr(seen, "error_code", None)
        if not word and told is not None:
            word = str(getattr(told, "value", told))
        seen = seen.__cause__
    return status, word


def translate(error: BaseException, where: str) -> TransferError:
    """Give our error for a foreign one; ours pass."""
    if isinstance(error, TransferError):
        return error
    name = type(error).__name__
    status, word = code(error)
    said = f" ({word or name})"
    if name in _UNKNOWN:
        return NeedsAttention(
            f"There are no credentials for {where}.",
            hint="Give storage_options or auth, or set those of the environment, then resume or retry.",
        )
    if word in _GONE or status in (404, 410) or isinstance(error, FileNotFoundError):
        return SourceNotFound(
            f"There is no {where}{said}: no such bucket, container or folder.",
            http_status=status,
            hint="Check the URL.",
        )
    if word in _BUSY or status in (408, 425, 429) or ((status or 0) >= 500 and status != 501):
        return ServerBusy(f"{where} asks to come back later{said}.", http_status=status, retry_after=_after(error))
    if isinstance(error, PermissionError) or status in (401, 403, 407) or name in _DENIED:
        return AccessDenied(
            f"{where} may not be written{said}.", http_status=status, hint="Give credentials that may, or ask for them."
        )
    if isinstance(error, IsADirectoryError):
        return InvalidRequest(f"{where} is a folder, and a file is meant.", hint="Give the name of the file, too.")
    if isinstance(error, NotADirectoryError):
        return InvalidRequest(f"{where} lies below a file.", hint="Give another destination.")
    if isinstance(error, TimeoutError) or "Timeout" in name:
        return TransferTimeout(f"{where} did not answer in time.")
    if isinstance(error, ImportError):
        return InvalidRequest(f"{where} needs a package that is not installed{said}.", hint="Install what it needs.")
    return _of_system(error, where, name, status)


def _of_system(error: BaseException, where: str, name: str, status: int | None) -> TransferError:
    number = getattr(error, "errno", None)
    if number in NO_ROUTE:
        return Offline(f"There is no way to {where} from here.")
    if number in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f"{where} is full.", hint="It goes on by itself when there is room.")
    if isinstance(error, ConnectionRefusedError) or "Connect" in name or "Endpoint" in name:
        words = f"Nobody takes connections for {where} ({name})."
        return NetworkError(words, status=WebErrorStatus.CANNOT_CONNECT, hint=NOBODY)
    if isinstance(error, ConnectionError | EOFError) or name in _BROKEN:
        return NetworkError(f"The connection to {where} broke ({name}).", status=WebErrorStatus.CONNECTION_ABORTED)
    if isinstance(error, OSError) and status is None:
        words = os.strerror(number) if number else name
        return NetworkError(f"{where} could not be written ({words}).", status=WebErrorStatus.CONNECTION_ABORTED)
    return BadAnswer(f"{where} cannot be written ({code(error)[1] or name}).", http_status=status)


def _after(error: BaseException) -> float | None:
    response = getattr(error, "response", None)
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {}) if isinstance(response, Mapping) else {}
    told = str(headers.get("retry-after", ""))
    return float(told) if told.isdigit() and len(told) < 6 else None


_UNKNOWN: Final = frozenset(
    "NoCredentialsError PartialCredentialsError CredentialRetrievalError TokenRetrievalError UnauthorizedSSOTokenError "
    "ProfileNotFound DefaultCredentialsError RefreshError".split()
)
_DENIED: Final = frozenset(
    "ClientAuthenticationError LogonFailure AccessDenied PermissionDenied HostKeyNotVerifiable".split()
)
_GONE: Final = frozenset("NoSuchBucket NoSuchKey NotFound ContainerNotFound BlobNotFound ResourceNotFound".split())
_BUSY: Final = frozenset(
    "SlowDown RequestTimeout InternalError ServiceUnavailable ThrottlingException ServerBusy".split()
)
_BROKEN: Final = frozenset(
    "ServerDisconnectedError ClientPayloadError ConnectionClosedError ClientOSError ServiceRequestError "
    "ServiceResponseError IncompleteReadError HTTPClientError RemoteProtocolError ConnectionLost DisconnectError "
    "ConnectionLostError SFTPConnectionLost SFTPNoConnection ReadError WriteError".split()
)
