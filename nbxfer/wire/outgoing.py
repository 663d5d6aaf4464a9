"""Requests with a body, to servers of the web: PUT, POST, PATCH, MOVE. One client a thread that asks.

What reading needs by itself (kept lines, parts, challenges answered in order) it does not; httpx does. Redirects are
not followed, for a body cannot be sent twice; and nothing is sent again by itself.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import httpx

from nbxfer.core.policy import Patience
from nbxfer.core.url import origin, safe_url
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    InvalidRequest,
    NetworkError,
    ServerBusy,
    SourceNotFound,
    TransferError,
    TransferTimeout,
    WebErrorStatus,
)
from nbxfer.wire import bridge
from nbxfer.wire.access import Access
from nbxfer.wire.cookies import Cookies
from nbxfer.wire.lookup import user_and_password
from nbxfer.wire.tls import context
from nbxfer.wire.translate import FOREIGN, translate

#: The most that is read of an answer (bytes).
MOST: Final = 256 * 1024
#: Requests of one kind that are under way at once, in all operations.
THREADS: Final = 32
#: Seconds for which the client's own timeouts go first.
GRACE: Final = 2.0

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True)
class Reply:
    """A final answer: status, headers (names in lower case), the beginning of its body."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Outgoing:
    """Asks the server that ``access`` leads to. Blocking; ``tick`` is looked at while it waits."""

    def __init__(self, access: Access, patience: Patience) -> None:
        self._access, self._patience = access, patience
        self._client: httpx.Client | None = None

    def ask(
        self,
        method: str,
        url: str,
        tick: Callable[[], None],
        headers: Pairs = (),
        body: Iterator[bytes] | bytes | None = None,
    ) -> Reply:
        """Give the answer, whatever its status. Raises TransferError, and what ``tick`` or ``body`` raise."""
        raised: list[BaseException] = []
        # A server that sends interim answers for ever passes the client's timeouts: each of them is an answer.
        answer_by = math.inf if body is not None else time.monotonic() + self._patience.response + GRACE

        def look() -> None:
            tick()
            if time.monotonic() > answer_by:
                raise TransferTimeout(f"{safe_url(url)} did not answer in time.")

        def given() -> Iterator[bytes]:
            nonlocal answer_by
            assert body is not None
            assert not isinstance(body, bytes)
            try:
                yield from body
            except BaseException as error:
                raised.append(error)
                raise
            answer_by = time.monotonic() + self._patience.response + GRACE

        def make() -> Reply:
            content = body if body is None or isinstance(body, bytes) else given()
            try:
                return self._asked(method, url, headers, content)
            except TransferError:
                raise
            except httpx.RemoteProtocolError:
                raise NetworkError(
                    f"{safe_url(url)} closed the connection before it had answered.",
                    status=WebErrorStatus.CONNECTION_ABORTED,
                ) from None
            except FOREIGN as error:
                raise translate(error, safe_url(url)) from None

        try:
            return bridge.crew("web", THREADS).call(make, look)
        except BaseException:
            if raised:
                raise raised[0] from None
            raise

    def _asked(self, method: str, url: str, headers: Pairs, body: Iterator[bytes] | bytes | None) -> Reply:
        ours = origin(url) == origin(self._access.url)
        fields = [*headers, *self._access.headers_for(ours=ours)]
        named = {name.lower() for name, _ in fields}
        if "user-agent" not in named:
            fields.append(("User-Agent", "nbxfer"))
        if cookie := Cookies(self._access.cookies).header(url, "", ours=ours):
            fields.append(("Cookie", cookie))
        client = self._made()
        request = client.build_request(method, url, headers=fields, content=body)
        answer = client.send(request, auth=self._access.auth_for(ours=ours, target=origin(url)), stream=True)
        try:
            said = bytearray()
            for piece in answer.iter_raw():
                said += piece[: MOST - len(said)]
                if len(said) >= MOST:
                    break
            return Reply(answer.status_code, {n.lower(): v for n, v in answer.headers.items()}, bytes(said))
        finally:
            answer.close()

    def _made(self) -> httpx.Client:
        if self._client is None:
            a = self._access
            proxy = a.proxy_for(origin(a.url))
            way = None
            if proxy is not None:
                way = httpx.Proxy(
                    proxy.url, auth=user_and_password(proxy.credential) if proxy.credential is not None else None
                )
            self._client = httpx.Client(
                verify=context(a.verify, trust_env=a.trust_env, certificate=a.certificate),
                trust_env=False,
                proxy=way,
                timeout=httpx.Timeout(
                    self._patience.response, connect=self._patience.connect, write=self._patience.stall_after
                ),
                follow_redirects=False,
            )
        return self._client

    def close(self) -> None:
        """Let the connection go."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


def refused(reply: Reply, where: str) -> TransferError:
    """Give the error for an answer that is no success."""
    status = reply.status
    if 300 <= status < 400:
        return BadAnswer(
            f"{where} leads elsewhere ({status}), and a body is not sent on.",
            http_status=status,
            hint="Give the URL that it leads to.",
        )
    if status in (401, 403, 407):
        return AccessDenied(
            f"{where} may not be written ({status}).", http_status=status, hint="Give auth= or headers= that may."
        )
    if status in (404, 409, 410):
        return SourceNotFound(
            f"{where}: there is no such place ({status}).",
            http_status=status,
            hint="Check the URL, or make the folder.",
        )
    if status in (408, 425, 429) or (status >= 500 and status not in (501, 505)):
        after = reply.headers.get("retry-after", "")
        return ServerBusy(
            f"{where} asks to come back later ({status}).",
            http_status=status,
            retry_after=float(after) if after.isdigit() and len(after) < 6 else None,
        )
    if status in (405, 501):
        return InvalidRequest(
            f"{where} does not take this ({status}).", http_status=status, hint="Give method=, or another URL."
        )
    if status == 413:
        return InvalidRequest(f"{where} does not take so much (413).", http_status=status, hint="Send less at once.")
    return BadAnswer(f"{where} refuses it ({status}).", http_status=status, hint="Look at what it wants.")
