"""Movers: another process moves the bytes, and whatever happens to it, the file is right."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from nbxfer.engine.movers import Movers
from nbxfer.manifest import machine
from nbxfer.session import Session
from tests.servers.trial import Trial

MIB: Final = 2**20
DATA: Final = random.Random(4).randbytes(48 * MIB)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(autouse=True)
def _always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NBXFER_MOVERS", "always")


def movers(session: Session) -> Movers:
    """Give the movers of a session."""
    return session._engine.movers


def until(true: Callable[[], Any], seconds: float = 20.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def moving(op: Any, session: Session, least: int = MIB) -> int:
    """Wait until bytes have come by a mover; give its process id."""
    until(lambda: movers(session).pids and op.progress.received >= least)
    return movers(session).pids[0]


def test_the_bytes_come_through_another_process(trial: Trial) -> None:
    """A large file is fetched by a child process, which is entered in the owner's file; it is right to the last bit."""
    site = trial.put(DATA)
    op = trial.ask(site)
    assert op.result(60).read_bytes() == DATA
    (pid,) = movers(trial.session).pids
    marks = trial.session._manifest.me.movers
    assert [mark.pid for mark in marks] == [pid]
    assert machine.lives(marks[0])
    assert len([asked for asked in site.asked if asked.range is not None]) > 1
