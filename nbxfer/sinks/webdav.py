"""WebDAV (RFC 4918): the whole body to a temporary name, then MOVE over what is there.

A PUT of a part (Content-Range) destroys the file on several servers, so there is none; and some show what they have got
of a PUT that was cut, so it never goes to the final name.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import urlsplit

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator
from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import (
    BadAnswer,
    DestinationExists,
    InvalidRequest,
    NetworkError,
    ServerBusy,
    SourceChanged,
    TransferTimeout,
)
from nbxfer.sinks.far import Body, Cut, Far, Standing, Stop, Unwilling
from nbxfer.wire.access import Access
from nbxfer.wire.located.base import Wish
from nbxfer.wire.located.webdav import locate
from nbxfer.wire.neighbours import one_store
from nbxfer.wire.outgoing import Outgoing, Reply, refused


class DavFile(Far):
    """One file on one server; ``mark`` names this upload among all."""

    resumable: ClassVar[bool] = False

    def __init__(self, access: Access, mark: str, patience: Patience) -> None:
        self.shown, self._mark = access.safe_url, mark
        self._access, self._patience = access, patience
        self._made: Outgoing | None = None
        self._url = ""
        self._sent: int | None = None

    def __repr__(self) -> str:
        return f"<file {self.shown}>"

    def check(self) -> None:
        """See Far."""
        if self.shown.endswith("/"):
            raise InvalidRequest(
                f"{self.shown} is a folder, and a file is meant.", hint="Give the name of the file, too."
            )

    def _ask(
        self,
        method: str,
        url: str,
        stop: Stop | None,
        headers: tuple[tuple[str, str], ...] = (),
        body: Iterator[bytes] | None = None,
    ) -> Reply:
        def tick() -> None:
            if stop is not None and stop.is_set():
                raise Cut

        return self._web(tick).ask(method, url or self._url, tick, headers, body)

    def _web(self, tick: object) -> Outgoing:
        if self._made is None:
            way = locate(Wish(self._access, lambda: None)).access
            self._made, self._url = Outgoing(way, self._patience), way.url
        return self._made

    def _temporary(self, ticket: Ticket) -> str:
        self._web(None)
        folder, _, name = self._url.rpartition("/")
        return f"{folder}/.{name[:150]}.{self._mark}.{ticket.epoch}.part"

    def _head(self, url: str, stop: Stop | None) -> Standing | None:
        reply = self._ask("HEAD", url, stop, (("Accept-Encoding", "identity"),))
        if reply.status in (404, 409, 410):
            return None
        if reply.status != 200:
            raise refused(reply, self.shown)
        length = reply.headers.get("content-length", "")
        return Standing(int(length) if length.isdigit() else -1, reply.headers.get("etag", ""))

    def standing(self, stop: Stop) -> Standing | None:
        """See Far."""
        return self._head("", stop)

    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        self._sent = None
        self._web(None)
        self._make_folders(self._url.rpartition("/")[0], stop)
        return Ticket(epoch)

    def _make_folders(self, url: str, stop: Stop) -> None:
        """Make the folder of that URL, and those above it, where they are missing."""
        if urlsplit(url).path.strip("/") == "":
            return
        reply = self._ask("MKCOL", f"{url}/", stop)
        if reply.status == 409:  # the one above is missing
            self._make_folders(url.rpartition("/")[0], stop)
            reply = self._ask("MKCOL", f"{url}/", stop)
        if reply.status not in (200, 201, 301, 405, 403, 501) and not 200 <= reply.status < 300:  # 405: it is there
            raise refused(reply, self.shown)

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        return RangeSet.of([(0, self._sent)]) if self._sent else RangeSet()

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        self._sent = None
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for chunk in body.chunks():
                sent += len(chunk)
                yield bytes(chunk)

        headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/octet-stream"),)
        if size is not None:
            headers = (*headers, ("Content-Length", str(size)))
        reply = self._ask("PUT", self._temporary(ticket), stop, headers, chunks())
        if not 200 <= reply.status < 300:
            raise refused(reply, self.shown)
        self._sent = sent

    def draws(self, origin: Access) -> bool:
        """See Far."""
        return one_store(origin, self._access)

    def draw(self, ticket: Ticket, span: ByteRange, size: int, pinned: Validator | None, stop: Stop) -> None:
        """See Far (COPY, RFC 4918 §9.8)."""
        assert self.origin is not None
        self._sent = None
        source = locate(Wish(self.origin, lambda: None)).access.url
        # Not If-Match: some servers hold that against what is at the destination. The engine looks once more.
        headers = (("Destination", self._temporary(ticket)), ("Overwrite", "T"))
        reply = self._ask("COPY", source, stop, headers)
        if reply.status in (404, 409, 410):
            raise SourceChanged("What was to be copied is not there any more.")
        if reply.status not in (200, 201, 204):
            error = refused(reply, self.shown)
            if isinstance(error, ServerBusy) and reply.status not in (500, 502):
                raise error
            raise Unwilling(f"the server does not do it ({reply.status})")
        self._sent = size

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        path = self._temporary(ticket)
        there, ready = self.standing(stop), self._head(path, stop)
        if ready is None or ready.size not in (seal.size, -1):
            raise SourceChanged("What was sent is not there any more.")
        if there is not None and not replace:
            raise DestinationExists(f"{self.shown} is there already.", hint="Give if_exists='overwrite' to replace it.")
        headers = (("Destination", self._url), ("Overwrite", "T" if replace else "F"))
        try:
            reply = self._ask("MOVE", path, stop, headers)
        except (NetworkError, TransferTimeout):
            if self._head(path, stop) is not None:  # it is not done
                raise
        else:
            if reply.status == 412:
                raise DestinationExists(f"{self.shown} is there already.", hint="Give another destination.")
            if not 200 <= reply.status < 300:
                raise refused(reply, self.shown)
        there = self.standing(stop)
        if there is None or there.size not in (seal.size, -1):
            raise BadAnswer(f"{self.shown} is not there as it was sent.", hint="Try again.")
        return Published(self.shown, seal.size, 0, version=there.version)

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""
        self._sent = None
        reply = self._ask("DELETE", self._temporary(ticket), None)
        if not 200 <= reply.status < 300 and reply.status not in (404, 410):
            raise refused(reply, self.shown)

    def close(self) -> None:
        """See Far."""
        if self._made is not None:
            self._made.close()
