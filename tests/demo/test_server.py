"""The demo server is an honest one: other rooms prove themselves on it."""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.demo.madeup import MadeUp, amount
from nbxfer.demo.server import DemoServer

ROOT = Path(__file__).resolve().parents[2]
SIZE = 1_000_003


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer(size=SIZE) as running:
        yield running


def ask(
    server: DemoServer, path: str = "/data.bin", method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """Ask once; give status, headers in lower case, and the body."""
    connection = http.client.HTTPConnection(server.server_name, server.server_port, timeout=10)
    try:
        connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


@given(st.integers(0, 400_000), st.integers(0, 400_000), st.integers(0, 400_000))
def test_made_up_data(size: int, start: int, stop: int) -> None:
    """Any part of the data is what the whole has there."""
    data = MadeUp(size, seed=3)
    assert data.read(start, stop) == data.read(0, size)[start:stop]
    assert len(data.read(0, size + 5)) == size


def test_made_up_data_is_all_different() -> None:
    """A piece from a wrong offset, or of another version, is never taken for the right one."""
    data = MadeUp(1 << 24)
    cells = {data.read(at, at + 65536) for at in range(0, 1 << 24, 65536)}
    assert len(cells) == 256
    assert MadeUp(1 << 20, seed=1).read(0, 4096) != data.read(0, 4096)


def test_whole(server: DemoServer) -> None:
    """The whole file comes with its length and a strong tag; its digest is known."""
    status, headers, body = ask(server)
    assert (status, headers["content-length"], headers["accept-ranges"]) == (200, str(SIZE), "bytes")
    assert headers["etag"] == server.etag
    assert hashlib.sha256(body).hexdigest() == server.sha256 == ask(server, "/sha256")[2].decode().strip()


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=65535-65536", 65535, 65537),
        ("bytes=1000000-", 1_000_000, SIZE),
        ("bytes=5-99999999", 5, SIZE),
        ("bytes=-10", SIZE - 10, SIZE),
        ("bytes=-99999999", 0, SIZE),
    ],
)
def test_ranges(server: DemoServer, asked: str, start: int, stop: int) -> None:
    """A range comes as asked, and says where it is (RFC 9110 §14)."""
    status, headers, body = ask(server, Range=asked)
    assert (status, headers["content-range"]) == (206, f"bytes {start}-{stop - 1}/{SIZE}")
    assert body == server.data.read(start, stop)


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=" + "9" * 99]
)
def test_ranges_that_are_none(server: DemoServer, asked: str) -> None:
    """What is no single range is as if it had not been said."""
    status, _, body = ask(server, Range=asked)
    assert (status, len(body)) == (200, SIZE)


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", "bytes=-0"])
def test_ranges_that_cannot_be(server: DemoServer, asked: str) -> None:
    """A range past the end is told the size."""
    status, headers, _ = ask(server, Range=asked)
    assert (status, headers["content-range"]) == (416, f"bytes */{SIZE}")


def test_conditions(server: DemoServer) -> None:
    """Conditions are looked at in the order of RFC 9110 §13.2.2; weak tags match only where they may."""
    tag, other, some = server.etag, '"other"', "bytes=0-9"
    assert ask(server, If_Match=other)[0] == 412
    assert ask(server, If_Match=f"{other}, {tag}")[0] == 200
    assert ask(server, If_Match="*", If_None_Match=tag)[0] == 304
    assert ask(server, If_Match=f"W/{tag}")[0] == 412
    assert ask(server, If_None_Match=f"W/{tag}", Range=some)[0] == 304
    assert ask(server, If_None_Match=other)[0] == 200
    assert ask(server, If_Range=tag, Range=some)[0] == 206
    assert ask(server, If_Range=other, Range=some)[0] == 200
    assert ask(server, If_Range=f"W/{tag}", Range=some)[0] == 200
    assert ask(server, If_Range="Sun, 06 Nov 1994 08:49:37 GMT", Range=some)[0] == 200


def test_head(server: DemoServer) -> None:
    """HEAD tells what GET would, and sends nothing."""
    status, headers, body = ask(server, method="HEAD", Range="bytes=0-9")
    assert (status, headers["content-length"], body) == (200, str(SIZE), b"")
    assert server.sent == 0


def test_other_paths(server: DemoServer) -> None:
    """The file has any name; everything else is small, or not there."""
    assert len(ask(server, "/other%20name.bin")[2]) == SIZE
    assert ask(server, "/favicon.ico")[0] == 404
    assert ask(server, "/data.bin?rate=much")[0] == 400
    assert ask(server, method="POST")[0] == 405
    assert b"/data.bin" in ask(server, "/")[2]


def test_counts(server: DemoServer) -> None:
    """What was sent is counted to the byte, for each path."""
    ask(server)
    ask(server, "/b.bin", Range="bytes=0-9")
    stats = json.loads(ask(server, "/stats")[2])
    assert stats == server.stats()
    assert stats["connections"] == 3
    assert stats["paths"] == {"/b.bin": {"requests": 1, "sent": 10}, "/data.bin": {"requests": 1, "sent": SIZE}}
    assert (server.sent, server.sent_of("/b.bin"), server.requests, server.requests_of("/b.bin")) == (
        SIZE + 10,
        10,
        2,
        1,
    )


def test_keep_alive(server: DemoServer) -> None:
    """One connection asks many times."""
    connection = http.client.HTTPConnection(server.server_name, server.server_port, timeout=10)
    for number in range(3):
        connection.request("GET", "/data.bin", headers={"Range": f"bytes={number}-{number}"})
        assert connection.getresponse().read() == server.data.read(number, number + 1)
    connection.close()
    assert server.stats()["connections"] == 1


def test_a_body_that_nobody_reads(server: DemoServer) -> None:
    """A question with a body is answered, and is the last one of its connection."""
    connection = http.client.HTTPConnection(server.server_name, server.server_port, timeout=10)
    connection.request("GET", "/stats", body=b"GET /data.bin HTTP/1.1\r\n\r\n")
    connection.getresponse().read()
    assert connection.sock.recv(1) == b""
    connection.close()


def test_change(server: DemoServer) -> None:
    """A new version has another tag and other bytes."""
    old = (server.etag, server.sha256)
    server.change()
    assert server.etag != old[0]
    server.change(size=10)
    assert (server.size, len(ask(server)[2])) == (10, 10)


def test_brake() -> None:
    """A braked connection takes its time, and no more than that; the question may brake itself."""
    with DemoServer(size=300_000, rate=1_000_000) as server:
        for path, least in (("/data.bin", 0.28), ("/data.bin?rate=3M", 0.08)):
            begun = time.monotonic()
            assert len(ask(server, path)[2]) == 300_000
            assert least <= time.monotonic() - begun < least + 2
        assert server.url_of("x.bin", rate=2e7).endswith("/x.bin?rate=20000000")


def test_it_ends_in_the_middle() -> None:
    """Leaving breaks off what is on its way, at once."""
    with DemoServer(size=10**12, rate=1000) as server:
        connection = http.client.HTTPConnection(server.server_name, server.server_port, timeout=10)
        connection.request("GET", "/data.bin")
        answer = connection.getresponse()
        answer.read(10)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
    assert sum(iter(lambda: len(answer.read(4096)), 0)) < 4096
    answer.close()
    connection.close()
    DemoServer().close()  # one that was never begun


def test_who_hangs_up(server: DemoServer, capfd: pytest.CaptureFixture[str]) -> None:
    """A client that goes away is no news."""
    with DemoServer(size=10**10) as big:
        connection = http.client.HTTPConnection(big.server_name, big.server_port, timeout=10)
        connection.request("GET", "/data.bin")
        answer = connection.getresponse()
        answer.read(10)
        answer.close()
        connection.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("1234", 1234), ("200M", 200_000_000), ("64MiB", 64 << 20), ("1.5k", 1500), ("1GB", 10**9)],
)
def test_amounts(text: str, number: int) -> None:
    """Sizes are written as people write them."""
    assert amount(text) == number


@pytest.mark.parametrize("text", ["", "M", "-1", "1e6", "1 2"])
def test_amounts_that_are_none(text: str) -> None:
    """What is no size is refused."""
    with pytest.raises(ValueError, match="not a number of bytes"):
        amount(text)


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nbxfer.demo.server", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have what is begun here hear Ctrl-C, also where these tests do not: who is begun by ``nohup`` passes that on."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_as_a_process(interruptible: None) -> None:
    """Its first line is its URL, and Ctrl-C ends it without a word."""
    with start("--size", "1M", "--seed", "4") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        port = int(url.split(":")[2].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/data.bin")
        assert connection.getresponse().read() == MadeUp(10**6, 4).read(0, 10**6)
        connection.close()
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=10) == ("", "")
        assert process.returncode == 0


def test_it_does_not_outlive_its_parent() -> None:
    """A server whose starter was killed goes, too."""
    starter = (
        "import subprocess, sys, time; subprocess.Popen([sys.executable, '-m', 'nbxfer.demo.server']); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", starter], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().startswith("http://")
        parent.kill()
        assert parent.stdout.read() == ""  # the other end is the server's: it closes when that one ends
