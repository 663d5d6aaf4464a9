"""CostPolicy, RequestUnconstrained, timeouts, ContentPrefetcher: when something may move, and when it is given up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import psutil
import pytest

from nbxfer.core.phases import TransferStatus
from nbxfer.core.policy import Retry
from nbxfer.core.surroundings import CostPolicy
from nbxfer.demo.server import DemoServer
from nbxfer.engine import outlook
from nbxfer.errors import InvalidRequest, TransferTimeout
from nbxfer.session import Operation, Session
from nbxfer.session.prefetching import MOST, Prefetcher
from tests.journeys.terminal import MIB, until
from tests.servers.rogue import Asked, Rogue, Wire

Serve = Callable[..., DemoServer]

#: The cost table: what the network is, and whether unrestricted_only, default and always may move there.
TABLE: Final[list[tuple[dict[str, Any], tuple[bool, bool, bool]]]] = [
    ({"cost": "unrestricted"}, (True, True, True)),
    ({"cost": "unknown"}, (True, True, True)),
    ({"cost": "fixed"}, (False, True, True)),
    ({"cost": "variable"}, (False, True, True)),
    ({"cost": "fixed", "approaching_limit": True}, (False, False, True)),
    ({"cost": "variable", "roaming": True}, (False, False, True)),
    ({"cost": "fixed", "over_limit": True}, (False, False, True)),
    ({"cost": "fixed", "over_limit": True, "background_restricted": True}, (False, False, False)),
]
POLICIES: Final = (CostPolicy.UNRESTRICTED_ONLY, CostPolicy.DEFAULT, CostPolicy.ALWAYS)


def test_the_cost_table(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Every cell of the table holds live: denied it pauses by itself, allowed it goes on, and nothing begins again."""
    server = serve(64 * MIB, 1.0 * MIB)
    op = session.download(server.url, tmp_path / "x", connections=1)
    until(lambda: op.status is TransferStatus.RUNNING and op.snapshot.received > 0)
    wrong = []
    for said, cells in TABLE:
        session.network(**said)
        for policy, allowed in zip(POLICIES, cells, strict=True):
            op.cost_policy = policy
            wanted = TransferStatus.RUNNING if allowed else TransferStatus.PAUSED_COSTED_NETWORK
            try:
                until(lambda wanted=wanted: op.status is wanted, 5)  # type: ignore[misc]
            except AssertionError:
                wrong.append((said, policy.name, op.status.name))
    assert wrong == []
    assert (op.progress.restarted, op.snapshot.retries) == (False, 0)
    op.cancel()


@pytest.mark.parametrize("short", ["battery", "memory"])
def test_request_unconstrained(
    short: str, session: Session, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is short of power or memory pauses with 32; a person's word lifts that, and never the cost."""
    if short == "battery":  # this machine may have none
        charge = SimpleNamespace(percent=7, power_plugged=False)
        monkeypatch.setattr(psutil, "sensors_battery", lambda: charge, raising=False)
    monkeypatch.setattr(outlook, "MACHINE_EVERY", 0.1)
    server = serve(64 * MIB, 1.0 * MIB)
    session.network("unrestricted")
    if short == "memory":
        limits = session._engine.outlook.watch.limits
        monkeypatch.setattr(session._engine.outlook.watch, "limits", type(limits)(0, 1 << 60))
    op = session.download(server.url, tmp_path / "x", cost_policy="unrestricted_only")
    until(lambda: op.status is TransferStatus.PAUSED_SYSTEM_POLICY)
    assert short in op.reason
    assert "request_unconstrained" in op.explain()
    assert session.request_unconstrained([op])
    until(lambda: op.status is TransferStatus.RUNNING)
    session.network("metered")
    until(lambda: op.status is TransferStatus.PAUSED_COSTED_NETWORK)
    assert session.request_unconstrained(op)
    asked = server.requests
    time.sleep(0.5)
    assert (op.status, server.requests) == (TransferStatus.PAUSED_COSTED_NETWORK, asked)
    op.cancel()
    until(op.done)
    assert not session.request_unconstrained(op)


def test_no_answer_in_time(session: Session, tmp_path: Path) -> None:
    """A server that says nothing is asked three times where that is what was said, and then it is a timeout: 7."""
    over = threading.Event()

    def silent(_asked: Asked, _wire: Wire) -> None:
        over.wait(10)

    with Rogue(silent) as server:
        op = session.download(server.url(), tmp_path / "x", timeout=0.3, retry=Retry(tries=3, first=3, base=0.01))
        error = op.exception(30)
        over.set()
        assert isinstance(error, TransferTimeout)
        assert int(error.status) == 7
        assert len(server.asked) == 3


def test_tries_while_offline_are_not_counted(session: Session, tmp_path: Path) -> None:
    """Where there is no network nothing is tried, however few tries were allowed, and none is spent."""
    session.network("offline")
    op = session.download("http://192.0.2.1/x", tmp_path / "x", retry=Retry(tries=1, first=1))
    until(lambda: op.status is TransferStatus.PAUSED_NO_NETWORK)
    time.sleep(0.5)
    assert (op.status, op.snapshot.retries) == (TransferStatus.PAUSED_NO_NETWORK, 0)
    op.cancel()


def test_what_is_fetched_ahead(session: Session, serve: Serve, tmp_path: Path) -> None:
    """Up to 40 URLs, or a list at a URL, are fetched when nothing else moves; asked for then, they cost no request."""
    server = serve(100_000, 1.0 * MIB)
    with pytest.raises(InvalidRequest, match="40 are the most"):
        Prefetcher([server.url_of(f"{n}.bin") for n in range(MOST + 1)], session=session)
    busy: Operation = session.download(server.url_of("busy.bin", 50_000), tmp_path / "busy")
    digest = f"sha256:{server.sha256}"
    listed = server.url.replace("data.bin", "list")
    ahead = Prefetcher([server.url], listed, session=session, quiet=0.1, checksum=digest)
    assert not ahead.wait(0.5)
    assert server.requests_of("/data.bin") == 0
    busy.cancel()
    assert ahead.wait(30)
    assert (len(ahead.uris), ahead.failed) == (6, {})
    asked = server.requests
    for url in ahead.uris:
        assert session.fetch(url, checksum=digest).stat().st_size == 100_000
    assert server.requests == asked
