"""Google Cloud Storage: the JSON API's media download, with a bearer token, of one generation.

A generation never changes its bytes, so naming it in the URL is the pin; its number is what tells versions apart.
"""

from __future__ import annotations

from typing import Any

from nbxfer.wire.located.base import Located, Wish, asked, over_http


def locate(wish: Wish) -> Located:
    """See Locate."""
    generation = wish.pinned.value.strip('"') if wish.pinned is not None else None
    number = generation if generation is not None and generation.isdigit() else None

    def find(fs: Any, path: str) -> tuple[str, dict[str, str]]:
        headers: dict[str, str] = {}
        if fs.credentials is not None:
            fs.credentials.apply(headers)  # blocks where a token is to be had anew
        if getattr(fs, "requester_pays", False):
            headers["x-goog-user-project"] = str(fs.project)
        return str(fs.url(path, generation=number)), headers

    url, headers = asked(wish.access, wish.tick, find)
    return Located(over_http(wish.access, url, tuple(headers.items())), 300)
