"""A bus with a NetworkManager on it; servers that count; sessions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures import serve, sessions
from tests.network.bus import MockedNetworkManager, private_bus

__all__ = ["serve", "sessions"]


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MockedNetworkManager]:
    """Give a NetworkManager on a bus of its own, which is the system bus for this test: unmetered, full internet."""
    with private_bus(tmp_path / "dbus") as address:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        with MockedNetworkManager(address) as manager:
            yield manager
