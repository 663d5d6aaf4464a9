"""How to get at one source: the whole URL, extra headers, credentials, trust. In memory only; stored nowhere."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import unquote, urlsplit

from nbxfer.core.url import CROSS_ORIGIN_HEADERS, parse, safe_url
from nbxfer.errors import InvalidRequest
from nbxfer.wire.credentials import Auth, AuthLike, Basic, parse_auth
from nbxfer.wire.headers import HeadersLike, parse_headers

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, repr=False, slots=True)
class Access:
    """What only this process knows of an operation's source; :func:`access` makes it.

    Everything in it is bound to the origin (scheme, host, port) of ``url``: to another origin go only the headers of
    an allow-list, and never a credential (RFC 9110 §15.4; a deny-list forgets what people invent).
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    auth: Auth = None
    verify: bool | str = True

    @property
    def safe_url(self) -> str:
        """The URL as it may be shown."""
        return safe_url(self.url)

    @property
    def credential(self) -> Auth:
        """What signs requests to our origin: ``auth``, or what stands in the URL."""
        if self.auth is not None:
            return self.auth
        parts = urlsplit(self.url)
        if parts.username is None:
            return None
        return Basic(unquote(parts.username), unquote(parts.password or ""))

    def headers_for(self, *, ours: bool) -> list[tuple[str, str]]:
        """Give those of the person's headers that may go to our origin, or (not ``ours``) to any other."""
        return [(name, value) for name, value in self.headers if ours or name.lower() in CROSS_ORIGIN_HEADERS]

    def auth_for(self, *, ours: bool) -> httpx.Auth | None:
        """Give what signs requests to our origin, with references looked up now; None for every other.

        Raises NeedsAttention where a reference leads nowhere.
        """
        if not ours:
            return None
        from nbxfer.wire.signing import signer

        return signer(self.credential)

    def identity_for(self, *, ours: bool) -> Hashable:
        """Give what a connection is bound to: only requests of the same identity may share it."""
        return _Hidden(self.credential, self.headers) if ours else None

    def __repr__(self) -> str:
        words = [self.safe_url]
        words += [f"{len(self.headers)} headers"] if self.headers else []
        words += ["credentials"] if self.credential is not None else []
        words += ["TLS not verified"] if self.verify is False else []
        return f"<Access {', '.join(words)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Access is never stored: it holds secrets")


def access(
    url: str,
    headers: HeadersLike = None,
    auth: AuthLike = None,
    verify: bool | str = True,  # noqa: FBT001, FBT002 (the option of that name)
) -> Access:
    """Give the way in to ``url``; raise InvalidRequest for what cannot work as written.

    ``verify`` is True, False (TLS is not checked, for this operation only), or the path of a CA bundle or folder.
    """
    parts = parse(url)
    if parts.scheme.lower() not in ("http", "https"):
        raise InvalidRequest(f"{safe_url(url)} is neither http nor https.", hint="Give a URL like https://host/path.")
    made = Access(url, parse_headers(headers), parse_auth(auth), verify)
    named = any(name.lower() == "authorization" for name, _ in made.headers)
    if (made.auth is not None) + named + ("@" in parts.netloc) > 1:
        raise InvalidRequest(
            "Credentials are given in more than one way.",
            hint="Give one of auth=, a header Authorization, or user:password in the URL.",
        )
    return made


class _Hidden:
    """One credential with its headers: compares, and shows nothing."""

    __slots__ = ("_auth", "_headers")

    def __init__(self, auth: Auth, headers: tuple[tuple[str, str], ...]) -> None:
        self._auth, self._headers = auth, headers

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden) and self._headers == other._headers and self._auth == other._auth

    def __hash__(self) -> int:
        return hash(self._headers)  # an auth object of a person's own may have no hash

    def __repr__(self) -> str:
        return "…"
