"""S3 and what speaks like it: a presigned GET (AWS Signature Version 4, query form), made without asking anybody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nbxfer.wire.access import Access
from nbxfer.wire.bridge import awaited
from nbxfer.wire.located.base import SIGNED_FOR, Located, Wish, asked, over_http
from nbxfer.wire.storage import Storage


def locate(wish: Wish) -> Located:
    """See Locate. Where the last way was refused, the bucket's region is asked for first."""
    way = _by_region(wish.access) if wish.refused else wish.access

    def sign(fs: Any, path: str) -> str:
        more = {"RequestPayer": "requester"} if getattr(fs, "req_kw", {}).get("RequestPayer") else {}
        return str(awaited(fs._url(path, expires=SIGNED_FOR, **more), fs.loop, wish.tick))

    return Located(over_http(wish.access, asked(way, wish.tick, sign)))


def _by_region(access: Access) -> Access:
    storage = access.storage if access.storage is not None else Storage()
    return replace(access, storage=Storage({**storage.resolved(), "cache_regions": True}))
