"""How to get at one source: the whole URL, extra headers, credentials, trust. In memory only; stored nowhere."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import unquote, urlsplit, urlunsplit

from nbxfer.core import stores
from nbxfer.core.url import CROSS_ORIGIN_HEADERS, origin, parse, safe_url
from nbxfer.errors import InvalidRequest
from nbxfer.wire.certificates import Certificate, CertLike, parse_cert
from nbxfer.wire.cookies import CookieFile, CookiesLike, Given, parse_cookies
from nbxfer.wire.credentials import (
    Auth,
    AuthLike,
    Basic,
    ProxyAuthLike,
    of_userinfo,
    parse_auth,
    parse_proxy_auth,
    reference,
)
from nbxfer.wire.filesystems import check_protocol
from nbxfer.wire.headers import HeadersLike, parse_headers, split_headers
from nbxfer.wire.proxies import Proxy, of_environment, parse_proxy
from nbxfer.wire.storage import Storage

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, repr=False, slots=True)
class Access:
    """What only this process knows of an operation's source; :func:`access` makes it.

    Headers, credentials, cookies and the client certificate are bound to the origin (scheme, host, port) of ``url``:
    to another origin go only the headers of an allow-list, and never a credential (RFC 9110 §15.4; a deny-list forgets
    what people invent). What says itself whom it is for goes there: the cookies of a jar, and the entries of a netrc
    file. ``proxy``: None as the environment says (where ``trust_env``), "" none, else its URL without userinfo.
    """

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    auth: Auth = None
    verify: bool | str = True
    cookies: Given = ()
    proxy: str | None = None
    proxy_auth: Basic | None = None
    trust_env: bool = True
    certificate: Certificate | None = None
    http2: bool = False
    storage: Storage | None = None  # of a store: what was said of it beside its URL

    @property
    def safe_url(self) -> str:
        """The URL as it may be shown."""
        return safe_url(self.url)

    @property
    def cert(self) -> tuple[str, ...]:
        """The paths of the client certificate and its key, as Spec.cert has them."""
        return self.certificate.paths if self.certificate is not None else ()

    @property
    def credential(self) -> Auth:
        """What signs requests to our origin: ``auth``, or what stands in the URL."""
        if self.auth is not None:
            return self.auth
        if "@" not in self.url:
            return None
        if stores.is_store(self.url):
            found = stores.userinfo(self.url)
            return None if found is None else of_userinfo(*found)
        parts = urlsplit(self.url)
        if parts.username is None:
            return None
        return of_userinfo(unquote(parts.username), unquote(parts.password or ""))

    @property
    def references(self) -> tuple[tuple[str, str], ...]:
        """What may be stored, as Spec.references has it: where the secrets are to be found, never a secret."""
        found = (
            ("auth", reference(self.auth)),
            ("proxy_auth", reference(self.proxy_auth)),
            ("cookies", f"file:{self.cookies.path}" if isinstance(self.cookies, CookieFile) else None),
            ("cert", self.certificate.reference if self.certificate is not None else None),
        )
        return tuple((kind, text) for kind, text in found if text is not None)

    @property
    def needs(self) -> tuple[str, ...]:
        """What has to be given again after a restart, as Spec.needs names it; of the URL itself see core.url."""
        known = {kind for kind, _ in self.references}
        own = (
            ("auth", self.auth is not None),
            ("proxy_auth", self.proxy_auth is not None),
            ("cookies", bool(self.cookies)),
            ("cert", self.certificate is not None and self.certificate.password is not None),
        )
        told = self.storage.needs if self.storage is not None else ()
        return (*split_headers(self.headers)[1], *(kind for kind, given in own if given and kind not in known), *told)

    def check(self) -> None:
        """Raise InvalidRequest where the options contradict each other, or need what is not installed."""
        for option in ("trust_env", "http2"):
            if not isinstance(getattr(self, option), bool):
                raise InvalidRequest(f"{option}={getattr(self, option)!r} is neither True nor False.")
        names = [name.lower() for name, _ in self.headers]
        in_url = stores.userinfo(self.url) is not None
        if (self.auth is not None) + ("authorization" in names) + in_url > 1:
            raise InvalidRequest(
                "Credentials are given in more than one way.",
                hint="Give one of auth=, a header Authorization, or user:password in the URL.",
            )
        if self.cookies and "cookie" in names:
            raise InvalidRequest("Cookies are given in more than one way.", hint="Give cookies=, or a header Cookie.")
        if self.http2 and find_spec("h2") is None:
            raise InvalidRequest(
                "http2=True needs the package h2, which is not installed.",
                hint="Install nbxfer[http2], or leave it out.",
            )

    def headers_for(self, *, ours: bool) -> list[tuple[str, str]]:
        """Give those of the person's headers that may go to our origin, or (not ``ours``) to any other."""
        return [(name, value) for name, value in self.headers if ours or name.lower() in CROSS_ORIGIN_HEADERS]

    def auth_for(self, *, ours: bool, target: tuple[str, str, int] = ("", "", 0)) -> httpx.Auth | None:
        """Give what signs requests to our origin, with references looked up now; to any other (``target``) None.

        But where netrc was asked for, a server that has proven by TLS who it is gets the entry of its own name. Raises
        NeedsAttention where a reference leads nowhere.
        """
        from nbxfer.wire.signing import from_netrc, signer

        if ours:
            return signer(self.credential, origin(self.url)[1])
        scheme, host, _ = target
        if self.auth == "netrc" and scheme == "https" and self.verify is not False:
            return from_netrc(host, default=False)
        return None

    def proxy_for(self, target: tuple[str, str, int]) -> Proxy | None:
        """Give the proxy that leads to ``target`` (scheme, host, port); None for the straight way."""
        if self.proxy is None:
            return of_environment(target, self.proxy_auth) if self.trust_env else None
        return parse_proxy(self.proxy, self.proxy_auth) if self.proxy else None

    def identity_for(self, *, ours: bool) -> Hashable:
        """Give what a connection is bound to: only requests of the same identity may share it."""
        return _Hidden(self.credential, self.headers, self.cookies, self.certificate) if ours else None

    def _at(self, url: str, auth: Auth) -> Access:
        return Access(
            url, self.headers, auth, self.verify, self.cookies, self.proxy, self.proxy_auth, self.trust_env,
            self.certificate, self.http2, self.storage,
        )  # fmt: skip

    def towards(self, url: str) -> Access:
        """Give the same way in to another URL; what is bound to the origin stays behind where that is another one."""
        if origin(url) == origin(self.url):
            if stores.userinfo(url) is None:
                return self._at(url, self.credential)  # of ten thousand files each is reached so
            others = tuple(pair for pair in self.headers if pair[0].lower() != "authorization")
            return replace(self, url=url, auth=None, headers=others)
        return replace(
            self,
            url=url,
            headers=tuple(self.headers_for(ours=False)),
            auth="netrc" if self.auth == "netrc" else None,
            cookies=() if isinstance(self.cookies, tuple) else self.cookies,
            certificate=None,
        )

    def without_rivals(self, fresh: Mapping[str, Any]) -> Access:
        """Give the same without what says the same as ``fresh`` in another way (auth=, a header, the URL)."""
        given = {name.lower() for name, _ in fresh.get("headers", ())}
        signed = "auth" in fresh or "authorization" in given
        gone = ({"authorization"} if signed else set()) | ({"cookie"} if "cookies" in fresh else set())
        parts = urlsplit(self.url)
        return replace(
            self,
            url=urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if signed else self.url,
            headers=tuple(pair for pair in self.headers if pair[0].lower() not in gone),
            auth=None if signed else self.auth,
            cookies=() if "cookie" in given else self.cookies,
        )

    def __repr__(self) -> str:
        words = [self.safe_url]
        words += [f"{len(self.headers)} headers"] if self.headers else []
        words += ["credentials"] if self.credential is not None else []
        words += ["cookies"] if self.cookies else []
        words += ["client certificate"] if self.certificate is not None else []
        words += [f"proxy {self.proxy or 'none'}"] if self.proxy is not None else []
        words += ["TLS not verified"] if self.verify is False else []
        return f"<Access {', '.join(words)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an Access is never stored: it holds secrets")


def access(
    url: str,
    headers: HeadersLike = None,
    auth: AuthLike = None,
    verify: bool | str = True,  # noqa: FBT001, FBT002 (the option of that name)
    *,
    cookies: CookiesLike = None,
    proxy: str | bool | None = None,
    proxy_auth: ProxyAuthLike = None,
    trust_env: bool = True,
    cert: CertLike = None,
    http2: bool = False,
    storage: Storage | None = None,
) -> Access:
    """Give the way in to ``url``; raise InvalidRequest for what cannot work as written.

    ``verify`` is True, False (TLS is not checked, for this operation only), or the path of a CA bundle or folder.
    ``proxy``: None as the environment says (where ``trust_env``), "" or False none, else its URL (http, https, socks5,
    socks5h). ``cookies``: a mapping for this origin, a CookieJar, or the path of a Netscape file. ``cert``: a client
    certificate, see Certificate. ``http2`` asks servers that have it for HTTP/2. ``storage`` is for stores.
    """
    if stores.is_store(url):
        check_protocol(url)
    elif parse(url).scheme.lower() not in stores.WEB:
        raise InvalidRequest(f"{safe_url(url)} is neither http nor https.", hint="Give a URL like https://host/path.")
    way, secret = _proxy(proxy if proxy is not None or trust_env else "", parse_proxy_auth(proxy_auth))
    made = Access(
        url, parse_headers(headers), parse_auth(auth), verify, parse_cookies(cookies), way, secret, trust_env,
        parse_cert(cert), http2, storage,
    )  # fmt: skip
    made.check()
    if stores.is_store(url):
        return made
    made.proxy_for(origin(url))  # a variable of the environment may be no URL
    return made


def _proxy(proxy: object, secret: Basic | None) -> tuple[str | None, Basic | None]:
    if proxy is None:
        return None, secret
    if proxy is False or proxy == "":
        if secret is not None:
            raise InvalidRequest("proxy_auth= is given, but no proxy is to be used.", hint="Leave one of them out.")
        return "", None
    found = parse_proxy(proxy, secret)
    return found.url, found.credential


class _Hidden:
    """One credential with what else is a person's: compares, and shows nothing."""

    __slots__ = ("_auth", "_own")

    def __init__(self, auth: Auth, *own: Hashable) -> None:
        self._auth, self._own = auth, own

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hidden) and self._own == other._own and self._auth == other._auth

    def __hash__(self) -> int:
        return hash(self._own)  # an auth object of a person's own may have no hash

    def __repr__(self) -> str:
        return "…"
