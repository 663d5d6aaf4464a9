"""The HTTP source keeps what every source has to keep, over plain sockets and over TLS."""

from __future__ import annotations

import base64
import hashlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime

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
    good = honest(data, tag, *said_of(served), ranges=served.ranges)

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
            if served.surplus:
                wire.send(served.surplus)
            return None
        spoiled = Limited(wire, limit)
        good(asked, spoiled)
        return wire.close() if served.cut is not None else wire.hang()

    return script


def said_of(served: Served) -> list[str]:
    """Give the lines that say what the file is called, what it adds up to and when it was made."""
    lines = []
    if served.name:
        lines.append(f'Content-Disposition: attachment; filename="{served.name}"')
    if served.claim:
        digest = base64.b64encode(hashlib.sha256(served.data).digest()).decode()
        lines.append(f"Repr-Digest: sha-256=:{digest}:")
    if served.modified is not None:
        lines.append(f"Last-Modified: {format_datetime(datetime.fromtimestamp(served.modified, UTC), usegmt=True)}")
    return lines


class Limited(Wire):
    """Lets through the head and so many bytes of the body."""

    def __init__(self, wire: Wire, limit: int) -> None:
        self._wire, self._limit = wire, limit

    def send(self, data: bytes) -> int:
        head, mark, body = data.partition(b"\r\n\r\n")
        return self._wire.send(head + mark + body[: self._limit])


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

    def test_ranges_of_what_has_no_length(self) -> None:
        """The same, where the question is about ranges."""
        self.server.goodbye = True
        super().test_ranges_of_what_has_no_length()
