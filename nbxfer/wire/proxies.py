"""Which proxy leads to a server, if any: the one that was given, else as the environment says (RFC 9110 §3.7)."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final
from urllib.parse import unquote, urlsplit

from nbxfer.core.url import safe_url
from nbxfer.errors import AccessDenied, InvalidRequest, WebErrorStatus
from nbxfer.wire.credentials import Basic, of_userinfo
from nbxfer.wire.lookup import user_and_password

#: What we speak to proxies, and the port where none is given.
PORTS: Final = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}
_EXAMPLE: Final = "Give one like http://proxy.example:3128."


@dataclass(frozen=True, repr=False, slots=True)
class Proxy:
    """One proxy: ``scheme`` is http, https, socks5 (names are looked up here) or socks5h (there)."""

    scheme: str
    host: str  # in ASCII, without brackets
    port: int
    credential: Basic | None = None

    @property
    def url(self) -> str:
        """Its URL as it may be shown and stored."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def socks(self) -> bool:
        """Whether it passes bytes on without reading them (RFC 1928)."""
        return self.scheme.startswith("socks")

    def authorization(self) -> list[tuple[bytes, bytes]]:
        """Give the field that goes to the proxy, and to nobody else. Raises NeedsAttention."""
        if self.credential is None:
            return []
        pair = ":".join(user_and_password(self.credential))
        return [(b"Proxy-Authorization", b"Basic " + base64.b64encode(pair.encode()))]

    def denied(self) -> AccessDenied:
        """Give the error for a proxy that wants other credentials, or any."""
        return AccessDenied(
            f"The proxy {self.url} wants credentials.",
            status=WebErrorStatus.PROXY_AUTH,
            http_status=407,
            hint="Correct those that were given." if self.credential else "Give proxy_auth=('user', 'password').",
        )

    def __repr__(self) -> str:
        return f"<Proxy {self.url}{' with credentials' if self.credential else ''}>"


def parse_proxy(text: object, credential: Basic | None = None, name: str = "proxy=") -> Proxy:
    """Give the proxy that ``text`` means; raise InvalidRequest, without its userinfo, where it means none.

    ``credential`` is used where the URL has none itself.
    """
    if not isinstance(text, str):
        raise InvalidRequest(f"{name} is of type {type(text).__name__}, not a URL.", hint=_EXAMPLE)
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        host = _ascii(parts.hostname or "")
        port = PORTS.get(parts.scheme.lower(), 0) if parts.port is None else parts.port
    except ValueError:
        raise InvalidRequest(f"{name} is no URL of a proxy.", hint=_EXAMPLE) from None
    shown = safe_url(url)
    scheme = parts.scheme.lower()
    if scheme not in PORTS:
        raise InvalidRequest(f"{name} {shown!r} is of a kind that is not known.", hint=f"Known: {', '.join(PORTS)}.")
    if not host or not port or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise InvalidRequest(f"{name} {shown!r} is no URL of a proxy.", hint=_EXAMPLE)
    if parts.username is not None:
        if credential is not None:
            raise InvalidRequest(
                "Credentials for the proxy are given in more than one way.",
                hint="Give one of proxy_auth=, or user:password in the proxy's URL.",
            )
        credential = of_userinfo(unquote(parts.username), unquote(parts.password or ""))
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise InvalidRequest(
            f"{name} {shown!r} is a SOCKS proxy, but the package socksio is not installed.",
            hint="Install nbxfer[socks].",
        )
    return Proxy(scheme, host, port, credential)


def _ascii(host: str) -> str:
    """Give a host name as the name service knows it. Raises ValueError (UnicodeError is one)."""
    made = host if host.isascii() else host.encode("idna").decode("ascii")
    if any(c <= " " or c == "\x7f" for c in made):
        raise ValueError
    return made


def of_environment(target: tuple[str, str, int], credential: Basic | None = None) -> Proxy | None:
    """Give what http_proxy, https_proxy, all_proxy and no_proxy say of ``target`` (scheme, host, port).

    Lower case wins, and HTTP_PROXY is not believed where a web server may have set it from a request's header
    (httpoxy). ``credential`` is used where the variable has none. Raises InvalidRequest for a variable that is no URL.
    """
    from urllib.request import getproxies_environment
    from urllib.request import proxy_bypass_environment as bypass  # type: ignore[attr-defined]

    if b"_PROXY" not in b"\n".join(os.environb).upper():  # cheap, and asked at every download
        return None
    scheme, host, port = target
    found = getproxies_environment()
    kind = scheme if found.get(scheme) else "all"
    text, exempt = found.get(kind), [name.strip() for name in found.get("no", "").split(",")]
    if not text or "*" in exempt:
        return None
    shown = f"[{host}]" if ":" in host else host
    if any(bypass(name, found) for name in (f"{shown}:{port}", host)):
        return None
    named = "@" in text
    return parse_proxy(text, None if named else credential, f"{kind}_proxy, in the environment,")
