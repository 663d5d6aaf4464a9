"""How the engine comes by sources: with what was given, with what a record allows, with what was given anew."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trustme

from nbxfer.core.lifecycle import Operation
from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.core.spec import Spec
from nbxfer.core.url import stored_url
from nbxfer.engine.doors import Doors
from nbxfer.engine.rebuilt import imported, rebuilt
from nbxfer.errors import AccessDenied, BadAnswer, InvalidRequest, NeedsAttention, SourceNotFound, TransferTimeout
from nbxfer.wire.access import Access, access
from nbxfer.wire.credentials import Basic, Bearer
from nbxfer.wire.headers import split_headers
from tests.servers.reading import GO_ON, read_all
from tests.servers.rogue import Asked, Rogue, Wire, honest

DATA = b"x" * 10_000


def recorded(way: Access, **more: Any) -> Spec:
    """Give the spec as a session writes it down."""
    url, cut = stored_url(way.url)
    fields: dict[str, Any] = {
        "kind": "download", "url": url, "destination": "/d/x.bin", "identity": url, "needs": (*cut, *way.needs),
        "headers": split_headers(way.headers)[0], "references": way.references, "verify": way.verify, "cert": way.cert,
        "proxy": way.proxy, "trust_env": way.trust_env, "http2": way.http2,
    }  # fmt: skip
    return Spec(**(fields | more))


@pytest.fixture
def doors() -> Iterator[Doors]:
    """Give doors that are closed at the end."""
    made = Doors()
    yield made
    made.close()


# -- after a restart --------------------------------------------------------------------------------------------------
def test_rebuilt_from_the_record(tmp_path: Path) -> None:
    """Everything but literal secrets comes back: proxy, trust, certificate, and where the secrets are to be found."""
    leaf, cert, jar = trustme.CA().issue_cert("me@h"), tmp_path / "private.pem", tmp_path / "cookies.txt"
    leaf.private_key_and_cert_chain_pem.write_to_path(str(cert))
    jar.write_text("h.example\tFALSE\t/\tFALSE\t\ta\t1\n")
    way = access(
        "https://h.example/x",
        headers={"Accept": "text/csv"},
        auth=Bearer("env:TOKEN"),
        verify=str(cert),
        cookies=jar,
        proxy="https://proxy.example:3128",
        proxy_auth=Basic("env:U", "env:P"),
        trust_env=False,
        cert=(cert, None, "env:KEY"),
        http2=True,
    )
    spec = recorded(way)
    assert spec.needs == ()
    again = msgspec.json.decode(msgspec.json.encode(spec), type=Spec)
    assert rebuilt(again) == way
    assert rebuilt(recorded(access("https://h.example/x", proxy=False))).proxy == ""


def test_rebuilt_without_what_was_literal(canary: Callable[[str], str]) -> None:
    """Literal secrets are in no record; they are named, so that they can be asked for."""
    secret = canary("x")
    way = access(
        f"https://u:{secret}@h.example/x?token={secret}",
        headers={"X-Key": secret},
        cookies={"a": secret},
        proxy=f"http://u:{secret}@p:1",
    )
    spec = recorded(way)
    assert secret not in msgspec.json.encode(spec).decode()
    assert spec.needs == ("userinfo", "url", "header X-Key", "proxy_auth", "cookies")
    made = rebuilt(spec)
    assert (made.credential, made.headers, made.cookies, made.proxy_auth, made.proxy) == (
        None,
        (),
        (),
        None,
        "http://p:1",
    )


def test_what_has_gone_is_told_when_it_is_used(tmp_path: Path) -> None:
    """A record is never refused for a file or a package that is not there: a person is asked when it is needed."""
    spec = recorded(access("http://127.0.0.1:1/x"), references=(("cookies", f"file:{tmp_path}/gone.txt"),))
    source = Doors().source(Operation("0" * 16, spec, 0.0))
    with pytest.raises(NeedsAttention, match=r"gone\.txt"):
        source.open(Want(), GO_ON)
    assert rebuilt(recorded(access("https://h/"), cert=(f"{tmp_path}/gone.pem",))).cert == (f"{tmp_path}/gone.pem",)


def test_a_reference_is_for_the_server_it_was_given_for() -> None:
    """Where the URL has moved to another server, what was given for the first one does not go there after a restart."""
    way = access("https://h.example/x", auth=Bearer("env:TOKEN"), headers={"Accept": "a/b", "Referer": "r"})
    there = rebuilt(recorded(way, url="https://other.example/x"))
    assert (there.auth, there.headers) == (None, (("Accept", "a/b"),))
    assert rebuilt(recorded(way, url="https://h.example/y")).auth == Bearer("env:TOKEN")
    netrc = recorded(access("https://h.example/x", auth="netrc"), url="https://other.example/x")
    assert rebuilt(netrc).auth == "netrc"


# -- given anew -------------------------------------------------------------------------------------------------------
def test_missing(doors: Doors) -> None:
    """What was given to this process is not missing; what was given to one that is gone is."""
    way = access("https://h.example/x", auth=("u", "p"))
    op = Operation("0" * 16, recorded(way), 0.0)
    assert doors.missing(op) == ("auth",)
    doors.give(op.id, way)
    assert doors.missing(op) == ()
    doors.forget(op.id)
    assert doors.missing(op) == ("auth",)


def test_one_way_for_all_files_of_a_server(doors: Doors) -> None:
    """Of ten thousand files each has the same way in, with its own URL; at another server's nothing of it counts."""
    way = access("https://h.example/first", auth=("u", "p"), headers={"X-Key": "k", "Accept": "a/b"})
    spec = recorded(way, url="https://h.example/second")
    op = Operation("0" * 16, spec, 0.0)
    doors.give(op.id, way, common=True)
    assert doors.missing(op) == ()
    assert doors._access(op.id, spec) == dataclasses.replace(way, url=spec.url)
    there = doors._access(op.id, recorded(way, url="https://mirror.example/second"))
    assert (there.url, there.auth, there.headers) == ("https://mirror.example/second", None, (("Accept", "a/b"),))
    assert doors.renew(op.id, spec, {"auth": ("u", "other")})[1] == ("header X-Key", "auth")
    assert doors._access(op.id, spec).url == spec.url
    doors.give(op.id, way, common=True)
    doors.forget(op.id)
    assert doors.missing(op) == ("header X-Key", "auth")


@pytest.mark.parametrize(
    ("given", "url", "needs", "check"),
    [
        ({"url": "https://h.example/y?sig=2"}, "https://h.example/y", ("url", "header X-Key", "auth", "cookies"),
         lambda w: (w.auth, w.headers) == (Basic("u", "p"), (("X-Key", "1"),))),
        ({"url": "https://other.example/y"}, "https://other.example/y", (),
         lambda w: (w.auth, w.headers, w.cookies, w.proxy) == (None, (), (), "http://p:1")),
        ({"auth": ("v", "q")}, None, ("header X-Key", "auth", "cookies"), lambda w: w.auth == Basic("v", "q")),
        ({"headers": {"Authorization": "B"}}, None, ("header Authorization", "cookies"), lambda w: w.auth is None),
        ({"headers": {"X-B": "2"}}, None, ("header X-B", "auth", "cookies"), lambda w: w.headers == (("X-B", "2"),)),
        ({"headers": {"Cookie": "b=2"}}, None, ("header Cookie", "auth"), lambda w: w.cookies == ()),
        ({"cookies": {"b": "2"}}, None, ("header X-Key", "auth", "cookies"), lambda w: w.cookies == (("b", "2"),)),
        ({"url": "https://other.example/y", "auth": ("v", "q")}, "https://other.example/y", ("auth",),
         lambda w: w.auth == Basic("v", "q")),
        ({"url": "https://v:q@h.example/y"}, "https://h.example/y", ("userinfo", "header X-Key", "cookies"),
         lambda w: w.credential == Basic("v", "q")),
    ],
)  # fmt: skip
def test_renewed(
    given: dict[str, Any], url: str | None, needs: tuple[str, ...], check: Callable[[Access], bool], doors: Doors
) -> None:
    """What is given takes the place of what it is; the rest stays, as far as it may go where the new URL leads."""
    way = access("https://h.example/x", {"X-Key": "1"}, ("u", "p"), cookies={"a": "1"}, proxy="http://p:1")
    doors.give("op", way)
    renewed = doors.renew("op", recorded(way), given)
    assert renewed[:2] == (url, needs)
    assert renewed[3] == doors._accesses["op"].references
    assert check(doors._accesses["op"])


def test_renewed_in_a_process_that_knows_nothing(doors: Doors) -> None:
    """After a restart, what has still not been given again is still needed."""
    spec = recorded(access("https://h.example/x?sig=1", {"X-Key": "1", "X-Other": "1"}, ("u", "p")))
    assert doors.renew("op", spec, {"url": "https://h.example/x?sig=2"})[1] == (
        "url", "header X-Key", "header X-Other", "auth"
    )  # fmt: skip
    doors.forget("op")
    assert doors.renew("op", spec, {"auth": ("u", "p"), "headers": {}})[1] == ("auth", "url")


@pytest.mark.parametrize(
    "given",
    [{"url": "ftp://u:hush@h/"}, {"url": "hush"}, {"url": 5}, {"auth": "hush"}, {"headers": {"Host": "hush"}},
     {"cookies": "hush=1"}, {"proxy": "hush"}, {"url": "https://u:hush@h/", "auth": ("u", "hush")}],
)  # fmt: skip
def test_what_cannot_be_renewed(given: dict[str, Any], doors: Doors) -> None:
    """What is wrong changes nothing, and is not repeated."""
    way = access("https://h.example/x")
    doors.give("op", way)
    with pytest.raises(InvalidRequest) as caught:
        doors.renew("op", recorded(way), given)
    assert "hush" not in str(caught.value).replace("'hush' is not an absolute URL", "")
    assert doors._accesses["op"] is way


def test_whom_to_ask(doors: Doors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that was given comes first and stays; one by name is imported; one of another process is not here."""
    way = access("https://h.example/x")
    assert doors.refresh_of("op", recorded(way)) is None
    assert doors.refresh_of("op", recorded(way, refresh="memory")) is None
    assert doors.refresh_of("op", recorded(way, refresh="os.path:basename")) is not None

    def mine(url: str) -> str:
        return url

    doors.give("op", way, mine)
    doors.give("op", way)
    assert doors.refresh_of("op", recorded(way, refresh="memory")) is mine
    (tmp_path / "fresh_urls.py").write_text("class C:\n    get = staticmethod(lambda url: url + '?sig')\nboom = 5\n")
    (tmp_path / "broken_urls.py").write_text("raise ValueError('hush')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert imported("fresh_urls:C.get")("u") == "u?sig"
    for name in (
        "fresh_urls:boom",
        "fresh_urls:no",
        "no_such_module_here:x",
        "broken_urls:x",
        "fresh_urls",
        ":",
        "a b:c",
    ):
        with pytest.raises(NeedsAttention) as caught:
            imported(name)
        assert "hush" not in str(caught.value)
    sys.modules.pop("fresh_urls", None)


# -- small files ------------------------------------------------------------------------------------------------------
def test_a_small_file(doors: Doors, canary: Callable[[str], str]) -> None:
    """It comes as the source itself would: with its credentials from its origin, without them from another."""
    secret = canary("key")
    with Rogue(honest(b"sums")) as home, Rogue(honest(b"sums")) as other:
        way = access(home.url("/file"), headers={"X-Key": secret}, auth=("u", secret), cookies={"a": secret})
        doors.give("op", way)
        spec = recorded(way)
        assert doors.small(spec, home.url("/SHA256SUMS"), 100, "op") == b"sums"
        assert {"x-key", "authorization", "cookie"} <= set(home.asked[0].headers)
        assert doors.small(spec, other.url("/SHA256SUMS"), 4, "op") == b"sums"
        assert secret not in other.asked[0].raw.decode()
        assert not {"x-key", "authorization", "cookie"} & set(other.asked[0].headers)
        assert doors.small(spec, home.url("/SHA256SUMS"), 100) == b"sums"
        assert secret not in home.asked[-1].raw.decode()


@pytest.mark.parametrize("length", [-1, None])
def test_one_that_is_not_small(length: int | None, doors: Doors) -> None:
    """What is longer than it may be is refused, and no more of it is read."""
    with Rogue(lambda _, wire: wire.answer(200, b"x" * 100_000, length=length)) as server:
        spec = recorded(access(server.url()))
        with pytest.raises(BadAnswer, match="longer than 1000 bytes"):
            doors.small(spec, server.url("/sums?hush"), 1000)
        assert len(doors.small(spec, server.url("/sums"), 100_000)) == 100_000


def test_what_comes_instead(doors: Doors) -> None:
    """A refusal is one, a coded answer is one; a server that drips has its time; redirects are followed."""
    spec = recorded(access("http://h.example/"), patience=Patience(connect=5, response=0.4))

    def script(asked: Asked, wire: Wire) -> None:
        match asked.target:
            case "/absent":
                wire.answer(404, b"")
            case "/denied":
                wire.answer(403, b"")
            case "/coded":
                wire.answer(200, b"x", "Content-Encoding: gzip")
            case "/moved":
                wire.answer(302, b"", "Location: /here")
            case "/drip":
                wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
                wire.drip(b"x" * 100, 0.1)
            case _:
                wire.answer(200, b"here")

    with Rogue(script) as server:
        for path, kind in (("absent", SourceNotFound), ("denied", AccessDenied), ("coded", BadAnswer),
                           ("drip", TransferTimeout)):  # fmt: skip
            with pytest.raises(kind):
                doors.small(spec, server.url(f"/{path}"), 1000)
        assert doors.small(spec, server.url("/moved"), 1000) == b"here"


# -- sources ----------------------------------------------------------------------------------------------------------
def test_a_source(doors: Doors) -> None:
    """It is the one that was given, over connections that are kept for all."""
    with Rogue(honest(DATA)) as server:
        for number in range(3):
            op = Operation(f"{number:016}", recorded(access(server.url(f"/{number}"))), 0.0)
            doors.give(op.id, access(server.url(f"/{number}"), auth=httpx.BasicAuth("u", "p")))
            source = doors.source(op)
            stream = source.open(Want(), GO_ON)
            assert stream is not None
            assert read_all(stream) == DATA
            source.close()
        assert all(asked.headers["authorization"] == "Basic dTpw" for asked in server.asked)
    assert str(doors.sink(Operation("0" * 16, recorded(access("http://h/x")), 0.0))) != ""


@pytest.mark.parametrize(
    ("more", "headers", "refused"),
    [({}, {}, True), ({"checksum": "sha256:" + "0" * 64}, {}, False), ({"expect_size": 5}, {}, False),
     ({}, {"Accept": "text/html"}, False), ({"destination": "/d/x.html"}, {}, False)],
)  # fmt: skip
def test_pages(more: dict[str, Any], headers: dict[str, str], refused: bool, doors: Doors) -> None:
    """A web page in place of a file is refused, unless a checksum, a size or what was asked for says otherwise."""
    page = b"<!DOCTYPE html><html><title>Sign in</title></html>"
    with Rogue(lambda _, wire: wire.answer(200, page, "Content-Type: text/html")) as server:
        spec = recorded(access(server.url("/x.bin"), headers=headers), **more)
        source = doors.source(Operation("0" * 16, spec, 0.0))
        try:
            stream = source.open(Want(), GO_ON)
            assert stream is not None
            stream.close()
            got = True
        except BadAnswer:
            got = False
        source.close()
    assert got is not refused
