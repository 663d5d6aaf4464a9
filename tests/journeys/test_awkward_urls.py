"""Awkward URLs and awkward answers, fetched by curl, by aria2c and by nbxfer: the same bytes, or a reason why not.

What the server sends depends on the path as it was asked for, so a client that asks for something else gets other
bytes. The last column is the verdict: "same" (whoever of the three got it got the same), or the class of the refusal.
"""

from __future__ import annotations

import base64
import gzip
import posixpath
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

import pytest

from nbxfer.errors import TransferError
from nbxfer.session import Session
from tests.servers.processes import program
from tests.servers.rogue import Asked, Rogue, Script, Wire
from tests.servers.trial import QUICK

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]

PACKED: Final = gzip.compress(b"what is in the archive" * 500, mtime=0)
#: Percent-encodings that say something else than the character itself.
_TELLING: Final = b"/%?#&=+;"


def canonical(target: str) -> str:
    """Give one form of what may be written in several: no dot segments, no needless percent-encodings."""

    def plain(match: re.Match[str]) -> str:
        byte = unquote_to_bytes(match.group())
        return match.group().upper() if byte in _TELLING else byte.decode("latin-1")

    path, mark, query = target.partition("?")
    if "/." in path:
        path = posixpath.normpath(path) + ("/" if path.endswith(("/", "/.", "/..")) else "")
    return re.sub(r"%[0-9A-Fa-f]{2}", plain, f"{path or '/'}{mark}{query}")


def body_of(target: str) -> bytes:
    """Give what lies at a path."""
    return f"what lies at {canonical(target)!a}\n".encode() * 20


def sends(body: bytes, *lines: str, status: int = 200, length: int | None = -1) -> Script:
    """Give the script of an answer with this body."""
    return lambda _, wire: wire.answer(status, body, *lines, length=length)


def raw(text: bytes) -> Script:
    """Give the script of an answer as it stands, after which the connection is closed."""

    def script(_: Asked, wire: Wire) -> None:
        wire.send(text)
        wire.close()

    return script


def to(location: str, status: int = 302) -> Script:
    """Give the script of a redirect; {} is where the server is."""

    def script(asked: Asked, wire: Wire) -> None:
        where = location.format(asked.headers["host"]).encode()
        wire.send(b"HTTP/1.1 %d X\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, where))

    return script


def lines(n: int, size: int) -> list[str]:
    """Give some header lines of some size."""
    return [f"X-{i}: {'x' * size}" for i in range(n)]


OK: Final = b"HTTP/1.1 200 OK\r\n"

#: Path, what is answered (None: what lies there), verdict.
CASES: Final[list[tuple[str, Script | None, str]]] = [
    # -- how a path may be written
    ("/plain.bin", None, "same"),
    ("/with%20space.bin", None, "same"),
    ("/with space.bin", None, "InvalidRequest"),
    ("/a+b.bin", None, "same"),
    ("/a%2Bb.bin", None, "same"),
    ("/a%2Fb.bin", None, "same"),
    ("/a%2fb.bin", None, "same"),
    ("/a%252Fb.bin", None, "same"),
    ("/100%25.bin", None, "same"),
    ("/100%.bin", None, "same"),
    ("/%zz.bin", None, "same"),
    ("/%C3%BC.bin", None, "same"),
    ("/ü.bin", None, "same"),
    ("/日本.bin", None, "same"),
    ("/%FF%FE.bin", None, "same"),
    ("/a;b=c.bin", None, "same"),
    ("/a@b.bin", None, "same"),
    ("/a:b.bin", None, "same"),
    ("/a,b!c$d&e.bin", None, "same"),
    ("/a'(b)*.bin", None, "same"),
    ('/a"b.bin', None, "same"),
    ("/a|b^c`d{e}.bin", None, "same"),
    ("/[x].bin", None, "same"),
    ("/a\\b.bin", None, "same"),
    ("/%00.bin", None, "same"),
    ("/a%0D%0Ab.bin", None, "same"),
    ("/trailing.", None, "same"),
    ("/.hidden", None, "same"),
    ("/dir/./a.bin", None, "same"),
    ("/dir/../a.bin", None, "same"),
    ("/%2e%2e/a.bin", None, "same"),
    ("//double//slash.bin", None, "same"),
    ("/", None, "same"),
    ("", None, "same"),
    ("?only=query", None, "same"),
    ("/a.bin?x=1&y=2", None, "same"),
    ("/a.bin?x=%20&y=+&z=ü", None, "same"),
    ("/a.bin?to=http://elsewhere/?b", None, "same"),
    ("/a.bin#fragment", None, "same"),
    ("/a.bin?x#fragment?y", None, "same"),
    ("/" + "long/" * 1600 + "a.bin", None, "same"),
    ("/" + "x" * 17_000, None, "InvalidRequest"),
    # -- redirects
    ("/r/relative", to("other.bin"), "same"),
    ("/r/up", to("../other.bin"), "same"),
    ("/r/absolute", to("/other.bin"), "same"),
    ("/r/full", to("http://{}/other.bin"), "same"),
    ("/r/protocol", to("//{}/other.bin"), "same"),
    ("/r/unicode", to("/ünï.bin"), "same"),
    ("/r/encoded", to("/%C3%BCn%20i.bin"), "same"),
    ("/r/space", to("/with space.bin"), "same"),
    ("/r/fragment", to("/other.bin#part"), "same"),
    ("/r/query", to("?x=2"), "same"),
    ("/r/301", to("/other.bin", 301), "same"),
    ("/r/303", to("/other.bin", 303), "same"),
    ("/r/307", to("/other.bin", 307), "same"),
    ("/r/308", to("/other.bin", 308), "same"),
    ("/r/loop", to("/r/loop"), "BadAnswer"),
    ("/r/file", to("file:///etc/hostname"), "BadAnswer"),
    ("/r/nothing", to(""), "BadAnswer"),
    # -- answers
    ("/b/empty", sends(b""), "same"),
    ("/b/one", sends(b"1"), "same"),
    ("/b/no-length", sends(b"until the end", length=None), "same"),
    ("/b/chunked", raw(OK + b"Transfer-Encoding: chunked\r\n\r\n5;ext=1\r\nhello\r\n0\r\nTrailer: x\r\n\r\n"), "same"),
    (
        "/b/hints",
        raw(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 3 + OK + b"Content-Length: 2\r\n\r\nok"),
        "same",
    ),
    ("/b/archive.tar.gz", sends(PACKED, "Content-Encoding: gzip"), "same"),
    ("/b/coded.bin", sends(PACKED, "Content-Encoding: gzip"), "BadAnswer"),
    ("/b/typed.tar.gz", sends(PACKED, "Content-Type: application/gzip"), "same"),
    ("/b/long-header", sends(b"ok", *lines(1, 30_000)), "same"),
    ("/b/many-headers", sends(b"ok", *lines(80, 100)), "same"),
    ("/b/flood", sends(b"ok", *lines(2_000, 1_000)), "BadAnswer"),
    ("/b/named", sends(b"ok", 'Content-Disposition: attachment; filename="a\rb.bin"'), "BadAnswer"),
    ("/b/old", raw(b"HTTP/1.0 200 OK\r\n\r\nold"), "same"),
    ("/b/no-reason", raw(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"), "same"),
    ("/b/newlines", raw(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), "same"),
    ("/b/folded", raw(OK + b"X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\nok"), "same"),
    ("/b/twice-the-same", raw(OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"), "same"),
    ("/b/two-lengths", raw(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), "BadAnswer"),
    ("/b/both", raw(OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), "BadAnswer"),
    ("/b/unasked-part", sends(b"ok", "Content-Range: bytes 0-1/2", status=206), "BadAnswer"),
    ("/b/no-content", raw(b"HTTP/1.1 204 No Content\r\n\r\n"), "BadAnswer"),
    ("/b/short", raw(OK + b"Content-Length: 100\r\n\r\nshort"), "NetworkError"),
    ("/b/gone", sends(b"no", status=410), "SourceNotFound"),
]


def _short_id(value: object) -> str:
    return ascii(value)[1:31] if isinstance(value, str) else "-"


@pytest.fixture(scope="module")
def server() -> Iterator[Rogue]:
    """Give a server that has all of them."""
    special = {path: script for path, script, _ in CASES if script is not None}

    def script(asked: Asked, wire: Wire) -> None:
        found = special.get(asked.target)
        if found is not None:
            found(asked, wire)
        else:
            wire.answer(200, body_of(asked.target), "Accept-Ranges: bytes")

    with Rogue(script) as server:
        yield server


@pytest.fixture(scope="module")
def theirs(server: Rogue, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes | None, bytes | None]]:
    """Give what curl and aria2c get for each path; None where they fail."""
    curl, aria = program("curl"), program("aria2c")
    if curl is None or aria is None:
        pytest.skip("curl or aria2c is not installed")
    folder = tmp_path_factory.mktemp("theirs")

    def get(number: int, url: str) -> tuple[bytes | None, bytes | None]:
        own, other = folder / f"{number}.curl", folder / f"{number}.aria"
        return _run([curl, "-gsSfL", "--max-redirs", "10", "-m", "10", "-o", str(own), "--", url], own), _run(
            [
                aria,
                "--no-conf",
                "-q",
                "-m1",
                "-t5",
                "--connect-timeout=5",
                "-d",
                str(folder),
                "-o",
                other.name,
                "--",
                url,
            ],
            other,
        )

    with ThreadPoolExecutor(4) as pool:
        urls = [server.url(path) for path, _, _ in CASES]
        return dict(zip([path for path, _, _ in CASES], pool.map(get, range(len(CASES)), urls), strict=True))


def _run(command: list[str], out: Path) -> bytes | None:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=60)
    if done.returncode:
        return None
    return out.read_bytes() if out.exists() else b""  # curl makes no file of nothing


def _ours(session: Session, url: str, target: Path) -> bytes | TransferError:
    try:
        return Path(session.download(url, target, retry=QUICK).result(30)).read_bytes()
    except TransferError as error:
        return error


@pytest.mark.parametrize(("path", "answer", "verdict"), CASES, ids=_short_id)
def test_the_same_bytes_or_a_reason(
    path: str,
    answer: Script | None,
    verdict: str,
    server: Rogue,
    theirs: dict[str, tuple[bytes | None, bytes | None]],
    sessions: Callable[[], Session],
    tmp_path: Path,
) -> None:
    """What curl and aria2c agree on, nbxfer gets too; what it refuses, it refuses with a sentence."""
    target = tmp_path / "X"
    got = _ours(sessions(), server.url(path), target)
    curl, aria = theirs[path]
    print(f"{path[:60]!r}: curl {_short(curl)}, aria2c {_short(aria)}, nbxfer {_short(got)}")
    if isinstance(got, TransferError):
        assert type(got).__name__ == verdict, got
        assert got.message
        assert not target.exists()
    else:
        assert verdict == "same"
        assert curl is None or got == curl
        assert aria is None or curl is None or aria != curl or got == aria


def _short(got: bytes | TransferError | None) -> str:
    return "fails" if got is None else f"{len(got)} bytes" if isinstance(got, bytes) else type(got).__name__


def test_userinfo_in_the_url(
    server: Rogue, sessions: Callable[[], Session], tmp_path: Path, canary: Callable[[str], str]
) -> None:
    """User and password of a URL are sent as Basic credentials, as curl does, and shown nowhere."""
    secret = canary("password")
    url = server.url("/plain.bin").replace("//", f"//user%40host:{secret}@")
    op = sessions().download(url, tmp_path / "X")
    assert op.result(20).read_bytes() == body_of("/plain.bin")
    sent = server.asked[-1].headers["authorization"]
    assert base64.b64decode(sent.removeprefix("Basic ")).decode() == f"user@host:{secret}"
    assert secret not in op.url + op.explain() + repr(op)


def test_an_ipv6_literal(sessions: Callable[[], Session], tmp_path: Path) -> None:
    """A host may be an IPv6 address in brackets."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 on this machine")
    with Rogue(lambda asked, wire: wire.answer(200, asked.headers["host"].encode()), host="::1") as server:
        op = sessions().download(server.url("/a.bin", host="[::1]"), tmp_path / "X")
        assert op.result(20).read_bytes() == f"[::1]:{server.port}".encode()


def test_an_empty_query(server: Rogue, sessions: Callable[[], Session], tmp_path: Path) -> None:
    """A question mark with nothing after it is asked for as it stands (RFC 3986 §6.2.3), as curl and aria2c do."""
    op = sessions().download(server.url("/a.bin?"), tmp_path / "X")
    assert op.result(20).read_bytes() == body_of("/a.bin?")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:0/a.bin", "http://127.0.0.1:99999/a.bin", "http://127.0.0.1:-1/a.bin", "http://127.0.0.1:x/a.bin",
        "http:///a.bin", "http://", "http:a.bin", "http://[::1/a.bin", "http://[nonsense]/a.bin", "http://a b/a.bin",
        "http://127.0.0.1/a\nb.bin", "http://127.0.0.1/a\rb.bin", "http://127.0.0.1/\x00.bin", "//127.0.0.1/a.bin", "",
        " ", "a.bin", "file:///no/such/file", "nonsense://127.0.0.1/a.bin", "http://exa\u202emple/a.bin", "http://%zz/a.bin",
    ],
)  # fmt: skip
def test_no_url_at_all(url: str, sessions: Callable[[], Session], tmp_path: Path) -> None:
    """What is no URL of a file is refused with a sentence, before anything moves or as the reason of its failure."""
    got = _ours(sessions(), url, tmp_path / "X")
    assert isinstance(got, TransferError), got
    assert got.message
    assert "report" not in str(got)
    assert list(tmp_path.iterdir()) == []
