"""Redirects: where they may lead, and that no secret goes along. Every case also on a resume."""

from __future__ import annotations

import base64
import itertools
import ssl
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from nbxfer.core.probe import Validator, Want
from nbxfer.core.url import CROSS_ORIGIN_HEADERS
from nbxfer.errors import BadAnswer, TransferError, WebErrorStatus
from nbxfer.sources.http import HttpSource
from nbxfer.wire import dial
from nbxfer.wire.access import Access, access
from nbxfer.wire.addresses import is_public
from nbxfer.wire.cookies import Cookies
from nbxfer.wire.credentials import Basic, Bearer
from nbxfer.wire.pool import Pool
from nbxfer.wire.redirects import follow
from tests.servers.reading import fetch, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest
from tests.servers.squid import PROGRAM, Squid

DATA = bytes(range(256)) * 100
N = len(DATA)
V = Validator("etag", '"v1"')
RESUME = Want(start=1000, pinned=V, size=N, overlap=100)
PART = Want(start=1000, stop=2000, pinned=V, size=N, part=True)
CODES = (300, 301, 302, 303, 305, 307, 308)
SECRET_HEADERS = (
    "Authorization Cookie X-Api-Key Private-Token X-Auth-Token Api-Key X-Goog-Api-Key X-Amz-Security-Token "
    "X-Vault-Token X-Custom Ocp-Apim-Subscription-Key X-Forwarded-For Referer From"
).split()


def to(where: Callable[[], str], code: int = 302, then: Script | None = None) -> Script:
    """Give the script that sends everybody somewhere else."""

    def script(asked: Asked, wire: Wire) -> None:
        if then is not None and asked.target == "/here":
            return then(asked, wire)
        return wire.answer(code, b"moved", f"Location: {where()}")

    return script


@pytest.fixture(scope="module")
def secure(authority: trustme.CA) -> ssl.SSLContext:
    """Give the TLS of the servers here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    return context


# -- the matrix -------------------------------------------------------------------------------------------------------
class Sink:
    """The other origin: everything that comes to it."""

    def __init__(self, server: Rogue) -> None:
        self.server = server

    def heard(self) -> str:
        """All that any request said, and forget it."""
        said = "".join(asked.raw.decode("latin-1") for asked in self.server.asked)
        self.server.asked.clear()
        return said


@pytest.fixture(scope="module")
def plain_sink() -> Iterator[Sink]:
    """Give another origin by its port."""
    with Rogue(honest(DATA)) as server:
        yield Sink(server)


@pytest.fixture(scope="module")
def secure_sink(secure: ssl.SSLContext) -> Iterator[Sink]:
    """Give another origin by its scheme."""
    with Rogue(honest(DATA), secure) as server:
        yield Sink(server)


def elsewhere(other: str, port: int) -> str:
    """Give a URL of another origin than http://127.0.0.1 with another port, by what is ``other`` in it."""
    return {
        "port": f"http://127.0.0.1:{port}/here",
        "scheme": f"https://127.0.0.1:{port}/here",
        "host": f"http://localhost:{port}/here",
        "userinfo": f"http://user:pass@127.0.0.1:{port}/here",
        "protocol-relative": f"//127.0.0.1:{port}/here",
    }[other]


def bytes_of(want: Want | None) -> bytes:
    """Give the bytes that answer ``want``."""
    return DATA if want is None else DATA[want.start : want.stop]


OTHERS = ("port", "scheme", "host", "userinfo", "protocol-relative")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("other", OTHERS)
def test_no_secret_leaves_its_origin(
    code: int, other: str, plain_sink: Sink, secure_sink: Sink, ca: str, canary: Callable[[str], str]
) -> None:
    """Seven codes, five ways to be another origin, 22 secrets: none arrives there, nor on a resume, nor with a part.

    All 14 headers are tried with one code, and the first of them with each.
    """
    sink = secure_sink if other == "scheme" else plain_sink
    where = elsewhere(other, sink.server.port)
    secret = canary("secret")
    ways: list[Callable[[str], Access]] = [
        *(
            lambda u, h=h: access(u, headers=[(h, secret)], verify=ca)
            for h in SECRET_HEADERS[: None if code == 302 else 1]
        ),
        lambda u: access(u, auth=("user", secret), verify=ca),
        lambda u: access(u, auth=Bearer(secret), verify=ca),
        lambda u: access(u, auth=httpx.DigestAuth("user", secret), verify=ca),
        lambda u: access(u.replace("://", f"://user:{secret}@"), verify=ca),
        lambda u: access(u + f"?token={secret}#{secret}", verify=ca),
        lambda u: access(u, cookies={"session": secret}, verify=ca),
        lambda u: access(u, cookies=httpx.Cookies(_jar(f"session={secret}; Domain=h.example")), verify=ca),
        lambda u: access(u, verify=ca),  # what the server sets on the way
    ]
    sets = f"Set-Cookie: kept={secret}; Path=/"
    with Rogue(lambda _, wire: wire.answer(code, b"moved", f"Location: {where}", sets)) as server:
        for way, want in itertools.product(ways, (None, RESUME, PART)):
            src = source(way(server.url()))
            for _ in range(2 if way is ways[-1] else 1):
                got = _tried(src, want)
                followed = code in (301, 302, 303, 307, 308) and other != "userinfo"
                assert got == (bytes_of(want) if followed else None)
                said = sink.heard()
                assert bool(said) == followed
                assert secret not in said
                assert "user" not in said.lower().replace("user-agent", "")
                assert "referer" not in said.lower()
                assert "cookie" not in said.lower()
                if followed and want is not None:
                    assert ('If-Match: "v1"' if want.part else 'If-Range: "v1"') in said
                    assert f"Range: bytes={want.start}-" in said
            src.close()
        heard = "".join(asked.raw.decode("latin-1") for asked in server.asked)
        assert secret in heard
        assert f"kept={secret}" in heard


def _jar(*values: str) -> CookieJar:
    """Give a jar with what https://h.example sets."""
    cookies = Cookies(())
    cookies.keep("https://h.example/", [("set-cookie", value) for value in values], ours=True)
    return cookies._jar


def _tried(src: HttpSource, want: Want | None) -> bytes | None:
    try:
        return read_all(opened(src, want))
    except TransferError:
        return None


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("other", ["host", "scheme"])
def test_what_says_whose_it_is_goes_to_nobody_else(
    code: int,
    other: str,
    plain_sink: Sink,
    secure_sink: Sink,
    ca: str,
    canary: Callable[[str], str],
    private_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Entries of a netrc file and cookies of a jar go to the hosts that they name, by whatever way one gets there."""
    sink = secure_sink if other == "scheme" else plain_sink
    secret = canary("secret")
    netrc = private_dir / "netrc"
    netrc.write_text(f"machine 127.0.0.2 login me password {secret}\ndefault login me password {secret}\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    file = private_dir / "cookies.txt"
    file.write_text(f"127.0.0.2\tFALSE\t/\tFALSE\t\tsession\t{secret}\n")
    server = Rogue(to(lambda: elsewhere(other, sink.server.port), code), host="127.0.0.2")
    with server:
        given: list[dict[str, Any]] = [{"auth": "netrc"}, {"cookies": str(file)}]
        for options, want in itertools.product(given, (None, RESUME, PART)):
            src = source(access(server.url(host="127.0.0.2"), verify=ca, **options))
            followed = code in (301, 302, 303, 307, 308)
            assert _tried(src, want) == (bytes_of(want) if followed else None)
            said = sink.heard()
            assert bool(said) == followed
            assert "authorization" not in said.lower()
            assert "cookie" not in said.lower()
            src.close()
        assert sum("authorization" in a.headers or "cookie" in a.headers for a in server.asked) == 6


@pytest.fixture(scope="module")
def guarded(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Squid]:
    """Give a squid that wants a password."""
    if PROGRAM is None:
        pytest.skip("squid is not installed")
    pem = tmp_path_factory.mktemp("squid") / "pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with Squid("someone", PROXY_SECRET, pem) as proxy:
        yield proxy


PROXY_SECRET = "nbxfercanaryproxy"


@pytest.mark.servers
@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("tls_proxy", [False, True], ids=["plain", "tls"])
def test_through_a_proxy(
    other: str,
    tls_proxy: bool,
    guarded: Squid,
    plain_sink: Sink,
    secure_sink: Sink,
    ca: str,
    canary: Callable[[str], str],
) -> None:
    """Neither secrets of the origin nor those of the proxy arrive elsewhere, by plain requests or by tunnels."""
    sink = secure_sink if other == "scheme" else plain_sink
    secret = canary("secret")
    proxy = guarded.url(f"someone:{PROXY_SECRET}", secure=tls_proxy)
    coded = base64.b64encode(f"someone:{PROXY_SECRET}".encode()).decode()
    ways: list[dict[str, Any]] = [
        *({"headers": [(h, secret)]} for h in SECRET_HEADERS), {"auth": ("user", secret)}, {"auth": Bearer(secret)},
        {"cookies": {"session": secret}},
    ]  # fmt: skip
    with Rogue(to(lambda: elsewhere(other, sink.server.port), 302)) as server:
        for options, want in itertools.product(ways, (None, RESUME, PART)):
            src = source(access(server.url(), verify=ca, proxy=proxy, **options))
            assert _tried(src, want) == (bytes_of(want) if other != "userinfo" else None)
            src.close()
            away, home = sink.heard(), "".join(asked.raw.decode("latin-1") for asked in server.asked)
            server.asked.clear()
            for said in (away, home):
                assert coded not in said
                assert PROXY_SECRET not in said
                assert "proxy-authorization" not in said.lower()
            assert secret not in away


def test_only_the_allow_list_crosses(plain_sink: Sink) -> None:
    """Across origins go the allow-listed headers of the person, and no other."""
    pairs = [("X-Mine", "1"), ("Accept", "text/csv"), ("User-Agent", "me"), ("Want-Repr-Digest", "sha-256=1")]
    with Rogue(to(lambda: plain_sink.server.url("/here"))) as server:
        fetch(access(server.url(), headers=pairs), RESUME)
    asked = plain_sink.server.asked[-1]
    plain_sink.heard()
    assert set(asked.headers) - {"host"} <= CROSS_ORIGIN_HEADERS
    assert (asked.headers["accept"], asked.headers["user-agent"]) == ("text/csv", "me")
    assert asked.headers["host"] == f"127.0.0.1:{plain_sink.server.port}"


def test_back_home(plain_sink: Sink) -> None:
    """Credentials are chosen by the origin of each request: at home they are given again."""
    with Rogue(lambda *_: None) as server:
        server.script = to(lambda: plain_sink.server.url("/away"), then=honest(DATA))
        plain_sink.server.script = to(lambda: server.url("/here"))
        try:
            assert fetch(access(server.url("/start"), auth=Basic("u", "p")))[1] == DATA
        finally:
            plain_sink.server.script = honest(DATA)
        assert ["authorization" in a.headers for a in server.asked] == [True, True]
        assert "authorization" not in plain_sink.server.asked[-1].headers
    plain_sink.heard()


def test_same_origin(canary: Callable[[str], str]) -> None:
    """Within one origin everything goes along, however the Location is written."""
    with Rogue(lambda *_: None) as server:
        for where in ("/here", "here", server.url("/here"), f"//127.0.0.1:{server.port}/here", "./x/../here#part"):
            server.script = to(lambda w=where: w, then=honest(DATA))  # type: ignore[misc]
            server.asked.clear()
            assert fetch(access(server.url("/start"), headers={"X-Api-Key": canary("key")}))[1] == DATA
            assert [a.headers["x-api-key"] for a in server.asked] == [canary("key")] * 2
            assert server.asked[1].target == "/here"


def test_every_resume_starts_at_the_requested_url() -> None:
    """Where a URL leads to may have changed: each request begins with the URL that was given."""
    with Rogue(honest(DATA)) as first, Rogue(honest(DATA)) as second, Rogue(lambda *_: None) as server:
        src = source(server.url("/start"))
        for target in (first, second):
            server.script = to(lambda t=target: t.url("/x"))  # type: ignore[misc]
            stream = opened(src, RESUME)
            assert stream.probe.final_url == target.url("/x")
            stream.close()
    assert (len(first.asked), len(second.asked), len(server.asked)) == (1, 1, 2)


# -- where they may lead ----------------------------------------------------------------------------------------------
def _refused(script: Script, path: str = "/start?token=hush") -> BadAnswer:
    with Rogue(script) as server, pytest.raises(BadAnswer) as caught:
        opened(source(server.url(path)))
    assert not caught.value.retryable
    assert "hush" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "where",
    ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "gopher://127.0.0.1/", "http://", "http://[::1", "http:///x",
     "http://a:b@127.0.0.1/", "http://127.0.0.1:99999/", "http://127.0.0.1:0/", "javascript:1", "http://\xe4\xf6%00/",
     "\\\\host\\share", f"http://xn--{'a' * 300}.example/"],
)  # fmt: skip
def test_redirects_to_nowhere(where: str) -> None:
    """Other schemes, credentials in the URL, and what is no URL are refused, and nobody is asked."""
    assert _refused(to(lambda: where)).status == WebErrorStatus.REDIRECT_FAILED


@pytest.mark.parametrize("hops", [10, 11])
def test_ten_are_enough(hops: int) -> None:
    """Ten redirects are followed, the eleventh is not."""

    def script(asked: Asked, wire: Wire) -> None:
        at = int(asked.target[1:])
        if at == hops:
            return honest(DATA)(asked, wire)
        return wire.answer(302, b"", f"Location: /{at + 1}")

    if hops == 10:
        with Rogue(script) as server:
            assert fetch(server.url("/0"))[1] == DATA
    else:
        assert _refused(script, "/0").status == WebErrorStatus.REDIRECT_FAILED


@pytest.mark.parametrize("circle", [["/a", "/a"], ["/a", "/b", "/a"], ["/start?token=hush"], ["/start?token=hush#x"]])
def test_circles(circle: list[str]) -> None:
    """A URL that comes again ends it at once."""
    steps = iter(circle)
    seen: list[str] = []

    def script(asked: Asked, wire: Wire) -> None:
        seen.append(asked.target)
        wire.answer(302, b"", f"Location: {next(steps)}")

    assert _refused(script).status == WebErrorStatus.REDIRECT_FAILED
    assert len(seen) == len(circle)


def test_down_to_http(secure: ssl.SSLContext, ca: str) -> None:
    """From https to http is refused, with a status of its own, and nobody is asked there."""
    with Rogue(honest(DATA)) as plain, Rogue(to(plain.url), secure) as server:
        with pytest.raises(BadAnswer) as caught:
            opened(source(access(server.url(), verify=ca)))
        assert not plain.asked
    assert caught.value.status == WebErrorStatus.HTTPS_TO_HTTP_ON_REDIRECTION
    assert caught.value.hint


def test_bodies_of_redirects_are_not_read() -> None:
    """The body of a redirect, however long, is left where it is."""

    def script(asked: Asked, wire: Wire) -> None:
        if asked.target == "/here":
            return honest(DATA)(asked, wire)
        wire.send(b"HTTP/1.1 302 Found\r\nLocation: /here\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 100_000)
        return None

    with Rogue(script) as server:
        assert fetch(server.url("/start"))[1] == DATA
    assert server.connections == 2


def test_from_the_internet_into_a_private_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on the public internet may not send us to this machine or its network, by no connection."""
    public: set[str] = set()
    monkeypatch.setattr(dial, "is_public", lambda address: address in public)
    pool = Pool()
    with Rogue(honest(DATA)) as inner, Rogue(lambda *_: None, host="127.0.0.2") as outer:
        outer.script = to(inner.url)
        way = access(outer.url("/start", "127.0.0.2"))
        inner_way = access(inner.url())
        for seen_as_public, asked in ((set(), True), ({"127.0.0.2"}, False), ({"127.0.0.1", "127.0.0.2"}, True)):
            public |= seen_as_public
            # A connection to the inner server, open from before, is no way round.
            for kept in (False, True):
                if kept:
                    read_all(opened(HttpSource(inner_way, pool=pool)))
                inner.asked.clear()
                if asked:
                    assert read_all(opened(HttpSource(way, pool=pool))) == DATA
                else:
                    with pytest.raises(BadAnswer, match="private network"):
                        opened(HttpSource(way, pool=pool))
                assert bool(inner.asked) is asked
                pool.close()
                pool = Pool()
    pool.close()


@pytest.mark.parametrize(
    ("address", "public"),
    [("8.8.8.8", True), ("2606:4700::1111", True), ("127.0.0.1", False), ("10.1.2.3", False), ("192.168.1.1", False),
     ("169.254.169.254", False), ("100.64.0.1", False), ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False),
     ("::ffff:127.0.0.1", False), ("::ffff:8.8.8.8", True), ("0.0.0.0", False)],
)  # fmt: skip
def test_what_is_public(address: str, public: bool) -> None:
    """Loopback, link-local, private and shared addresses are not the internet, in whatever form they are written."""
    assert is_public(address) is public


def test_follow_keeps_the_escapes() -> None:
    """A signed Location is followed to the letter."""
    here = httpx.URL("https://h/a/b?x=1")
    signed = "https://s3/b/k%2Fk%20.gz?X-Amz-Signature=ab%2Bc%3D&y=a+b"
    assert str(follow(here, signed)) == signed
    assert str(follow(here, "?y=2")) == "https://h/a/b?y=2"
