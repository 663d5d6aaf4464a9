"""Cookies: whose they are, where they go, and where they do not."""

from __future__ import annotations

import random
import shutil
import ssl
import subprocess
import threading
import warnings
from collections.abc import Callable, Iterator
from http.cookiejar import CookieJar, MozillaCookieJar
from pathlib import Path
from typing import Any, Self
from urllib.request import Request

import httpx
import pytest

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import BadAnswer, InvalidRequest, NeedsAttention
from nbxfer.wire import cookies as cookies_module
from nbxfer.wire.access import access
from nbxfer.wire.cookies import MOST, CookieFile, Cookies, read
from tests.servers.reading import close_all, fetch, opened, read_all, source
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest

DATA = b"x" * 10_000
RESUME = Want(start=1000, pinned=Validator("etag", '"v1"'), size=len(DATA), overlap=100)


def said(server: Rogue) -> list[str]:
    """Give the Cookie field of each request, and forget them."""
    found = [asked.headers.get("cookie", "") for asked in server.asked]
    server.asked.clear()
    return found


def line(domain: str, name: str, value: str, *, deep: bool = False, secure: bool = False, until: str = "") -> str:
    """Give a line of a Netscape file."""
    return "\t".join([domain, str(deep).upper(), "/", str(secure).upper(), until, name, value])


# -- what is given ----------------------------------------------------------------------------------------------------
def test_a_mapping_is_for_its_origin(canary: Callable[[str], str]) -> None:
    """It goes with every request to the origin of the URL, also on a resume, and to no other port, host or scheme."""
    secret = canary("cookie")
    with Rogue(honest(DATA)) as other, Rogue(lambda *_: None) as home:
        way = access(home.url("/start"), cookies={"session": secret, "b": "2"})
        assert secret not in repr(way)
        for where in (other.url(), other.url(host="localhost"), home.url("/here", "localhost"), home.url("/here")):
            home.script = _to(where, honest(DATA))
            for want in (None, RESUME):
                assert fetch(way, want)[1] == (DATA if want is None else DATA[1000:])
        for cookie in said(other):
            assert cookie == ""
        at_home = {asked.headers["host"]: asked.headers.get("cookie", "") for asked in home.asked}
        assert at_home == {f"127.0.0.1:{home.port}": f"session={secret}; b=2", f"localhost:{home.port}": ""}
    assert (way.references, way.needs) == ((), ("cookies",))


def _to(where: str, then: Script) -> Script:
    def script(asked: Asked, wire: Wire) -> None:
        if asked.target == "/here":
            return then(asked, wire)
        return wire.answer(302, b"", f"Location: {where}")

    return script


@pytest.mark.parametrize("kind", ["jar", "httpx", "file", "mozilla"])
def test_a_jar_goes_by_its_own_rules(kind: str, private_dir: Path, secure: ssl.SSLContext, ca: str) -> None:
    """Each cookie goes to the domain it is for, wherever the URL leads; those marked secure by https alone."""
    path = private_dir / "cookies.txt"
    path.write_text(
        "# Netscape HTTP Cookie File\n\n"
        + "\n".join(
            [line("127.0.0.1", "a", "home"), line("localhost", "b", "there"), line("other.example", "c", "never"),
             "#HttpOnly_" + line("localhost", "d", "hidden"), line("localhost", "s", "tls", secure=True),
             line("localhost", "old", "gone", until="1000000000")]
        )
        + "\n"
    )  # fmt: skip
    given: Any = path
    if kind != "file":
        given = MozillaCookieJar(path)
        given.load(ignore_discard=True)
        if kind == "httpx":
            given = httpx.Cookies(given)
    with Rogue(honest(DATA)) as there, Rogue(honest(DATA), secure) as tls, Rogue(lambda *_: None) as home:
        for server, expected in ((there, "b=there; d=hidden"), (tls, "b=there; d=hidden; s=tls")):
            home.script = _to(server.url(host="localhost"), honest(DATA))
            way = access(home.url("/start"), cookies=given, verify=ca)
            assert fetch(way)[1] == DATA
            assert said(home) == ["a=home"]
            (cookie,) = said(server)
            assert sorted(cookie.split("; ")) == expected.split("; ")
    stored = {"file": ((("cookies", f"file:{path}"),), ())}.get(kind, ((), ("cookies",)))
    assert (way.references, way.needs) == stored


@pytest.mark.servers
def test_a_file_that_curl_writes(private_dir: Path) -> None:
    """The file that curl -c writes is read as curl -b reads it."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    path = private_dir / "jar"
    sets = ["Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Max-Age=9999; HttpOnly",
            "Set-Cookie: d=4; Path=/elsewhere"]  # fmt: skip
    with Rogue(lambda _, wire: wire.answer(200, b"x", *sets)) as server:
        curl = ["curl", "-s", "--max-time", "10", "-o", "/dev/null"]
        subprocess.run([*curl, "-c", str(path), server.url("/file")], check=True)
        subprocess.run([*curl, "-b", str(path), server.url("/file")], check=True)
        server.asked.pop(0)
        server.script = honest(DATA)
        fetch(access(server.url("/file"), cookies=path))
        theirs, ours = (sorted(cookie.split("; ")) for cookie in said(server))
    assert ours == theirs == ["a=1", "b=2"]


def test_a_persons_jar_is_not_written_to() -> None:
    """What servers set stays with the transfer; the jar that was given is the person's."""
    jar = CookieJar()
    with Rogue(lambda _, wire: wire.answer(200, DATA, "Set-Cookie: a=1")) as server:
        fetch(access(server.url(), cookies=jar))
    assert not list(jar)


@pytest.mark.parametrize(
    "given",
    [{"a": "hush\r\nX: y"}, {"a": "hush;b=c"}, {"a b": "hush"}, {"a": 5}, {5: "hush"}, {"": "hush"}, {"a": "h\u00fcsh"},
     "session=hush", "a=hush; b=c", 5, b"hush", ["hush"]],
)  # fmt: skip
def test_what_is_no_cookie(given: Any) -> None:
    """What cannot be sent as it is, and texts that are no path, are refused without being repeated."""
    with pytest.raises(InvalidRequest) as caught:
        access("http://h/", cookies=given)
    assert "hush" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", ["hush\n", "a\tb\tc\td\tx\thush\tf\n", "\xff\xfe".encode("utf-16"), '[{"name": "hush"}]', None]
)
def test_what_is_no_cookie_file(content: str | bytes | None, private_dir: Path) -> None:
    """A file in another form is refused by name; nothing of it is repeated or printed."""
    path = private_dir / "cookies.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with (
        warnings.catch_warnings(record=True) as printed,
        pytest.raises(InvalidRequest, match=r"cookies\.json") as caught,
    ):
        access("http://h/", cookies=str(path))
    assert "hush" not in str(caught.value)
    assert not printed


def test_a_file_that_has_gone(private_dir: Path) -> None:
    """A file that was there when it was given, and is not when it is needed, asks for a person."""
    path = private_dir / "cookies.txt"
    path.write_text(line("127.0.0.1", "a", "1"))
    way = access("http://127.0.0.1:1/", cookies=path)
    path.unlink()
    with pytest.raises(NeedsAttention, match=r"cookies\.txt"):
        opened(source(way))


def test_two_ways_at_once() -> None:
    """A header Cookie beside cookies= is refused; alone it is sent, and what servers set is added to it."""
    with pytest.raises(InvalidRequest):
        access("http://h/", headers={"Cookie": "a=1"}, cookies={"b": "2"})
    with Rogue(lambda _, wire: wire.answer(200, DATA, "Set-Cookie: n=new", "Set-Cookie: a=other")) as server:
        src = source(access(server.url(), headers={"Cookie": "a=1"}))
        for _ in range(2):
            read_all(opened(src))
        assert said(server) == ["a=1", "a=1; n=new"]


# -- what servers set -------------------------------------------------------------------------------------------------
def test_sent_back_to_who_set_it(canary: Callable[[str], str]) -> None:
    """A cookie that was set on the way goes back to its own host and port, within this transfer, and nowhere else."""
    secret = canary("set")
    with Rogue(honest(DATA)) as other, Rogue(lambda *_: None) as home:
        home.script = lambda _, wire: wire.answer(
            302, b"", f"Location: {other.url()}", f"Set-Cookie: s={secret}; Path=/"
        )
        src = source(home.url("/start"))
        for _ in range(2):
            assert read_all(opened(src)) == DATA
        assert said(home) == ["", f"s={secret}"]
        assert said(other) == ["", ""]
        close_all()
        fetch(home.url("/start"))
        assert said(home) == [""]


def test_over_https_only_where_it_came_by_that(secure: ssl.SSLContext, ca: str) -> None:
    """A cookie that came by https never goes by http, marked or not."""
    cookies = Cookies(())
    assert cookies.keep("https://h.example/", [("set-cookie", "a=1; Path=/")], ours=True)
    assert cookies.header("https://h.example/x", ours=True) == "a=1"
    assert cookies.header("http://h.example/x", ours=True) == ""


@pytest.mark.parametrize(
    ("setter", "value", "asker", "sent"),
    [
        ("http://h.example/", "a=1", "http://h.example/b", True),
        ("http://h.example/", "a=1", "http://h.example:8080/", False),
        ("http://h.example:8080/", "a=1", "http://h.example:8080/", True),
        ("http://h.example/", "a=1", "http://below.h.example/", False),
        ("http://h.example/", "a=1", "http://evilh.example/", False),
        ("http://w.h.example/", "a=1; Domain=h.example", "http://v.h.example/", True),
        ("http://w.h.example/", "a=1; Domain=h.example", "http://evilh.example/", False),
        ("http://w.h.example/", "a=1; Domain=other.example", "http://other.example/", False),
        ("http://w.h.example/", "a=1; Domain=example", "http://other.example/", False),
        ("http://w.h.co.uk/", "a=1; Domain=co.uk", "http://other.co.uk/", False),
        ("http://127.0.0.1/", "a=1; Domain=0.0.1", "http://1.0.0.1/", False),
        ("http://127.0.0.1/", "a=1", "http://127.0.0.1/", True),
        ("http://localhost/", "a=1", "http://localhost/x", True),
        ("http://h.example/", "a=1; Path=/x", "http://h.example/y", False),
        ("http://h.example/", "a=1; Secure", "http://h.example/", False),
        ("http://h.example/", "a=1; Max-Age=0", "http://h.example/", False),
        ("http://h.example/", "a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "http://h.example/", False),
        ("http://h.example/", "a=1; Expires=Fri, 01 Jan 2100 00:00:00 GMT; HttpOnly; SameSite=Lax", "http://h.example/",
         True),
        ("http://h.example/", "a=1; Max-Age", "http://h.example/", True),
        ("http://h.example/", 'a=1; Version=1; Port="80"', "http://h.example/", True),
        ("http://h.example/", "nonsense", "http://h.example/", False),
        ("http://h.example/", "a=\u00fc", "http://h.example/", False),
        ("http://h.example/", "a=1\x00", "http://h.example/", False),
        ("http://h.example/", "a=" + "x" * 5000, "http://h.example/", False),
    ],
)  # fmt: skip
def test_the_rules(setter: str, value: str, asker: str, sent: bool) -> None:
    """Host, port, domain, path, time and Secure say where a cookie goes; what breaks the rules is not kept."""
    cookies = Cookies(())
    cookies.keep(setter, [("set-cookie", value)], ours=True)
    assert cookies.header(asker, ours=False) == ("a=1" if sent else "")


def test_its_own_server_may_renew_a_given_one() -> None:
    """A new value for a cookie of the mapping counts when its own origin gives it; another one cannot replace it."""
    cookies = Cookies((("session", "old"),))
    assert cookies.keep("http://h.example/", [("set-cookie", "session=new; Path=/")], ours=True)
    assert cookies.header("http://h.example/", ours=True) == "session=new"
    assert cookies.header("http://h.example/", ours=False) == ""
    cookies.keep("http://w.h.example/", [("set-cookie", "session=evil; Domain=h.example")], ours=False)
    assert cookies.header("http://h.example/", ours=True) == "session=new"


def test_a_flood() -> None:
    """A server that sets thousands of cookies makes us keep some hundreds."""
    cookies = Cookies(())
    for i in range(3 * MOST):
        cookies.keep("http://h.example/", [("set-cookie", f"a{i}=1")], ours=True)
    assert len(cookies.header("http://h.example/", ours=True).split("; ")) == MOST


def test_any_field_is_survived() -> None:
    """Whatever a server sets, nothing is raised, and nothing printed."""
    dice = random.Random(5)
    bits = ["a", "=", "=1", ";", "; ", ",", "Max-Age", "max-age=", "expires=", "Thu, 01 Jan 2099 00:00:00 GMT", "..",
            "domain=", ".h.example", "Path", "/", "Secure", "Port", '"', "1e999", "-1", "9" * 30, "\xff", "\t",
            "Version=1", "Mon, 01-Jan-0001 00:00:00 GMT", "Thu, 32 Foo 99999 99:99:99 GMT"]  # fmt: skip
    cookies = Cookies(())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(1500):
            value = "".join(dice.choice(bits) for _ in range(dice.randint(1, 14)))
            cookies.keep("https://h.example/", [("set-cookie", dice.choice(["", "a=b; "]) + value)], ours=False)
            sent = cookies.header("https://h.example/", ours=False)
            assert sent.isascii()
            assert sent.isprintable()


# -- logging in on the way --------------------------------------------------------------------------------------------
class Login:
    """A server of data, and another that knows who people are and sends them back with a word; as NASA's do."""

    def __init__(self, secure: ssl.SSLContext) -> None:
        self.data = Rogue(self._data, secure)
        self.login = Rogue(self._login, secure)

    def __enter__(self) -> Self:
        self.data.__enter__()
        self.login.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.login.__exit__()
        self.data.__exit__()

    def _data(self, asked: Asked, wire: Wire) -> None:
        if asked.target == "/back?word=w":
            return wire.answer(
                302, b"", f"Location: {self.data.url('/file')}", "Set-Cookie: session=in; Path=/; Secure"
            )
        if asked.headers.get("cookie") == "session=in":
            return honest(DATA)(asked, wire)
        return wire.answer(302, b"", f"Location: {self.login.url('/who', 'localhost')}")

    def _login(self, asked: Asked, wire: Wire) -> None:
        if asked.headers.get("authorization") != "Basic dXM6cHc=":
            return wire.answer(401, b"", "WWW-Authenticate: Basic")
        return wire.answer(302, b"", f"Location: {self.data.url('/back?word=w')}")


@pytest.fixture
def login(secure: ssl.SSLContext) -> Iterator[Login]:
    """Give both servers."""
    with Login(secure) as servers:
        yield servers


def _netrc(private_dir: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = private_dir / "netrc"
    path.write_text(text)
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


def test_logging_in_on_the_way(login: Login, ca: str, private_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With netrc, the server that people log in at gets its own entry; the word it gives back lets us in for good."""
    _netrc(private_dir, monkeypatch, "machine localhost login us password pw\n")
    src = source(access(login.data.url("/file"), auth="netrc", verify=ca))
    assert read_all(opened(src)) == DATA
    assert len(login.login.asked) == 1
    assert [asked.target for asked in login.data.asked] == ["/file", "/back?word=w", "/file"]
    assert all("authorization" not in asked.headers for asked in login.data.asked)
    assert "cookie" not in login.login.asked[0].headers
    assert read_all(opened(src, RESUME)) == DATA[1000:]
    assert [asked.target for asked in login.data.asked[3:]] == ["/file"]


def test_parts_log_in_once_each_at_most(
    login: Login, ca: str, private_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts that are asked for at the same time share what was set; each brings its own bytes."""
    _netrc(private_dir, monkeypatch, "machine localhost login us password pw\n")
    src = source(access(login.data.url("/file"), auth="netrc", verify=ca))
    got: dict[int, bytes] = {}

    def part(start: int) -> None:
        want = Want(start, start + 1000, Validator("etag", '"v1"'), len(DATA), part=True)
        got[start] = read_all(opened(src, want))

    threads = [threading.Thread(target=part, args=(start,)) for start in range(0, len(DATA), 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert b"".join(got[start] for start in sorted(got)) == DATA
    assert all(asked.headers.get("cookie") in (None, "session=in") for asked in login.data.asked)
    assert all("cookie" not in asked.headers for asked in login.login.asked)


@pytest.mark.parametrize(
    ("text", "verify", "asked"),
    [("default login us password pw\n", True, [None]),
     ("machine 127.0.0.1 login us password pw\n", True, [None]),
     ("machine localhost login us password pw\n", False, [None])],
    ids=["default", "another", "not-verified"],
)  # fmt: skip
def test_whose_entry_it_is(
    text: str,
    verify: bool,
    asked: list[str | None],
    login: Login,
    ca: str,
    private_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the way nobody gets another's entry, nor that for everybody, nor any without having proven who he is."""
    _netrc(private_dir, monkeypatch, text)
    src = source(access(login.data.url("/file"), auth="netrc", verify=ca if verify else False))
    with pytest.raises(Exception, match="401"):
        opened(src)
    assert [one.headers.get("authorization") for one in login.login.asked] == asked


def test_netrc_never_by_http(private_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain server on the way gets no entry, even where there is one of its name."""
    _netrc(private_dir, monkeypatch, "machine localhost login us password pw\nmachine 127.0.0.1 login me password my\n")
    with Rogue(honest(DATA)) as other, Rogue(_to(other.url(host="localhost"), honest(DATA))) as home:
        fetch(access(home.url("/start"), auth="netrc"))
        assert "authorization" not in other.asked[0].headers
        assert home.asked[0].headers["authorization"] == "Basic bWU6bXk="


def test_circles_with_cookies() -> None:
    """A circle that sets a cookie each time is left after ten steps."""

    def script(asked: Asked, wire: Wire) -> None:
        wire.answer(302, b"", "Location: /start", f"Set-Cookie: n={asked.number}")

    with Rogue(script) as server:
        with pytest.raises(BadAnswer, match="circle"):
            opened(source(server.url("/start")))
        assert len(server.asked) == 11


def test_reading_is_no_printing(private_dir: Path) -> None:
    """Cookies of a file are read as they stand there, with their flags."""
    path = private_dir / "cookies.txt"
    path.write_text(
        line(".h.example", "a", "1", secure=True) + "\r\n" + line("h.example", "b", "2", until="4102444800")
    )
    first, second = read(str(path))
    assert (first.domain, first.secure, first.discard) == (".h.example", True, True)
    assert (second.domain, second.domain_specified, second.expires) == ("h.example", False, 4102444800)
    assert Cookies(CookieFile(str(path))).header("https://below.h.example/", ours=False) == "a=1"
    assert cookies_module._port(Request("http://h.example:81/")) == "81"
