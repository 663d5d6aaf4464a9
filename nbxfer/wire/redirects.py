"""Where a redirect may lead (RFC 9110 §15.4). It never decides more than the next URL."""

from __future__ import annotations

from typing import Final

import httpx

from nbxfer.core.url import origin, safe_url
from nbxfer.errors import BadAnswer, WebErrorStatus

#: Redirects that are followed, and how many in a row. 300 and 305 are a person's to choose; 306 means nothing.
FOLLOWED: Final = frozenset((301, 302, 303, 307, 308))
MOST: Final = 10


def follow(here: httpx.URL, location: str) -> httpx.URL:
    """Give the URL that ``location`` means when it comes from ``here``, without its fragment.

    Raises BadAnswer where nothing may follow it: another scheme than http(s), from https down to http, or a URL with
    credentials in it, which a server has no business to choose for us.
    """
    try:
        # Field values are bytes, here one a character; what is not ASCII is most often UTF-8 that was not encoded.
        location = "".join(c if c < "\x80" else f"%{ord(c):02X}" for c in location)
        there = here.join(location).copy_with(fragment=None)
        origin(str(there))
        host = there.host  # decoding it may fail as well
    except (httpx.InvalidURL, ValueError):
        raise _refused(here, "to something that is no URL") from None
    if "%" in host:  # no name has such letters; what was not ASCII there has been lost
        raise _refused(here, "to something that is no URL")
    if there.scheme not in ("http", "https") or not host:
        raise _refused(here, "to something that is neither http nor https")
    if there.userinfo:
        raise _refused(here, "to a URL with credentials in it")
    if here.scheme == "https" and there.scheme == "http":
        raise _refused(
            here,
            "from https to http",
            WebErrorStatus.HTTPS_TO_HTTP_ON_REDIRECTION,
            hint="If nothing has to stay secret, give the http URL that it leads to.",
        )
    return there


def too_many(here: httpx.URL) -> BadAnswer:
    """Give the error for a chain that is too long, or comes back to where it was."""
    return _refused(here, "in a circle, or too often")


def _refused(
    here: httpx.URL, words: str, status: int = WebErrorStatus.REDIRECT_FAILED, hint: str | None = None
) -> BadAnswer:
    return BadAnswer(f"{safe_url(str(here))} redirects {words}.", status=status, hint=hint)
