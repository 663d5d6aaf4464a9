"""URLs of stores: ``s3://bucket/key``, ``sftp://host/path``, ``zip://member::https://host/a.zip``. What fsspec takes.

They are no web URLs: a key may have blanks, ``?``, ``#`` and ``%`` in it, all of them its own, and the case of a
bucket counts. What stands before an ``@`` in front of the first slash is a person's, as it is in a web URL, but for
the few schemes where it is a part of the name. A chain (``::``) is read link by link.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

#: Asked over HTTP as they are written; everything else is a store's.
WEB: Final = frozenset(("http", "https"))
#: Here a host stands after the slashes, perhaps with a user, a password and a port.
HOSTED: Final = {
    "ftp": 21, "ftps": 21, "sftp": 22, "ssh": 22, "smb": 445, "webdav": 80, "webdavs": 443, "dav": 80, "davs": 443,
    "hdfs": 8020, "tus": 80, "tus+http": 80, "tus+https": 443, "webhdfs": 9870, "http": 80, "https": 443,
}  # fmt: skip
#: Here an ``@`` before the first slash is no person's: a container at an account, or a name of any kind.
NAMED: Final = frozenset(("az", "abfs", "abfss", "wasb", "wasbs", "memory", "file", "local", "zip", "tar"))
#: Names for one and the same kind of store.
SAME: Final = {"s3a": "s3", "gcs": "gs", "abfs": "az", "abfss": "az", "ssh": "sftp", "dav": "webdav", "davs": "webdavs"}

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)(?=://|::)")
_LINK: Final = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*(?:://|::))")


def scheme(url: str) -> str:
    """Give the scheme of a URL, in lower case; "" where it has none."""
    found = _SCHEME.match(url)
    return found[1].lower() if found else ""


def is_store(url: str) -> bool:
    """Say whether a URL is a store's, not the web's."""
    return scheme(url) not in WEB and bool(_SCHEME.match(url))


def links(url: str) -> list[str]:
    """Give the links of a chain, the outermost first; of most URLs that is the URL itself."""
    return _LINK.split(url)


def by_link(url: str, web: Callable[[str], str]) -> str:
    """Give the URL with ``web`` done to every link that is of the web, and userinfo cut out of the others."""
    return "::".join(web(link) if scheme(link) in WEB else _plain(link) for link in links(url))


def userinfo(url: str) -> tuple[str, str] | None:
    """Give user and password, decoded; None where there are none."""
    name, mark, rest = url.partition("://")
    if not mark or name.lower() in NAMED:
        return None
    told, at, _ = rest.partition("/")[0].rpartition("@")
    if not at:
        return None
    user, _, password = told.partition(":")
    return unquote(user), unquote(password)


def safe(url: str, web: Callable[[str], str]) -> str:
    """Give the form that may be shown; ``web`` gives that of a link of the web.

    What looks like a query is left out: it is a part of the key, and may be a secret all the same.
    """
    shown = []
    for link in links(url):
        path, mark, _ = _plain(link).partition("?")
        shown.append(web(link) if scheme(link) in WEB else f"{path}?…" if mark else path)
    return "::".join(shown)


def _plain(link: str) -> str:
    name, mark, rest = link.partition("://")
    if not mark or name.lower() in NAMED:
        return link
    place, slash, path = rest.partition("/")
    return f"{name.lower()}://{place.rpartition('@')[2]}{slash}{path}"


def identity(url: str) -> str:
    """Give what makes two URLs (in their stored form) the same source: one name a kind of store, no default port."""
    return "::".join(_same(link) for link in links(url))


def _same(link: str) -> str:
    name, mark, rest = link.partition("://")
    lower = name.lower()
    if mark and lower in HOSTED:
        place, slash, path = rest.partition("/")
        rest = f"{place.lower().removesuffix(f':{HOSTED[lower]}')}{slash}{path}"
    return f"{SAME.get(lower, lower)}{mark}{rest}"


def place(url: str) -> tuple[str, str, int]:
    """Give (scheme, bucket or host, port) of the last link: what requests are counted for."""
    name, _, rest = links(url)[-1].partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    bare, colon, port = host.rpartition(":")
    if colon and port.isascii() and port.isdigit() and len(port) <= 5:
        return name.lower(), bare, int(port)
    return name.lower(), host, HOSTED.get(name.lower(), 0)


def basename(url: str) -> str:
    """Give the last component of the path of the outermost link that has one, as it is written."""
    for link in links(url):
        _, _, rest = link.partition("://")
        if rest:
            return rest.rsplit("/", 1)[-1] if "/" in rest or scheme(link) not in HOSTED else ""
    return ""
