"""Uploads that are begun at a store and left: listed and given up by cleaning, and nobody else's ever."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nbxfer.session import Session
from tests.journeys.terminal import MIB, until
from tests.servers.moto import Store
from tests.servers.wsgi import serving

BUCKET = "left"
SIZE = 10 * MIB


class Front:
    """moto, which says that all was begun two seconds ago (else: in 2010), and loses what it is told to lose."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self.lost: tuple[str, str] | None = None  # method and end of the query of a request whose answer is lost
        self.refused = ""  # the method that is answered with 503

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        if method == self.refused:
            start("503 Slow Down", [("Content-Length", "0")])
            return [b""]
        answered: list[Any] = []
        body = b"".join(self._app(environ, lambda *told: answered.append(told)))
        if self.lost == (method, query):
            self.lost = None
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError
        lately = (datetime.now(UTC) - timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z").encode()
        body = body.replace(b"2010-11-10T20:48:33.000Z", lately)
        start(*answered[0])
        return [body]


@pytest.fixture
def front() -> Iterator[tuple[Front, Store]]:
    """Give a store, and what stands before it."""
    app = Front()
    with serving(app) as port:
        store = Store(f"http://127.0.0.1:{port}")
        store.client.create_bucket(Bucket=f"{BUCKET}-{port}")
        yield app, store


def _options(store: Store) -> dict[str, Any]:
    """Give options of which nothing has to be given again: an operation that is over knows no secret any more."""
    return {**store.options, "key": "env:LAB_KEY", "secret": "env:LAB_SECRET"}


@pytest.fixture(autouse=True)
def _references(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_KEY", "testing")
    monkeypatch.setenv("LAB_SECRET", "testing")


def _bucket(store: Store) -> str:
    return f"{BUCKET}-{store.endpoint.rpartition(':')[2]}"


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """Give a file of two parts."""
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def _begin(store: Store, key: str) -> str:
    answer = store.client.create_multipart_upload(Bucket=_bucket(store), Key=key)
    return str(answer["UploadId"])


def _open(store: Store) -> set[tuple[str, str]]:
    told = store.client.list_multipart_uploads(Bucket=_bucket(store)).get("Uploads", ())
    return {(upload["Key"], upload["UploadId"]) for upload in told}


def test_an_id_that_never_came(front: tuple[Front, Store], sessions: Callable[[], Session], big: Path) -> None:
    """An upload whose id was lost on its way is found at the store and given up; another program's are not touched."""
    app, store = front
    other = _begin(store, "other.bin"), _begin(store, "mine.bin.more")
    session = sessions()
    app.lost = ("POST", "uploads")
    op = session.upload(big, f"s3://{_bucket(store)}/mine.bin", storage_options=_options(store))
    op.result(60)
    assert {key for key, _ in _open(store)} == {"other.bin", "mine.bin.more", "mine.bin"}
    assert session.leftovers() == []  # nobody is asked without an age
    found = session.leftovers(0)
    assert [(one.kind, one.name) for one in found] == [("upload", f"s3://{_bucket(store)}/mine.bin")]
    assert session.leftovers(3600) == []
    assert len(_open(store)) == 3
    assert [one.kind for one in session.clean(0)] == ["upload"]
    assert {place for _, place in _open(store)} == set(other)
    assert session.leftovers(0) == []


def test_the_store_was_away(front: tuple[Front, Store], sessions: Callable[[], Session], big: Path) -> None:
    """What could not be given up when it was canceled is given up later, by its id; what it holds is told."""
    app, store = front
    session = sessions()
    op = session.upload(
        big, f"s3://{_bucket(store)}/x.bin", storage_options=_options(store), bandwidth=8 * MIB, connections=1
    )
    until(lambda: op.progress.received >= 8 * MIB)
    app.refused = "DELETE"
    op.cancel()
    op.wait(60, progress=False)
    app.refused = ""
    assert op.cancelled()
    [found] = session.leftovers(0)
    assert (found.kind, found.id, found.size) == ("upload", op.id, 8 * MIB)
    [gone] = session.clean(0)
    assert gone.kind == "upload"
    assert _open(store) == set()


def test_one_that_is_under_way(front: tuple[Front, Store], sessions: Callable[[], Session], big: Path) -> None:
    """While a transfer to that very key is under way, nothing that is begun there is given up, its own least of all."""
    _, store = front
    session, url = sessions(), f"s3://{_bucket(store)}/x.bin"
    session.upload(big, url, storage_options=_options(store)).result(60)
    big.write_bytes(os.urandom(SIZE))
    op = session.upload(big, url, storage_options=_options(store), bandwidth=8 * MIB, connections=1)
    until(lambda: op.progress.received >= 8 * MIB)
    op.pause()
    until(lambda: not op.running())
    assert session.leftovers(0) == []
    assert session.clean(0) == []
    op.bandwidth = None
    op.resume()
    op.result(60)
    assert store.get("x.bin", _bucket(store)) == big.read_bytes()


def test_a_store_that_is_gone(front: tuple[Front, Store], sessions: Callable[[], Session], big: Path) -> None:
    """A store that does not answer keeps nobody from cleaning the rest."""
    app, store = front
    session = sessions()
    session.upload(big, f"s3://{_bucket(store)}/x.bin", storage_options=_options(store)).result(60)
    app.refused = "GET"
    assert session.leftovers(0) == []
