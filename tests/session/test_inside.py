"""Copies within one store, as a person asks for them: the store makes them, where it can."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.session import Operation, Session
from tests.journeys.terminal import MIB
from tests.servers.moto import BUCKET, Moto, Store
from tests.servers.wsgi import serving

#: More than one piece, as the store takes them.
BIG = 64 * MIB + 4_321


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give where moto writes down what it is asked."""
    return tmp_path_factory.mktemp("moto") / "log"


@pytest.fixture(scope="module")
def s3(log: Path) -> Iterator[Store]:
    """Give a store that speaks S3, and keeps versions."""
    with Moto(log) as server:
        server.store.bucket()
        server.store.client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield server.store


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give a session."""
    return sessions()


def _copy(s3: Store, session: Session, old: str, new: str, **options: Any) -> Operation:
    op: Operation = session.copy(f"s3://{BUCKET}/{old}", f"s3://{BUCKET}/{new}", storage_options=s3.options, **options)
    return op


def _told(op: Operation) -> list[str]:
    return [entry.what for entry in op.snapshot.story]


@pytest.mark.parametrize("size", [100_000, pytest.param(BIG, marks=pytest.mark.soak)])
def test_no_byte_comes_here(size: int, s3: Store, log: Path, session: Session) -> None:
    """The store copies by itself: one version, the same bytes and traits; nothing but the first byte was read here."""
    data, old, new = os.urandom(size), f"from-{size}", f"to-{size}"
    s3.client.put_object(Bucket=BUCKET, Key=old, Body=data, ContentType="text/csv", Metadata={"who": "me"})
    op = _copy(s3, session, old, new)
    assert op.result(120) == f"s3://{BUCKET}/{new}"
    assert s3.get(new) == data
    assert s3.versions(new) == 1
    assert s3.open_uploads() == []
    head = s3.client.head_object(Bucket=BUCKET, Key=new)
    assert (head["ContentType"], head["Metadata"]["who"]) == ("text/csv", "me")
    assert "copied inside the store" in _told(op)
    assert "copied inside the store" in op.explain()
    assert op.progress.received == size
    assert op.progress.integrity == "validator"
    assert not re.search(rf'"GET /{BUCKET}/{old}\S* HTTP/1.1" 200', log.read_text())


def test_the_same_again(s3: Store, session: Session, sessions: Callable[[], Session]) -> None:
    """What was copied is not copied again while neither side has changed."""
    s3.put("twice", os.urandom(1000))
    _copy(s3, session, "twice", "twice-2").result(60)
    session.close()
    _copy(s3, sessions(), "twice", "twice-2").result(60)
    assert s3.versions("twice-2") == 1


def test_what_is_there(s3: Store, session: Session) -> None:
    """What may not be replaced is not."""
    s3.put("new", b"new")
    s3.put("there", b"theirs")
    op = _copy(s3, session, "new", "there", if_exists="error")
    assert type(op.exception(60)).__name__ == "DestinationExists"
    assert s3.get("there") == b"theirs"


def test_nothing_in_it(s3: Store, session: Session) -> None:
    """An object of no bytes is copied, too."""
    s3.put("empty", b"")
    _copy(s3, session, "empty", "empty-too").result(60)
    assert s3.get("empty-too") == b""


def test_a_tree(s3: Store, session: Session) -> None:
    """All that is below a folder is copied inside the store, each file by itself."""
    for name in ("a", "b/c", "b/d"):
        s3.put(f"run/{name}", name.encode())
    batch = session.copy(f"s3://{BUCKET}/run/", f"s3://{BUCKET}/run2/", recursive=True, storage_options=s3.options)
    batch.results(60)
    assert [s3.get(f"run2/{name}") for name in ("a", "b/c", "b/d")] == [b"a", b"b/c", b"b/d"]
    assert all("copied inside the store" in _told(op) for op in batch)


def test_other_credentials(s3: Store, session: Session) -> None:
    """Two ways in to one server are two stores as far as anybody knows: the bytes come and go."""
    s3.put("mine", b"mine")
    other = Store(s3.endpoint.replace("127.0.0.1", "localhost"))
    op: Operation = session.copy(
        f"s3://{BUCKET}/mine",
        f"s3a://{BUCKET}/theirs",
        storage_options={"s3": s3.options, "s3a": other.options},
    )
    op.result(60)
    assert s3.get("theirs") == b"mine"
    assert "copied inside the store" not in _told(op)


# -- stores that do not ------------------------------------------------------------------------------------------------
class Refusing:
    """moto, but for copies: those are answered with ``status``; ``before`` is called at the first."""

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._app: Any = DomainDispatcherApplication(create_backend_app)
        self.status = ""
        self.before: Callable[[], None] | None = None

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if "HTTP_X_AMZ_COPY_SOURCE" in environ:
            before, self.before = self.before, None
            if before is not None:
                before()
            if self.status:
                start(self.status, [("Content-Length", "0")])
                return [b""]
        answer: Iterable[bytes] = self._app(environ, start)
        return answer


@pytest.fixture
def refusing() -> Iterator[tuple[Refusing, Store]]:
    """Give a store that does not copy, and how it says so."""
    app = Refusing()
    with serving(app) as port:
        store = Store(f"http://127.0.0.1:{port}")
        store.client.create_bucket(Bucket=f"refuses-{port}")
        yield app, store


@pytest.mark.parametrize("size", [1_000, pytest.param(BIG, marks=pytest.mark.soak)])
@pytest.mark.parametrize("status", ["501 Not Implemented", "403 Forbidden"])
def test_a_store_that_does_not(status: str, size: int, refusing: tuple[Refusing, Store], session: Session) -> None:
    """Where the store refuses, the bytes come and go, whatever its size; and the story says so."""
    app, store = refusing
    app.status, bucket = status, f"refuses-{store.endpoint.rpartition(':')[2]}"
    data = os.urandom(size)
    store.put("from", data, bucket)
    op: Operation = session.copy(f"s3://{bucket}/from", f"s3://{bucket}/to", storage_options=store.options)
    op.result(120)
    assert store.get("to", bucket) == data
    assert store.open_uploads(bucket) == []
    assert "not copied inside the store" in _told(op)
    again: Operation = session.copy(f"s3://{bucket}/from", f"s3://{bucket}/more", storage_options=store.options)
    again.result(120)
    assert store.get("more", bucket) == data
    if status.startswith("501"):  # it is not asked a second time
        assert not {"copied inside the store", "not copied inside the store"} & set(_told(again))


@pytest.mark.parametrize("size", [1_000, pytest.param(BIG, marks=pytest.mark.soak)])
def test_another_version_meanwhile(size: int, refusing: tuple[Refusing, Store], session: Session) -> None:
    """An object that is replaced while the store copies it is copied anew, and no two versions meet."""
    app, store = refusing
    bucket = f"refuses-{store.endpoint.rpartition(':')[2]}"
    old, new = os.urandom(size), os.urandom(size)
    store.put("from", old, bucket)
    app.before = lambda: store.put("from", new, bucket)
    op: Operation = session.copy(f"s3://{bucket}/from", f"s3://{bucket}/to", storage_options=store.options)
    op.result(120)
    assert store.get("to", bucket) == new
    assert op.progress.restarted
    assert store.open_uploads(bucket) == []
