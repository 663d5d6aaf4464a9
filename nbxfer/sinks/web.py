"""A server of the web: the whole body in one PUT, or in one POST, perhaps as a form.

A PUT may be sent again: it says the same twice. A POST may not, for it may do something twice: once a byte of it has
gone, nobody but a person sends it again. Some servers show what they have got of a PUT that was cut; so it is not
called atomic.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nbxfer.core.policy import Patience
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.errors import BadAnswer, InvalidRequest, NeedsAttention, SourceChanged, TransferError
from nbxfer.sinks.far import Body, Cut, Far, Standing, Stop
from nbxfer.sinks.forms import Form
from nbxfer.wire.access import Access
from nbxfer.wire.headers import kept
from nbxfer.wire.outgoing import Outgoing, Reply, refused


class WebResource(Far):
    """What a URL names. ``method`` is PUT or POST; ``form`` what the file is a part of."""

    direct: ClassVar[bool] = True
    resumable: ClassVar[bool] = False

    def __init__(
        self, access: Access, patience: Patience, method: str = "PUT", form: Form | None = None, content_type: str = ""
    ) -> None:
        self._access, self.shown, self._url = access, access.safe_url, access.url
        self._web = Outgoing(access, patience)
        self._method, self._form, self._type = method, form, content_type
        self._answer: Reply | None = None
        self._sent: int | None = None
        self._untouched = False  # not a byte of it went

    def __repr__(self) -> str:
        return f"<{self._method} to {self.shown}>"

    def _tick(self, stop: Stop) -> None:
        if stop.is_set():
            raise Cut

    def standing(self, stop: Stop) -> Standing | None:
        """See Far. Servers that take a PUT need not tell what is there; then nobody knows."""
        if self._method == "POST":
            return None
        try:
            reply = self._web.ask("HEAD", self._url, lambda: self._tick(stop), [("Accept-Encoding", "identity")])
        except TransferError as error:
            if error.retryable:
                raise
            return None
        length = reply.headers.get("content-length", "")
        if reply.status != 200 or not length.isdigit():
            return None
        return Standing(int(length), reply.headers.get("etag", ""))

    def begin(self, epoch: int, size: int | None, modified: float | None, stop: Stop) -> Ticket:
        """See Far."""
        self._sent = None
        self._untouched = False
        return Ticket(epoch, once=self._method == "POST")

    def held(self, ticket: Ticket, size: int | None, acknowledged: RangeSet, stop: Stop) -> RangeSet | None:
        """See Far."""
        if self._sent:
            return RangeSet.of([(0, self._sent)])
        if ticket.once and not self._untouched:
            raise NeedsAttention(
                "What was posted may have arrived, and a POST is not sent again by itself: it could be done twice.",
                hint="Look at the server; then retry() sends it again, or cancel() ends it.",
            )
        return RangeSet()

    def put(self, ticket: Ticket, body: Body, size: int | None, stop: Stop) -> None:
        """See Far."""
        self._sent = None
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for chunk in body.chunks():
                sent += len(chunk)
                yield bytes(chunk)

        headers: list[tuple[str, str]] = []
        whole: Iterator[bytes] = chunks()
        length = size
        if self._form is not None:
            whole, length = self._form.around(whole, size)
            headers.append(("Content-Type", self._form.content_type))
        elif self._type:
            headers.append(("Content-Type", self._type))
        if length is not None:
            headers.append(("Content-Length", str(length)))
        begun = False

        def given() -> Iterator[bytes]:
            nonlocal begun
            begun = True
            yield from whole

        try:
            reply = self._web.ask(self._method, self._url, lambda: self._tick(stop), headers, given())
        finally:
            self._untouched = not begun
        if not 200 <= reply.status < 300:
            raise refused(reply, self.shown)
        if size is not None and sent < size:
            raise BadAnswer(
                f"{self.shown} answered {reply.status} when it had {sent} of {size} bytes.",
                http_status=reply.status,
                hint="Look at what it takes, and whether the log-in holds.",
            )
        self._answer, self._sent, self.said = reply, sent, _doubt(reply)

    def publish(self, ticket: Ticket, seal: Seal, *, replace: bool, stop: Stop) -> Published:
        """See Far."""
        if self._sent is None or self._answer is None:
            there = self.standing(stop)
            if there is None or there.size != seal.size:
                raise SourceChanged("Nobody can tell whether all of it arrived.")
            return Published(self.shown, seal.size, 0, atomic=False, version=there.version)
        answer = self._answer
        if self.said and self._method == "PUT":
            there = self.standing(stop)
            self.said = "" if there is not None and there.size == seal.size else self.said
        return Published(
            self.shown,
            seal.size,
            0,
            atomic=False,
            version=answer.headers.get("etag", ""),
            http_status=answer.status,
            headers=kept(answer.headers.items()),
        )

    def discard(self, ticket: Ticket, stop: Stop) -> None:
        """See Far. What a server has of a request that was cut is its own affair."""
        self._sent = None

    def close(self) -> None:
        """See Far."""
        self._web.close()


def _doubt(reply: Reply) -> str:
    """Say why an answer that is a success need not mean that it is there; "" where it does."""
    look = "look whether it is there"
    if reply.status == 202:
        return f"it is accepted (202), which is not yet done: {look}"
    if reply.status == 207:
        return f"the answer is about several things (207), some of which may have failed: {look}"
    if reply.status == 200 and reply.headers.get("content-type", "").lower().startswith("text/html"):
        return f"a web page was answered, perhaps one to log in at: {look}"
    return ""


def check_method(method: str, form: Form | None) -> str:
    """Give the method in capitals. Raises InvalidRequest."""
    method = method.upper()
    if method not in ("PUT", "POST"):
        raise InvalidRequest(f"method={method!r} sends no file.", hint="Give 'PUT' or 'POST'.")
    if form is not None and method != "POST":
        raise InvalidRequest("parts= make a form, and forms are posted.", hint="Give method='POST', or leave it out.")
    return method
