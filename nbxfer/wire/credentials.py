"""Credentials by reference: where a secret is to be found is stored, the secret itself never is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, Union

from nbxfer.errors import InvalidRequest

if TYPE_CHECKING:
    import httpx

#: A variable of the environment; an entry of the keyring, where blanks and slashes of a service are %20 and %2F.
ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
KEYRING: Final = re.compile(r"keyring:([^\s/]+)(?:/(\S+))?")


def is_reference(value: str) -> bool:
    """Say whether ``value`` names the place of a secret, and so may be shown and stored."""
    return bool(ENV.fullmatch(value) or KEYRING.fullmatch(value))


@dataclass(frozen=True, repr=False)
class Bearer:
    """A token, sent as ``Authorization: Bearer`` (RFC 6750).

    ``"env:NAME"`` and ``"keyring:SERVICE/USER"`` are looked up when a request is made.
    """

    token: str

    def __repr__(self) -> str:
        return f"Bearer({_shown(self.token)})"


@dataclass(frozen=True, repr=False)
class Basic:
    """A user and a password (RFC 7617); each may be ``"env:NAME"`` or ``"keyring:SERVICE/USER"``, looked up at use.

    ``Basic("keyring:SERVICE/USER")``, or where the keyring knows but one user ``Basic("keyring:SERVICE")``, is both.
    """

    user: str
    password: str = ""

    def __repr__(self) -> str:
        return f"Basic({_shown(self.user)}, {_shown(self.password)})"


class Literal(Basic):
    """What stood in a URL, and is never taken for a reference: URLs come from anywhere, and might ask for secrets."""

    def __repr__(self) -> str:
        return "Basic(…, …)"


def of_userinfo(user: str, password: str) -> Basic:
    """Give the credential that the userinfo of a URL is (decoded)."""
    made = Basic(user, password)
    return Literal(user, password) if is_reference(user) or is_reference(password) else made


#: What ``auth=`` takes: (user, password), Basic, Bearer, "netrc", "keyring:…" (both of Basic), or any httpx.Auth.
AuthLike = Union[tuple[str, str], Basic, Bearer, str, "httpx.Auth", None]
#: The same, normalised.
Auth = Union[Basic, Bearer, str, "httpx.Auth", None]
#: What ``proxy_auth=`` takes.
ProxyAuthLike = tuple[str, str] | Basic | str | None


def parse_auth(auth: AuthLike) -> Auth:
    """Give the credential in its normal form; raise InvalidRequest where it is none, or cannot be looked up here."""
    if isinstance(auth, tuple):
        return _checked(_pair(auth, "auth="), "auth=")
    if isinstance(auth, str):
        return auth if auth == "netrc" else _checked(_refer(auth), "auth=")
    if isinstance(auth, Basic | Bearer):
        return _checked(auth, "auth=")
    if auth is None:
        return None
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


def parse_proxy_auth(auth: ProxyAuthLike) -> Basic | None:
    """Give what a proxy is told; raise InvalidRequest for what is no user and password."""
    option = "proxy_auth="
    made: object = auth
    if isinstance(auth, tuple):
        made = _pair(auth, option)
    elif isinstance(auth, str):
        made = _refer(auth, option)
    if made is None:
        return None
    if not isinstance(made, Basic):
        raise InvalidRequest(
            f"{option} is no user and password.", hint="Give ('user', 'password') or Basic('env:USER', 'env:PASSWORD')."
        )
    _checked(made, option)
    return made


def _pair(auth: tuple[object, ...], option: str) -> Basic:
    match auth:
        case (str(user), str(password)):
            return Basic(user, password)
    raise InvalidRequest(f"{option} is a tuple, but not of a user and a password.", hint="Give ('user', 'password').")


def _checked(auth: Basic | Bearer, option: str) -> Basic | Bearer:
    parts: tuple[object, ...] = (auth.user, auth.password) if isinstance(auth, Basic) else (auth.token,)
    if not all(isinstance(part, str) for part in parts):
        raise InvalidRequest(f"{option} holds something that is no text.", hint="Give texts, or references to them.")
    if isinstance(auth, Bearer) and (wrong := _wrong_token(auth.token)):
        raise InvalidRequest(f"{option} cannot be sent: the token {wrong}.", hint="Give Bearer('…'), or 'env:NAME'.")
    if isinstance(auth, Basic) and KEYRING.fullmatch(auth.user) and auth.password:
        raise InvalidRequest(
            f"{option} gives a password beside an entry of the keyring, which has one.",
            hint="Give Basic('keyring:SERVICE/USER') alone, or Basic('USER', 'keyring:SERVICE/USER').",
        )
    if any(KEYRING.fullmatch(part) for part in parts if isinstance(part, str)) and not find_spec("keyring"):
        raise InvalidRequest(
            f"{option} refers to the keyring, but the package keyring is not installed.",
            hint="Install nbxfer[keyring], or give env:NAME.",
        )
    return auth


def _wrong_token(token: str) -> str:
    """Say what keeps a token from being sent in a header (RFC 9110 §5.5), never showing it; "" where nothing does."""
    if not token:
        return "is empty"
    if token.rstrip("\r\n") != token:
        return "has a line break at its end"
    if any(c.isspace() for c in token):
        return "has a blank or a line break in it"
    return "" if token.isascii() and token.isprintable() else "has a character in it that no header may have"


def reference(auth: Auth) -> str | None:
    """Give what may be stored so that ``from_reference`` finds the credential again; None for a literal secret."""
    match auth:
        case str():
            return auth
        case Literal():
            return None
        case Bearer(token) if is_reference(token):
            return f"bearer {token}"
        case Basic(user, "") if KEYRING.fullmatch(user):
            return f"basic {user}"
        case Basic(user, password) if is_reference(user) and is_reference(password):
            return f"basic {user} {password}"
    return None


def from_reference(text: str) -> Auth:
    """Give the credential that ``reference`` described; raise InvalidRequest for any other text."""
    return text if text == "netrc" else _refer(text)


def _refer(text: str, option: str = "auth=") -> Basic | Bearer:
    kind, *parts = text.split(" ")
    if KEYRING.fullmatch(text):
        return Basic(text)
    if parts and all(is_reference(part) for part in parts):
        if kind == "bearer" and len(parts) == 1:
            return Bearer(parts[0])
        if kind == "basic" and (len(parts) == 2 or (len(parts) == 1 and KEYRING.fullmatch(parts[0]))):
            return Basic(*parts)
    raise InvalidRequest(
        f"{option} is a text that says no credential.",
        hint="Give Bearer('env:NAME'), Basic('env:USER', 'env:PASSWORD') or Basic('keyring:SERVICE/USER').",
    )


def _shown(value: str) -> str:
    return repr(value) if is_reference(value) else "…"
