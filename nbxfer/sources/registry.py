"""Which source speaks for a URL. The one place that knows every kind of them; each is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nbxfer.core import stores
from nbxfer.core.policy import Patience
from nbxfer.sources.base import Source
from nbxfer.wire.access import Access
from nbxfer.wire.pool import Pool

Maker = Callable[[Access, Patience, Pool], Source]


def for_access(
    access: Access, patience: Patience, pool: Pool, *, page_ok: bool = False, destination: str = ""
) -> Source:
    """Give the source that ``access`` leads to. ``page_ok`` and ``destination`` are HttpSource's.

    Asks nobody: what is wrong with a way in shows when the source is opened. ``pool`` may be shared.
    """
    if not stores.is_store(access.url):
        from nbxfer.sources.http import HttpSource

        return HttpSource(access, patience, pool, page_ok=page_ok, destination=destination)
    alone = len(stores.links(access.url)) == 1 and (access.storage is None or access.storage.filesystem is None)
    maker = _MAKERS.get(stores.scheme(access.url)) if alone else None
    return (maker or _filesystem)(access, patience, pool)


def _filesystem(access: Access, _patience: Patience, _pool: Pool) -> Source:
    from nbxfer.sources.filesystem import FilesystemSource

    return FilesystemSource(access.url, access.storage)


def _local(access: Access, _patience: Patience, _pool: Pool) -> Source:
    from nbxfer.sources.localfile import LocalSource

    return LocalSource(access.url.partition("://")[2])


#: By protocol; whatever is not here is read through fsspec.
_MAKERS: Final[dict[str, Maker]] = {"file": _local, "local": _local}
