"""Proxies: which one is taken, what it is told, and what the server behind it hears of that."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator, Want
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    CertificateRefused,
    InvalidRequest,
    NetworkError,
    Offline,
    ServerBusy,
    TransferError,
    TransferTimeout,
    WebErrorStatus,
)
from nbxfer.wire import proxies
from nbxfer.wire.access import access
from nbxfer.wire.addresses import sounds_public
from nbxfer.wire.credentials import Basic
from nbxfer.wire.proxies import of_environment, parse_proxy
from tests.servers.processes import free_port
from tests.servers.reading import fetch, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Wire, honest
from tests.servers.socks import Socks
from tests.servers.squid import Squid
from tests.wire.conftest import PASSWORD, USER

DATA = bytes(range(256)) * 4000
RESUME = Want(start=1000, pinned=Validator("etag", '"v1"'), size=len(DATA), overlap=100)
USERINFO = f"{USER}:{quote(PASSWORD, safe='')}"
BASIC = "Basic c29tZW9uZTpuYnhmZXJjYW5hcnk6b2ZAdGhlL3Byb3h5"


# -- through a real one -----------------------------------------------------------------------------------------------
@pytest.mark.servers
@pytest.mark.parametrize("tls_proxy", [False, True], ids=["to-the-proxy-plain", "to-the-proxy-by-tls"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("given", ["url", "option", "reference", "environment"])
def test_through_squid(
    tls_proxy: bool,
    tls: bool,
    given: str,
    guarded: Squid,
    secure: ssl.SSLContext,
    ca: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Plain requests and tunnels bring the right bytes, on a resume too; the password goes to the proxy alone."""
    ways: dict[str, dict[str, Any]] = {
        "url": {"proxy": guarded.url(USERINFO, secure=tls_proxy)},
        "option": {"proxy": guarded.url(secure=tls_proxy), "proxy_auth": (USER, PASSWORD)},
        "reference": {"proxy": guarded.url(secure=tls_proxy), "proxy_auth": Basic("env:PROXY_U", "env:PROXY_P")},
        "environment": {},
    }
    way = ways[given]
    monkeypatch.setenv("PROXY_U", USER)
    monkeypatch.setenv("PROXY_P", PASSWORD)
    if given == "environment":
        monkeypatch.setenv("https_proxy" if tls else "http_proxy", guarded.url(USERINFO, secure=tls_proxy))
    before = len(guarded.requests())
    with Rogue(honest(DATA), secure if tls else None) as server:
        made = access(server.url(), verify=ca, **way)
        assert PASSWORD not in repr(made)
        assert fetch(made)[1] == DATA
        assert fetch(made, RESUME)[1] == DATA[1000:]
        heard = "".join(asked.raw.decode("latin-1") for asked in server.asked).lower()
    assert "proxy-authorization" not in heard
    assert BASIC.lower() not in heard
    log = [line for line in guarded.requests()[before:] if str(server.port) in line]
    assert all((f"CONNECT 127.0.0.1:{server.port}" if tls else f"GET {server.url()}") in line for line in log)
    assert len(log) == 2


@pytest.mark.servers
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("auth", [None, (USER, "wrong")])
def test_a_proxy_that_knows_us_not(
    tls: bool, auth: tuple[str, str] | None, guarded: Squid, secure: ssl.SSLContext, ca: str
) -> None:
    """407 is a refusal with a status of its own, and nobody behind the proxy is asked."""
    with Rogue(honest(DATA), secure if tls else None) as server:
        with pytest.raises(AccessDenied) as caught:
            opened(source(access(server.url("/x?token=hush"), verify=ca, proxy=guarded.url(), proxy_auth=auth)))
        assert not server.asked
    error = caught.value
    assert (error.status, error.http_status) == (WebErrorStatus.PROXY_AUTH, 407)
    assert "The proxy http://127.0.0.1" in error.message
    assert "hush" not in str(error)
    assert "wrong" not in str(error)


@pytest.mark.servers
def test_the_real_host_is_verified(squid: Squid, secure: ssl.SSLContext, ca: str) -> None:
    """Through a tunnel the server's own certificate is looked at; that of the proxy is looked at, too."""
    with Rogue(honest(DATA), secure) as server:
        with pytest.raises(CertificateRefused) as caught:
            opened(source(access(server.url(), proxy=squid.url())))
        assert "The proxy" not in caught.value.message
        with pytest.raises(CertificateRefused, match=r"The proxy cannot be used\. The certificate of https://127"):
            opened(source(access(server.url(), proxy=squid.url(secure=True))))
        assert not server.asked


@pytest.mark.servers
def test_a_tunnel_is_used_again(squid: Squid, secure: ssl.SSLContext, ca: str) -> None:
    """A second request goes over the same tunnel; a straight one has a line of its own."""
    before = len(squid.requests())
    with Rogue(honest(DATA), secure) as server:
        src = source(access(server.url(), verify=ca, proxy=squid.url()))
        for _ in range(3):
            assert read_all(opened(src)) == DATA
        assert server.connections == 1
        assert fetch(access(server.url(), verify=ca))[1] == DATA
        assert server.connections == 2
        src.close()
    deadline = time.monotonic() + 5
    while len(squid.requests()) == before and time.monotonic() < deadline:  # a tunnel is logged when it is closed
        time.sleep(0.01)
    assert sum(f"127.0.0.1:{server.port}" in line for line in squid.requests()[before:]) == 1


@pytest.mark.servers
def test_each_hop_has_its_proxy(
    squid: Squid, guarded: Squid, secure: ssl.SSLContext, ca: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A redirect to https goes through the proxy for https, one to an exempt host through none."""
    monkeypatch.setenv("http_proxy", squid.url())
    monkeypatch.setenv("https_proxy", guarded.url(USERINFO))
    for exempt in (False, True):
        logs = [len(squid.requests()), len(guarded.requests())]
        with Rogue(honest(DATA), secure) as there:
            monkeypatch.setenv("no_proxy", f"127.0.0.1:{there.port}" if exempt else "")
            with Rogue(lambda _, wire: wire.answer(302, b"", f"Location: {there.url()}")) as here:
                assert fetch(access(here.url(), verify=ca))[1] == DATA
        new = [squid.requests()[logs[0] :], guarded.requests()[logs[1] :]]
        assert sum(here.url() in line for line in new[0]) == 1
        assert sum(f":{there.port}" in line for line in new[1]) == (0 if exempt else 1)


# -- which one --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("environment", "target", "proxy"),
    [
        ({}, ("http", "h.example", 80), None),
        ({"http_proxy": "http://p:1"}, ("http", "h.example", 80), "http://p:1"),
        ({"http_proxy": "http://p:1"}, ("https", "h.example", 443), None),
        ({"HTTPS_PROXY": "p:1"}, ("https", "h.example", 443), "http://p:1"),
        ({"HTTP_PROXY": "http://upper:1", "http_proxy": "http://lower:1"}, ("http", "h", 80), "http://lower:1"),
        ({"HTTP_PROXY": "http://p:1", "http_proxy": ""}, ("http", "h", 80), None),
        ({"all_proxy": "socks5://p"}, ("https", "h", 443), "socks5://p:1080"),
        ({"all_proxy": "http://a:1", "http_proxy": "http://p:1"}, ("http", "h", 80), "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"}, ("http", "h", 80), None),
        ({"http_proxy": "http://p:1", "REQUEST_METHOD": "GET"}, ("http", "h", 80), "http://p:1"),
        ({"http_proxy": "http://p:1", "no_proxy": "example"}, ("http", "h.example", 80), None),
        ({"http_proxy": "http://p:1", "no_proxy": ".example"}, ("http", "h.example", 80), None),
        ({"http_proxy": "http://p:1", "no_proxy": "a, h.example"}, ("http", "h.example", 80), None),
        ({"http_proxy": "http://p:1", "no_proxy": "ample"}, ("http", "h.example", 80), "http://p:1"),
        ({"http_proxy": "http://p:1", "no_proxy": "h.example:81"}, ("http", "h.example", 80), "http://p:1"),
        ({"http_proxy": "http://p:1", "no_proxy": "h.example:80"}, ("http", "h.example", 80), None),
        ({"http_proxy": "http://p:1", "no_proxy": "a,*"}, ("http", "h.example", 80), None),
        ({"http_proxy": "http://p:1", "NO_PROXY": "127.0.0.1"}, ("http", "127.0.0.1", 80), None),
        ({"http_proxy": "http://p:1", "no_proxy": "::1"}, ("http", "::1", 80), None),
        ({"http_proxy": "http://u:p@p:1"}, ("http", "h", 80), "http://p:1"),
    ],
)
def test_the_environment(
    environment: dict[str, str], target: tuple[str, str, int], proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables for each scheme and for all, lower case first, with exemptions; a web server's are not believed."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = of_environment(target)
    assert (found.url if found else None) == proxy
    shown = f"[{target[1]}]" if ":" in target[1] else target[1]
    url = f"{target[0]}://{shown}/"
    assert access(url, trust_env=False).proxy_for(target) is None
    assert access(url, proxy="").proxy_for(target) is None
    assert access(url, proxy=False).proxy_for(target) is None
    given = access(url, proxy="http://mine:1").proxy_for(target)
    assert given is not None
    assert given.url == "http://mine:1"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("p", "http://p:80"), ("p:3128", "http://p:3128"), ("HTTP://P/", "http://p:80"), ("https://p", "https://p:443"),
        ("socks5://p", "socks5://p:1080"), ("socks5h://u:hush@p:9", "socks5h://p:9"), ("http://[::1]:1", "http://[::1]:1"),
        ("http://b\u00fccher.example:1", "http://xn--bcher-kva.example:1"),
    ],
)  # fmt: skip
def test_how_it_is_written(text: str, url: str) -> None:
    """A host is enough; what is shown has no password."""
    made = parse_proxy(text)
    assert made.url == url
    assert "hush" not in repr(made)


@pytest.mark.parametrize(
    "options",
    [
        {"proxy": "ftp://u:hush@p:1"}, {"proxy": "socks4://hush@p"}, {"proxy": "http://p:99999"}, {"proxy": "http://"},
        {"proxy": "http://p:1/path?hush"}, {"proxy": "http://[hush"}, {"proxy": 5}, {"proxy": True}, {"proxy": "a b"},
        {"proxy": "http://p:0"}, {"proxy": "http://u:hush@p", "proxy_auth": ("u", "hush")},
        {"proxy": False, "proxy_auth": ("u", "hush")}, {"trust_env": False, "proxy_auth": ("u", "hush")},
        {"proxy": "p", "proxy_auth": "hush"}, {"proxy": "p", "proxy_auth": ("hush",)}, {"proxy": "p", "proxy_auth": 5},
        {"proxy": "p", "proxy_auth": "bearer env:X"}, {"trust_env": "hush"},
    ],
)  # fmt: skip
def test_what_is_no_proxy(options: dict[str, Any]) -> None:
    """What cannot be a proxy is refused before anything moves, without its password."""
    with pytest.raises(InvalidRequest) as caught:
        access("http://h.example/", **options)
    assert "hush" not in str(caught.value).replace("trust_env='hush'", "")
    assert caught.value.hint or "neither True nor False" in str(caught.value)


def test_a_variable_that_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names no proxy is told by its name, before anything moves."""
    monkeypatch.setenv("all_proxy", "ftp://u:hush@p:1")
    with pytest.raises(InvalidRequest, match="all_proxy, in the environment") as caught:
        access("http://h.example/")
    assert "hush" not in str(caught.value)
    access("http://h.example/", trust_env=False)


def test_what_is_stored() -> None:
    """A password by reference is stored as such; a literal one has to be given again."""
    made = access("http://h/", proxy="http://u:hush@p:1")
    assert (made.proxy, made.references, made.needs) == ("http://p:1", (), ("proxy_auth",))
    made = access("http://h/", proxy="http://p:1", proxy_auth=Basic("env:U", "env:P"))
    assert (made.references, made.needs) == ((("proxy_auth", "basic env:U env:P"),), ())
    assert access("http://h/", proxy=False).proxy == ""
    assert access("http://h/").proxy is None


def test_a_url_asks_for_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """What looks like a reference in a URL's userinfo is sent as it stands: URLs come from anywhere."""
    monkeypatch.setenv("SOME_SECRET", "hush")
    with Rogue(honest(DATA)) as server:
        fetch(server.url().replace("://", "://env%3ASOME_SECRET:env%3ASOME_SECRET@"))
        way = access("http://name.example/", proxy=f"http://env%3ASOME_SECRET:x@127.0.0.1:{server.port}")
        assert way.needs == ("proxy_auth",)
        fetch(way)
    sent = [server.asked[0].headers["authorization"], server.asked[1].headers["proxy-authorization"]]
    assert sent == ["Basic ZW52OlNPTUVfU0VDUkVUOmVudjpTT01FX1NFQ1JFVA==", "Basic ZW52OlNPTUVfU0VDUkVUOng="]


# -- one that misbehaves ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "kind"),
    [(502, NetworkError), (503, NetworkError), (504, NetworkError), (429, NetworkError), (403, AccessDenied),
     (407, AccessDenied), (400, BadAnswer), (405, BadAnswer), (302, BadAnswer), (101, BadAnswer)],
)  # fmt: skip
def test_answers_to_connect(status: int, kind: type[TransferError]) -> None:
    """What may pass is tried again; what a person has to mend is told; its page is never taken for the file."""
    with Rogue(lambda _, wire: wire.answer(status, DATA)) as proxy, pytest.raises(kind) as caught:
        opened(source(access("https://name.example/x?token=hush", proxy=f"http://127.0.0.1:{proxy.port}")))
    assert caught.value.retryable is (kind is NetworkError)
    assert "proxy" in caught.value.message.lower()
    assert "hush" not in str(caught.value)
    assert all(asked.target == "name.example:443" for asked in proxy.asked)
    assert all("hush" not in asked.raw.decode() for asked in proxy.asked)


@pytest.mark.parametrize(
    ("says", "kind", "words"),
    [
        (b"", NetworkError, "The proxy closed the connection"),
        (b"garbage\r\n\r\n", BadAnswer, "The proxy cannot be used"),
        (b"HTTP/1.1 200 OK\r\n\r\nsurplus", BadAnswer, "nobody had asked for"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 30, BadAnswer, "The proxy sent more than 20"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, BadAnswer, "The proxy cannot be used"),
    ],
    ids=["closes", "garbage", "surplus", "interim", "long"],
)
def test_nonsense(says: bytes, kind: type[TransferError], words: str) -> None:
    """A proxy that closes, talks nonsense, or adds bytes of its own is named as the culprit."""

    def script(_: Asked, wire: Wire) -> None:
        wire.send(says)
        wire.close()

    with Rogue(script) as proxy, pytest.raises(kind, match=words):
        opened(source(access("https://name.example/", proxy=f"http://127.0.0.1:{proxy.port}")))


def test_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that does not listen, has no name, or is no proxy is named; it may be tried again."""
    url = f"http://u:hush@127.0.0.1:{free_port()}"
    with pytest.raises(NetworkError, match=r"The proxy cannot be used\. Nobody takes connections") as caught:
        opened(source(access("http://name.example/", proxy=url)))
    assert (caught.value.status, caught.value.retryable) == (WebErrorStatus.CANNOT_CONNECT, True)
    assert "hush" not in str(caught.value)
    with Socks(says=b"HTTP/1.1 400 Bad Request\r\n\r\n") as plain:
        way = access("http://name.example/", proxy=plain.url("https"))
        with pytest.raises(BadAnswer, match=r"The proxy .*does not speak TLS"):
            opened(source(way))
    for code, kind in ((socket.EAI_NONAME, NetworkError), (socket.EAI_AGAIN, Offline)):

        def look_up(*_: object, code: int = code, **__: object) -> None:
            raise socket.gaierror(code, "x")

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        with pytest.raises(kind, match="The proxy"):
            opened(source(access("http://name.example/", proxy="http://proxy.example:1")))


def test_one_that_says_nothing() -> None:
    """A proxy that is silent has the time of connecting, no more."""
    with Rogue(lambda _, wire: wire.hang()) as proxy:
        for scheme in ("http", "socks5h"):
            way = access("https://name.example/", proxy=f"{scheme}://127.0.0.1:{proxy.port}")
            with pytest.raises(TransferTimeout, match="The proxy did not answer in time"):
                opened(source(way, Patience(connect=0.3, response=60)))


def test_the_answer_of_a_proxy_for_http() -> None:
    """A plain proxy's own failure is a busy server's; its request for a password is its own."""
    with Rogue(lambda _, wire: wire.answer(504, b"")) as proxy:
        way = access("http://name.example/a?b", proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(ServerBusy):
            opened(source(way))
        assert proxy.asked[0].target == "http://name.example/a?b"
        assert proxy.asked[0].headers["host"] == "name.example"
        proxy.script = lambda _, wire: wire.answer(407, b"")
        with pytest.raises(AccessDenied, match="The proxy") as caught:
            opened(source(way))
    assert caught.value.status == WebErrorStatus.PROXY_AUTH


@pytest.mark.parametrize(
    "where", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::1]", "10.0.0.1", "169.254.169.254", "printer.local"]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_from_the_internet_into_a_private_network(where: str, scheme: str) -> None:
    """A server of the internet may not have our proxy ask what is behind our wall."""
    with Rogue(lambda _, wire: wire.answer(302, b"", f"Location: {scheme}://{where}/")) as proxy:
        way = access("http://name.example/", proxy=f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(BadAnswer, match="private network"):
            opened(source(way))
        assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("host", "public"),
    [("h.example", True), ("8.8.8.8", True), ("2606:4700::1111", True), ("h", False), ("a.localhost", False),
     ("nas.local.", False), ("0x7f000001", False), ("127.0.1", False), ("0.0.0.0", False), ("db.internal", False)],
)  # fmt: skip
def test_what_sounds_public(host: str, public: bool) -> None:
    """By its name alone: what has no dot, a reserved ending, or any way to write an inner address is not public."""
    assert sounds_public(host) is public


# -- SOCKS ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
@pytest.mark.parametrize("known", [False, True], ids=["open", "guarded"])
def test_socks(
    tls: bool, scheme: str, known: bool, secure: ssl.SSLContext, ca: str, canary: Callable[[str], str]
) -> None:
    """The bytes come, on a resume too; names are looked up here (socks5) or there (socks5h)."""
    secret = canary("socks")
    user, password = ("u", secret) if known else ("", "")
    with Socks(user, password) as proxy, Rogue(honest(DATA), secure if tls else None) as server:
        made = access(server.url(host="localhost"), verify=ca, proxy=proxy.url(scheme, f"u:{secret}" if known else ""))
        assert fetch(made)[1] == DATA
        assert fetch(made, RESUME)[1] == DATA[1000:]
        assert proxy.asked == [("127.0.0.1" if scheme == "socks5" else "localhost", server.port)] * 2
        assert all(secret not in asked.raw.decode() for asked in server.asked)
        assert server.asked[0].target == "/file.bin"


@pytest.mark.servers
@pytest.mark.parametrize("userinfo", ["", "u:p"])
def test_the_socks_proxy_is_one(userinfo: str) -> None:
    """Curl finds the same proxy to be a proxy: what is tested above is no invention of ours."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    user, _, password = userinfo.partition(":")
    with Socks(user, password) as proxy, Rogue(honest(DATA)) as server:
        command = ["curl", "-s", "--max-time", "10", "-x", proxy.url(userinfo=userinfo), server.url(host="localhost")]
        assert subprocess.run(command, check=True, capture_output=True).stdout == DATA
        assert proxy.asked == [("localhost", server.port)]


@pytest.mark.parametrize("auth", [None, ("u", "hush")])
def test_a_socks_proxy_that_knows_us_not(auth: tuple[str, str] | None) -> None:
    """A wrong password, or none, is a refusal of the proxy's."""
    with Socks("u", "right") as proxy, pytest.raises(AccessDenied, match="wants credentials") as caught:
        opened(source(access("http://127.0.0.1:1/", proxy=proxy.url(), proxy_auth=auth)))
    assert caught.value.status == WebErrorStatus.PROXY_AUTH
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("code", range(1, 10))
def test_socks_replies(code: int) -> None:
    """Each failure of the proxy is told; what may pass is tried again."""
    with Socks(reply=code) as proxy, pytest.raises(TransferError, match="The proxy socks5h://") as caught:
        opened(source(access("http://name.example/", proxy=proxy.url())))
    assert caught.value.retryable is (code in (1, 3, 4, 5, 6))
    assert proxy.asked == [("name.example", 80)]


@pytest.mark.parametrize("says", [b"", b"\x05", b"\x04\x00", b"\x05\x07", b"HTTP/1.1 400 Bad\r\n\r\n", b"\x05\x00\x05"])
def test_socks_nonsense(says: bytes) -> None:
    """A proxy that speaks no SOCKS is named as the culprit."""
    with Socks(says=says) as proxy, pytest.raises(TransferError, match="The proxy"):
        opened(source(access("http://name.example/", proxy=proxy.url())))


def test_socks_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the sentence says what to install."""
    monkeypatch.setattr(proxies, "find_spec", lambda _: None)
    with pytest.raises(InvalidRequest, match=r"nbxfer\[socks\]"):
        access("http://h/", proxy="socks5://p")


def test_names_looked_up_here_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """By socks5 a redirect from the internet to a name of a private address is refused like any other."""

    def script(_: Asked, wire: Wire) -> None:
        wire.answer(302, b"", "Location: http://inner.example/")

    real = socket.getaddrinfo
    with Socks() as proxy, Rogue(script) as outer:
        found = {b"outer.example": "8.8.8.8", b"inner.example": "10.0.0.1"}
        monkeypatch.setattr(socket, "getaddrinfo", lambda host, *a, **k: real(found.get(host, host), *a, **k))
        monkeypatch.setattr(Socks, "_connected", lambda self, client: _always(client, outer.port))
        with pytest.raises(BadAnswer, match="private network"):
            opened(source(access("http://outer.example/", proxy=proxy.url("socks5"))))
        assert len(outer.asked) == 1


def _always(client: socket.socket, port: int) -> socket.socket:
    client.recv(100)
    server = socket.create_connection(("127.0.0.1", port), 5)
    client.sendall(b"\x05\x00\x00\x01" + bytes(6))
    return server
