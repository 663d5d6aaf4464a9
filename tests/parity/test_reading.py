"""GetResponseInformation, IsRandomAccessRequired, GetResultStreamAt: reading what is not there yet."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, TransferError
from nbxfer.session import Session
from tests.journeys.terminal import MIB, until
from tests.servers.rogue import Asked, Rogue, Wire, honest

Serve = Callable[..., DemoServer]


def test_the_response(session: Session, serve: Serve, tmp_path: Path) -> None:
    """None before there is one; then status, final URL, and headers by their names in any case."""
    server = serve(1000)
    op = session.download(server.url, tmp_path / "x", start=False)
    seen = [op.response]
    op.start()
    op.result(10)
    seen.append(op.response)
    assert seen[0] is None
    answer = seen[1]
    assert answer is not None
    assert (answer.status, answer.url, answer.resumable) == (200, server.url, True)
    assert answer["ETAG"] == answer.headers["etag"] == server.etag


@pytest.mark.parametrize(("ranges", "length", "status"), [(False, -1, 22), (True, None, 23)])
def test_random_access_is_refused_up_front(
    session: Session, tmp_path: Path, ranges: bool, length: int | None, status: int
) -> None:
    """A server that gives no parts (22) or says no length (23) is refused before a byte is kept."""
    data = bytes(200_000)

    def script(asked: Asked, wire: Wire) -> None:
        if ranges:
            wire.answer(200, data, 'ETag: "v1"', "Accept-Ranges: bytes", length=length)
        else:
            honest(data, ranges=False)(asked, wire)

    with Rogue(script) as server:
        op = session.download(server.url(), tmp_path / "x", random_access=True)
        with pytest.raises(TransferError) as caught:
            op.result(20)
    assert int(caught.value.status) == status


def test_random_access_wants_a_get(session: Session, tmp_path: Path) -> None:
    """What contradicts itself is refused at once: a POST cannot be read at any place."""
    with pytest.raises(InvalidRequest):
        session.download("http://localhost:9/x", tmp_path / "x", random_access=True, method="POST")


def test_independent_readers_reorder_the_fetching(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Each reader has a place of its own; what a reader seeks is there long before the file is."""
    server = serve(32 * MIB, 2.0 * MIB)
    op = session.download(server.url, tmp_path / "x", random_access=True, connections=2)
    until(lambda: op.snapshot.received > 0)
    found: dict[str, bytes] = {}

    def read(name: str, at: int) -> None:
        with op.open() as file:
            file.seek(at)
            found[name] = file.read(1000)

    readers = [threading.Thread(target=read, args=args) for args in (("end", 32 * MIB - 1000), ("begin", 0))]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(30)
    assert found["end"] == server.data.read(32 * MIB - 1000, 32 * MIB)
    assert found["begin"] == server.data.read(0, 1000)
    assert op.status is TransferStatus.RUNNING
    assert op.snapshot.received < 24 * MIB
    op.cancel()
