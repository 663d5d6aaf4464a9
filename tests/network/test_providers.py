"""Each provider by itself: routes in a network namespace, a budget that several share, what others would tell."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nbxfer.core.surroundings import Cost, Machine, NetworkConnectivity, NetworkCostType, Surroundings, View
from nbxfer.network import machine, macos, networkmanager, routes, windows
from nbxfer.network.base import Provider, Tell
from nbxfer.network.budget import NOTE_EVERY, Budget
from nbxfer.network.watch import Limits, Watch
from nbxfer.wire.frequency import Frequency

_IN_NAMESPACE = """
import subprocess, sys, threading, time
from nbxfer.network.routes import Routes
def ip(*words): subprocess.run(["ip", *words], check=True)
ip("link", "set", "lo", "up")
seen, news = [], threading.Condition()
def tell(view):
    with news:
        seen.append(view.connectivity.name)
        news.notify_all()
def comes(name):
    with news:
        assert news.wait_for(lambda: seen and seen[-1] == name, 10), (name, seen)
routes = Routes()
thread = threading.Thread(target=routes.watch, args=(tell,), daemon=True)
thread.start()
comes("NONE")
ip("link", "add", "name", "va", "type", "veth", "peer", "name", "vb")
ip("addr", "add", "10.9.0.1/24", "dev", "va")
ip("link", "set", "vb", "up")
ip("link", "set", "va", "up")
comes("LOCAL")
ip("route", "add", "default", "via", "10.9.0.2")
comes("INTERNET")
ip("link", "set", "vb", "down")
comes("NONE")
ip("link", "set", "vb", "up")
comes("INTERNET")
ip("link", "set", "va", "down")
comes("NONE")
routes.close()
thread.join(5)
assert not thread.is_alive()
print("well")
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs a network namespace of its own")
def test_routes_come_and_go() -> None:
    """In a network of its own, routes and carriers that come and go are told as they do."""
    command = ["unshare", "-n", sys.executable, "-c", _IN_NAMESPACE]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert run.stdout == "well\n", run.stderr


def test_a_look_at_the_routes() -> None:
    """One look says how far they reach, and a watch that is closed before it begins returns."""
    assert routes.look().connectivity in list(NetworkConnectivity)
    watch = routes.Routes()
    watch.close()
    heard: list[View] = []
    watch.watch(heard.append)
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("properties", "view"),
    [
        ({"Metered": 1, "Connectivity": 4}, View(NetworkConnectivity.INTERNET, Cost(NetworkCostType.FIXED))),
        ({"Metered": 3, "Connectivity": 3}, View(NetworkConnectivity.LOCAL, Cost(NetworkCostType.FIXED))),
        ({"Metered": 4, "Connectivity": 2}, View(NetworkConnectivity.CONSTRAINED, Cost(NetworkCostType.UNRESTRICTED))),
        ({"Metered": 2, "Connectivity": 1}, View(NetworkConnectivity.LOCAL, Cost(NetworkCostType.UNRESTRICTED))),
        ({"Metered": 0, "Connectivity": 0}, View()),
        ({}, View()),
    ],
)
def test_what_networkmanager_means(properties: dict[str, int], view: View) -> None:
    """Yes and guess-yes are metered, no and guess-no are not, and what is unknown is unknown."""
    assert networkmanager.view_of(properties) == view


def test_without_a_bus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no system bus, NetworkManager is not asked; where nobody listens, it is given up quietly."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'none'}")
    assert not networkmanager.OverTheBus().here
    (tmp_path / "none").touch()
    manager = networkmanager.OverTheBus()
    assert manager.here
    heard: list[View] = []
    manager.watch(heard.append)
    assert heard == []


def test_what_windows_means() -> None:
    """A connection profile of Windows says it all with the same integers; no profile is no connection."""
    assert windows.view_of(None) == View(NetworkConnectivity.NONE)
    cost = SimpleNamespace(network_cost_type=3, roaming=True, approaching_data_limit=False, over_data_limit=True)
    profile = SimpleNamespace(get_connection_cost=lambda: cost, get_network_connectivity_level=lambda: 2)
    said = Cost(NetworkCostType.VARIABLE, roaming=True, over_limit=True)
    assert windows.view_of(profile) == View(NetworkConnectivity.CONSTRAINED, said)
    assert not windows.Windows().here


def test_what_macos_means() -> None:
    """An expensive path, or one in Low Data Mode, is metered."""

    def library(status: int, *, dear: bool, low: bool) -> Any:
        return SimpleNamespace(
            nw_path_is_expensive=lambda path: dear,
            nw_path_is_constrained=lambda path: low,
            nw_path_get_status=lambda path: status,
        )

    free = View(NetworkConnectivity.INTERNET, Cost(NetworkCostType.UNRESTRICTED))
    assert macos.view_of(library(1, dear=False, low=False), None) == free
    assert macos.view_of(library(2, dear=True, low=False), None) == View(
        NetworkConnectivity.NONE, Cost(NetworkCostType.FIXED)
    )
    assert macos.view_of(library(3, dear=False, low=True), None) == View(None, Cost(NetworkCostType.FIXED))
    assert not macos.MacOS().here


# -- the budget -------------------------------------------------------------------------------------------------------
def test_a_budget_that_two_share(tmp_path: Path) -> None:
    """Two processes count for themselves, see what the other has noted, and begin anew with the month."""
    now = [time.mktime((2026, 11, 28, 12, 0, 0, 0, 0, -1))]
    first, second = Budget(tmp_path, lambda: now[0]), Budget(tmp_path, lambda: now[0])
    assert first.add(100)
    first.note()
    assert second.add(11)
    second.note()
    assert second.used == 111
    assert not first.add(1)
    now[0] += NOTE_EVERY
    assert first.add(1)
    first.note()
    assert first.used == 113
    (tmp_path / "budget" / "2026-11" / "torn").write_text("12x")
    now[0] += 5 * 86400
    assert first.used == 0
    first.add(7)
    first.note()
    assert first.used == 7
    assert [path.name for path in (tmp_path / "budget").iterdir()] == ["2026-12"]


def test_a_budget_that_cannot_be_noted(tmp_path: Path) -> None:
    """Where the home cannot be written the budget still counts what this process has had."""
    (tmp_path / "budget").write_text("in the way")
    budget = Budget(tmp_path)
    budget.add(5)
    budget.note()
    assert budget.used == 5


# -- the machine ------------------------------------------------------------------------------------------------------
def test_charge_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A battery that nothing charges, and memory, are short below what a person says; never where it says 0."""
    import psutil

    charge = SimpleNamespace(percent=7, power_plugged=False)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: charge, raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=50_000_000))
    assert machine.look(0, 0) == Machine()
    assert machine.look(10, 0) == Machine("the battery is at 7 %, and nothing charges it")
    assert machine.look(5, 100_000_000) == Machine("", "only 50 MB of memory are free")
    charge.power_plugged = True
    assert machine.look(10, 0) == Machine()


# -- all of them ------------------------------------------------------------------------------------------------------
class Said:
    """A provider that tells what it is told to."""

    def __init__(self, name: str, *views: View, error: Exception | None = None) -> None:
        self.name, self.views, self.error = name, views, error
        self.here = True
        self.left = threading.Event()

    def watch(self, tell: Tell) -> None:
        """Tell."""
        for view in self.views:
            tell(view)
        if self.error is not None:
            raise self.error
        self.left.wait(5)

    def close(self) -> None:
        """Leave."""
        self.left.set()


def test_one_that_fails_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """A provider that breaks is logged, and counts as one that sees nothing."""
    dear = View(None, Cost(NetworkCostType.VARIABLE))
    broken, sound = Said("broken", error=ValueError("no")), Said("sound", dear)

    def make() -> Sequence[Provider]:
        return [broken, sound]

    watch = Watch(providers=make)
    seen = watch.glance()
    assert seen == Surroundings(None, NetworkCostType.VARIABLE, who="sound")
    assert "broken failed" in caplog.text
    assert sound.left.is_set()


def test_news_only_where_there_is_some() -> None:
    """The same picture is told once; a budget that is used up is news."""
    heard: list[Surroundings] = []
    watch = Watch(Path(os.devnull), Limits(budget=100), providers=list)
    watch.start(heard.append)
    watch.say("you", View(NetworkConnectivity.INTERNET))
    watch.say("you", View(NetworkConnectivity.INTERNET))
    assert len(heard) == 2
    assert watch.counts
    watch.spent(99)
    watch.spent(1)
    assert [seen.over_limit for seen in heard[-2:]] == [False, True]
    assert watch.looked
    watch.close()
    assert not Watch(providers=list).spent(5)


def test_turns_at_a_server() -> None:
    """One server is asked so often a second, evenly, whoever asks; another one has turns of its own."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    turns = Frequency(4.0, lambda: now[0])
    for _ in range(5):
        turns.wait("a", lambda: None, sleep)
    assert now[0] == pytest.approx(1.0)
    turns.wait("b", lambda: None, sleep)
    assert now[0] == pytest.approx(1.0)
    turns.rate = None
    turns.wait("a", lambda: None, sleep)
    assert now[0] == pytest.approx(1.0)
    turns.rate = 1000.0
    for server in range(1001):
        turns.wait(server, lambda: None, sleep)
