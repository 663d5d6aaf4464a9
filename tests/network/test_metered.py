"""A network that becomes metered and free again, as NetworkManager tells it, while a file comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

import nbxfer
from nbxfer.core.phases import TransferStatus
from nbxfer.core.surroundings import CostPolicy, NetworkConnectivity, NetworkCostType
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest, InvalidTransferState, NeedsAttention
from nbxfer.session import Operation, Session
from tests.network.bus import MockedNetworkManager

SIZE = 16_000_000
RATE = 2_000_000.0


def comes_to(operation: Operation, status: TransferStatus, within: float = 5.0) -> float:
    """Wait until an operation has a status; give how long that took (seconds)."""
    begin = time.monotonic()
    while operation.status is not status:
        waited = time.monotonic() - begin
        assert waited < within, f"{operation!r} after {waited:.1f} s, not {status!r}"
        time.sleep(0.01)
    return time.monotonic() - begin


def grows_past(operation: Operation, received: int, within: float = 10.0) -> None:
    """Wait until more than that has come."""
    until = time.monotonic() + within
    while operation.snapshot.received <= received:
        assert time.monotonic() < until, repr(operation)
        time.sleep(0.02)


def test_metered_and_back(
    manager: MockedNetworkManager, serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """Metered pauses within a second, with the reason; unmetered goes on within a second, from where it was."""
    server, session = serve(SIZE, RATE), sessions()
    session.cost_policy = CostPolicy.UNRESTRICTED_ONLY
    operation = session.download(server.url, tmp_path / "data.bin", connections=1)
    grows_past(operation, 1_000_000)
    assert session.surroundings.connectivity is NetworkConnectivity.INTERNET
    assert session.surroundings.cost is NetworkCostType.UNRESTRICTED
    assert session.surroundings.who == "NetworkManager"

    manager.say(metered=1)
    paused = comes_to(operation, TransferStatus.PAUSED_COSTED_NETWORK)
    assert "metered" in operation.reason
    had, asked = operation.snapshot.received, server.requests
    time.sleep(0.3)
    assert (operation.snapshot.received, server.requests) == (had, asked)

    manager.say(metered=2)
    resumed = comes_to(operation, TransferStatus.RUNNING)
    assert max(paused, resumed) < 1.0
    session.bandwidth = None
    assert operation.result(30).stat().st_size == SIZE
    assert not operation.progress.restarted
    assert operation.snapshot.retries == 0
    assert server.requests == asked + 1
    assert server.sent < SIZE + 2_000_000  # what was on its way, and the overlap: a restart would send all of it again


def test_policy_changed_live(
    manager: MockedNetworkManager, serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """On a metered network an operation's own policy, and the session's, take effect at once, both ways."""
    manager.say(metered=1)
    server, session = serve(SIZE, RATE), sessions()
    operation = session.download(server.url, tmp_path / "data.bin")
    comes_to(operation, TransferStatus.RUNNING)
    assert operation.cost_policy is CostPolicy.DEFAULT

    operation.cost_policy = "unrestricted_only"
    comes_to(operation, TransferStatus.PAUSED_COSTED_NETWORK, 1.0)
    operation.cost_policy = CostPolicy.ALWAYS
    comes_to(operation, TransferStatus.RUNNING, 1.0)
    session.cost_policy = "unrestricted_only"
    time.sleep(0.2)
    assert operation.status is TransferStatus.RUNNING  # its own word counts
    operation.cost_policy = None
    comes_to(operation, TransferStatus.PAUSED_COSTED_NETWORK, 1.0)
    session.cost_policy = 0
    comes_to(operation, TransferStatus.RUNNING, 1.0)
    operation.cancel()


def test_nothing_moves_before_the_first_look(
    manager: MockedNetworkManager, serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """A file that is too dear from the beginning costs not one request."""
    manager.say(metered=1)
    server, session = serve(1000), sessions()
    operation = session.download(server.url, tmp_path / "data.bin", cost_policy="unrestricted_only")
    comes_to(operation, TransferStatus.PAUSED_COSTED_NETWORK)
    assert server.requests == 0
    session.network("unrestricted")
    assert operation.result(10).stat().st_size == 1000


def test_a_manager_that_goes(
    manager: MockedNetworkManager, serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path
) -> None:
    """When NetworkManager leaves the bus nobody knows what the network costs, and what it held up goes on."""
    manager.say(metered=3)
    server, session = serve(1000), sessions()
    operation = session.download(server.url, tmp_path / "data.bin", cost_policy=1)
    comes_to(operation, TransferStatus.PAUSED_COSTED_NETWORK)
    manager.leave()
    assert operation.result(10).stat().st_size == 1000
    assert session.surroundings.cost is NetworkCostType.UNKNOWN


def test_a_login_page(
    manager: MockedNetworkManager, serve: Callable[..., DemoServer], sessions: Callable[[], Session]
) -> None:
    """A login page before the internet is seen as constrained access."""
    session = sessions()
    manager.say(connectivity=2)
    server = serve(1000)
    operation = session.download(server.url, str(session.home.parent / "data.bin"))
    assert operation.wait(10)
    until = time.monotonic() + 5
    while session.surroundings.connectivity is not NetworkConnectivity.CONSTRAINED:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert "login page" in session.surroundings.words


def test_said_by_a_person(serve: Callable[..., DemoServer], sessions: Callable[[], Session], tmp_path: Path) -> None:
    """A person's word counts before what is seen, by one word or by name, until it is taken back."""
    session = sessions()
    assert session.network("roaming").roaming
    assert session.surroundings.who == "you"
    seen = session.network(cost="fixed", approaching_limit=True)
    assert (seen.cost, seen.approaching_limit) == (NetworkCostType.FIXED, True)
    operation = session.download(serve(1000).url, tmp_path / "data.bin")
    comes_to(operation, TransferStatus.PAUSED_COSTED_NETWORK)
    session.patience = 0.2
    with pytest.raises(NeedsAttention, match="near its data limit"):
        operation.wait(10)
    assert session.network("auto").who != "you"
    assert operation.result(10).stat().st_size == 1000
    with pytest.raises(InvalidTransferState):
        operation.cost_policy = 1
    for wrong in ({"word": "cheap"}, {"cost": "cheap"}, {"connectivity": 9}, {"roaming": 1}, {"colour": "red"}):
        with pytest.raises(InvalidRequest):
            session.network(**wrong)
    with pytest.raises(InvalidRequest):
        session.cost_policy = "cheap"


def test_the_word_and_the_room() -> None:
    """``nbxfer.network`` is the room of that name, and can be called."""
    assert nbxfer.network("metered").cost is NetworkCostType.FIXED
    assert nbxfer.network("auto").who != "you"
