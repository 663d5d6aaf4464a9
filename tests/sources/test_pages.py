"""A web page instead of a file: known by its bytes, refused with its title; and no file is taken for one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from nbxfer.core.probe import Want
from nbxfer.errors import BadAnswer, RangesRefused, SourceChanged
from nbxfer.sources import pages
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import access
from nbxfer.wire.credentials import Bearer
from tests.core.hostile_names import PIECES
from tests.servers.reading import GO_ON, PATIENCE, fetch, opened, read_all
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest

LOGIN = b"<!DOCTYPE html>\n<html><head><title>\n  Sign in &ndash;\n Example </title></head><body>x</body></html>"


def page(body: bytes = LOGIN, *lines: str, media: str = "text/html; charset=utf-8") -> Script:
    """Give the script of a server that answers everything with a page."""
    return lambda _, wire: wire.answer(200, body, f"Content-Type: {media}", *lines)


@pytest.mark.parametrize(
    ("path", "destination", "is_unexpected"),
    [
        ("/data.zip", "", True),
        ("/a/data.tar.gz", "data.tar.gz", True),
        ("/data.7z", "", True),
        ("/data%2Ezip", "", True),
        ("/download.php", "/home/me/data.zip", True),
        ("/data.zip", "/home/me/data", True),
        ("/download.php", "/home/me/download.php", False),
        ("/page.html", "", False),
        ("/page.HTM", "page.HTM", False),
        ("/data.zip", "/home/me/page.html", False),
        ("/", "", False),
        ("", "", False),
        ("/releases/v1.2", "", False),
        ("/abs/2101.00001v2", "", False),
        ("/v1.zip/download", "download", False),
    ],
)
def test_where_a_page_would_surprise(path: str, destination: str, is_unexpected: bool) -> None:
    """A page surprises where the file is to have the extension of something else."""
    assert pages.unexpected(path, destination) is is_unexpected


@pytest.mark.parametrize("media", ["text/html", "TEXT/HTML; charset=x", "application/xhtml+xml"])
def test_a_page_instead_of_a_file(media: str) -> None:
    """A page that comes as success is refused, and its title and a way out are shown."""
    with Rogue(page(media=media)) as server, pytest.raises(BadAnswer) as caught:
        fetch(server.url("/data.zip"))
    assert (
        caught.value.message == f"{server.url('/data.zip')} sent a web page instead of the file: 'Sign in – Example'."
    )
    assert "credentials" in (caught.value.hint or "")
    assert caught.value.http_status == 200
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "body",
    [
        LOGIN,
        b"\xef\xbb\xbf \r\n<html>",
        b"<!-- a --><!-- b -->\n<HTML lang=x>",
        b"<?xml version='1.0'?>\n<!DOCTYPE html PUBLIC 'x'>",
        b"<head/>",
        b"<script>location = '/login'</script>",
        b"<!--" + b"x" * 5000 + b"-->\n<body>",
        b"<html>" + b"x" * 500_000 + b"<title>too late</title>",
        b"<html><title" + b" x" * 50_000,
    ],
)
def test_what_a_page_is(body: bytes) -> None:
    """However a page begins, it is known, also where its title is missing, or far."""
    with (
        Rogue(page(body)) as server,
        pytest.raises(BadAnswer, match=r"sent a web page instead of the file[.:]") as caught,
    ):
        fetch(server.url("/data.zip"))
    assert "too late" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"PK\x03\x04" + bytes(200_000),
        b"a,b\n1,2\n",
        b"<data/>",
        b"<htmlish>",
        b"<!DOCTYPE svg><svg/>",
        b"x" * 1023,
        b"x" * 1025,
        b"<!-- a comment that never ends",
        b"<" * 100_000,
        b" " * 100_000,
        b"<!---->" * 20_000,
        b"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00",
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_no_page(body: bytes, chunked: bool) -> None:
    """A file that is called text/html by a careless script is the file, from its first byte to its last."""

    def script(_: Asked, wire: Wire) -> None:
        if not chunked:
            return wire.answer(200, body, "Content-Type: text/html")
        pieces = [body[i : i + 700] for i in range(0, len(body), 700)]
        lines = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        wire.send(head + lines + b"0\r\n\r\n")
        return None

    with Rogue(script) as server:
        stream, got = fetch(server.url("/data.zip"))
    assert got == body
    assert stream.length_proven


def test_a_page_that_is_wanted() -> None:
    """A page is fetched where its URL is a page's, where it is meant to be saved, and where a person says so."""
    with Rogue(page()) as server:
        assert fetch(server.url("/page.html"))[1] == LOGIN
        assert fetch(server.url("/"))[1] == LOGIN
        for made in (
            HttpSource(access(server.url("/data.zip")), PATIENCE, page_ok=True),
            HttpSource(access(server.url("/data.zip")), PATIENCE, destination="/home/me/page.html"),
        ):
            assert read_all(opened(made)) == LOGIN
            made.close()
        server.script = page(LOGIN, "Content-Disposition: attachment; filename=report.html")
        assert fetch(server.url("/data.zip"))[1] == LOGIN
        server.script = page(LOGIN, media="application/zip")
        assert fetch(server.url("/data.zip"))[1] == LOGIN


def test_a_page_in_the_middle_of_a_transfer() -> None:
    """When a session has expired half-way, the page that comes is no new version of the file."""
    data = bytes(200_000)
    with Rogue(honest(data)) as server:
        pinned = fetch(server.url("/data.zip"))[0].probe.validator
        server.script = page()
        with pytest.raises(BadAnswer, match="'Sign in – Example'"):
            fetch(server.url("/data.zip"), Want(start=100_000, pinned=pinned, size=len(data), overlap=4096))
        source = HttpSource(access(server.url("/data.zip")), PATIENCE)
        with pytest.raises((SourceChanged, RangesRefused)):  # the next probe sees the page
            source.open(Want(100_000, 150_000, pinned, len(data), part=True), GO_ON)
        source.close()


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        ("Sign in", "Sign in"),
        ("", ""),
        ("  \n ", ""),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("a\u202eb\x1b[31m\x00c", "ab[31mc"),
        ("&#x202e;&#0;x", "\ufffdx"),
        ("x" * 200, "x" * 79 + "…"),
        ("Anmeldung für Gäste", "Anmeldung für Gäste"),
    ],
)
def test_titles(inside: str, shown: str) -> None:
    """A title is shown on one line, without what cannot be seen, and never long."""
    assert pages.title(f"<title>{inside}</title>".encode()) == shown


def test_a_title_in_another_coding() -> None:
    """A title that is no UTF-8 is read as browsers read what nobody declared."""
    assert pages.title("<title>G\xe4ste \x80</title>".encode("latin-1")) == "Gäste €"


def test_no_title_is_dangerous() -> None:
    """Whatever a title is made of, what is shown of it is short and on one line."""
    for piece in PIECES:
        title = pages.title(b"<title>" + (piece * 30).encode(errors="replace") + b"</title>")
        assert len(title) <= 80
        assert title.isprintable()


def test_a_title_that_repeats_a_secret(canary: object) -> None:
    """A page that quotes the question, as many do, does not get a secret into the message."""
    assert callable(canary)
    token, key, user, word = (canary(name) for name in ("token", "key", "user", "word"))
    shown = []
    for secret in (token, f"x{token}x", token[:20], key, user, word, f"{user}:{word}"):
        with Rogue(page(f"<title>No entry for {secret}</title>".encode())) as server:
            url = server.url(f"/data.zip?sig={token}").replace("http://", f"http://{user}:{word}@")
            source = HttpSource(access(url, headers={"X-Key": f"Key {key}"}), PATIENCE)
            with pytest.raises(BadAnswer) as caught:
                source.open(Want(), GO_ON)
            source.close()
            shown.append(str(caught.value))
    assert not any("canary" in text for text in shown)


@pytest.mark.parametrize("way", ["auth", "cookies"])
def test_no_title_beside_credentials(way: str) -> None:
    """Credentials can come back in other shapes than they were sent in: beside them no title is shown."""
    given: dict[str, Any] = {"auth": Bearer("abcdef")} if way == "auth" else {"cookies": {"id": "abcdef"}}
    with Rogue(page(b"<title>Hello, holder of abcdef</title>")) as server:
        source = HttpSource(access(server.url("/data.zip"), **given), PATIENCE)
        with pytest.raises(BadAnswer, match="web page") as caught:
            source.open(Want(), GO_ON)
        source.close()
    assert "holder" not in str(caught.value)


def test_a_page_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that comes byte by byte is waited for a moment only, and refused without its title."""
    monkeypatch.setattr(pages, "PATIENCE", 0.3)

    def script(_: Asked, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 9999\r\n\r\n<html>")
        wire.drip(b"<title>slow" * 900, 0.05)

    begun = time.monotonic()
    with Rogue(script) as server, pytest.raises(BadAnswer, match=r"instead of the file\."):
        fetch(server.url("/data.zip"))
    assert time.monotonic() - begun < 3
