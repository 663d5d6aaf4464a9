"""One GET, all the way to an answer with an open body: credentials, redirects, lines from the pool."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from nbxfer.core.policy import Patience
from nbxfer.core.url import CROSS_ORIGIN_HEADERS, origin, safe_url
from nbxfer.errors import BadAnswer, InvalidRequest, NetworkError
from nbxfer.wire import redirects, tls
from nbxfer.wire.access import Access
from nbxfer.wire.body import open_body
from nbxfer.wire.dial import dial
from nbxfer.wire.exchange import Head, exchange
from nbxfer.wire.pool import Pool, pool_key
from nbxfer.wire.signing import MAX_STEPS
from nbxfer.wire.sockets import Line, Tick
from nbxfer.wire.translate import FOREIGN, OUTSIDE, translate

#: What every request says; a person may say the first two otherwise.
DEFAULTS: Final = (("User-Agent", "nbxfer"), ("Accept", "*/*"), ("Accept-Encoding", "identity"))

Pairs = Iterable[tuple[str, str]]


class Answer:
    """The final answer to a GET: status, headers (lower-case names), and the body, not yet read.

    ``sent`` names those headers of the caller's that reached the server which answered (lower case); ``public`` says
    whether that server has an address on the public internet.
    """

    def __init__(self, url: httpx.URL, head: Head, line: Line, pool: Pool, key: Hashable, sent: frozenset[str]) -> None:
        self.status, self.headers, self.sent = head.status, head.headers, sent
        self.safe_url = safe_url(str(url))
        self.public = line.public
        self.path = url.path
        self._body = open_body(line, head, lambda fit: pool.put(key, line) if fit else line.close())

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

    def close(self) -> None:
        """Let the line go: back to the pool when the body has been read to its end. Never raises."""
        self._body.close()


class Client:
    """Asks the source that ``access`` leads to. Blocking; several threads may ask at once."""

    def __init__(self, access: Access, patience: Patience, pool: Pool) -> None:
        self._access, self._patience, self._pool = access, patience, pool

    def get(self, headers: Pairs, tick: Tick) -> Answer:
        """Ask the *requested* URL, every time: where it leads to may have changed since.

        ``headers`` are the caller's own (Range and the like); across origins only core.url.CROSS_ORIGIN_HEADERS go.
        Raises TransferError, and whatever ``tick`` raises.
        """
        parts = urlsplit(self._access.url)
        try:
            url = httpx.URL(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment="")))
        except FOREIGN as error:
            raise translate(error, self._access.safe_url) from None
        return self._follow(url, tuple(headers), tick)

    def _follow(self, url: httpx.URL, headers: Pairs, tick: Tick) -> Answer:
        home = origin(str(url))
        seen = {url}
        shy = False
        for _ in range(redirects.MOST + 1):
            ours = origin(str(url)) == home
            try:
                answer = self._ask(_Hop(url, ours=ours, shy=shy and not ours), headers, tick)
            except FOREIGN as error:
                raise translate(error, safe_url(str(url))) from None
            location = next((value for name, value in answer.headers if name == "location"), None)
            if answer.status not in redirects.FOLLOWED or location is None:
                return answer
            answer.close()
            url = redirects.follow(url, location)
            shy = shy or answer.public
            if url in seen:
                break
            seen.add(url)
        raise redirects.too_many(url)

    def _ask(self, hop: _Hop, headers: Pairs, tick: Tick) -> Answer:
        """Ask one server, as often as its challenge wants."""
        own = [pair for pair in headers if hop.ours or pair[0].lower() in CROSS_ORIGIN_HEADERS]
        theirs = self._access.headers_for(ours=hop.ours)
        named = {name.lower() for name, _ in theirs}
        defaults = [pair for pair in DEFAULTS if pair[0].lower() not in named]
        request = httpx.Request("GET", hop.url, headers=[*defaults, *theirs, *own])
        sent = frozenset(name.lower() for name, _ in own)
        auth = self._access.auth_for(ours=hop.ours)
        if auth is None:
            return self._send(hop, request, sent, tick)
        flow = auth.sync_auth_flow(request)
        try:
            signed = _next(flow, None)
            for _ in range(MAX_STEPS):
                answer = self._send(hop, signed or request, sent, tick)
                try:
                    signed = _next(flow, httpx.Response(answer.status, headers=list(answer.headers), request=signed))
                except BaseException:
                    answer.close()
                    raise
                if signed is None:
                    return answer
                answer.close()
        finally:
            flow.close()
        raise BadAnswer(f"{safe_url(str(hop.url))} asked for credentials again and again.")

    def _send(self, hop: _Hop, request: httpx.Request, sent: frozenset[str], tick: Tick) -> Answer:
        """Send one request over a kept line or a fresh one. A flow of a person's own may ask another origin."""
        target = origin(str(request.url))
        key = pool_key(self._access, target, ours=hop.ours, shy=hop.shy)
        within = self._patience.response
        line = self._pool.take(key)
        if line is not None:
            line.heard = False
            try:
                return Answer(request.url, exchange(line, request, within, tick), line, self._pool, key, sent)
            except OUTSIDE as error:
                line.close()
                # The server may have closed a kept line at this very moment (RFC 9112 §9.3.1): not its fault. And what
                # is heard on it may be left over from the answer before: only a fresh line shows how it speaks.
                wrong = translate(error, "")
                if not isinstance(wrong, BadAnswer) and (line.heard or not isinstance(wrong, NetworkError)):
                    raise
            except BaseException:
                line.close()
                raise
        trust = tls.context(self._access.verify) if target[0] == "https" else None
        line = dial(request.url.raw_host, target[2], trust=trust, within=self._patience.connect, tick=tick, shy=hop.shy)
        try:
            return Answer(request.url, exchange(line, request, within, tick), line, self._pool, key, sent)
        except BaseException:
            line.close()
            raise


@dataclass(frozen=True)
class _Hop:
    """One server on the way. ``ours``: the origin that may see secrets; ``shy``: see dial."""

    url: httpx.URL
    ours: bool
    shy: bool


def _next(flow: Generator[httpx.Request, httpx.Response, None], said: httpx.Response | None) -> httpx.Request | None:
    """Give the next request of an auth flow, None when it is content. A person's own flow may raise anything."""
    try:
        return next(flow) if said is None else flow.send(said)
    except StopIteration:
        return None
    except OUTSIDE:
        raise
    except Exception as error:  # noqa: BLE001 (it is not our code that runs there)
        raise InvalidRequest(
            f"The auth object failed ({type(error).__name__}).", hint="Mend it, or give another."
        ) from None
