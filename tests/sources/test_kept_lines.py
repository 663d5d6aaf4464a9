"""A line that is used again may still carry what was left of the answer before."""

from __future__ import annotations

import socket
import threading

from nbxfer.core.probe import Want
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import access

GOOD = b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "v"\r\n\r\nhello'


def _serve(listener: socket.socket) -> None:
    """Answer well, then with rubbish on the same line, then well on a fresh one."""
    for answers in ((GOOD, b"surplus of the answer before\r\n\r\n"), (GOOD,)):
        line, _ = listener.accept()
        with line:
            for answer in answers:
                while b"\r\n\r\n" not in line.recv(65536):
                    pass
                line.sendall(answer)


def test_rubbish_on_a_kept_line_is_asked_again_on_a_fresh_one() -> None:
    """Surplus bytes that arrive late are no reason to give up: the second request is sent once more."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_serve, args=(listener,), daemon=True)
        server.start()
        source = HttpSource(access(f"http://127.0.0.1:{listener.getsockname()[1]}/x"))
        for _ in range(2):
            stream = source.open(Want(), threading.Event())
            assert stream is not None
            buffer = bytearray()
            while got := stream.read_into(memoryview(piece := bytearray(64))):
                buffer += piece[: max(got, 0)]
            stream.close()
            assert bytes(buffer) == b"hello"
        source.close()
        server.join(5)
