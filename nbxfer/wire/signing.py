"""Credentials as httpx signs requests with them; imported only when a request is made."""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Final

import httpx

from nbxfer.errors import NeedsAttention
from nbxfer.wire.credentials import Auth, Basic, Bearer, look_up

#: How many answers one auth flow may ask for (a challenge needs two).
MAX_STEPS: Final = 5


class TokenAuth(httpx.Auth):
    """Sends one bearer token (RFC 6750 §2.1)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, and ask once."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def signer(auth: Auth) -> httpx.Auth | None:
    """Give what signs requests, with references looked up now.

    Raises NeedsAttention where a variable is not set, or the netrc file cannot be read.
    """
    match auth:
        case None:
            return None
        case Basic(user, password):
            return httpx.BasicAuth(look_up(user), look_up(password))
        case Bearer(token):
            return TokenAuth(look_up(token))
        case str():
            try:
                return httpx.NetRCAuth(os.environ.get("NETRC"))  # unset: ~/.netrc
            except (OSError, SyntaxError):  # netrc.NetrcParseError is a SyntaxError
                raise NeedsAttention(
                    "The netrc file, which holds the credentials, cannot be read.", hint="Mend it, or give auth=."
                ) from None
        case _:
            return auth
