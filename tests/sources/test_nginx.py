"""A real web server: whole, resumed, unchanged, chunked, over kept connections, with and without TLS."""

from __future__ import annotations

import itertools
import os
import threading
import time

import pytest

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import AccessDenied, BadAnswer, ServerBusy, SourceChanged, SourceNotFound, WebErrorStatus
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import Access, access
from nbxfer.wire.pool import Pool
from tests.servers.nginx import Nginx
from tests.servers.reading import GO_ON, fetch, opened, read_all, source

pytestmark = pytest.mark.servers


@pytest.fixture(params=[False, True], ids=["http", "https"])
def way(request: pytest.FixtureRequest, nginx: Nginx, ca: str) -> Access:
    """Give the way in to the file, plain and by TLS."""
    return access(nginx.url("/file.bin", secure=request.param), verify=ca)


def test_whole(way: Access, data: bytes) -> None:
    """A file comes whole, with what tells its version."""
    stream, body = fetch(way)
    assert body == data
    assert (stream.probe.size, stream.probe.ranges, stream.length_proven) == (len(data), True, True)
    assert stream.probe.media_type == "application/octet-stream"
    assert stream.probe.validator is not None
    assert stream.probe.validator.strong


def test_resumed(way: Access, data: bytes) -> None:
    """A resume under the pinned validator gives the rest."""
    src = source(way)
    first = opened(src)
    first.close()
    want = Want(start=1_234_567, pinned=first.probe.validator, size=len(data), overlap=4096)
    stream = opened(src, want)
    assert (stream.probe.start, stream.restarted, read_all(stream)) == (1_234_567, False, data[1_234_567:])
    late = Validator("etag", '"older"')
    stream = opened(src, Want(start=1000, pinned=late, size=len(data)))
    assert (stream.restarted, read_all(stream)) == (True, data)


def test_parts(way: Access, data: bytes) -> None:
    """Parts under If-Match, from several threads at once; none of another version, and any order is shown to be had."""
    src = source(way)
    first = opened(src, Want(ranged=True))
    assert (first.probe.start, first.probe.ranges) == (0, True)
    assert read_all(first) == data
    cuts = [*range(0, len(data), 400_000), len(data)]
    got: dict[int, bytes] = {}

    def read(start: int, stop: int) -> None:
        want = Want(start, stop, first.probe.validator, len(data), part=True)
        got[start] = read_all(opened(src, want))

    threads = [threading.Thread(target=read, args=pair) for pair in itertools.pairwise(cuts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert b"".join(got[start] for start in cuts[:-1]) == data
    with pytest.raises(SourceChanged):
        src.open(Want(5, 10, Validator("etag", '"older"'), len(data), part=True), GO_ON)


def test_no_ranges(nginx: Nginx) -> None:
    """What comes in chunks has no length, and cannot be read in any order."""
    with pytest.raises(BadAnswer) as caught:
        opened(source(nginx.url("/chunked/file.bin")), Want(ranged=True))
    assert caught.value.status == WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT
    stream = opened(source(nginx.url("/empty.bin")), Want(ranged=True))
    assert (read_all(stream), stream.probe.size) == (b"", 0)


def test_unchanged(way: Access) -> None:
    """Asked whether it has changed, it says no, and later yes."""
    src = source(way)
    stream = opened(src)
    stream.close()
    assert src.open(Want(unless=stream.probe.validator), GO_ON) is None
    opened(src, Want(unless=Validator("etag", '"older"'))).close()


def test_dates(nginx: Nginx) -> None:
    """The version of a file may be told by its date alone; a tag goes first."""
    path = nginx.root / "dated.bin"
    path.write_bytes(b"x" * 100)
    os.utime(path, (time.time() - 1000,) * 2)
    stream, _ = fetch(nginx.url("/dated.bin"))
    modified = dict(stream.probe.headers)["last-modified"]
    assert source(nginx.url("/dated.bin")).open(Want(unless=Validator("modified", modified)), GO_ON) is None


def test_chunked(nginx: Nginx, data: bytes) -> None:
    """Chunks from a real server: no size, but a proven end."""
    stream, body = fetch(nginx.url("/chunked/file.bin"))
    assert (body, stream.probe.size, stream.length_proven) == (data, None, True)


def test_empty(nginx: Nginx) -> None:
    """An empty file is whole at once."""
    assert fetch(nginx.url("/empty.bin"))[1] == b""


def test_kept_connections(nginx: Nginx, ca: str, data: bytes) -> None:
    """Many files over one connection, also when the sources are many and share a pool."""
    for secure in (False, True):
        pool = Pool()
        for _ in range(5):
            src = HttpSource(access(nginx.url("/file.bin", secure=secure), verify=ca), pool=pool)
            assert read_all(opened(src)) == data
            src.close()
            assert pool.idle == 1
        pool.close()
        assert pool.idle == 0


def test_refusals(nginx: Nginx) -> None:
    """Refusals of a real server, with their codes."""
    for path, kind in (("/none.bin", SourceNotFound), ("/denied/x", AccessDenied)):
        with pytest.raises(kind):
            opened(source(nginx.url(path)))
    with pytest.raises(ServerBusy) as busy:
        opened(source(nginx.url("/busy/x")))
    assert busy.value.retry_after == 7


def test_redirected(nginx: Nginx, data: bytes) -> None:
    """A redirect is followed, and the resume asks the requested URL again."""
    src = source(nginx.url("/moved/?to=file.bin"))
    stream = opened(src)
    assert stream.probe.final_url == nginx.url("/file.bin")
    stream.close()
    stream = opened(src, Want(start=2_000_000, pinned=stream.probe.validator, size=len(data)))
    assert read_all(stream) == data[2_000_000:]


def test_slow(nginx: Nginx) -> None:
    """A throttled body comes as it comes; closing it half-way costs nothing."""
    stream = opened(source(nginx.url("/slow/file.bin")))
    view = memoryview(bytearray(1 << 20))
    got = [stream.read_into(view) for _ in range(4)]
    start = time.monotonic()
    stream.close()
    assert time.monotonic() - start < 0.1
    assert sum(n for n in got if n > 0) > 0
    assert min(got) == -1
