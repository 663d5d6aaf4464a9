"""Credentials as httpx signs requests with them; imported only when a request is made."""

from __future__ import annotations

import netrc
import os
import threading
import weakref
from collections.abc import Callable, Generator
from typing import Final

import httpx

from nbxfer.errors import InvalidRequest, NeedsAttention, TransferError
from nbxfer.wire.credentials import Auth, Basic, Bearer
from nbxfer.wire.lookup import look_up, user_and_password
from nbxfer.wire.sockets import POLL, Tick
from nbxfer.wire.translate import OUTSIDE

#: How many answers one auth flow may ask for (a challenge needs two).
MAX_STEPS: Final = 5
#: So much of a challenge's page is read (bytes), so that its connection can go on.
CHALLENGE: Final = 64 * 1024


class TokenAuth(httpx.Auth):
    """Sends one bearer token (RFC 6750 §2.1)."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, and ask once."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def signer(auth: Auth, host: str = "") -> httpx.Auth | None:
    """Give what signs requests to ``host``, with references looked up now.

    Raises NeedsAttention where a reference leads nowhere, or the netrc file cannot be read.
    """
    match auth:
        case None:
            return None
        case Basic():
            return httpx.BasicAuth(*user_and_password(auth))
        case Bearer(token):
            return TokenAuth(look_up(token))
        case str():
            return from_netrc(host, default=True)
        case _:
            return auth


def from_netrc(host: str, *, default: bool) -> httpx.Auth | None:
    """Give what the netrc file has for ``host``, else what it has for every host (only where ``default``).

    Raises NeedsAttention where it cannot be read.
    """
    try:
        book = netrc.netrc(os.environ.get("NETRC"))  # unset: ~/.netrc
    except (OSError, netrc.NetrcParseError, ValueError):  # what it says may hold a password
        raise NeedsAttention(
            "The netrc file, which holds the credentials, cannot be read.", hint="Mend it, or give auth=."
        ) from None
    entry = book.hosts.get(host) or (book.hosts.get("default") if default else None)
    return httpx.BasicAuth(entry[0] or "", entry[2] or "") if entry and entry[2] else None


class Turns:
    """One auth object in the hands of several threads: its steps are taken one at a time.

    Until it has signed a request that was let in, whole conversations are: the first one learns the challenge (the
    nonce of RFC 7616 §3.4, a token), and those that follow count on from there, side by side. Where that goes wrong,
    as with nonces that count once only, it is one at a time from then on.
    """

    def __init__(self) -> None:
        self._step = threading.Lock()
        self._change = threading.Condition()
        self._inside = 0
        self._together = self._one_by_one = False

    def begin(self, tick: Tick) -> bool:
        """Wait for one's turn, calling ``tick`` meanwhile; say whether nobody else is at it. ``end`` follows."""
        while True:
            tick()
            with self._change:
                if self._together or not self._inside:
                    self._inside += 1
                    return not self._together
                self._change.wait(POLL)

    def end(self, *, alone: bool, let_in: bool) -> None:
        """Let the next one go on; with all the others where the server has let in who was ``alone``."""
        with self._change:
            self._inside -= 1
            if alone and let_in and not self._one_by_one:
                self._together = True
            elif not alone and not let_in:
                self._together, self._one_by_one = False, True
            self._change.notify_all()

    def step(
        self, flow: Generator[httpx.Request, httpx.Response, None], said: httpx.Response | None
    ) -> httpx.Request | None:
        """Give the next request of a flow, None when it is content. A person's own flow may raise anything."""
        try:
            with self._step:
                return next(flow) if said is None else flow.send(said)
        except StopIteration:
            return None
        except OUTSIDE:
            raise
        except Exception as error:  # noqa: BLE001 (it is not our code that runs there)
            raise InvalidRequest(
                f"The auth object failed ({type(error).__name__}).", hint="Mend it, or give another."
            ) from None


_turns: dict[int, Turns] = {}
_any: Final = Turns()
_making = threading.Lock()


def turns(auth: httpx.Auth) -> Turns:
    """Give the turns of an auth object, which may serve many transfers at once."""
    with _making:
        found = _turns.get(id(auth))
        if found is None:
            try:
                weakref.finalize(auth, _turns.pop, id(auth), None).atexit = False
            except TypeError:  # it cannot be watched: all of these take turns together
                return _any
            found = _turns[id(auth)] = Turns()
        return found


def read_out(read_into: Callable[[memoryview], int], tick: Tick) -> None:
    """Read what a challenge says, so that its line can go to the next step: NTLM is bound to the connection."""
    room, left = memoryview(bytearray(4096)), CHALLENGE
    try:
        while left > 0 and (got := read_into(room)) != 0:
            tick()
            left -= max(got, 0)
    except TransferError:  # then it is another line
        return
