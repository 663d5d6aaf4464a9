"""A disk that is full: the transfer waits with the reason, and goes on by itself when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbxfer.core.phases import TransferStatus
from nbxfer.demo.server import DemoServer
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256, until

SIZE = 8 * MIB


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a folder on a file system of 12 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a tmpfs needs root")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def session(home: Path) -> Iterator[Session]:
    """Give a session of its own."""
    session = Session(home=home)
    session.patience = None
    yield session
    session.close()


def test_no_room_from_the_start(small_disk: Path, serve: Callable[..., DemoServer], session: Session) -> None:
    """A file that does not fit waits before its first byte, says why, and is fetched when room is made."""
    server = serve(SIZE)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(6 * MIB))
    op = session.download(server.url, small_disk / "X")
    until(lambda: op.status is TransferStatus.PAUSED_SYSTEM_POLICY)
    assert "room" in op.reason
    filler.unlink()
    assert op.wait(20, progress=False)
    assert sha256(op.path) == server.sha256


def test_the_disk_fills_up_half_way(small_disk: Path, serve: Callable[..., DemoServer], session: Session) -> None:
    """ENOSPC in the middle keeps what is there; nothing that came before is fetched again."""
    server = serve(SIZE, 8.0 * MIB)
    op = session.download(server.url, small_disk / "X")
    until(lambda: op.snapshot.received > MIB)
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(65536))
                file.flush()
        except OSError:
            pass
    until(lambda: op.status is TransferStatus.PAUSED_SYSTEM_POLICY)
    assert not op.path.exists()
    filler.unlink()
    assert op.wait(20, progress=False)
    assert sha256(op.path) == server.sha256
    assert server.sent <= SIZE + 6 * MIB
