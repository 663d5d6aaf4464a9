"""WSGI applications on a port of this machine, and one that passes everything on to a server on another port."""

from __future__ import annotations

import http.client
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.servers.spoiling import App

_HOP = frozenset("connection keep-alive transfer-encoding server date".split())


@contextmanager
def serving(app: App) -> Iterator[int]:
    """Run ``app`` on a port, which is given; a body that it breaks off breaks the connection, and nothing is said."""
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any, **__: Any) -> None:
            """Say nothing: a cut is what was wanted."""

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Forwarding:
    """Sends every request on to the server on ``port``, as it stands, and its answer back."""

    def __init__(self, port: int) -> None:
        self._port = port

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        asked = {name[5:].replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")}
        asked.pop("CONNECTION", None)
        for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(name):
                asked[name.replace("_", "-")] = environ[name]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        there = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        try:
            there.request(environ["REQUEST_METHOD"], environ["RAW_URI"], body or None, asked)
            reply = there.getresponse()
            kept = [(name, value) for name, value in reply.getheaders() if name.lower() not in _HOP]
            start(f"{reply.status} {reply.reason or 'Said'}", kept)
            while piece := reply.read1(1 << 16):
                yield piece
        finally:
            there.close()
