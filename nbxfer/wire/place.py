"""A URL as a request needs it. Of a plain one httpx is asked for the origin only, and once: lists have thousands."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import httpx

#: An origin, and a path that means itself: no escape, no query, nothing that would have to be encoded.
_PLAIN: Final = re.compile(r"(https?://[a-z0-9.-]+(?::[0-9]{1,5})?)(/[\w/.~+=:,;!$&'()*-]{0,4000})", re.ASCII)


class Place(NamedTuple):
    """One URL, normalised, and what it is made of; names and forms are those of httpx.URL."""

    text: str
    scheme: str
    raw_host: bytes
    netloc: bytes
    raw_path: bytes
    path: str


@lru_cache(maxsize=64)
def _origin(text: str) -> httpx.URL | None:
    """Give what httpx makes of an origin, which is as it is written; None where it makes something else of it."""
    import httpx  # here: a mover, which has its requests prepared, never asks for it

    url = httpx.URL(f"{text}/")
    return url if str(url) == f"{text}/" else None


def place(url: str | httpx.URL) -> Place:
    """Give the parts of ``url``, as httpx sees them. Raises what httpx.URL raises."""
    if isinstance(url, str):
        plain = _PLAIN.fullmatch(url)
        if plain is not None and "/." not in url and (home := _origin(plain[1])) is not None:
            return Place(url, home.scheme, home.raw_host, home.netloc, plain[2].encode(), plain[2])
        import httpx

        url = httpx.URL(url)
    return Place(str(url), url.scheme, url.raw_host, url.netloc, url.raw_path, url.path)
