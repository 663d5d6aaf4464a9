"""What tests of several rooms share: servers that count, sessions on one home, a terminal with processes to kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from nbxfer.demo.server import DemoServer
from nbxfer.session import Session
from tests.journeys.terminal import Terminal
from tests.servers.trial import Trial, hurry, shrink


@pytest.fixture
def serve() -> Iterator[Callable[..., DemoServer]]:
    """Give a maker of demo servers (``size`` in bytes, ``rate`` in bytes a second); all are closed at the end."""
    servers: list[DemoServer] = []

    def make(size: int, rate: float | None = None) -> DemoServer:
        servers.append(DemoServer(size=size, rate=rate).__enter__())
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def sessions(home: Path) -> Iterator[Callable[[], Session]]:
    """Give a maker of sessions on one home; all are closed at the end."""
    made: list[Session] = []

    def make() -> Session:
        session = Session(home=home)
        session.patience = None
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()


@pytest.fixture
def terminal(home: Path, tmp_path: Path) -> Iterator[Terminal]:
    """Give a terminal with a home and a working folder of its own."""
    terminal = Terminal(home, tmp_path)
    yield terminal
    terminal.close()


@pytest.fixture
def trial(home: Path, tmp_path: Path) -> Iterator[Trial]:
    """Give a session in front of a rogue server with any number of files."""
    folder = tmp_path / "fetched"
    folder.mkdir()
    with Trial(home, folder) as trial:
        yield trial


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make blocks so small that several connections share a file of 200 kB."""
    shrink(monkeypatch)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no server waited for longer than a test can: half a second without bytes is a stall."""
    hurry(monkeypatch)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Give a certificate authority that nobody else trusts."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the path of its certificate."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)
