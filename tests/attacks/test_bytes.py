"""Never a wrong byte: parts that somebody touches, servers that lie, folders that go."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.errors import TransferError
from nbxfer.session import Operation, Session
from tests.journeys.terminal import MIB, sha256, until
from tests.servers.rogue import Asked, Rogue, Wire

Serve = Callable[..., DemoServer]
Sessions = Callable[[], Session]


def part_of(folder: Path) -> Path:
    """Give the one part in a folder."""
    (part,) = folder.glob(".*.part")
    return part


def cut(part: Path) -> None:
    """Cut a part down to nothing."""
    os.truncate(part, 0)


def remove(part: Path) -> None:
    """Take a part away."""
    part.unlink()


def edit(part: Path) -> None:
    """Change a byte of a part."""
    with part.open("r+b") as file:
        file.seek(100)
        file.write(b"!")


def well(op: Operation, server: DemoServer) -> bool:
    """Say whether it ended without a wrong byte: whole, or not at all."""
    try:
        return sha256(op.result(6)) == server.sha256
    except TransferError:
        return not op.path.exists()


@pytest.mark.parametrize("harm", [cut, remove, edit])
def test_a_part_that_is_harmed_while_paused(
    sessions: Sessions, serve: Serve, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """Whatever becomes of a part at rest, what is published is what the server has."""
    server, session = serve(10 * MIB, rate=10 * MIB), sessions()
    op = session.download(server.url, tmp_path / "a.bin")
    until(lambda: op.snapshot.received >= 5 * MIB)
    op.pause()
    until(lambda: op.snapshot.phase is Phase.PAUSED)
    harm(part_of(tmp_path))
    server.rate = None
    op.resume()
    assert sha256(op.result(5)) == server.sha256


@pytest.mark.parametrize("harm", [cut, remove])
def test_a_part_that_is_harmed_while_it_is_written(
    sessions: Sessions, serve: Serve, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    """A part that is cut or removed under the writer's hands is never published with a hole."""
    server, session = serve(10 * MIB, rate=16 * MIB), sessions()
    op = session.download(server.url, tmp_path / "a.bin")
    until(lambda: op.snapshot.received >= 5 * MIB)
    harm(part_of(tmp_path))
    assert well(op, server)


def test_the_folder_goes_while_it_runs(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A destination's folder that is removed half-way costs the part, never the name."""
    server, session = serve(6 * MIB, rate=12 * MIB), sessions()
    op = session.download(server.url, tmp_path / "new" / "a.bin")
    until(lambda: op.snapshot.received >= 3 * MIB)
    shutil.rmtree(tmp_path / "new")
    assert well(op, server)


def test_a_new_tag_with_every_answer_comes_to_an_end(sessions: Sessions, tmp_path: Path) -> None:
    """A server that names another version each time is given up when it breaks off each time, not asked for ever."""
    data = os.urandom(MIB)

    def script(asked: Asked, wire: Wire) -> None:
        wire.answer(200, data[: MIB // 2], f'ETag: "{asked.number}"', "Accept-Ranges: bytes", length=MIB)
        wire.close()

    session = sessions()
    with Rogue(script) as server:
        op = session.download(server.url(), tmp_path / "a.bin", retry=None)
        until(lambda: len(server.asked) >= 3 or op.done(), 5)
        op.cancel() if not op.done() else None
        until(op.done, 5)
    assert not (tmp_path / "a.bin").exists()


@pytest.mark.parametrize("lie", [0, 4096, -4096])
def test_a_range_that_is_not_what_it_says(sessions: Sessions, tmp_path: Path, lie: int) -> None:
    """Bytes from another place under the right Content-Range are noticed by comparing; the file is right or absent."""
    data = os.urandom(2 * MIB)

    def script(asked: Asked, wire: Wire) -> None:
        if asked.range is None:
            whole = asked.number > 0
            wire.answer(200, data if whole else data[:MIB], 'ETag: "v"', "Accept-Ranges: bytes", length=2 * MIB)
            if not whole:
                wire.close()
            return
        start = asked.range[0]
        body = data[start + lie :][: 2 * MIB - start].ljust(2 * MIB - start, b"x")
        wire.answer(206, body, f"Content-Range: bytes {start}-{2 * MIB - 1}/{2 * MIB}", 'ETag: "v"')

    session = sessions()
    with Rogue(script) as server:
        op = session.download(server.url(), tmp_path / "a.bin")
        until(lambda: op.done() or len(server.asked) > 5, 5)
        if not op.done():
            op.cancel()
        until(op.done, 5)
    assert not op.path.exists() or op.path.read_bytes() == data


@pytest.mark.parametrize("size", [0, 1])
def test_almost_nothing(sessions: Sessions, serve: Serve, tmp_path: Path, size: int) -> None:
    """Files of no byte and of one, paused before they begin, end as files of no byte and of one."""
    server, session = serve(size), sessions()
    op = session.download(server.url, tmp_path / "a.bin", start=False)
    op.start()
    assert op.result(3).stat().st_size == size
