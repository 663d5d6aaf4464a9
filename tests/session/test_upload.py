"""Uploads and copies, as a person asks for them: to a store that speaks S3, to memory, to this machine."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer import errors
from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.session import Operation, Session
from tests.journeys.terminal import MIB, until
from tests.servers.moto import BUCKET, Moto, Store

BIG = 20 * MIB + 4_321


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Give a store that speaks S3."""
    with Moto(tmp_path_factory.mktemp("moto") / "log") as server:
        server.store.bucket()
        yield server.store


@pytest.fixture
def session(sessions: Callable[[], Session]) -> Session:
    """Give a session."""
    return sessions()


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """Give a file of several parts."""
    path = tmp_path / "big.bin"
    path.write_bytes(os.urandom(BIG))
    return path


def _to(s3: Store, session: Session, path: Path | str, key: str, **options: Any) -> Operation:
    op: Operation = session.upload(path, f"s3://{BUCKET}/{key}", storage_options=s3.options, **options)
    return op


def test_a_large_file(s3: Store, session: Session, big: Path) -> None:
    """A file goes to a store in parts, and is there as it is here; the result is its URL."""
    op = _to(s3, session, big, "large/")
    assert op.result(60) == f"s3://{BUCKET}/large/big.bin"
    assert s3.get("large/big.bin") == big.read_bytes()
    assert op.progress.integrity == "store checksum"
    assert op.path == big
    assert op.snapshot.kind == "upload"
    assert op.progress.received == op.progress.total == BIG
    assert "s3://lab/large/big.bin" in op.explain()
    assert s3.open_uploads() == []


def test_nothing_in_it(s3: Store, session: Session, tmp_path: Path) -> None:
    """A file of no bytes is a file: it is there afterwards, in a store and in any filesystem."""
    path = tmp_path / "empty"
    path.touch()
    _to(s3, session, path, "empty").result(60)
    assert s3.get("empty") == b""
    session.upload(path, "memory://lab/empty").result(60)
    assert session.copy("memory://lab/empty", tmp_path / "back").result(60).read_bytes() == b""


@pytest.mark.parametrize("size", [0, 5, BIG])
def test_nobody_knows_how_long_it_is(
    size: int, s3: Store, session: Session, server_of_chunks: Callable[[bytes], str]
) -> None:
    """What a server sends without a length is sent on to its end, and not a byte more."""
    data = os.urandom(size)
    url = server_of_chunks(data)
    op = session.copy(url, f"s3://{BUCKET}/unknown-{size}", storage_options=s3.options)
    op.result(60)
    assert s3.get(f"unknown-{size}") == data


@pytest.fixture
def server_of_chunks() -> Iterator[Callable[[bytes], str]]:
    """Give what serves some bytes in chunks; it gives the URL."""
    from tests.servers.wsgi import serving

    bodies: list[bytes] = []

    def app(_environ: dict[str, Any], start: Any) -> Iterator[bytes]:
        start("200 OK", [("Content-Type", "application/octet-stream")])  # it sends it in chunks
        body = bodies[-1]
        return iter([body[at : at + 100_000] for at in range(0, len(body), 100_000)])

    with serving(app) as port:

        def serve(data: bytes) -> str:
            bodies.append(data)
            return f"http://127.0.0.1:{port}/thing.bin"

        yield serve


def test_the_same_again(s3: Store, session: Session, big: Path, sessions: Callable[[], Session]) -> None:
    """What is there already, byte for byte, is not sent again, also when nothing here remembers that; else it is."""
    _to(s3, session, big, "again.bin").result(60)
    etag = s3.client.head_object(Bucket=BUCKET, Key="again.bin")["LastModified"]
    assert _to(s3, session, big, "again.bin").result(60)
    s3.put("small.bin", b"same")
    small = big.with_name("small.bin")
    small.write_bytes(b"same")
    op = _to(s3, session, small, "small.bin")
    op.result(60)
    assert "upload begun" not in [entry.what for entry in op.snapshot.story]
    assert s3.client.head_object(Bucket=BUCKET, Key="again.bin")["LastModified"] == etag
    small.write_bytes(b"else")
    _to(s3, session, small, "small.bin").result(60)
    assert s3.get("small.bin") == b"else"


def test_if_exists(s3: Store, session: Session, big: Path) -> None:
    """What may not be replaced is not, and says so; what is to be skipped is left as it is."""
    s3.put("there.bin", b"theirs")
    op = _to(s3, session, big, "there.bin", if_exists="error")
    assert isinstance(op.exception(60), errors.DestinationExists)
    _to(s3, session, big, "there.bin", if_exists="skip").result(60)
    assert s3.get("there.bin") == b"theirs"


def test_pause_and_resume(s3: Store, session: Session, big: Path) -> None:
    """A paused upload keeps what the store has, and goes on with the rest."""
    op = _to(s3, session, big, "paused.bin", bandwidth=8 * MIB, connections=1)
    until(lambda: op.progress.received >= 8 * MIB)
    op.pause()
    until(lambda: op.status is TransferStatus.PAUSED_BY_APPLICATION)
    had = op.progress.received
    assert had >= 8 * MIB
    assert s3.get("paused.bin") is None
    op.bandwidth = None
    op.resume()
    op.result(60)
    assert s3.get("paused.bin") == big.read_bytes()
    assert op.progress.refetched == 0


def test_cancel_leaves_nothing(s3: Store, session: Session, big: Path) -> None:
    """A canceled upload is given up at the store, too: open ones cost money."""
    op = _to(s3, session, big, "canceled.bin", bandwidth=8 * MIB, connections=1)
    until(lambda: op.progress.received >= 8 * MIB)
    op.cancel()
    assert op.wait(30, progress=False)
    assert op.cancelled()
    assert s3.open_uploads() == []
    assert s3.get("canceled.bin") is None


def test_the_file_changes(s3: Store, session: Session, big: Path) -> None:
    """A file that somebody writes to while it is sent ends its upload; nothing is published."""
    op = _to(s3, session, big, "edited.bin", bandwidth=8 * MIB, connections=1)
    until(lambda: op.progress.received >= 8 * MIB)
    with big.open("r+b") as file:
        file.write(b"changed")
    assert isinstance(op.exception(30), errors.SourceChanged)
    assert s3.get("edited.bin") is None
    op.bandwidth = None
    op.retry()
    op.result(60)
    assert s3.get("edited.bin") == big.read_bytes()
    assert op.progress.restarted
    assert s3.open_uploads() == []


def test_checksum(s3: Store, session: Session, big: Path) -> None:
    """A checksum that the file does not have keeps it from being sent; the right one is the word of the result."""
    with pytest.raises(errors.ChecksumMismatch, match="Nothing was sent"):
        _to(s3, session, big, "sum.bin", checksum="sha256:" + "0" * 64).result(60)
    assert s3.get("sum.bin") is None
    right = hashlib.sha256(big.read_bytes()).hexdigest()
    op = _to(s3, session, big, "sum2.bin", checksum=f"sha256:{right}")
    op.result(60)
    assert op.progress.integrity == "digest"


def test_several(s3: Store, session: Session, tmp_path: Path) -> None:
    """Several files go below one URL; the results are in their order."""
    paths = [tmp_path / f"{n}.txt" for n in range(5)]
    for path in paths:
        path.write_text(path.name)
    batch = session.upload(paths, f"s3://{BUCKET}/many", storage_options=s3.options)
    assert batch.results(60) == [f"s3://{BUCKET}/many/{n}.txt" for n in range(5)]
    assert s3.get("many/3.txt") == b"3.txt"


def test_copy_between_stores(s3: Store, session: Session, big: Path) -> None:
    """From one store to another nothing lands on this machine in between."""
    s3.put("from.bin", big.read_bytes())
    op = session.copy(f"s3://{BUCKET}/from.bin", f"s3://{BUCKET}/to.bin", storage_options={"s3": s3.options})
    assert op.result(60) == f"s3://{BUCKET}/to.bin"
    assert s3.get("to.bin") == big.read_bytes()
    assert op.snapshot.kind == "copy"


def test_copy_from_a_server(s3: Store, session: Session, serve: Any) -> None:
    """What a web server has goes to a store as it comes."""
    server = serve(BIG)
    op = session.copy(server.url, f"s3://{BUCKET}/web.bin", storage_options=s3.options)
    op.result(60)
    got = s3.get("web.bin")
    assert got is not None
    assert hashlib.sha256(got).hexdigest() == server.sha256


def test_copy_here(session: Session, big: Path, tmp_path: Path) -> None:
    """A copy from this machine to this machine is one, too, with all that a download keeps."""
    op = session.copy(big, tmp_path / "copy.bin")
    assert op.result(60) == tmp_path / "copy.bin"
    assert (tmp_path / "copy.bin").read_bytes() == big.read_bytes()
    session.copy(f"file://{big}", f"{tmp_path}/folder/")
    until((tmp_path / "folder" / "big.bin").exists)


def test_into_memory(session: Session, big: Path) -> None:
    """Any filesystem of fsspec takes files, from their beginning to their end."""
    import fsspec

    fs = fsspec.filesystem("memory")
    session.upload(big, "memory://into/x.bin").result(60)
    assert fs.cat_file("/into/x.bin") == big.read_bytes()
    assert fs.ls("/into", detail=False) == ["/into/x.bin"]
    fs.rm("/into", recursive=True)


def test_awaited(s3: Store, session: Session, tmp_path: Path) -> None:
    """An upload can be awaited, as a download can."""
    path = tmp_path / "tiny.bin"
    path.write_bytes(b"tiny")
    op = _to(s3, session, path, "tiny.bin")

    async def wait() -> object:
        return await op

    assert asyncio.run(wait()) == f"s3://{BUCKET}/tiny.bin"


def test_secrets_are_not_kept(s3: Store, session: Session, big: Path, home: Path, canary: Callable[[str], str]) -> None:
    """Keys of a store are in memory only: after a restart the upload waits, and says what it needs."""
    options = {**s3.options, "secret": canary("secret"), "token": canary("token")}
    op = session.upload(big, f"s3://{BUCKET}/secret.bin", storage_options=options, start=False)
    session.close()
    again = Session(home=home)
    try:
        again.reattach()
        there = again.find(op.id)
        there.start() if there.snapshot.phase is Phase.CREATED else None
        until(lambda: there.snapshot.needs_person)
        assert "storage_options" in there.reason
    finally:
        again.close()


def test_keys_by_reference(
    s3: Store, session: Session, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What says where the keys are is kept, so that another process goes on by itself."""
    monkeypatch.setenv("MY_KEY", s3.key)
    monkeypatch.setenv("MY_SECRET", s3.secret)
    path = tmp_path / "by reference.bin"
    path.write_bytes(b"by reference")
    options = {**s3.options, "key": "env:MY_KEY", "secret": "env:MY_SECRET"}
    op = session.upload(path, f"s3://{BUCKET}/refs/", storage_options=options, start=False)
    session.close()
    again = Session(home=home)
    try:
        again.reattach()
        again.find(op.id).start()
        again.find(op.id).result(30)
    finally:
        again.close()
    assert s3.get("refs/by reference.bin") == b"by reference"


# -- what cannot be done ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "url", "options", "words"),
    [
        ("{tmp}/none", "s3://b/k", {}, "is not there"),
        ("{tmp}", "s3://b/k", {}, "is a folder"),
        ("{big}", "nosuch://b/k", {}, "no protocol"),
        ("{big}", "{tmp}/x", {}, "sends to a URL"),
        ("{big}", "s3://", {}, "names no place"),
        ("{big}", "s3://b/k", {"if_exists": "unique"}, "for files of this machine"),
        ("{big}", "s3://b/k", {"into": "x"}, "lands on this machine"),
        ("{big}", "s3://b/k", {"bandwith": 1}, "Did you mean 'bandwidth'"),
        ("{big}", "s3://b/k", {"storage_options": 7}, "not a dictionary"),
        ("{big}", "zip://x::s3://b/k", {}, "chain"),
        (7, "s3://b/k", {}, "not a path"),
    ],
)
def test_bad_input(session: Session, big: Path, tmp_path: Path, path: Any, url: str, options: Any, words: str) -> None:
    """What cannot be sent is refused with a sentence before anything moves."""
    if isinstance(path, str):
        path = path.format(tmp=tmp_path, big=big)
    with pytest.raises(errors.TransferError, match=words) as caught:
        session.upload(path, url.format(tmp=tmp_path), **options)
    assert caught.value.hint


def test_onto_itself(s3: Store, session: Session) -> None:
    """Nothing is copied onto itself."""
    with pytest.raises(errors.InvalidRequest, match="the same"):
        session.copy(f"s3://{BUCKET}/x", f"s3://{BUCKET}/x", storage_options=s3.options)


def test_no_bucket_no_keys(s3: Store, session: Session, big: Path) -> None:
    """A bucket that is not there, and keys that are not right, are told in a sentence, and harm nobody else."""
    wrong = session.upload(big, "s3://no-such-bucket/x", storage_options=s3.options)
    fine = _to(s3, session, big, "fine.bin")
    assert isinstance(wrong.exception(30), errors.SourceNotFound)
    assert "no-such-bucket" in str(wrong.exception(30))
    assert fine.result(60)


def test_too_large(session: Session, tmp_path: Path, s3: Store) -> None:
    """More than an object may have is refused up front."""
    path = tmp_path / "sparse.bin"
    with path.open("wb") as file:
        try:
            file.truncate(6 * 1024**4)
        except OSError:
            pytest.skip("this file system has no such large files")
    error = _to(s3, session, path, "sparse.bin").exception(30)
    path.unlink()
    assert isinstance(error, errors.InvalidRequest)
    assert "5 TiB" in str(error)


def test_nobody_there(session: Session, big: Path) -> None:
    """A store that does not answer is tried again, and can be paused and canceled meanwhile."""
    options = {"key": "k", "secret": "s", "endpoint_url": "http://127.0.0.1:9"}
    op = session.upload(big, "s3://b/x", storage_options=options)
    until(lambda: op.status is TransferStatus.RETRY_WAIT)
    begun = time.monotonic()
    op.cancel()
    assert op.wait(30, progress=False)
    assert time.monotonic() - begun < 20
