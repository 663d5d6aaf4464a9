"""SFTP: a temporary name that is written at any offset, synced, and renamed over what is there.

Writes are many small packets under way at once, so a file that was cut may have holes behind what was answered. What
counts is what was answered *and* written down here, as far as the file reaches.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar

from nbxfer.core.probe import Validator
from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import (
    BadAnswer,
    DestinationExists,
    InvalidRequest,
    NetworkError,
    SourceChanged,
    SourceNotFound,
    TransferTimeout,
)
from nbxfer.sinks.far import Body, Cut, Far, Standing, Stop, Unwilling
from nbxfer.wire import sshfiles
from nbxfer.wire.access import Access
from nbxfer.wire.neighbours import one_store
from nbxfer.wire.ssh import Host


class SftpFile(Far):
    """One file on one host; ``mark`` names this upload among all."""

    lanes: ClassVar[int] = 4
    ledger: ClassVar[bool] = True

    def __init__(self, access: Access, mark: str) -> None:
        self._access, self.shown, self._mark = access, access.safe_url, mark
        self._host = Host(access)
        self._path = self._host.path

    def __repr__(self) -> str:
        return f"<file {self.shown}>"

    def check(self) -> None:
        """See Far."""
        if self._path.endswith("/"):
            raise InvalidRequest(f"{self.shown} names no file.", hint="Give the name of the file, too.")

    def _temporary(self, ticket: Ticket) -> str:
        folder, name = posixpath.split(self._path)
        return posixpath.join(folder, f".{name[:100]}.{self._mark}.{ticket.epoch}.part")

    def _ask(self, make: Callable[[Any], Coroutine[Any, Any, Any]], stop: Stop | None) -> Any:
        def tick() -> None:
            if stop is not None and stop.is_set():
                raise Cut

        return self._host.ask(make, tick)

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""

        def tick() -> None:
            if stop.is_set():
                raise Cut

        try:
            facts = self._host.facts(tick)
        except SourceNotFound:
            return None
        size = facts.size if facts.size is not None else -1
        return Standing(size, f"{facts.mtime}-{size}" if facts.mtime is not None else "", modified=facts.mtime)

    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        ticket = Ticket(epoch, "", BLOCK)

        async def make(sftp: Any) -> None:
            folder = posixpath.dirname(self._path)
            if folder and not await sftp.isdir(folder):
                await sftp.makedirs(folder, exist_ok=True)
            async with sftp.open(self._temporary(ticket), "wb"):
                return

        self._ask(make, stop)
        return ticket

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""

        async def look(sftp: Any) -> int:
            return int((await sftp.stat(self._temporary(ticket))).size or 0)

        try:
            there: int = self._ask(look, stop)
        except SourceNotFound:
            return None
        return RangeSet.of((r.start, min(r.stop, there)) for r in acknowledged.ranges if r.start < there)

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        data = body.whole()

        async def write(sftp: Any) -> None:
            async with sftp.open(self._temporary(ticket), "r+b") as file:
                await file.write(data.getvalue(), body.start)

        if len(data):
            self._ask(write, stop)

    def draws(self, origin: Access) -> bool:
        """See Far."""
        return one_store(origin, self._access)

    def draw(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """See Far (the extension copy-data)."""
        assert self.origin is not None
        source, target = Host(self.origin).path, self._temporary(ticket)
        try:
            done: bool = self._ask(lambda sftp: sshfiles.copied(sftp, source, target, span.start, len(span)), stop)
        except SourceNotFound:
            raise SourceChanged("What was to be copied is not there any more.") from None
        if not done:
            raise Unwilling("the host does not do it")

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        path = self._temporary(ticket)
        there = self.standing(stop)
        try:
            ready: int | None = self._ask(lambda sftp: sshfiles.synced(sftp, path), stop)
        except SourceNotFound:
            ready = None
        if ready is None and there is not None and there.size == seal.size:  # the answer was lost
            return self._done(there)
        if ready != seal.size:
            raise SourceChanged("What was sent is not there any more.")
        if there is not None and not replace:
            raise DestinationExists(f"{self.shown} is there already.", hint="Give if_exists='overwrite' to replace it.")
        with suppress(NetworkError, TransferTimeout):  # what became of it is looked at
            self._ask(lambda sftp: sshfiles.renamed(sftp, path, self._path, replace=there is not None), stop)
        there = self.standing(stop)
        if there is None or there.size != seal.size:
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        return self._done(there)

    def _done(self, there: Standing) -> Published:
        return Published(self.shown, there.size, 0, version=there.version)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""
        with suppress(SourceNotFound):
            self._ask(lambda sftp: sftp.remove(self._temporary(ticket)), None)

    def close(self) -> None:
        """See Far."""
        self._host.let_go()
