"""The short ways of small files: what a plain URL, a plain request and a plain answer are made into without a library.

Each is held against what the library makes of it: the short way may be left, but never differ.
"""

from __future__ import annotations

import socket
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.wire import exchange, judged
from nbxfer.wire.place import place
from nbxfer.wire.sockets import Line

PATH = "abz09_/.~+=:,;!$&'()*-"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080/1.bin", "http://host/a/b", "https://host.example/a", "http://host:80/x", "https://h:443/",
        "http://h/a/../b", "http://h/./a", "http://h/%41%zz", "http://h/a b", "http://h/a?q=1", "http://h", "http://H/a",
        "http://h//a", "https://xn--mnchen-3ya.de/a", "http://h/ä", "http://h:080/a", "http://h/a;b=c:d,e!$&'()*+=~",
        "http://h./a", "http://a..b/c", "http://h/.hidden",
    ],
)  # fmt: skip
def test_a_place_has_the_parts_that_httpx_sees(url: str) -> None:
    """Whether it took the short way or not, nobody can tell by what is asked."""
    there, known = place(url), httpx.URL(url)
    assert there == (str(known), known.scheme, known.raw_host, known.netloc, known.raw_path, known.path)


@given(st.text(alphabet=PATH, max_size=30), st.sampled_from(["http://h:8080", "https://h", "http://1.2.3.4"]))
def test_every_plain_path_means_itself(path: str, home: str) -> None:
    """There is no path of the short way's letters that httpx would write otherwise."""
    there, known = place(f"{home}/{path}"), httpx.URL(f"{home}/{path}")
    assert there == (str(known), known.scheme, known.raw_host, known.netloc, known.raw_path, known.path)


@pytest.mark.parametrize("url", ["http://999.1.1.1/a", "http://1.2.3/a", "http://h:99999/a", "http://xn--a/b"])
def test_what_is_no_url_is_refused_the_same(url: str) -> None:
    """Looking at an origin once does not let in what httpx refuses."""
    try:
        known = httpx.URL(url)
    except httpx.InvalidURL:
        with pytest.raises(httpx.InvalidURL):
            place(url)
    else:
        assert place(url).netloc == known.netloc


def test_a_plain_request_is_written_as_h11_writes_it() -> None:
    """To the byte, for servers have seen those before."""
    fields = [(b"Host", b"h:80"), (b"User-Agent", b"nbxfer"), (b"Accept", b"*/*"), (b"X-Two", b"a  b\tc")]
    assert exchange.plainly("GET", b"/a?b", fields) == judged.begun("GET", b"/a?b", fields)[1]


@pytest.mark.parametrize(
    "field",
    [
        (b"X", b"a\r\nY: b"), (b"X\r\nY", b"b"), (b"X", b""), (b"X", b" a"), (b"X", b"a "), (b"X Y", b"a"), (b"", b"a"),
        (b"Connection", b"close"), (b"content-length", b"3"), (b"Transfer-Encoding", b"chunked"), (b"HOST", b"other"),
        (b"X", b"\xff"), (b"X", b"a\x00b"), (b"Expect", b"100-continue"),
    ],
)  # fmt: skip
def test_a_request_that_is_not_plain_is_judged_by_h11(field: tuple[bytes, bytes]) -> None:
    """Neither a line smuggled into a value nor a field that steers the connection goes the short way."""
    assert exchange.plainly("GET", b"/", [(b"Host", b"h"), field]) is None
    assert exchange.plainly("GET", b"/ x", [(b"Host", b"h")]) is None
    assert exchange.plainly("POST", b"/", [(b"Host", b"h")]) is None


def _by_h11(piece: bytes) -> exchange.Head:
    protocol, _ = judged.begun("GET", b"/", [(b"Host", b"h")])
    here, there = socket.socketpair()
    with here, there:
        return judged.head(Line(here, public=False), protocol, piece, time.monotonic() + 5, lambda: None)


@pytest.mark.parametrize(
    "fields",
    [
        b"Content-Length: 4\r\n", b"Content-Length: 4\r\nConnection: close\r\n", b'ETag: "a"\r\ncontent-LENGTH: 0\r\n',
        b"Content-Length: 9\r\nConnection: keep-alive, Upgrade\r\nX: a  b\r\nX: c\r\n",
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [b"200 OK", b"206 Partial Content"])
def test_a_plain_answer_is_read_as_h11_reads_it(status: bytes, fields: bytes) -> None:
    """Status, fields, length, what has come of the body, and whether the line goes on."""
    piece = b"HTTP/1.1 " + status + b"\r\n" + fields + b"\r\nbody"
    short, known = exchange.plain_head(piece), _by_h11(piece)
    assert short is not None
    assert (short.status, short.headers, short.framing, short.length, short.reusable, short.rest) == (
        (known.status, known.headers, known.framing, known.length, known.reusable, known.rest)
    )


@pytest.mark.parametrize(
    "piece",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n x: y\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 4\n\n", b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\n", b"HTTP/1.1 100 Go\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 4\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: \xff\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 19 + b"\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n",
    ],
)  # fmt: skip
def test_an_answer_that_is_not_plain_is_read_by_h11(piece: bytes) -> None:
    """Two lengths, none, a folded line, a bare line feed, an older version, half a head: all of it is left to h11."""
    assert exchange.plain_head(piece) is None
