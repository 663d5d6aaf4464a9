"""WebDAV: a GET like any other (RFC 4918 §9.4), of ``base_url`` and the path, or of the host that the URL names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from nbxfer.errors import InvalidRequest
from nbxfer.wire.credentials import Basic
from nbxfer.wire.located.base import SIGNED_FOR, Located, Wish, over_http

_PLAIN = {"webdav": "http", "dav": "http", "webdavs": "https", "davs": "https"}


def locate(wish: Wish) -> Located:
    """See Locate."""
    options: dict[str, Any] = wish.access.storage.resolved() if wish.access.storage is not None else {}
    auth = wish.access.credential or _auth(options)
    return Located(over_http(wish.access, http_url(wish.access.url, options), auth=auth), SIGNED_FOR)


def http_url(url: str, options: dict[str, Any]) -> str:
    """Give the web URL of a WebDAV one. Raises InvalidRequest."""
    scheme, _, rest = url.partition("://")
    base = options.get("base_url")
    if base is not None and not isinstance(base, str):
        raise InvalidRequest("base_url of storage_options is no text.", hint="Give one like 'https://host/dav'.")
    if base:
        return f"{base.rstrip('/')}/{quote(rest.lstrip('/'))}"
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    return f"{_PLAIN[scheme.lower()]}://{host}{slash}{quote(path)}"


def _auth(options: dict[str, Any]) -> Basic | None:
    given = options.get("auth")
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
        return Basic(str(given[0]), str(given[1]))
    return None
