"""Uploads to stores that pip alone does not give: killed at random moments, and gone on with by other processes."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.journeys.terminal import MIB, Terminal
from tests.journeys.test_uploads import SIZE, Killing
from tests.servers.azurite import BOX, Azurite
from tests.servers.gcs import LAB, Gcs

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file that takes a few seconds to send."""
    path = tmp_path_factory.mktemp("big") / "big.bin"
    path.write_bytes(random.Random(5).randbytes(SIZE))
    return path


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_on_the_way_to_google(seed: int, terminal: Terminal, big: Path, tmp_path: Path) -> None:
    """Pieces that the service has are not sent again; the object is whole, and there is nothing beside it."""
    with Gcs(tmp_path) as server:
        options = {"storage_options": server.options, "connections": 2}
        killed = Killing(terminal, big, f"gs://{LAB}/d/killed.bin", options, {}).run(3, seed)
        assert killed
        assert server.get("d/killed.bin") == big.read_bytes()
        assert server.names() == ["d/killed.bin"]
        sent = re.findall(r"uploadType=media\S*name=\S*?part(?:%2F|/)(\d+)", server.log.read_text())
        assert len(set(sent)) == -(-SIZE // (8 * MIB))
        assert len(sent) <= len(set(sent)) + killed * 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_on_the_way_to_azure(seed: int, terminal: Terminal, big: Path, tmp_path: Path) -> None:
    """Blocks that the service has are not sent again; the blob is whole, and there is nothing beside it."""
    with Azurite(tmp_path) as server:
        options = {"storage_options": {"connection_string": "env:MY_WAY"}, "connections": 2}
        env = {"MY_WAY": server.connection_string}
        killed = Killing(terminal, big, f"az://{BOX}/d/killed.bin", options, env).run(3, seed)
        assert killed
        assert server.get("d/killed.bin") == big.read_bytes()
        assert server.names() == ["d/killed.bin"]
        assert server.waiting("d/killed.bin") == []
        sent = re.findall(r'"PUT \S*comp=block&blockid=(\S+?)[& ]', server.access())
        assert len(set(sent)) == -(-SIZE // (8 * MIB))
        assert len(sent) <= len(set(sent)) + killed * 2
    for file in terminal.home.rglob("*"):
        assert not file.is_file() or server.connection_string.encode() not in file.read_bytes()
