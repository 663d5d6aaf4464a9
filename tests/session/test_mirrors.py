"""The same file on several servers: one fails, the next goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.policy import Retry
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest
from nbxfer.session import Session

SIZE = 6_000_000
QUICK = Retry(tries=6, first=4, base=0.01, cap=0.05)


@pytest.mark.parametrize("proven", [True, False])
def test_a_server_that_dies_half_way(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path, proven: bool
) -> None:
    """With a checksum the mirror gives the rest, by a range; without one it gives all of it."""
    first, second, session = serve(SIZE, 2_000_000.0), serve(SIZE), sessions()
    checksum = f"sha256:{first.sha256}" if proven else None
    operation = session.download(
        first.url, tmp_path / "a.bin", mirrors=[second.url], checksum=checksum, retry=QUICK, connections=1
    )
    while operation.snapshot.received < 2_000_000:
        assert not operation.wait(0.02)
    first.close()
    path = operation.result(30)
    assert path.read_bytes() == second.data.read(0, SIZE)
    assert operation.progress.restarted is not proven
    if proven:
        assert second.sent < SIZE - 1_900_000
        assert operation.progress.integrity == "digest"
    else:
        assert second.sent == SIZE
    assert "another mirror" in [entry.what for entry in operation.snapshot.story]


def test_a_mirror_with_other_bytes(
    serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """A mirror that has something else is found out, and the next one asked: never a wrong byte under the name."""
    other, right, session = serve(SIZE), serve(SIZE), sessions()
    other.change(seed=7)
    operation = session.download(
        other.url_of("none"), tmp_path / "a.bin", mirrors=[other.url, right.url], checksum=f"sha256:{right.sha256}"
    )
    assert operation.result(30).read_bytes() == right.data.read(0, SIZE)
    assert operation.url == right.url


def test_what_is_refused(sessions: Callable[[], Session], tmp_path: Path) -> None:
    """Mirrors are a list of URLs of the web, of one file; for several a mapping says whose they are."""
    session = sessions()
    for wrong in (5, ["nonsense"], ["ftp://host/x"]):
        with pytest.raises(InvalidRequest):
            session.download("https://host.invalid/a", tmp_path, mirrors=wrong)
    urls = ["https://host.invalid/a", "https://host.invalid/b"]
    with pytest.raises(InvalidRequest, match="of one file"):
        session.download(urls, tmp_path, mirrors=["https://mirror.invalid/a"])
    batch = session.download(urls, tmp_path, mirrors={urls[0]: "https://mirror.invalid/a"}, start=False)
    assert [session._spec(op.id).mirrors for op in batch] == [("https://mirror.invalid/a",), ()]
