"""FTP: a temporary name that grows piece by piece (REST and STOR, or APPE), and gets its own in the end (RNTO).

A server's word is only believed for its SIZE: one that says "done" to APPE, and has put the piece in the place of all
that was there, is found out after every piece. What the far side has is a front of what was sent.
"""

from __future__ import annotations

import ftplib
import posixpath
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, Final

from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    DestinationExists,
    InvalidRequest,
    NetworkError,
    SourceChanged,
    SourceNotFound,
    TransferError,
)
from nbxfer.sinks.far import PIECE, Body, Cut, Far, Standing, Stop
from nbxfer.wire import ftp
from nbxfer.wire.access import Access

#: What a server says to a command that it does not know, or not here.
_UNKNOWN: Final = ("450", "451", "500", "501", "502", "504", "550")


class FtpFile(Far):
    """One file on one server; ``mark`` names this upload among all."""

    def __init__(self, access: Access, mark: str) -> None:
        self.shown, self._mark = access.safe_url, mark
        self._server = ftp.Server(access)
        self._path = self._server.path

    def __repr__(self) -> str:
        return f"<file {self.shown}>"

    lanes: ClassVar[int] = 1

    def check(self) -> None:
        """See Far."""
        if not self._path or self._path.endswith("/"):
            raise InvalidRequest(f"{self.shown} names no file.", hint="Give the name of the file, too.")
        if any(char in self._path for char in "\r\n\0"):
            raise InvalidRequest(f"{self.shown} has a line break in it.", hint="Give another name.")

    def _temporary(self, ticket: Ticket) -> str:
        folder, name = posixpath.split(self._path)
        return posixpath.join(folder, f".{name[:100]}.{self._mark}.{ticket.epoch}.part")

    # -- one control connection at a time ------------------------------------------------------------------------------
    def _with(self, stop: Stop | None, make: Callable[[ftplib.FTP], Any]) -> Any:
        """Give what ``make`` gives of a control connection; one that breaks is not used again."""

        def tick() -> None:
            if stop is not None and stop.is_set():
                raise Cut

        def call() -> Any:
            line = self._server.line()
            try:
                made = make(line)
            except (ftplib.error_perm, ftplib.error_temp, TransferError):
                self._server.give_back(line)
                raise
            except BaseException:
                with suppress(Exception):
                    line.close()
                raise
            if line.sock is not None:  # else it was left in the middle
                self._server.give_back(line)
            return made

        try:
            return self._server.call(call, tick)
        except SourceNotFound as error:
            raise AccessDenied(
                f"{self.shown} may not be written, or its folder is not there.", hint="Check the URL and the log-in."
            ) from error
        except Cut:
            raise

    @staticmethod
    def _size(line: ftplib.FTP, path: str) -> int | None:
        try:
            size = line.size(path)
        except ftplib.error_perm:
            return None
        return int(size) if size is not None else None

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""

        def ask(line: ftplib.FTP) -> Standing | None:
            try:
                facts = self._server.facts(line)
            except SourceNotFound:
                return None
            size = facts.size if facts.size is not None else -1
            return Standing(size, f"{facts.mtime}-{size}" if facts.mtime is not None else "", modified=facts.mtime)

        found: Standing | None = self._with(stop, ask)
        return found

    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        ticket = Ticket(epoch, "", PIECE)

        def make_room(line: ftplib.FTP) -> None:
            folder = posixpath.dirname(self._path)
            for depth in range(1, len(folder.split("/")) + 1) if folder else ():
                with suppress(ftplib.error_perm):  # it is there, or may not be made: STOR will tell
                    line.mkd("/".join(folder.split("/")[:depth]))
            with suppress(ftplib.error_perm):
                line.delete(self._temporary(ticket))

        self._with(stop, make_room)
        return ticket

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        there: int | None = self._with(stop, lambda line: self._size(line, self._temporary(ticket)))
        if there is None:
            return None
        # Whole pieces: what was cut in the middle of one is sent again.
        whole = there if there == size else there // ticket.unit * ticket.unit
        return RangeSet.of([(0, min(whole, size if size is not None else whole))]) if whole else RangeSet()

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        path = self._temporary(ticket)
        stopped = threading.Event()
        failed: list[BaseException] = []

        def send(line: ftplib.FTP) -> None:
            data = self._data(line, path, body.start)
            sent = 0
            try:
                for chunk in body.chunks():
                    data.sendall(chunk)
                    sent += len(chunk)
            except (TransferError, Cut) as error:  # the source's: what came of it is a front, and stays
                failed.append(error)
                line.close()
                return
            finally:
                data.close()
            line.voidresp()
            there = self._size(line, path)
            if there != body.start + sent:
                raise BadAnswer(
                    f"{self.shown} has {there} bytes where {body.start + sent} were sent: its server does not add to "
                    "files.",
                    hint="Send it in another way, or to another server.",
                )

        self._with(stopped, send)  # it looks at Stop by itself, between two chunks
        if failed:
            raise failed[0]

    @staticmethod
    def _data(line: ftplib.FTP, path: str, start: int) -> Any:
        if not start:
            return line.transfercmd(f"STOR {path}")
        try:
            return line.transfercmd(f"STOR {path}", start)
        except (ftplib.error_perm, ftplib.error_temp) as error:
            if not str(error).startswith(_UNKNOWN):
                raise
            return line.transfercmd(f"APPE {path}")

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        path = self._temporary(ticket)
        there, ready = self.standing(stop), self._with(stop, lambda line: self._size(line, path))
        if ready is None and there is not None and there.size == seal.size:  # the answer was lost
            return self._done(there)
        if ready != seal.size:
            raise SourceChanged("What was sent is not there any more.")
        if there is not None and not replace:
            raise DestinationExists(f"{self.shown} is there already.", hint="Give if_exists='overwrite' to replace it.")

        def rename(line: ftplib.FTP) -> None:
            try:
                line.rename(path, self._path)
            except ftplib.error_perm:  # this one does not replace
                if there is None:
                    raise
                line.delete(self._path)
                line.rename(path, self._path)

        try:
            self._with(stop, rename)
        except NetworkError:
            if self._with(stop, lambda line: self._size(line, path)) is not None:
                raise
        there = self.standing(stop)
        if there is None or there.size not in (seal.size, -1):
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        return self._done(there)

    def _done(self, there: Standing) -> Published:
        return Published(self.shown, there.size, 0, version=there.version)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""

        def delete(line: ftplib.FTP) -> None:
            with suppress(ftplib.error_perm):
                line.delete(self._temporary(ticket))

        self._with(None, delete)

    def close(self) -> None:
        """Keep what is open for the next; the server object lets go of it."""
        self._server.close()
        self._server.reopen()
