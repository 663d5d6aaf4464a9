"""What plain CPython does with threads, sockets and nothing else: the yardstick.

One file over eight connections, each read into a buffer of 4 MiB that is written at its offset; many files by
``http.client`` in eight threads. No retry, no resume, nothing durable.
"""

from __future__ import annotations

import functools
import http.client
import os
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

#: Connections for one file, and threads for many.
LANES = 8
#: Bytes that are read before they are written.
PIECE = 4 * 2**20


def name_of(url: str) -> str:
    """Give the last word of its path."""
    return url.rsplit("/", 1)[1]


def each(work: Callable[[Any], object], things: Sequence[Any], threads: int) -> None:
    """Have ``work`` done for each thing, by so many threads; raise what went wrong first."""
    rest, lock, wrong = iter(things), threading.Lock(), list[Exception]()

    def go() -> None:
        while not wrong:
            with lock:
                thing = next(rest, None)
            if thing is None:
                return
            try:
                work(thing)
            except Exception as error:
                wrong.append(error)

    crew = [threading.Thread(target=go) for _ in range(threads)]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    if wrong:
        raise wrong[0]


def _line(url: str) -> socket.socket:
    at = urlsplit(url)
    assert at.hostname is not None
    assert at.port is not None
    line = socket.create_connection((at.hostname, at.port), 30)
    return _context().wrap_socket(line, server_hostname=at.hostname) if at.scheme == "https" else line


@functools.cache
def _context() -> ssl.SSLContext:
    return ssl.create_default_context()


def _head(line: socket.socket, url: str, method: str, span: str, buffer: memoryview) -> tuple[bytes, int]:
    """Ask; give the head of the answer, and how much of the body came with it, at the beginning of ``buffer``."""
    at = urlsplit(url)
    line.sendall(f"{method} {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nRange: bytes={span}\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        piece = line.recv(65536)
        assert piece, "the server hung up"
        got += piece
    head, _, body = got.partition(b"\r\n\r\n")
    assert b" 206 " in head.split(b"\r\n")[0], head
    buffer[: len(body)] = body
    return head, len(body)


def one(url: str, target: Path, note: Callable[[memoryview], object] = lambda piece: None) -> None:
    """Fetch one file; ``note`` sees each piece before it is written."""
    with _line(url) as line:
        head, _ = _head(line, url, "HEAD", "0-", memoryview(bytearray()))
    size = int(head.lower().split(b"content-range: bytes 0-")[1].split(b"\r\n")[0].split(b"/")[1])
    fd = os.open(target, os.O_CREAT | os.O_WRONLY)
    os.ftruncate(fd, size)
    share = -(-size // LANES // PIECE) * PIECE

    def fetch(start: int) -> None:
        stop, at = min(start + share, size), start
        buffer = memoryview(bytearray(PIECE))
        with _line(url) as line:
            _, filled = _head(line, url, "GET", f"{start}-{stop - 1}", buffer)
            while at < stop:
                while filled < min(PIECE, stop - at):
                    got = line.recv_into(buffer[filled:])
                    assert got, "the server hung up"
                    filled += got
                note(buffer[:filled])
                at += os.pwrite(fd, buffer[:filled], at)
                filled = 0

    each(fetch, range(0, size, share), LANES)
    os.close(fd)


def one_with_crc(url: str, target: Path) -> None:
    """Fetch one file and do with each piece what a block log does: take its CRC-32C."""
    import crc32c

    one(url, target, crc32c.crc32c)


def many(urls: Sequence[str], folder: Path) -> None:
    """Fetch small files."""
    lines = threading.local()

    def fetch(url: str) -> None:
        if not hasattr(lines, "line"):
            lines.line = http.client.HTTPConnection(urlsplit(url).netloc)
        lines.line.request("GET", urlsplit(url).path)
        (folder / name_of(url)).write_bytes(lines.line.getresponse().read())

    each(fetch, urls, LANES)
