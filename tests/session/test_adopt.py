"""Going on with what wget, curl or a browser began: right bytes, whatever the file was, and the file is never lost."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbxfer.core.phases import Phase
from nbxfer.core.policy import Retry
from nbxfer.core.ranges import BLOCK
from nbxfer.demo.server import DemoServer
from nbxfer.errors import ChecksumMismatch, DestinationExists, InvalidRequest, InvalidTransferState, TransferError
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256, until
from tests.servers.nginx import PROGRAM, Nginx
from tests.servers.rogue import Asked, Rogue, Wire

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def left(tmp_path: Path, data: bytes, name: str = "data.bin.part") -> Path:
    """Give somebody's unfinished file."""
    folder = tmp_path / "Downloads"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return path


# -- it goes on from there -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize("begun", [2, 4095, 4096, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 12345, 3 * BLOCK - 1])
def test_it_goes_on_from_there(session: Session, serve: Serve, tmp_path: Path, begun: int, move: bool) -> None:
    """What came before is not fetched again, but for its last 4 KiB and a byte; without move the file stays."""
    server = serve(3 * BLOCK)
    part = left(tmp_path, server.data.read(0, begun))
    op = session.adopt(part, server.url, tmp_path / "X", move=move)
    assert sha256(op.result(10)) == server.sha256
    assert server.sent <= server.size - begun + 4097
    assert op.snapshot.refetched <= 4096
    assert not op.progress.restarted
    until(lambda: part.exists() is not move)
    if not move:
        assert part.read_bytes() == server.data.read(0, begun)
    assert op.progress.integrity == "nothing"
    assert "only their end is compared" in op.explain()


def test_a_checksum_proves_it(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With a checksum the whole is proven, whoever fetched which part of it."""
    server = serve(2 * BLOCK)
    part = left(tmp_path, server.data.read(0, BLOCK))
    op = session.adopt(part, server.url, tmp_path / "X", checksum=f"sha256:{server.sha256}")
    assert sha256(op.result(10)) == server.sha256
    assert op.progress.integrity == "digest"


def test_a_checksum_finds_what_is_wrong(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A wrong byte far before the end is found by a checksum, and no wrong file gets the name; retried, it is right."""
    server = serve(2 * BLOCK)
    wrong = bytearray(server.data.read(0, BLOCK + 100))
    wrong[1000] ^= 1
    part = left(tmp_path, bytes(wrong))
    op = session.adopt(part, server.url, tmp_path / "X", checksum=f"sha256:{server.sha256}")
    assert isinstance(op.exception(10), ChecksumMismatch)
    assert not (tmp_path / "X").exists()
    op.retry()
    assert sha256(op.result(10)) == server.sha256
    assert part.read_bytes() == wrong


# -- whatever the file is --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("move", [False, True])
@pytest.mark.parametrize(
    "what", ["other bytes", "other end", "larger", "much larger", "same length", "empty", "one more"]
)
def test_what_is_not_the_servers(session: Session, serve: Serve, tmp_path: Path, what: str, move: bool) -> None:
    """A file that is of something else is not built upon: the right file comes, and that is said."""
    server = serve(2 * BLOCK + 5)
    data = server.data.read(0, server.size)
    given = {
        "other bytes": os.urandom(BLOCK),
        "other end": data[: BLOCK - 2] + bytes([data[BLOCK - 2] ^ 1, data[BLOCK - 1]]),
        "larger": data + os.urandom(BLOCK),
        "much larger": os.urandom(5 * BLOCK),
        "same length": os.urandom(len(data)),
        "empty": b"",
        "one more": os.urandom(len(data)) + b"x",
    }[what]
    part = left(tmp_path, given)
    op = session.adopt(part, server.url, tmp_path / "X", move=move)
    assert sha256(op.result(20)) == server.sha256
    if part.exists():  # what was empty is nobody's loss
        assert part.read_bytes() == given
    else:
        assert move
        assert what == "empty"
    if what != "empty":
        assert op.progress.restarted


@pytest.mark.parametrize("move", [False, True])
def test_all_of_it_was_there(session: Session, serve: Serve, tmp_path: Path, move: bool) -> None:
    """A file that was complete is compared at its end, and done."""
    server = serve(2 * BLOCK + 5)
    part = left(tmp_path, server.data.read(0, server.size))
    op = session.adopt(part, server.url, tmp_path / "X", move=move)
    assert sha256(op.result(10)) == server.sha256
    assert server.sent <= 8192


def test_holes(session: Session, serve: Serve, tmp_path: Path) -> None:
    """What was fetched in pieces is believed up to its first hole."""
    server = serve(3 * BLOCK)
    part = left(tmp_path, server.data.read(0, BLOCK))
    with part.open("r+b") as file:
        file.seek(2 * BLOCK)
        file.write(server.data.read(2 * BLOCK, 3 * BLOCK))
    op = session.adopt(part, server.url, tmp_path / "X")
    assert sha256(op.result(10)) == server.sha256
    assert server.sent <= 2 * BLOCK + 4097


@pytest.mark.skipif(PROGRAM is None, reason="nginx is not installed")
@pytest.mark.parametrize("place", ["", "chunked/"])
def test_real_servers(session: Session, tmp_path: Path, place: str) -> None:
    """A server that gives ranges sends the rest; one that gives none sends all, and all that is here is compared."""
    root, run = tmp_path / "root", tmp_path / "run"
    root.mkdir()
    run.mkdir()
    data = os.urandom(BLOCK + 1000)
    (root / "data.bin").write_bytes(data)
    part = left(tmp_path, data[: BLOCK // 2])
    with Nginx(root, run) as server:
        op = session.adopt(part, server.url(f"/{place}data.bin"), tmp_path / "X")
        assert op.result(10).read_bytes() == data
        assert op.snapshot.refetched == (BLOCK // 2 - 1 if place else 4096)
        assert not op.progress.restarted


# -- where it lies ---------------------------------------------------------------------------------------------------
def test_the_file_is_the_destination(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Wget and curl write under the final name: to go on with that file it has to be moved, which has to be said."""
    server = serve(2 * BLOCK)
    part = left(tmp_path, server.data.read(0, BLOCK), "data.bin")
    with pytest.raises(InvalidRequest, match="destination itself") as caught:
        session.adopt(part, server.url, part)
    assert "move=True" in str(caught.value)
    assert part.read_bytes() == server.data.read(0, BLOCK)
    op = session.adopt(part, server.url, part.parent, move=True)
    assert op.path == part
    assert sha256(op.result(10)) == server.sha256
    assert server.sent <= BLOCK + 4097


def test_something_is_at_the_destination(session: Session, serve: Serve, tmp_path: Path) -> None:
    """The rules of download hold for what is there already; nothing is begun, and nothing left."""
    server = serve(1000)
    part = left(tmp_path, server.data.read(0, 500))
    (tmp_path / "X").write_bytes(b"somebody's own")
    with pytest.raises(DestinationExists):
        session.adopt(part, server.url, tmp_path / "X", move=True)
    assert part.exists()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []
    op = session.adopt(part, server.url, tmp_path / "X", if_exists="overwrite")
    assert sha256(op.result(10)) == server.sha256


def test_a_transfer_is_at_the_destination(session: Session, serve: Serve, tmp_path: Path) -> None:
    """A transfer that works on that destination is not disturbed."""
    server = serve(1000)
    part = left(tmp_path, server.data.read(0, 500))
    session.download(server.url, tmp_path / "X", start=False)
    with pytest.raises(DestinationExists, match="another transfer"):
        session.adopt(part, server.url, tmp_path / "X", move=True)
    assert part.exists()


# -- what is refused -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("part", "given", "said"),
    [
        (b"data.bin", {}, "of type bytes"),
        (None, {}, "of type NoneType"),
        ("", {}, "is a folder"),
        ("nowhere", {}, "is not there"),
        ("https://host/data.bin", {}, "is a URL"),
        ("there", {"move": 1}, "neither True nor False"),
        ("there", {"mode": True}, "no option 'mode'"),
        ("there", {"checksum": "abc"}, "checksum"),
        ("pieces", {}, "aria2c"),
        ("axel", {}, "axel"),
        (".x.0123456789abcdef.1.part", {"move": True}, "nbxfer's own"),
    ],
)
def test_bad_input(session: Session, tmp_path: Path, part: Any, given: dict[str, Any], said: str) -> None:
    """What cannot be gone on with is refused in a sentence, before anything moves."""
    folder = left(tmp_path, b"some", "there").parent
    left(tmp_path, b"some", ".x.0123456789abcdef.1.part")
    for name in ("pieces", "pieces.aria2", "axel", "axel.st"):
        left(tmp_path, b"some", name)
    before = sorted(p.name for p in folder.iterdir())
    if isinstance(part, str) and part and "://" not in part:
        part = folder / part
    with pytest.raises(InvalidRequest, match=said):
        session.adopt(part, "https://host.invalid/data.bin", tmp_path / "X", **given)
    assert sorted(p.name for p in folder.iterdir()) == before
    assert not session.operations(scope="all")


# -- in order --------------------------------------------------------------------------------------------------------
def test_it_can_wait_to_be_started(session: Session, serve: Serve, tmp_path: Path) -> None:
    """With start=False the file is taken over, and nothing is asked until it is started."""
    server = serve(2 * BLOCK)
    part = left(tmp_path, server.data.read(0, BLOCK))
    op = session.adopt(part, server.url, tmp_path / "X", move=True, start=False)
    assert op.snapshot.phase is Phase.CREATED
    assert part.exists()  # nobody knows yet whether it is the server's
    assert server.requests == 0
    with op.open() as file, pytest.raises(InvalidTransferState, match="start"):
        file.read(1)  # nobody knows yet whether it is the server's
    op.start()
    assert sha256(op.result(10)) == server.sha256
    assert server.sent <= BLOCK + 4097


def test_a_disk_that_refuses_the_record(
    session: Session, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the transfer cannot be accepted, the file is as it was, with its mode, and nothing is left of ours."""
    server = serve(2 * BLOCK)
    part = left(tmp_path, server.data.read(0, BLOCK))
    part.chmod(0o640)

    def refuse(*_: object) -> None:
        raise TransferError("no.")

    monkeypatch.setattr(session._engine, "submit", refuse)
    with pytest.raises(TransferError):
        session.adopt(part, server.url, tmp_path / "X", move=True)
    assert hashlib.sha256(part.read_bytes()).digest() == hashlib.sha256(server.data.read(0, BLOCK)).digest()
    assert part.stat().st_mode & 0o777 == 0o640
    assert part.stat().st_nlink == 1
    assert [p for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_killed_before_the_old_name_goes(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A kernel that dies when the record is written, and the old name is still there, has lost nothing."""
    server, first = serve(2 * BLOCK), sessions()
    part = left(tmp_path, server.data.read(0, BLOCK))
    first.adopt(part, server.url, tmp_path / "X", move=True, start=False)
    first.close()
    [op] = sessions().operations(scope="all")
    op.start()
    until(op.done)
    assert sha256(op.result(10)) == server.sha256
    assert part.read_bytes() == server.data.read(0, BLOCK)


@pytest.mark.parametrize("right", [True, False])
def test_read_while_it_goes_on(session: Session, serve: Serve, tmp_path: Path, right: bool) -> None:
    """What was taken over is given to no reader before its end was compared with what the server has."""
    server = serve(2 * BLOCK, 8.0 * MIB)
    part = left(tmp_path, server.data.read(0, BLOCK) if right else os.urandom(BLOCK))
    op = session.adopt(part, server.url, tmp_path / "X")
    with op.open() as file:
        assert file.read() == server.data.read(0, server.size)


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_cut_off_before_it_is_compared(session: Session, tmp_path: Path, share: float) -> None:
    """Connections that break before the end is compared prove nothing: no byte is believed until one has held."""
    data = os.urandom(6 * BLOCK)
    part = left(tmp_path, os.urandom(int(len(data) * share)))

    def script(asked: Asked, wire: Wire) -> None:
        start = asked.range[0] if asked.range is not None else 0
        head = [f"Content-Range: bytes {start}-{len(data) - 1}/{len(data)}"] if asked.range is not None else []
        broken = asked.number < 4
        body = b"" if broken else data[start:]
        tags = ['ETag: "one"', "Accept-Ranges: bytes", *head]
        wire.answer(200 if asked.range is None else 206, body, *tags, length=len(data) - start)
        if broken:
            wire.reset()

    with Rogue(script) as server:
        op = session.adopt(part, server.url(), tmp_path / "X", retry=Retry(base=0.01))
        assert op.result(20).read_bytes() == data
        assert len(server.asked) > 4


# -- of a wrong URL ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("wrong", ["another file", "nothing there"])
def test_a_wrong_url_costs_nobody_a_file(session: Session, serve: Serve, tmp_path: Path, wrong: str) -> None:
    """A file that was to be moved stays where it is, as it was, until the server has proven that it is its own."""
    server = serve(2 * BLOCK)
    mine = b"mine" * (BLOCK // 4)
    part = left(tmp_path, mine)
    url = server.url if wrong == "another file" else server.url.replace("data.bin", "none")
    op = session.adopt(part, url, tmp_path / "X", move=True, retry=Retry(tries=1))
    assert op.wait(20)
    if wrong == "nothing there":
        op.cancel()
        op.wait(10)
    assert part.read_bytes() == mine
