"""What journeys need: a throttled server that counts, and the command line as a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbxfer.demo.server import DemoServer
from tests.journeys.terminal import Terminal


@pytest.fixture
def serve() -> Iterator[Callable[..., DemoServer]]:
    """Give a maker of demo servers (``size`` in bytes, ``rate`` in bytes a second); all are closed at the end."""
    servers: list[DemoServer] = []

    def make(size: int, rate: float | None = None) -> DemoServer:
        server = DemoServer(size=size, rate=rate)
        server.__enter__()
        servers.append(server)
        return server

    yield make
    for server in servers:
        server.__exit__(None, None, None)


@pytest.fixture
def terminal(home: Path, tmp_path: Path) -> Iterator[Terminal]:
    """Give a terminal with a home and a working folder of its own."""
    terminal = Terminal(home, tmp_path)
    yield terminal
    terminal.close()
