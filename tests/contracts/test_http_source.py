"""The HTTP source keeps what every source has to keep, over plain sockets and over TLS."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator

import pytest
import trustme

from nbxfer.core.policy import Patience
from nbxfer.sources.http import HttpSource
from nbxfer.testing.sources import Served, SourceContract
from nbxfer.wire.access import access
from tests.servers.rogue import Asked, Rogue, Script, Wire, honest


def script_of(served: Served) -> Script:
    """Give the server's side of what is served, vices and all."""
    data = served.data
    tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"' if served.validator else None
    good = honest(data, tag, ranges=served.ranges)

    def script(asked: Asked, wire: Wire) -> None:
        if served.silent:
            return wire.hang()
        if served.missing:
            return wire.answer(404)
        if not served.length:
            return wire.answer(200, data, *([f"ETag: {tag}"] if tag else []), length=None)
        limit = served.cut if served.cut is not None else served.stall
        if limit is None:
            good(asked, wire)
            return wire.send(served.surplus) if served.surplus else None
        spoiled = Limited(wire, limit)
        good(asked, spoiled)
        return wire.close() if served.cut is not None else wire.hang()

    return script


class Limited(Wire):
    """Lets through the head and so many bytes of the body."""

    def __init__(self, wire: Wire, limit: int) -> None:
        self._wire, self._limit = wire, limit

    def send(self, data: bytes) -> None:
        head, mark, body = data.partition(b"\r\n\r\n")
        self._wire.send(head + mark + body[: self._limit])


class TestHttpSource(SourceContract):
    """Over plain sockets."""

    tls: ssl.SSLContext | None = None
    verify: str | bool = True

    @pytest.fixture(autouse=True)
    def _server(self) -> Iterator[None]:
        with Rogue(lambda _, wire: wire.close(), self.tls) as self.server:
            yield

    def serve(self, served: Served) -> HttpSource:
        """Give a source of the one URL that now serves this."""
        self.server.script = script_of(served)
        return HttpSource(access(self.server.url(), verify=self.verify), Patience(connect=5, response=5))


class TestHttpsSource(TestHttpSource):
    """Over TLS."""

    @pytest.fixture(autouse=True)
    def _server(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
        authority, path = trustme.CA(), tmp_path_factory.mktemp("ca") / "ca.pem"
        authority.cert_pem.write_to_path(str(path))
        self.tls, self.verify = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), str(path)
        authority.issue_cert("127.0.0.1").configure_cert(self.tls)
        with Rogue(lambda _, wire: wire.close(), self.tls) as self.server:
            yield

    def test_no_length(self) -> None:
        """Over TLS the end of the connection proves no end of the body, unless it says goodbye."""
        self.server.goodbye = True
        super().test_no_length()
