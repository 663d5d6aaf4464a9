"""Credentials by reference: where a secret is to be found is stored, the secret itself never is."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Union

from nbxfer.errors import InvalidRequest, NeedsAttention

if TYPE_CHECKING:
    import httpx

_ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, repr=False)
class Bearer:
    """A token, sent as ``Authorization: Bearer`` (RFC 6750); ``"env:NAME"`` reads it from the environment at use."""

    token: str

    def __repr__(self) -> str:
        return f"Bearer({_shown(self.token)})"


@dataclass(frozen=True, repr=False)
class Basic:
    """A user and a password (RFC 7617); each may be ``"env:NAME"``, read from the environment at use."""

    user: str
    password: str = ""

    def __repr__(self) -> str:
        return f"Basic({_shown(self.user)}, {_shown(self.password)})"


#: What ``auth=`` takes: (user, password), Basic, Bearer, "netrc", or any httpx.Auth.
AuthLike = Union[tuple[str, str], Basic, Bearer, str, "httpx.Auth", None]
#: The same, normalised.
Auth = Union[Basic, Bearer, str, "httpx.Auth", None]


def parse_auth(auth: AuthLike) -> Auth:
    """Give the credential in its normal form; raise InvalidRequest where it is none."""
    if isinstance(auth, tuple):
        pair: tuple[object, ...] = auth
        match pair:
            case (str(user), str(password)):
                return Basic(user, password)
        raise InvalidRequest("auth= is a tuple, but not of a user and a password.", hint="Give ('user', 'password').")
    if isinstance(auth, str):
        if auth == "netrc":
            return auth
        return _refer(auth)
    if auth is None or isinstance(auth, Basic | Bearer):
        return auth
    if not hasattr(auth, "sync_auth_flow"):
        raise InvalidRequest(
            "auth= is nothing that can sign a request.",
            hint="Give (user, password), Basic(…), Bearer('env:NAME'), 'netrc' or an httpx.Auth.",
        )
    if getattr(auth, "requires_response_body", False):
        raise InvalidRequest(
            "This auth object wants to read whole answers, which may be of any size.",
            hint="Fetch the token first, and give it as Bearer(…).",
        )
    return auth


def reference(auth: Auth) -> str | None:
    """Give what may be stored so that ``from_reference`` finds the credential again; None for a literal secret."""
    if isinstance(auth, str):
        return auth
    if isinstance(auth, Bearer) and _ENV.fullmatch(auth.token):
        return f"bearer {auth.token}"
    if isinstance(auth, Basic) and _ENV.fullmatch(auth.user) and _ENV.fullmatch(auth.password):
        return f"basic {auth.user} {auth.password}"
    return None


def from_reference(text: str) -> Auth:
    """Give the credential that ``reference`` described; raise InvalidRequest for any other text."""
    return text if text == "netrc" else _refer(text)


def _refer(text: str) -> Auth:
    kind, *parts = text.split(" ")
    if all(_ENV.fullmatch(part) for part in parts):
        if kind == "bearer" and len(parts) == 1:
            return Bearer(parts[0])
        if kind == "basic" and len(parts) == 2:
            return Basic(parts[0], parts[1])
    raise InvalidRequest(
        "auth= is a text that says no credential.", hint="Give Bearer('env:NAME'), Basic('env:USER', 'env:PASSWORD')."
    )


def look_up(value: str) -> str:
    """Give the secret that ``value`` is, or refers to; raise NeedsAttention where the variable is not set."""
    found = _ENV.fullmatch(value)
    if not found:
        return value
    name = found[1]
    secret = os.environ.get(name)
    if not secret:
        raise NeedsAttention(
            f"The environment variable {name}, which holds the credentials, is not set.",
            hint=f"Set {name}, or give auth= again.",
        )
    return secret


def _shown(value: str) -> str:
    return repr(value) if _ENV.fullmatch(value) else "…"
