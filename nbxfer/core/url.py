"""Which URL may be shown, which may be stored, and which two mean the same source.

Three forms of one URL: the *whole* one lives in memory only; the *stored* one (record, 0600) has no userinfo and no
secret parameters; the *safe* one (screens, logs, errors) has no query values at all. URLs of stores have the same
three; what is special about them is in stores.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from nbxfer.core import stores
from nbxfer.errors import InvalidRequest

#: Parameters that carry a secret or a signature, lower case; a trailing * stands for any ending.
SECRET_PARAMETERS = frozenset(
    "x-amz-* x-goog-* x-oss-* x-ms-* x-cos-* sig se st sp sv sr skoid sktid skt ske sks skv spr sip srt ss sdd "
    "signature expires expiry policy key-pair-id awsaccesskeyid googleaccessid ossaccesskeyid token access_token "
    "auth auth_token authorization id_token refresh_token session sessionid session_id jwt key api_key apikey api-key "
    "password passwd pwd pass secret client_secret credential credentials hmac hash_sig __token__ private_token".split()
)
_EXACT = frozenset(p for p in SECRET_PARAMETERS if not p.endswith("*"))
_PREFIXES = tuple(p[:-1] for p in SECRET_PARAMETERS if p.endswith("*"))
#: Without hyphens and underscores: names of secrets, and what no name has in it that is none.
_BARE = frozenset("sas pw pwd otp bearer jwt apikey xapikey accesskey subscriptionkey".split())
#: What ends in token and tells two sources apart: to take them for one would lose a file.
_PLACES = frozenset("pagetoken nextpagetoken nexttoken continuationtoken synctoken".split())
#: No credential is shorter (characters): what is, is a number, a page, a word.
CREDENTIAL: Final = 8
_WITHIN = ("secret", "passw", "signature", "credential")

#: Headers whose value may cross an origin (design: the redirect allow-list), and two more that may be stored.
CROSS_ORIGIN_HEADERS = frozenset(
    "accept accept-encoding range if-range if-match if-none-match if-modified-since if-unmodified-since user-agent "
    "want-repr-digest".split()
)
STORABLE_HEADERS = CROSS_ORIGIN_HEADERS | {"accept-language", "referer"}

DEFAULT_PORTS = {"http": 80, "https": 443}
#: Controls, what steers the reading direction or cannot be seen, and halves of characters.
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
#: What needs no look: scheme, a plain host, perhaps a port, a path of harmless characters, and nothing else.
_PLAIN = re.compile(r"[a-z][a-z0-9+.-]*://[a-z0-9.-]+(?::[0-9]{1,5})?(?:/[\w/.~%+=:,;!$&'()*-]*)?", re.ASCII)
#: The same for the two schemes that nearly all have: most URLs are of this kind, and a list may have ten thousand.
_USUAL = re.compile(
    r"(https?)://([a-z0-9.-]*[a-z0-9])(?::([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}))?(/[\w/.~%+=:,;!$&'()*-]*)",
    re.ASCII,
)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

#: The longest text that is shown of a URL (characters), and what is shown of one that cannot be read.
SHOWN: Final = 500
UNREADABLE: Final = "(unreadable URL)"


@lru_cache(maxsize=8)  # one request asks several times
def parse(url: str) -> SplitResult:
    """Split an absolute URL; raise InvalidRequest, without repeating secrets, where it is none."""
    if (usual := _USUAL.fullmatch(url)) is not None:
        return SplitResult(usual[1], url[usual.start(2) : usual.start(4)], usual[4], "", "")
    parts = _split(url)
    if " " in url or _UNSAFE.search(url):
        raise InvalidRequest(
            "The URL has a blank or a control character in it.", hint="Percent-encode it (a blank is %20)."
        )
    if url.startswith(("/", "~", "./", "../")) and not url.startswith("//"):
        raise InvalidRequest(
            f"{safe_url(url)!r} is a path of this machine, not an absolute URL.",
            hint="Give one like https://host/path; copy() takes paths, too.",
        )
    if not parts.scheme or not parts.hostname or parts.port == 0:
        raise InvalidRequest(f"{safe_url(url)!r} is not an absolute URL.", hint="Give one like https://host/path.")
    return parts


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # one that is no number raises here
    except ValueError:
        raise InvalidRequest("The URL cannot be read.", hint="Give one like https://host/path.") from None
    return parts


def is_secret_parameter(name: str, extra: Iterable[str] = (), value: str | None = None) -> bool:
    """Say whether a query parameter carries a secret; ``extra`` are names the person added.

    A name that only ends in "token" is a guess: with a ``value`` too short for a credential it tells sources apart.
    """
    lower = unquote(name).lower()
    bare = lower.replace("-", "").replace("_", "")
    return (
        lower in _EXACT
        or lower.startswith(_PREFIXES)
        or bare in _BARE
        or (_maybe_a_token(bare) and (value is None or len(value) >= CREDENTIAL))
        or any(word in bare for word in _WITHIN)
        or lower in {e.lower() for e in extra}
    )


def _maybe_a_token(bare: str) -> bool:
    return bare.endswith("token") and bare not in _PLACES


def guessed(url: str) -> tuple[str, ...]:
    """Give those secret parameters of a URL whose names only look like one's, with their values: keep them to yourself.

    Where two URLs differ in nothing else, nobody can tell whether they are two sources, or one that was signed twice.
    """
    fields = [field for part in _split(url).query.split("&") for field in part.split(";")]
    pairs = [(field, unquote(field.split("=", 1)[0]).lower()) for field in fields]
    return tuple(
        field
        for field, name in pairs
        if _maybe_a_token(name.replace("-", "").replace("_", ""))
        and name not in _EXACT
        and not name.startswith(_PREFIXES)
    )


def _netloc(parts: SplitResult, *, keep_default_port: bool = True) -> str:
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    port = parts.port
    if port is None or (not keep_default_port and port == DEFAULT_PORTS.get(parts.scheme)):
        return host
    return f"{host}:{port}"


def safe_url(url: str) -> str:
    """Give the form that may be shown, logged and raised: scheme, host, path; no userinfo, no query, no fragment."""
    if len(url) <= SHOWN and _PLAIN.fullmatch(url):
        return url
    if stores.is_store(url):
        return _UNSAFE.sub("�", stores.safe(url, safe_url))[:SHOWN]
    try:
        parts = _split(url)
    except InvalidRequest:  # a piece of a password may stand where the port should
        return UNREADABLE
    if parts.netloc:
        host = _netloc(parts)
    elif "@" in url and parts.scheme != "file" and not url.startswith("/"):  # user:password@host, and no scheme
        return UNREADABLE
    else:
        host = ""
    shown = urlunsplit((parts.scheme, host, parts.path, "…" if parts.query else "", ""))
    return _UNSAFE.sub("�", shown)[:SHOWN]


def stored_url(url: str, secret_query: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Give the form for the 0600 record, and what was cut out of it (``"userinfo"``, ``"url"``)."""
    if _USUAL.fullmatch(url):
        return url, ()
    if stores.is_store(url):
        return _stored_store(url, secret_query)
    parts = _split(url)
    query = _without_secrets(parts.query, frozenset(e.lower() for e in secret_query))
    needs = (["userinfo"] if parts.username or parts.password else []) + (["url"] if query != parts.query else [])
    return urlunsplit((parts.scheme, _netloc(parts), parts.path, query, "")), tuple(needs)


def _stored_store(url: str, secret_query: Iterable[str]) -> tuple[str, tuple[str, ...]]:
    needs = ["userinfo"] if any(stores.userinfo(link) for link in stores.links(url)) else []

    def web(link: str) -> str:
        stored, cut = stored_url(link, secret_query)
        needs.extend(cut)
        return stored

    return stores.by_link(url, web), tuple(dict.fromkeys(needs))


def _without_secrets(query: str, extra: frozenset[str]) -> str:
    """Cut the secret parameters out; a semicolon parts parameters, too (as HTML 4 had it, B.2.2)."""
    kept = []
    for field in query.split("&"):
        pieces = field.split(";")
        left = [p for p in pieces if not is_secret_parameter(p.split("=", 1)[0], extra, p.partition("=")[2])]
        if left:
            kept.append(field if len(left) == len(pieces) else ";".join(left))
    return "&".join(kept)


def identity(url: str, secret_query: Iterable[str] = ()) -> str:
    """Give what makes two URLs the same source: no userinfo, signature, fragment, default port, needless escapes.

    Where it could err, it keeps two URLs apart, for to mix two sources up is worse than to fetch one twice: only
    unreserved characters are decoded (RFC 3986 §6.2.2.2), parameters keep their order, and an international host is
    another one than its ASCII form.
    """
    usual = _USUAL.fullmatch(url) if "%" not in url else None
    if usual is not None and int(usual[3] or 0) != DEFAULT_PORTS[usual[1]]:
        return url
    if stores.is_store(url):
        return stores.identity(stored_url(url, secret_query)[0])
    stored, _ = stored_url(url, secret_query)
    parts = _split(stored)
    path = quote(_ESCAPE.sub(_plain, parts.path or "/"), safe="/%:@!$&'()*+,;=~", errors="surrogatepass")
    return urlunsplit((parts.scheme, _netloc(parts, keep_default_port=False), path, parts.query, ""))


def _plain(escape: re.Match[str]) -> str:
    char = chr(int(escape.group(1), 16))
    return char if char in _UNRESERVED else escape.group().upper()


def origin(url: str) -> tuple[str, str, int]:
    """Give (scheme, host, port): what credentials are bound to (RFC 6454 §4)."""
    if (usual := _USUAL.fullmatch(url)) is not None:
        return usual[1], usual[2], int(usual[3] or DEFAULT_PORTS[usual[1]])
    if stores.is_store(url):
        return stores.place(url)
    parts = parse(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip("."), parts.port or DEFAULT_PORTS.get(scheme, 0)


@lru_cache(maxsize=1024)  # one operation is asked for it half a dozen times in a row
def server(url: str) -> str:
    """Give who is asked, of a stored URL: "https://host:8443", as it is written."""
    if not url.startswith(("http://", "https://")) and stores.is_store(url):
        url = stores.links(url)[-1]
    scheme, mark, rest = url.partition("://")
    return (scheme + mark + rest.partition("/")[0].partition("?")[0]).lower()


def leads_out(url: str) -> bool:
    """Say whether a URL is of another machine, as far as its text tells; a path is of this one."""
    if "://" not in url or url.startswith(("file:", "memory:", "local:")):
        return False
    host = (_split(url).hostname or "").rstrip(".")
    return not (host in ("localhost", "::1") or host.endswith(".localhost") or host.startswith("127."))


def basename(url: str) -> str:
    """Give the last component of the path, decoded once; empty where the path ends in a slash.

    Decoded it may have slashes and worse in it: whoever makes a file name of it has to look. Of a store it is given as
    it is written: there a % is a %.
    """
    if (usual := _USUAL.fullmatch(url)) is not None:
        return unquote(usual[4].rpartition("/")[2], errors="replace")
    if stores.is_store(url):
        return stores.basename(url)
    return unquote(_split(url).path.rsplit("/", 1)[-1], errors="replace")


def plain_server(url: str) -> str:
    """Give what stands before the path of a URL that has nothing to hide and is stored as it is; "" for any other.

    What was decided of one such URL, its path apart, holds for all that begin with the same.
    """
    usual = _USUAL.fullmatch(url)
    return url[: usual.start(4)] if usual is not None else ""
