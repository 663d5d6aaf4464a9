"""Any filesystem of fsspec: written from its beginning to its end under another name, then given its own.

Nothing of it can be gone on with, and nothing stays of it when it fails. Where a filesystem cannot move a file by
itself, the bytes are copied within it (fsspec does that), and where it has no such thing either it is written under
the final name at once; some commit only when the file is closed, which is as good.
"""

from __future__ import annotations

import posixpath
import threading
from contextlib import suppress
from typing import Any, ClassVar

from nbxfer.core.probe import Validator
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import BadAnswer, DestinationExists, InvalidRequest, SourceChanged, SourceNotFound
from nbxfer.sinks.far import Body, Far, Standing, Stop, Unwilling
from nbxfer.wire import storing
from nbxfer.wire.access import Access
from nbxfer.wire.filesystems import copies, instance
from nbxfer.wire.neighbours import one_store


class FilesystemObject(Far):
    """One file of a filesystem, known by its URL."""

    resumable: ClassVar[bool] = False

    def __init__(self, access: Access, mark: str) -> None:
        self._access, self._mark, self.shown = access, mark, access.safe_url
        self._fs: Any = None
        self._path = ""
        self._making = threading.Lock()
        self._written: int | None = None

    def __repr__(self) -> str:
        return f"<file {self.shown}>"

    def _made(self) -> Any:
        with self._making:
            if self._fs is None:
                self._fs, self._path = instance(self._access.url, self._access.storage)
            return self._fs

    def _temporary(self, ticket: Ticket) -> str:
        folder, name = posixpath.split(self._path)
        return posixpath.join(folder, f".{name[:100]}.{self._mark}.{ticket.epoch}.part")

    def check(self) -> None:
        """See Far."""
        if self.shown.endswith("/"):
            raise InvalidRequest(
                f"{self.shown} is a folder, and a file is meant.", hint="Give the name of the file, too."
            )

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""
        try:
            with storing.translated(self.shown):
                info = self._made().info(self._path)
        except SourceNotFound:
            return None
        if info.get("type") == "directory":
            raise InvalidRequest(
                f"{self.shown} is a folder, and a file is meant.", hint="Give the name of the file, too."
            )
        size = info.get("size")
        return Standing(int(size) if size is not None else -1, _version(info))

    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        return Ticket(epoch)

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        return RangeSet.of([(0, self._written)]) if self._written else RangeSet()

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        self._written, written = None, 0
        with storing.translated(self.shown):
            fs, path = self._made(), self._temporary(ticket)
            with suppress(Exception):  # there are no folders in some stores
                fs.makedirs(posixpath.dirname(path), exist_ok=True)
            file = fs.open(path, "wb")
            try:
                for chunk in body.chunks():
                    file.write(bytes(chunk))
                    written += len(chunk)
            except BaseException:
                self._give_up(fs, file, path)
                raise
            file.close()
        self._written = written

    def _give_up(self, fs: Any, file: Any, path: str) -> None:
        """Leave nothing behind: what was written so far is no file."""
        with suppress(Exception):
            file.discard()
        with suppress(Exception):
            file.close()
        with suppress(Exception):
            fs.rm_file(path)

    def draws(self, origin: Access) -> bool:
        """See Far."""
        return one_store(origin, self._access)

    def draw(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """See Far. What fsspec makes of a copy by reading and writing is done better by us."""
        assert self.origin is not None
        self._written = None
        with storing.translated(self.shown):
            fs, path = self._made(), self._temporary(ticket)
            if not copies(fs):
                raise Unwilling("the filesystem has no copy of its own")
            with suppress(Exception):  # there are no folders in some stores
                fs.makedirs(posixpath.dirname(path), exist_ok=True)
            try:
                fs.cp_file(fs._strip_protocol(self.origin.url), path)
            except NotImplementedError:
                raise Unwilling("the filesystem has no copy of its own") from None
        self._written = size

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        fs, temporary = self._made(), self._temporary(ticket)
        there = self.standing(stop)
        with storing.translated(self.shown):
            ready = fs.exists(temporary)
        if not ready:
            if there is not None and there.size == seal.size and self._written is None:
                raise SourceChanged("Nobody can tell whether what is there is what was sent.")
            raise SourceChanged("What was sent is not there any more.")
        if there is not None and not replace:
            raise DestinationExists(f"{self.shown} is there already.", hint="Give if_exists='overwrite' to replace it.")
        with storing.translated(self.shown):
            if fs.info(temporary).get("size") != seal.size:
                raise BadAnswer(f"{self.shown} has not taken all that was sent.", hint="Try again.")
            fs.mv(temporary, self._path)
        there = self.standing(stop)
        if there is None or there.size not in (seal.size, -1):
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        return Published(self.shown, seal.size, 0, version=there.version)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""
        self._written = None
        fs, path = self._made(), self._temporary(ticket)
        with storing.translated(self.shown):
            if fs.exists(path):
                fs.rm_file(path)


def _version(info: dict[str, Any]) -> str:
    """Give what a filesystem calls what is there, where it calls it anything."""
    for name in ("ETag", "etag", "generation", "version_id", "created", "mtime", "modified", "LastModified"):
        if info.get(name):
            return f"{info[name]}-{info.get('size')}"[:200]
    return ""
