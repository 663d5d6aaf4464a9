"""The error table: which of our errors an HTTP status is, what to tell the person, when to come back."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from nbxfer.core import url as urls
from nbxfer.errors import AccessDenied, BadAnswer, ServerBusy, SourceNotFound, TransferError, WebErrorStatus
from nbxfer.sources.metadata import Headers, retry_after

#: The server may well answer otherwise in a while.
BUSY: Final = frozenset((408, 425, 429, 500, 502, 503, 504))

_DENIED: Final = {
    401: "Give credentials with auth=, or correct them.",
    403: "Give other credentials (auth=, cookies=), or a new URL if this one was signed and has expired.",
    407: "Give credentials for the proxy.",
}
#: The codes that Windows' list names, which are their own status.
_OWN_STATUS: Final = frozenset((*range(300, 306), 307, *range(400, 418), *range(500, 506)))


def refusal(status: int, headers: Headers, where: str, now: float) -> TransferError:
    """Give the error for an answer that brings no body we can use.

    ``where`` is the safe URL of who answered; ``now`` is Unix time. The server's own words are not repeated.
    """
    said = f"{where} answered {_words(status)}."
    if hint := _DENIED.get(status):
        code = WebErrorStatus.PROXY_AUTH if status == 407 else status
        return AccessDenied(said, status=code, http_status=status, hint=hint)
    if status in (404, 410):
        return SourceNotFound(said, http_status=status, hint="Check the URL.")
    if status in BUSY:
        busy = ServerBusy(said, status=_status(status), http_status=status, retry_after=retry_after(headers, now))
        busy.server = urls.server(where)
        return busy
    return BadAnswer(said, status=_status(status), http_status=status, hint=_HINTS.get(status // 100))


_HINTS: Final = {
    2: "This is no answer to a plain request for a file.",
    3: "Give the URL of the file itself.",
    4: "The server does not take the request as it is: check the URL and the headers.",
}


def _words(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _status(status: int) -> int:
    if status in _OWN_STATUS and status >= 400:
        return status
    match status // 100:
        case 3:
            return WebErrorStatus.UNEXPECTED_REDIRECTION
        case 4:
            return WebErrorStatus.UNEXPECTED_CLIENT_ERROR
        case 5:
            return WebErrorStatus.UNEXPECTED_SERVER_ERROR
        case _:
            return WebErrorStatus.UNEXPECTED_STATUS_CODE
