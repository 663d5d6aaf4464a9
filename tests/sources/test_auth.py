"""Credentials on the wire: given to their own server, in as many steps as its challenge takes."""

from __future__ import annotations

import contextlib
import hashlib
import re
import threading
from collections.abc import Generator

import httpx
import pytest

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import AccessDenied, BadAnswer, InvalidRequest, NeedsAttention
from nbxfer.sources.base import Stopped
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import access
from nbxfer.wire.credentials import Bearer
from tests.servers.reading import GO_ON, fetch, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Wire, honest

DATA = b"x" * 10_000


def _guarded(asked: Asked, wire: Wire) -> None:
    if asked.headers.get("authorization") not in ("Basic dTpw", "Bearer t0k3n"):
        return wire.answer(401, b"who?", 'WWW-Authenticate: Basic realm="x"')
    return honest(DATA)(asked, wire)


def _digest(asked: Asked, wire: Wire) -> None:
    if not asked.headers.get("authorization", "").startswith('Digest username="u"'):
        return wire.answer(401, b"who?", 'WWW-Authenticate: Digest realm="x", nonce="n", qop="auth", algorithm=SHA-256')
    return honest(DATA)(asked, wire)


def test_basic_and_bearer() -> None:
    """A user and password, as an option or in the URL, and a token."""
    with Rogue(_guarded) as server:
        for way in (
            access(server.url(), auth=("u", "p")),
            access(server.url().replace("//", "//u:p@")),
            access(server.url(), auth=Bearer("t0k3n")),
            access(server.url(), headers={"Authorization": "Bearer t0k3n"}),
        ):
            assert fetch(way)[1] == DATA
        with pytest.raises(AccessDenied) as caught:
            opened(source(server.url()))
    assert (caught.value.http_status, caught.value.retryable) == (401, False)
    assert "@" not in server.asked[1].raw.decode()


def test_digest() -> None:
    """A challenge is answered over the same connection, on a resume as well."""
    with Rogue(_digest) as server:
        assert fetch(access(server.url(), auth=httpx.DigestAuth("u", "p")))[1] == DATA
        assert fetch(access(server.url(), auth=httpx.DigestAuth("u", "p")), Want(start=9_000))[1] == DATA[9_000:]
    assert [a.connection for a in server.asked] == [0, 0, 1, 1]


class Strict:
    """A server that takes each (nonce, nc) once, and holds the answer against the password (RFC 7616 §3.4)."""

    def __init__(self, *, life: int = 1_000_000) -> None:
        self._life, self._lock = life, threading.Lock()
        self._nonces: dict[str, int] = {}
        self._used: set[tuple[str, str]] = set()
        self.replayed = self.challenges = 0

    def __call__(self, asked: Asked, wire: Wire) -> None:
        fields = dict(re.findall(r'(\w+)="?([^",]+)"?', asked.headers.get("authorization", "")))
        with self._lock:
            good = self._good(fields, asked.target)
            if not good:
                self.challenges += 1
                nonce = f"n{self.challenges}"
                self._nonces[nonce] = self._life
        if good:
            return honest(DATA)(asked, wire)
        challenge = f'WWW-Authenticate: Digest realm="r", nonce="{nonce}", qop="auth", algorithm=SHA-256'
        return wire.answer(401, b"who?", challenge)

    def _good(self, f: dict[str, str], target: str) -> bool:
        nonce, count = f.get("nonce", ""), f.get("nc", "")
        if self._nonces.get(nonce, 0) <= 0:
            return False
        if (nonce, count) in self._used:
            self.replayed += 1
            return False
        self._used.add((nonce, count))
        self._nonces[nonce] -= 1
        first, second = (_hash(text) for text in ("u:r:p", f"GET:{target}"))
        return f["response"] == _hash(f"{first}:{nonce}:{count}:{f['cnonce']}:auth:{second}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("life", [1_000_000, 3, 1], ids=["one-nonce", "that-expire", "that-count-once"])
@pytest.mark.parametrize("operations", [1, 4])
def test_digest_of_many_at_once(life: int, operations: int) -> None:
    """Parts that are asked for at the same time, of several files by one auth object, each count on."""
    auth = httpx.DigestAuth("u", "p")
    got: list[bytes] = []
    errors: list[BaseException] = []

    def parts(src: HttpSource, start: int) -> None:
        try:
            for _ in range(4):
                want = Want(start, start + 1000, Validator("etag", '"v1"'), len(DATA), part=True)
                got.append(read_all(opened(src, want)))
        except BaseException as error:
            errors.append(error)

    strict = Strict(life=life)
    with Rogue(strict) as server:
        sources = [source(access(server.url(f"/{i}"), auth=auth)) for i in range(operations)]
        threads = [threading.Thread(target=parts, args=(s, i * 1000)) for s in sources for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors
    assert got == [b"x" * 1000] * (32 * operations)
    assert strict.replayed == 0
    if life > 3:
        assert strict.challenges == 1  # the others count on from what the first one has learnt


def test_waiting_for_ones_turn_can_be_stopped() -> None:
    """Who waits until another has found out how to sign comes home when he is told to."""
    auth = httpx.DigestAuth("u", "p")
    stop = threading.Event()
    with Rogue(lambda _, wire: wire.hang()) as server:
        first = threading.Thread(target=lambda: _quietly(server.url(), auth, stop))
        first.start()
        while not server.asked:
            stop.wait(0.01)
        second = threading.Thread(target=lambda: _quietly(server.url(), auth, stop))
        second.start()
        second.join(0.3)
        assert second.is_alive()
        assert len(server.asked) == 1
        stop.set()
        for thread in (first, second):
            thread.join(2)
            assert not thread.is_alive()


def _quietly(url: str, auth: httpx.Auth, stop: threading.Event) -> None:
    with contextlib.suppress(Stopped):
        source(access(url, auth=auth)).open(Want(), stop)


class _Endless(httpx.Auth):
    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        while True:
            yield request


class _Broken(httpx.Auth):
    def __init__(self, when: int) -> None:
        self.when = when

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        for step in range(3):
            if step == self.when:
                raise KeyError("hush")
            yield request


def test_flows_of_ones_own() -> None:
    """A flow that never ends is ended; one that fails is named as what failed, without its words."""
    with Rogue(honest(DATA)) as server:
        with pytest.raises(BadAnswer):
            opened(source(access(server.url(), auth=_Endless())))
        assert len(server.asked) == 5
        for when in (0, 1):
            with pytest.raises(InvalidRequest, match="KeyError") as caught:
                opened(source(access(server.url(), auth=_Broken(when))))
            assert "hush" not in str(caught.value)


def test_a_challenge_that_makes_no_sense() -> None:
    """A challenge that cannot be read is a bad answer."""
    with (
        Rogue(lambda _, wire: wire.answer(401, b"", "WWW-Authenticate: Digest nonsense")) as server,
        pytest.raises(BadAnswer),
    ):
        opened(source(access(server.url(), auth=httpx.DigestAuth("u", "p"))))


def test_a_reference_that_leads_nowhere() -> None:
    """Where the variable is not set, nobody is asked, and a person is told its name."""
    with Rogue(honest(DATA)) as server:
        with pytest.raises(NeedsAttention, match="NO_SUCH_TOKEN"):
            source(access(server.url(), auth=Bearer("env:NO_SUCH_TOKEN"))).open(Want(), GO_ON)
        assert not server.asked


@pytest.mark.parametrize(
    "target",
    ["/a%2Fb%20c%7e", "/?sig=a%2Bb%3D%3D&x=a+b&y=%C3%BC", "/a;b=c,d/e@f:g", "/a'b(c)!*$", "/?", "/?a=[1]&b={2}"],
)
def test_the_target_as_it_was_given(target: str) -> None:
    """A path and query arrive as they were written: signatures are over the very bytes."""
    with Rogue(honest(DATA)) as server:
        fetch(server.url(target) + "#fragment")
    (asked,) = server.asked
    assert asked.target in (target, target.replace("{", "%7B").replace("}", "%7D"), target.rstrip("?"))
