"""tus 1.0: an upload has a URL of its own, tells how far it is, and takes the next bytes from there.

``tus://host/files/`` and ``tus+https://host/files/`` are the endpoint that makes them; where the upload lies in the end
is its own URL. What the server has is a front of what was sent, to the byte.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import ClassVar, Final
from urllib.parse import urljoin

from nbxfer.core.policy import Patience
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.core.url import stored_url
from nbxfer.errors import BadAnswer, InvalidRequest, SourceChanged
from nbxfer.sinks.far import PIECE, Body, Cut, Far, Standing, Stop
from nbxfer.wire.access import Access
from nbxfer.wire.located.base import over_http
from nbxfer.wire.outgoing import Outgoing, Reply, refused

_VERSION: Final = ("Tus-Resumable", "1.0.0")
_SCHEMES: Final = {"tus": "http", "tus+http": "http", "tus+https": "https"}


class TusUpload(Far):
    """One upload at a tus server; ``name`` is what the file is called."""

    lanes: ClassVar[int] = 1

    def __init__(self, access: Access, name: str, patience: Patience) -> None:
        self.shown, self._name = access.safe_url, name
        scheme, _, rest = access.url.partition("://")
        self._endpoint = f"{_SCHEMES[scheme.lower()]}://{rest.rpartition('@')[2]}"
        self._web = Outgoing(over_http(access, self._endpoint, auth=access.credential), patience)
        self._place = ""  # of the upload that was begun here
        self._known: dict[int, str] = {}

    def __repr__(self) -> str:
        return f"<upload to {self.shown}>"

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

        return self._web.ask(method, url, tick, (_VERSION, *headers), body)

    def standing(self, stop: Stop) -> Standing | None:
        """See Far. Each upload is a new thing: nothing stands in its way."""
        return None

    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        if size is None:
            raise InvalidRequest(
                "A tus server is told the length first, and the source does not say it.", hint="Download it first."
            )
        told = base64.b64encode(self._name.encode()).decode()
        headers = (("Upload-Length", str(size)), ("Upload-Metadata", f"filename {told}"), ("Content-Length", "0"))
        reply = self._ask("POST", self._endpoint, stop, headers)
        if reply.status != 201 or "location" not in reply.headers:
            raise refused(reply, self.shown)
        place = urljoin(self._endpoint, reply.headers["location"])
        self._known[epoch] = place
        stored, cut = stored_url(place)
        return Ticket(epoch, "" if cut else stored, PIECE)

    def _url(self, ticket: Ticket) -> str:
        """Give where the upload is; "" where only a process that is gone knew it."""
        return self._known.get(ticket.epoch, ticket.place)

    def _offset(self, ticket: Ticket, stop: Stop) -> int | None:
        url = self._url(ticket)
        reply = self._ask("HEAD", url, stop) if url else None
        if reply is None or reply.status in (404, 410):
            return None
        offset = reply.headers.get("upload-offset", "")
        if reply.status not in (200, 204) or not offset.isdigit():
            raise refused(reply, self.shown)
        return int(offset)

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        offset = self._offset(ticket, stop)
        if offset is None:
            return None
        return RangeSet.of([(0, offset)]) if offset else RangeSet()

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        if size == 0:
            return
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for chunk in body.chunks():
                sent += len(chunk)
                yield bytes(chunk)

        length = body.stop - body.start if body.stop is not None else 0
        headers = (
            ("Upload-Offset", str(body.start)),
            ("Content-Type", "application/offset+octet-stream"),
            ("Content-Length", str(length)),
        )
        reply = self._ask("PATCH", self._url(ticket), stop, headers, chunks())
        if reply.status in (404, 409, 410):
            raise SourceChanged("The upload is not there any more, or is not where it was.")
        if reply.status not in (200, 204):
            raise refused(reply, self.shown)
        if reply.headers.get("upload-offset") != str(body.start + sent):
            raise BadAnswer(f"{self.shown} has not taken what was sent.", hint="Try again.")

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far. The last byte has published it."""
        offset = self._offset(ticket, stop)
        url = self._url(ticket)
        if offset is None and url:  # some tell nothing any more of what is complete
            reply = self._ask("GET", url, stop, (("Range", "bytes=0-0"),))
            offset = seal.size if reply.status in (200, 206) else None
        if offset != seal.size:
            raise SourceChanged("The upload is not there any more.")
        return Published(stored_url(url)[0], seal.size, 0, version=url if url == ticket.place else "")

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far."""
        url = self._url(ticket)
        if not url:
            return
        reply = self._ask("DELETE", url, None)
        if reply.status not in (200, 204, 403, 404, 405, 410, 501):
            raise refused(reply, self.shown)

    def close(self) -> None:
        """See Far."""
        self._web.close()
