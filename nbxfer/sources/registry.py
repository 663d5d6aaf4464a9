"""Which source speaks for a URL. The one place that knows every kind of them; each is loaded when it is needed."""

from __future__ import annotations

import importlib
import sys
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
    name = stores.scheme(access.url)
    if len(stores.links(access.url)) > 1 or not _speaks(access, name):
        return _filesystem(access, patience, pool)
    return _MAKERS.get(name, _filesystem)(access, patience, pool)


def _speaks(access: Access, name: str) -> bool:
    """Say whether what we know of a protocol holds for the filesystem that a person gave."""
    given = access.storage.filesystem if access.storage is not None else None
    if given is None:
        return True
    spoken = given.protocol if isinstance(given.protocol, tuple | list) else (given.protocol,)
    return name in _LOCATED and name in spoken


def close_idle() -> None:
    """Let go of connections that are kept for the next source. Never raises."""
    if (ssh := sys.modules.get("nbxfer.wire.ssh")) is not None:
        ssh.close_idle()


def _filesystem(access: Access, patience: Patience, _pool: Pool) -> Source:
    from nbxfer.sources.filesystem import FilesystemSource

    return FilesystemSource(access.url, access.storage, patience)


def _local(access: Access, _patience: Patience, _pool: Pool) -> Source:
    from nbxfer.sources.localfile import LocalSource

    return LocalSource(access.url.partition("://")[2])


def _located(module: str, **how: bool) -> Maker:
    def make(access: Access, patience: Patience, pool: Pool) -> Source:
        from nbxfer.sources.located import LocatedSource

        locate = importlib.import_module(f"nbxfer.wire.located.{module}").locate
        return LocatedSource(access, patience, pool, locate, **how)

    return make


def _sftp(access: Access, patience: Patience, _pool: Pool) -> Source:
    from nbxfer.sources.sftp import SftpSource

    return SftpSource(access, patience)


def _ftp(access: Access, patience: Patience, _pool: Pool) -> Source:
    from nbxfer.sources.ftp import FtpSource

    return FtpSource(access, patience)


#: Found by their own library, read over HTTP.
_LOCATED: Final[dict[str, Maker]] = {
    **dict.fromkeys(("s3", "s3a"), _located("s3")),
    **dict.fromkeys(("gs", "gcs"), _located("gcs", by_generation=True)),
    **dict.fromkeys(("az", "abfs", "abfss"), _located("azure")),
    "hf": _located("hf"),
    **dict.fromkeys(("webdav", "webdavs", "dav", "davs"), _located("webdav", looks=False)),
}
#: By protocol; whatever is not here is read through fsspec.
_MAKERS: Final[dict[str, Maker]] = {
    **_LOCATED,
    **dict.fromkeys(("file", "local"), _local),
    **dict.fromkeys(("sftp", "ssh"), _sftp),
    **dict.fromkeys(("ftp", "ftps"), _ftp),
}
