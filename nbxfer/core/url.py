"""Which URL may be shown, which may be stored, and which two mean the same source.

Three forms of one URL: the *whole* one lives in memory only; the *stored* one (record, 0600) has no userinfo and no
secret parameters; the *safe* one (screens, logs, errors) has no query values at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

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

#: Headers whose value may cross an origin (design: the redirect allow-list), and two more that may be stored.
CROSS_ORIGIN_HEADERS = frozenset("accept accept-encoding range if-range if-match user-agent want-repr-digest".split())
STORABLE_HEADERS = CROSS_ORIGIN_HEADERS | {"accept-language", "referer"}

DEFAULT_PORTS = {"http": 80, "https": 443}
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def parse(url: str) -> SplitResult:
    """Split an absolute URL; raise InvalidRequest, without repeating secrets, where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port  # a port that is no number raises here
    except ValueError:
        raise InvalidRequest("The URL cannot be read.", hint="Give one like https://host/path.") from None
    if _UNSAFE.search(url):
        raise InvalidRequest(
            "The URL has a blank or a control character in it.", hint="Percent-encode it (a blank is %20)."
        )
    if not parts.scheme or not parts.hostname or port == 0:
        raise InvalidRequest(f"{safe_url(url)!r} is not an absolute URL.", hint="Give one like https://host/path.")
    return parts


def is_secret_parameter(name: str, extra: Iterable[str] = ()) -> bool:
    """Say whether a query parameter carries a secret; ``extra`` are names the person added."""
    lower = unquote(name).lower()
    return lower in _EXACT or lower.startswith(_PREFIXES) or lower in {e.lower() for e in extra}


def _netloc(parts: SplitResult, *, keep_default_port: bool = True) -> str:
    host = (parts.hostname or "").lower()
    if ":" in host:
        host = f"[{host}]"
    try:
        port = parts.port
    except ValueError:
        port = None
    if port is None or (not keep_default_port and port == DEFAULT_PORTS.get(parts.scheme)):
        return host
    return f"{host}:{port}"


def safe_url(url: str) -> str:
    """Give the form that may be shown, logged and raised: scheme, host, path; parameter names without values."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable URL)"
    if not parts.netloc:
        return _printable(url.split("?")[0].split("@")[-1])
    return _printable(urlunsplit((parts.scheme, _netloc(parts), parts.path, "…" if parts.query else "", "")))


def _printable(text: str) -> str:
    return _UNSAFE.sub("�", text)[:500]


def stored_url(url: str, secret_query: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Give the form for the 0600 record, and what was cut out of it (``"userinfo"``, ``"url"``)."""
    parts = urlsplit(url)
    extra = tuple(secret_query)
    fields = parts.query.split("&") if parts.query else []
    kept = [f for f in fields if not is_secret_parameter(f.split("=")[0], extra)]
    needs = (["userinfo"] if "@" in parts.netloc else []) + (["url"] if len(kept) < len(fields) else [])
    return urlunsplit((parts.scheme, _netloc(parts), parts.path, "&".join(kept), "")), tuple(needs)


def identity(url: str, secret_query: Iterable[str] = ()) -> str:
    """Give what makes two URLs the same source: no userinfo, signature, fragment, default port; path decoded once.

    Parameters keep their order, for some servers read them in order.
    """
    stored, _ = stored_url(url, secret_query)
    parts = urlsplit(stored)
    path = quote(unquote(parts.path or "/", errors="surrogateescape"), safe="/", errors="surrogateescape")
    return urlunsplit((parts.scheme.lower(), _netloc(parts, keep_default_port=False), path, parts.query, ""))


def origin(url: str) -> tuple[str, str, int]:
    """Give (scheme, host, port): what credentials are bound to (RFC 6454 §4)."""
    parts = parse(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").rstrip("."), parts.port or DEFAULT_PORTS.get(scheme, 0)


def basename(url: str) -> str:
    """Give the last component of the path, decoded once; empty where the path ends in a slash."""
    return unquote(urlsplit(url).path.rsplit("/", 1)[-1], errors="replace")
