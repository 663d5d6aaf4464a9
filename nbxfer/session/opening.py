"""``open``: a file at a URL, read here and there without fetching it all; or all of it, in the order it is read.

Sparse (as it is without ``complete``): what is read is fetched, kept, and there the next time, when the source still
is the version it was. ``complete=True`` is a transfer like any other, into the cache, that a reader steers.
"""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec

from nbxfer.cache.shelf import Shelf
from nbxfer.core import url as urls
from nbxfer.core.policy import Patience
from nbxfer.engine.sparse import AHEAD, PAGE, NotSparse, Sparse, open_sparse
from nbxfer.errors import ForkedError, InvalidRequest, InvalidTransferState, StorageFailed, UnknownOption
from nbxfer.session import config, request, sparingly, ways
from nbxfer.session.given import as_text
from nbxfer.sources.base import Stopped

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from nbxfer.session.desk import Session
    from nbxfer.session.helm import Helm

#: What ``open`` decides itself.
_NOT_HERE: Final = frozenset(("into", "name", "if_exists", "on_duplicate", "start", "random_access", "preserve_mtime"))
#: What makes many of one.
_TREES: Final = frozenset(("recursive", "glob", "include", "exclude", "compare", "plan"))
#: What only a transfer has.
_OF_TRANSFERS: Final = frozenset(("group", "notify", "completion"))
#: How often a whole copy is asked for that others take away at once: their cache is full, or the source another one.
_TRIES: Final = 4


def open_url(session: Session, url: Any, mode: str, complete: bool, options: Mapping[str, Any]) -> BinaryIO:
    """Give a file to read. Raises InvalidRequest, UnknownOption, and what asking the source raises."""
    _check(mode, complete, options)
    text, given = as_text(url, options)
    if isinstance(text, str) and text.startswith("nbxfer::"):
        raise InvalidRequest("nbxfer:: is for what speaks fsspec.", hint="Give open() the URL that stands behind it.")
    asked = request.read(text, None, {**given, "into": config.get("cache_dir")})
    shelf = shelf_of(session)
    if not complete:
        try:
            return OpenedFile(_sparse(session, asked, shelf), shelf, asked.url)
        except NotSparse:
            pass  # it comes as a whole, or not at all
    for left in reversed(range(_TRIES)):
        whole = shelf.whole_of(asked.identity)
        try:
            reader: BinaryIO = session.download(asked.url, into=whole, **given).open()
        except StorageFailed:  # another process has taken it away between its end and now
            if not left:
                raise
        else:
            return reader
    raise AssertionError("the last try gives or raises")


def _check(mode: str, complete: object, options: Mapping[str, Any]) -> None:
    """Raise InvalidRequest, UnknownOption for what says nothing here."""
    if mode not in ("rb", "br"):
        raise InvalidRequest(
            f"mode={mode!r} is no way to read bytes.",
            hint="Give 'rb'; for text, wrap it: io.TextIOWrapper(nbxfer.open(url), encoding='utf-8').",
        )
    if not isinstance(complete, bool):
        raise InvalidRequest(f"complete={complete!r} is neither True nor False.", hint="Give one of them.")
    for option in options:
        if option in _NOT_HERE:
            raise UnknownOption(f"open() has no option {option!r}.", hint="To say where it lands, call download().")
        if option in _TREES:
            raise UnknownOption(f"open() has no option {option!r}.", hint="Open one file; or call download().")
        if option in _OF_TRANSFERS and not complete:
            raise InvalidRequest(f"{option}= is for transfers.", hint="Leave it out, or give complete=True, too.")


def shelf_of(session: Helm) -> Shelf:
    """Give the shelf of sparse copies, one for a session and folder."""
    folder = config.get("cache_dir")
    with session._lock:
        shelf = session._shelves.get(folder)
        if shelf is None:
            shelf = session._shelves[folder] = Shelf(folder)
    return shelf


def _sparse(session: Session, asked: request.Request, shelf: Shelf) -> Sparse:
    [access] = ways.ways_in([asked])
    patience, timeout = Patience(), asked.options.timeout
    if timeout is not None:
        patience = msgspec.structs.replace(patience, connect=timeout, response=timeout)
    source = session._doors.reading(access, patience)
    where = urls.safe_url(asked.url)
    terms = sparingly.terms(session, asked, where)
    try:
        most, away = config.get("cache_size"), terms.refusal()
        return open_sparse(source, shelf, asked.identity, where, patience, session._leaving, most, terms, away)
    except Stopped:
        source.close()
        raise InvalidTransferState(
            f"Its session was closed before {where} had answered.", hint="Open it from another one."
        ) from None
    except BaseException:
        source.close()
        raise


class OpenedFile(io.BufferedIOBase, BinaryIO):
    """A file to read and seek in. ``read(n)`` gives n bytes, fewer only at the end. One reader; any number of these."""

    def __init__(self, sparse: Sparse, shelf: Shelf, url: str) -> None:
        self._sparse, self._shelf = sparse, shelf
        self._stop = threading.Event()
        self._at = self._last = self._run = 0
        self._pid = os.getpid()
        self.size = sparse.size
        self.url = urls.safe_url(url)

    @property
    def requests(self) -> int:
        """How many parts were asked for so far, besides the first question."""
        return self._sparse.requests

    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def writable(self) -> bool:
        """Say no."""
        return False

    def tell(self) -> int:
        """Give the position, in bytes."""
        self._look()
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move; give the new position. Asks nobody."""
        self._look()
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError(f"whence is {whence}; it can be 0, 1 or 2")
        to = offset + (0, self._at, self.size)[whence]
        if to < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._at = to
        return to

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``; give the number of bytes, fewer than it has only at the end."""
        self._look()
        room = memoryview(buffer).cast("B")
        if self._at != self._last:
            self._run = 0
        filled = 0
        try:
            while filled < len(room):
                got = self._sparse.read_into(self._at, room[filled:], self._ahead, self._stop)
                if not got:
                    break
                filled, self._at, self._run = filled + got, self._at + got, self._run + got
        except Stopped:
            raise ValueError("I/O operation on closed file") from None
        self._last = self._at
        return filled

    @property
    def _ahead(self) -> int:
        return min(self._run, AHEAD) if self._run > PAGE else 0

    def readinto1(self, buffer: WriteableBuffer, /) -> int:
        """See readinto."""
        return self.readinto(buffer)

    def read(self, size: int | None = -1, /) -> bytes:
        """Give ``size`` bytes, fewer only at the end; all that follow without it."""
        self._look()
        left = max(self.size - self._at, 0)
        room = bytearray(left if size is None or size < 0 else min(size, left))
        got = self.readinto(room)
        return bytes(room if got == len(room) else room[:got])

    def read1(self, size: int = -1, /) -> bytes:
        """Give some bytes, at most ``size``."""
        return self.read(PAGE if size < 0 else size)

    def peek(self, size: int = 0, /) -> bytes:
        """Give some of the bytes that follow, and stay where it is."""
        at, last, run = self._at, self._last, self._run
        try:
            return self.read(max(size, 8192))
        finally:
            self._at, self._last, self._run = at, last, run

    def write(self, data: ReadableBuffer, /) -> int:
        """Refuse: a source is only read."""
        raise io.UnsupportedOperation("write")

    def close(self) -> None:
        """Let go; what was read is kept for the next time."""
        ours = getattr(self, "_pid", 0) == os.getpid()  # a forked child leaves the parent's connections alone
        if not self.closed and ours and getattr(self, "_stop", None) is not None:
            self._stop.set()
            self._sparse.close()
            self._shelf.give_back(self._sparse.copy, config.get("cache_size"))
        super().close()

    def _look(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if os.getpid() != self._pid:  # two processes on one connection would take each other's bytes
            raise ForkedError("This file was opened by the parent process.", hint="Open it anew here.")

    def __repr__(self) -> str:
        return f"<OpenedFile {self.url} at {self._at} of {self.size}>"
