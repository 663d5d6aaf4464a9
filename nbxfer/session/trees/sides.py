"""The two sides of a tree's way: a folder of this machine, or a prefix of a store."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol

from nbxfer.core import stores
from nbxfer.core import url as urls
from nbxfer.core.record import Record
from nbxfer.core.tree.landing import Disk
from nbxfer.core.tree.listed import Listed, Passed, There
from nbxfer.errors import InvalidRequest, SourceNotFound, TransferError
from nbxfer.session import destination as where
from nbxfer.session.options import Options
from nbxfer.sources.trees import local
from nbxfer.sources.trees import stores as remote
from nbxfer.wire import filesystems, fsread
from nbxfer.wire.access import Access, access
from nbxfer.wire.storage import read_storage

LOCAL: Final = ("file", "local")
Enter = Callable[[str], bool]
#: How to get at the store of a URL.
Way = Callable[[str], Access]


class Side(Protocol):
    """Where a tree is, or goes. ``written`` is the path as a person wrote it, parted by "/"; ``shown`` is safe."""

    written: str
    shown: str

    def at(self, written: str) -> Side:
        """Give the side of the same kind that is written so."""
        ...

    def address(self, path: str) -> str:
        """Give the URL, or the absolute path, of the file at a relative path; of itself for ""."""
        ...

    def listing(self, enter: Enter | None) -> Iterator[Listed | Passed]:
        """List what is below; ``enter`` says which folders (None: all). Raises TransferError."""
        ...

    def itself(self) -> Listed | None:
        """Give what this is where it is a file, not a folder, under its own name."""
        ...

    def close(self) -> None:
        """Let go of what a listing opened; it may be asked again. Never raises."""
        ...


class Folder:
    """A folder (or a file) of this machine."""

    def __init__(self, text: str) -> None:
        self.written = text.replace("\\", "/") if os.sep == "\\" else text
        self.path = os.path.abspath(os.path.expanduser(text) or os.curdir)
        self.shown = self.path

    def at(self, written: str) -> Folder:
        """See Side."""
        return Folder(written)

    def address(self, path: str) -> str:
        """See Side."""
        return os.path.join(self.path, *path.split("/")) if path else self.path

    def listing(self, enter: Enter | None) -> Iterator[Listed | Passed]:
        """See Side."""
        return local.listing(self.path, enter or (lambda _: True))

    def itself(self) -> Listed | None:
        """See Side."""
        try:
            told = os.stat(self.path)
        except OSError:
            return None
        name = os.path.basename(self.path)
        return Listed(name, told.st_size, told.st_mtime) if stat.S_ISREG(told.st_mode) else None

    def close(self) -> None:
        """See Side."""


class Prefix:
    """A prefix, a bucket, a folder of a server: what a store's URL names."""

    def __init__(self, url: str, way: Way) -> None:
        self._way = way
        self.url, self.shown = url, urls.safe_url(url)
        head, *self._inner = stores.links(url)
        self._scheme, _, self.written = head.partition("://")
        self._fs: Any = None
        self._top = ""

    def at(self, written: str) -> Prefix:
        """See Side."""
        return Prefix(self._url(written), self._way)

    def address(self, path: str) -> str:
        """See Side."""
        base = self.written
        slash = "" if not base or base.endswith("/") else "/"
        return self._url(f"{base}{slash}{path}" if path else base)

    def _url(self, written: str) -> str:
        return "::".join([f"{self._scheme}://{written}", *self._inner])

    def listing(self, enter: Enter | None) -> Iterator[Listed | Passed]:
        """See Side."""
        try:
            yield from remote.listing(self._opened(), self._top, enter)
        except (FileNotFoundError, NotADirectoryError):
            return
        except TransferError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a backend raises)
            raise fsread.translated(error, self.shown) from None

    def itself(self) -> Listed | None:
        """See Side."""
        if self.written.endswith("/"):
            return None
        try:
            return remote.one(self._opened(), self._top)
        except FileNotFoundError:
            return None
        except TransferError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a backend raises)
            raise fsread.translated(error, self.shown) from None

    def close(self) -> None:
        """See Side."""
        fs, self._fs = self._fs, None
        if fs is None:
            return
        from nbxfer.wire import listed  # here: httpx comes with it

        if isinstance(fs, listed.Folders):
            fs.close()

    def _opened(self) -> Any:
        if self._fs is None:
            from nbxfer.wire import listed

            access = self._way(self.url)
            self._fs, path = listed.opened(access) or filesystems.instance(self.url, access.storage)
            self._top = path.rstrip("/")
        return self._fs


def way_of(options: Options, storage: object, *, main: bool) -> Way:
    """Give how to get at a store: with what was given for its server, where it is the ``main`` one of the two."""

    def way(url: str) -> Access:
        own = read_storage(url, storage, options.filesystem if main else None)
        if not main:
            return access(url, proxy=options.proxy, trust_env=options.trust_env, storage=own)
        return access(
            url,
            options.headers,
            options.auth,
            options.verify,
            cookies=options.cookies,
            proxy=options.proxy,
            proxy_auth=options.proxy_auth,
            trust_env=options.trust_env,
            cert=options.cert,
            storage=own,
        )

    return way


def side(value: object, option: str, way: Way) -> Side:
    """Give the side that a path or a URL names. Raises InvalidRequest; of the web nothing can be listed."""
    if not isinstance(value, str | os.PathLike):
        raise InvalidRequest(
            f"{option} is of type {type(value).__name__}, and a tree is one folder.",
            hint="Give one path or URL; lists are of files.",
        )
    text = os.fspath(value)
    if not isinstance(text, str) or "\x00" in text or (not text.isascii() and not where.is_unicode(text)):
        raise InvalidRequest(f"{option} is not a usable path.", hint="Give a Unicode path without NUL characters.")
    name = stores.scheme(text)
    if not name:
        return Folder(text)
    if name in stores.WEB:
        raise InvalidRequest(
            f"{urls.safe_url(text)} is of the web, where nobody can say what is in a folder.",
            hint="Give the URLs themselves, as a list, or the URL of a store (webdav://, s3:// …).",
        )
    if name in LOCAL and len(stores.links(text)) == 1:
        return Folder(text.partition("://")[2] or os.sep)
    return Prefix(text, way)


def nothing_at(place: Side) -> SourceNotFound:
    """Give the error for a tree of which nothing is there."""
    return SourceNotFound(f"There is nothing at {place.shown}.", hint="Check the path, and that it may be read.")


# -- what is there where it goes ---------------------------------------------------------------------------------------
def disk_of(folder: str) -> Disk:
    """Say what the disk below a folder is like; where the folder is not there yet, its nearest one that is."""
    there = Path(folder)
    while not there.exists() and there != there.parent:
        there = there.parent
    while there.name.swapcase() == there.name and there != there.parent:
        there = there.parent
    try:
        folds = os.path.samefile(there, there.with_name(there.name.swapcase())) if there.name else False
    except OSError:
        folds = False
    return Disk(windows=sys.platform == "win32", folds=folds)


def seen_here(path: str, identity: Callable[[], str], finished: Callable[[str], Record | None]) -> There | None:
    """Say what stands at a path of this machine; ``identity`` is that of the source that is to land there."""
    try:
        told = os.lstat(path)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return There("blocked")
    except OSError:
        return There("other")
    if stat.S_ISDIR(told.st_mode):
        return There("folder")
    if not stat.S_ISREG(told.st_mode):
        return There("other")
    done = finished(path)
    ours = done is not None and done.spec.identity == identity() and where.untouched(done)
    version = done.validator if ours and done is not None else None
    return There("file", told.st_size, told.st_mtime, ours, version, lambda name: digest_of(path, name))


def digest_of(path: str, algorithm: str) -> str | None:
    """Give the hex digest of a file; None where it cannot be read, or the algorithm is not known."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except (OSError, ValueError):
        return None


def seen_there(place: Side) -> dict[str, Listed]:
    """Give what is below a side, by its path: one listing, instead of a question for each file."""
    return {one.path: one for one in place.listing(None) if isinstance(one, Listed)}
