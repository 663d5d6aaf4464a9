"""One GET, all the way to an answer with an open body: credentials, redirects, lines from the pool."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from nbxfer.core.policy import Patience
from nbxfer.core.url import CROSS_ORIGIN_HEADERS, origin, safe_url
from nbxfer.errors import BadAnswer, NetworkError
from nbxfer.wire import preparing, redirects
from nbxfer.wire.access import Access
from nbxfer.wire.body import open_body
from nbxfer.wire.cookies import Cookies
from nbxfer.wire.exchange import Head, HTTP11Wanted, Request, exchange, plainly
from nbxfer.wire.place import Place, place
from nbxfer.wire.pool import Pool
from nbxfer.wire.prepared import Prepared
from nbxfer.wire.route import Route
from nbxfer.wire.signing import MAX_STEPS, Turns, read_out, turns
from nbxfer.wire.sockets import Line, Tick
from nbxfer.wire.translate import FOREIGN, OUTSIDE, translate

#: What every request says; a person may say the first two otherwise.
DEFAULTS: Final = (("User-Agent", "nbxfer"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))

UNAUTHORIZED, PROXY_DENIED = 401, 407

Pairs = Iterable[tuple[str, str]]


class Answer:
    """The final answer to a GET: status, headers (lower-case names), and the body, not yet read.

    ``public`` says whether the server that answered has an address on the public internet; ``sets_cookies`` whether
    it set any.
    """

    def __init__(self, request: Request, head: Head, line: Line, pool: Pool, route: Route) -> None:
        self.status, self.headers = head.status, head.headers
        self.safe_url = safe_url(request.text)
        self.public = line.public
        self.sets_cookies = False
        self.path = request.url.path
        self._asked = request, route, line
        self._body = open_body(line, head, lambda fit: pool.put(route.key, line) if fit else line.close())

    @property
    def proven(self) -> bool:
        """Whether the body's end is announced."""
        return self._body.proven

    def read_into(self, view: memoryview) -> int:
        """Give how many of the next bytes are in ``view`` (not empty): 0 at the end, -1 when none came in 0.1 s.

        Raises TransferError: NetworkError where the body ends before its announced end.
        """
        try:
            return self._body.read_into(view)
        except FOREIGN as error:
            raise translate(error, self.safe_url) from None

    def prepared(self) -> Prepared | None:
        """Give this very request as values, for who asks for other parts; None where it cannot be told so."""
        request, route, line = self._asked
        return None if self.sets_cookies else preparing.prepared(request, route, line)

    def close(self) -> None:
        """Let the line go: back to the pool when the body has been read to its end. Never raises."""
        self._body.close()


class Client:
    """Asks the source that ``access`` leads to. Blocking; several threads may ask at once.

    Cookies that servers set are kept as long as it is; nothing else is.
    """

    def __init__(self, access: Access, patience: Patience, pool: Pool) -> None:
        self._access, self._patience, self._pool = access, patience, pool
        self._home = origin(access.url)
        self.begun: tuple[Hashable, Line] | None = None  # a line on which somebody has asked for us; goes first, once
        self._cookies: Cookies | None = None
        self._making = threading.Lock()

    @property
    def _jar(self) -> Cookies:
        with self._making:
            if self._cookies is None:  # not before it is needed: a file may have to be read
                self._cookies = Cookies(self._access.cookies)
            return self._cookies

    def get(self, headers: Pairs, tick: Tick) -> Answer:
        """Ask the *requested* URL, every time: where it leads to may have changed since.

        ``headers`` are the caller's own (Range and the like); across origins only core.url.CROSS_ORIGIN_HEADERS go.
        Raises TransferError, and whatever ``tick`` raises.
        """
        asked = self._access.url
        if "@" in asked or "#" in asked:
            parts = urlsplit(asked)
            asked = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
        try:
            where = place(asked)
        except FOREIGN as error:
            raise translate(error, self._access.safe_url) from None
        return self._follow(where, tuple(headers), tick)

    def _follow(self, where: Place, headers: Pairs, tick: Tick) -> Answer:
        seen = {where.text}
        shy = False
        for _ in range(redirects.MOST + 1):
            text = where.text
            ours = origin(text) == self._home
            try:
                answer = self._ask(_Hop(where, text, ours=ours, shy=shy and not ours), headers, tick)
            except FOREIGN as error:
                raise translate(error, safe_url(text)) from None
            location = next((value for name, value in answer.headers if name == "location"), None)
            if answer.status not in redirects.FOLLOWED or location is None:
                return answer
            answer.close()
            where = place(redirects.follow(httpx.URL(text), location))
            shy = shy or answer.public
            if answer.sets_cookies:  # with a new cookie, a page that sent us on to log in may let us in
                seen.clear()
            if where.text in seen:
                break
            seen.add(where.text)
        raise redirects.too_many(httpx.URL(where.text))

    def _ask(self, hop: _Hop, headers: Pairs, tick: Tick) -> Answer:
        """Ask one server, as often as its challenge wants."""
        request = self._request(hop, headers)
        auth = self._access.auth_for(ours=hop.ours, target=origin(hop.text))
        if auth is None:
            return self._send(hop, request, tick)
        if auth is not self._access.auth:  # made for this request alone
            return self._converse(hop, request, tick, auth, Turns())
        order = turns(auth)
        while True:
            alone = order.begin(tick)
            let_in = False
            try:
                answer = self._converse(hop, request, tick, auth, order)
                let_in = answer.status != UNAUTHORIZED
            except BaseException:
                let_in = not alone  # nothing was learnt; nor was anybody in anybody's way
                raise
            finally:
                order.end(alone=alone, let_in=let_in)
            if let_in or alone:
                return answer
            answer.close()  # another thread may have used up what this one had been told: now one by one
            request = self._request(hop, headers)

    def _request(self, hop: _Hop, headers: Pairs) -> Request:
        fields = [pair for pair in headers if hop.ours or pair[0].lower() in CROSS_ORIGIN_HEADERS]
        fields += self._access.headers_for(ours=hop.ours)
        named = {name.lower() for name, _ in fields}
        fields += [(name, value) for name, value in DEFAULTS if name.lower() not in named]
        given = "; ".join(value for name, value in fields if name.lower() == "cookie")
        if cookie := self._jar.header(hop.text, given, ours=hop.ours):
            fields = [pair for pair in fields if pair[0].lower() != "cookie"] + [("Cookie", cookie)]
        sent = [(b"Host", hop.url.netloc), *((name.encode("ascii"), value.encode("ascii")) for name, value in fields)]
        return Request("GET", hop.url, sent, hop.text)

    def plain(self, headers: Pairs) -> tuple[Place, Hashable, bytes] | None:
        """Give the place that is asked first, the key of a line for it, and the request as it goes over that line.

        None where more than that has to be known or done: for credentials, cookies, proxies, a limit of requests, or
        where anything about the URL is out of the way. Raises TransferError.
        """
        access = self._access
        special = (access.auth, access.certificate, access.storage, self._pool.frequency.rate)
        if access.cookies or access.http2 or any(thing is not None for thing in special):
            return None
        if "@" in access.url or "#" in access.url or access.proxy_for(self._home) is not None:
            return None
        where = place(access.url)
        hop = _Hop(where, where.text, ours=True, shy=False)
        request = self._request(hop, headers)
        head = plainly(request.method, where.raw_path, request.fields)
        if head is None:
            return None
        return where, Route(access, where, self._home, ours=True, shy=False, proxy=None).key, head

    def as_values(self, headers: Pairs, line: Line) -> Prepared | None:
        """Give what ``plain`` has given as values, for another process; ``line`` is one that is kept for it."""
        where = place(self._access.url)
        request = self._request(_Hop(where, where.text, ours=True, shy=False), headers)
        route = Route(self._access, where, self._home, ours=True, shy=False, proxy=None)
        return preparing.prepared(request, route, line)

    def _converse(self, hop: _Hop, request: Request, tick: Tick, auth: httpx.Auth, order: Turns) -> Answer:
        flow = auth.sync_auth_flow(httpx.Request(request.method, request.text, headers=list(request.fields)))
        try:
            signed = order.step(flow, None)
            for _ in range(MAX_STEPS):
                answer = self._send(hop, Request.of(signed) if signed is not None else request, tick)
                try:
                    said = httpx.Response(answer.status, headers=list(answer.headers), request=signed)
                    signed = order.step(flow, said)
                except BaseException:
                    answer.close()
                    raise
                if signed is None:
                    return answer
                try:
                    read_out(answer.read_into, tick)
                finally:
                    answer.close()
        finally:
            flow.close()
        raise BadAnswer(f"{safe_url(hop.text)} asked for credentials again and again.")

    def _send(self, hop: _Hop, request: Request, tick: Tick) -> Answer:
        """Send one request, and keep the cookies that its answer sets. A flow of a person's own may ask elsewhere."""
        target = origin(request.text)
        self._pool.frequency.wait(target, tick)
        ours = hop.ours and target == self._home
        route = Route(self._access, request.url, target, ours, hop.shy, self._access.proxy_for(target))
        answer = self._over(route, request, tick)
        if (proxy := route.read_by_proxy) is not None and answer.status == PROXY_DENIED:
            answer.close()
            raise proxy.denied()
        answer.sets_cookies = self._jar.keep(request.text, answer.headers, ours=ours)
        return answer

    def _over(self, route: Route, request: Request, tick: Tick) -> Answer:
        """Send it over a kept line or a fresh one."""
        line = self._begun(route.key) or self._pool.take(route.key)
        if line is not None:
            line.heard = False
            try:
                return self._answer(line, route, request, tick)
            except OUTSIDE as error:
                # The server may have closed a kept line at this very moment (RFC 9112 §9.3.1): not its fault. And what
                # is heard on it may be left over from the answer before: only a fresh line shows how it speaks. Over
                # HTTP/2 there is always something to hear.
                wrong = translate(error, "")
                heard = line.heard and line.session is None
                if not isinstance(wrong, BadAnswer) and (heard or not isinstance(wrong, NetworkError)):
                    raise
        for http2 in (True, False) if self._access.http2 else (False,):
            line = route.open(self._patience, tick, http2=http2)
            try:
                return self._answer(line, route, request, tick)
            except HTTP11Wanted:
                continue
        raise BadAnswer(f"{safe_url(request.text)} wants HTTP/1.1, and does not speak it.")

    def _begun(self, key: Hashable) -> Line | None:
        begun, self.begun = self.begun, None
        if begun is None or begun[0] == key:
            return begun[1] if begun is not None else None
        begun[1].close()
        return None

    def close(self) -> None:
        """Let go of what nobody has asked for."""
        begun, self.begun = self.begun, None
        if begun is not None:
            begun[1].close()

    def _answer(self, line: Line, route: Route, request: Request, tick: Tick) -> Answer:
        within = self._patience.response
        try:
            if line.speaks_h2:
                from nbxfer.wire import http2

                head = http2.exchange(line, request, within, tick)
            else:
                head = exchange(line, request, within, tick, route.read_by_proxy)
            return Answer(request, head, line, self._pool, route)
        except BaseException:
            line.close()
            raise


@dataclass(frozen=True)
class _Hop:
    """One server on the way. ``ours``: the origin that may see secrets; ``shy``: see dial."""

    url: Place
    text: str
    ours: bool
    shy: bool
