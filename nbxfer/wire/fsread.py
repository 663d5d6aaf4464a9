"""Reading from any filesystem of fsspec: what it is now, an open file, and which of our errors each of theirs is."""

from __future__ import annotations

import errno
import io
import os
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from nbxfer.core.probe import Validator
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    InvalidRequest,
    NetworkError,
    Offline,
    ServerBusy,
    SourceNotFound,
    TransferError,
    TransferTimeout,
    WebErrorStatus,
)
from nbxfer.wire.foreign import NO_ROUTE, NOBODY, name_service

#: Seconds after which a time of change in whole seconds tells two versions apart: nothing was written in that second
#: any more when it was looked at (the thought of RFC 9110 §8.8.2.2; clocks may differ by a little less than a minute).
SETTLED: Final = 60.0
#: What backends call a thing that is another with every version.
_STRONG: Final = ("ETag", "etag", "generation", "version_id", "sha256", "md5Hash", "md5", "checksum", "content_md5")
_TIMES: Final = ("mtime", "LastModified", "last_modified", "modified", "updated", "created")


def describe(info: Mapping[str, Any], now: float) -> tuple[int | None, Validator | None, float | None]:
    """Give size, validator and time of change (Unix time) as ``info`` of a backend says them; ``now`` is Unix time."""
    size = info.get("size")
    size = int(size) if isinstance(size, int | float) and not isinstance(size, bool) and size >= 0 else None
    modified = next((when for name in _TIMES if (when := _time(info.get(name))) is not None), None)
    if "ino" in info:
        return size, Validator("file", f"{info['ino']}-{modified!r}-{size}"), modified
    if "CRC" in info:
        return size, Validator("crc", f"{info['CRC']:08x}-{size}"), None
    for name in _STRONG:
        value = info.get(name)
        if isinstance(value, str | int) and value:
            return size, Validator(name.lower(), str(value)[:500]), modified
    if modified is not None:
        strong = now - modified > SETTLED or modified != int(modified)
        return size, Validator("mtime", f"{modified!r}-{size}", strong=strong), modified
    return size, None, None


def _time(value: object) -> float | None:
    if isinstance(value, datetime):
        return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    if isinstance(value, str):
        text = value.strip()
        try:
            if text.isdigit() and len(text) >= 14:  # MLSD: 20261128093000
                return datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
            return _time(datetime.fromisoformat(text))
        except ValueError:
            return None
    return None


def open_file(fs: Any, path: str) -> Any:
    """Give a binary file; where the backend reads over a network, in steps that suit who reads on and on."""
    if getattr(fs, "async_impl", False):
        return fs.open(path, "rb", block_size=8 << 20)
    made = fs.open(path, "rb")
    if isinstance(made, io.BytesIO):  # the file itself, whose position all who open it share
        return io.BytesIO(made.getvalue())
    return made


def translated(error: Exception, where: str) -> TransferError:
    """Give our error for whatever a backend raised; ``where`` is the safe URL. Their texts are not repeated."""
    if isinstance(error, TransferError):
        return error
    name = type(error).__name__
    status = _status(error)
    # Some raise a plain OSError, whose number alone says what it is (smbprotocol).
    number = error.errno if isinstance(error, OSError) else None
    if type(error.__cause__).__name__ == "GatedRepoError":  # the Hub's library calls that a file that is not there
        status, name = 403, "GatedRepoError"
    elif isinstance(error, FileNotFoundError) or number == errno.ENOENT or status in (404, 410):
        return SourceNotFound(f"There is no {where}.", http_status=status, hint="Check the URL.")
    if isinstance(error, IsADirectoryError) or number == errno.EISDIR:
        return a_folder(where)
    if isinstance(error, PermissionError) or number == errno.EACCES or status in (401, 403) or name in _DENIED:
        return AccessDenied(
            f"{where} may not be read ({name}).",
            http_status=status,
            hint="Give credentials (storage_options, auth, or those of the environment), or other ones.",
        )
    if status is not None and (status >= 500 or status in (408, 429)):
        return ServerBusy(f"{where} is not to be had at the moment ({status}).", http_status=status)
    if isinstance(error, TimeoutError):
        return TransferTimeout(f"{where} did not answer in time.")
    if isinstance(error, socket.gaierror):
        return name_service(error, where)
    if isinstance(error, OSError) and error.errno in NO_ROUTE:
        return Offline(f"There is no way to {where} from here.")
    if isinstance(error, ImportError):
        return InvalidRequest(f"{where} needs a package that is not installed.", hint="Install what fsspec needs.")
    return _unreadable(error, where)


def _unreadable(error: Exception, where: str) -> TransferError:
    """Give the error for a connection, or a file, that does not do what it should."""
    name = type(error).__name__
    if isinstance(error, ConnectionRefusedError):
        return NetworkError(f"Nobody takes connections for {where}.", status=WebErrorStatus.CANNOT_CONNECT, hint=NOBODY)
    if isinstance(error, ConnectionError | EOFError) or name in _BROKEN:
        return NetworkError(f"The connection to {where} broke ({name}).", status=WebErrorStatus.CONNECTION_ABORTED)
    if isinstance(error, OSError):
        words = os.strerror(error.errno) if error.errno else name
        return NetworkError(f"{where} could not be read ({words}).", status=WebErrorStatus.CONNECTION_ABORTED)
    return BadAnswer(f"{where} cannot be read ({name}).", hint="Look at the URL and at storage_options.")


def a_folder(where: str) -> InvalidRequest:
    """Give the error for a folder where a file is meant."""
    return InvalidRequest(f"{where} is a folder, and a file is meant.", hint="Give recursive=True for all of it.")


_DENIED: Final = frozenset(
    "NoCredentialsError PartialCredentialsError ClientAuthenticationError GatedRepoError LogonFailure AccessDenied "
    "TokenRetrievalError UnauthorizedSSOTokenError ProfileNotFound DefaultCredentialsError RefreshError".split()
)
_BROKEN: Final = frozenset(
    "ClientError ServerDisconnectedError ClientPayloadError EndpointConnectionError ConnectionClosedError "
    "ServiceRequestError ServiceResponseError IncompleteReadError ConnectTimeoutError ReadTimeoutError HTTPClientError "
    "SMBConnectionClosed ConnectError RemoteProtocolError FSTimeoutError".split()
)


def _status(error: Exception) -> int | None:
    """Give the HTTP status that an error of some client carries."""
    response = getattr(error, "response", None)
    told: object = getattr(error, "status", None) or getattr(error, "status_code", None) or getattr(error, "code", None)
    if isinstance(response, Mapping):
        told = response.get("ResponseMetadata", {}).get("HTTPStatusCode", told)
    elif response is not None:
        told = getattr(response, "status_code", told)
    return int(told) if isinstance(told, int | str) and str(told).isdigit() and 300 <= int(told) <= 599 else None
