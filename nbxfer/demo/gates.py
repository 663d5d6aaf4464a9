"""What stands before a file of the demo server: credentials, a cookie, a ticket that expires half-way.

``/private/NAME.bin`` wants basic credentials, ``/members/NAME.bin`` a cookie that ``/login`` gives, and
``/tickets/NAME.bin?ticket=…`` a ticket: each lets six tenths of the file through, breaks off, and is refused (403)
from then on. ``/ticket`` sells a new one: its answer is the path to ask for.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
from http import HTTPStatus
from typing import Final

#: The name and the password for what is private.
USER: Final = ("demo", "open sesame")
#: The cookie of a member.
COOKIE: Final = ("member", "yes")
_BASIC: Final = "Basic " + base64.b64encode(":".join(USER).encode()).decode()


class Refusal(Exception):
    """An answer instead of the file."""

    def __init__(self, status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, headers or {}


class Tickets:
    """Tickets that were sold, and the bytes that each still lets through."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[str, int] = {}

    def sell(self, name: str, size: int, share: float = 0.6) -> str:
        """Give the path of a file of ``size`` bytes with a new ticket, good for a share of it."""
        ticket = secrets.token_hex(8)
        with self._lock:
            self._left[ticket] = max(1, int(size * share))
        return f"/tickets/{name}?ticket={ticket}"

    def left(self, ticket: str) -> int:
        """Give how many bytes it still lets through."""
        with self._lock:
            return self._left.get(ticket, 0)

    def draw(self, ticket: str, count: int) -> int:
        """Take so many bytes off, or all that are left; give how many that were."""
        with self._lock:
            drawn = min(count, self._left.get(ticket, 0))
            self._left[ticket] = self._left.get(ticket, 0) - drawn
            return drawn


def check(path: str, authorization: str, cookies: str, left: int) -> None:
    """Raise Refusal where a file is not given: ``left`` are the bytes that the request's ticket lets through."""
    if path.startswith("/private/") and not hmac.compare_digest(authorization.encode(), _BASIC.encode()):
        raise Refusal(
            HTTPStatus.UNAUTHORIZED,
            "this wants a name and a password\n",
            {"WWW-Authenticate": 'Basic realm="demo", charset="UTF-8"'},
        )
    if path.startswith("/members/") and "=".join(COOKIE) not in [one.strip() for one in cookies.split(";")]:
        raise Refusal(HTTPStatus.FORBIDDEN, "this wants the cookie that /login gives\n")
    if path.startswith("/tickets/") and left <= 0:
        raise Refusal(HTTPStatus.FORBIDDEN, "this ticket has expired; /ticket sells another\n")
