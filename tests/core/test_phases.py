"""The table of phases: what may follow what, and what people see of it."""

from __future__ import annotations

import itertools

import pytest

from nbxfer.core import phases
from nbxfer.core.phases import (
    AFTER_A_CRASH,
    BUSY,
    FINAL,
    LIVE,
    STALL_STATUS,
    STATUS,
    TRANSITIONS,
    WISHES,
    Cause,
    Phase,
    Stall,
    TransferStatus,
)
from nbxfer.errors import InvalidTransferState


def test_move() -> None:
    """What is an arrow moves; everything else is refused, in words of what a person may ask instead."""
    for phase, cause in itertools.product(Phase, Cause):
        _moves_or_is_refused(phase, cause)


def _moves_or_is_refused(phase: Phase, cause: Cause) -> None:
    assert phases.may(phase, cause) == ((phase, cause) in TRANSITIONS)
    if phases.may(phase, cause):
        assert phases.move(phase, cause) is TRANSITIONS[phase, cause]
        return
    with pytest.raises(InvalidTransferState) as caught:
        phases.move(phase, cause)
    text = str(caught.value)
    assert f"'{cause}' does not fit an operation that is {phase}" in text
    possible = [str(c) for c in WISHES if (phase, c) in TRANSITIONS]
    if possible:
        assert set(text.split("possible: ")[1].rstrip(").").split(", ")) == set(possible)
    else:
        assert ("it is over" in text) == (phase in FINAL)


def test_nothing_leaves_an_end() -> None:
    """Done and canceled are left by nothing, and everything else by something."""
    assert {start for start, _ in TRANSITIONS} == set(Phase) - FINAL


def test_every_phase_can_be_reached() -> None:
    """From created and queued on, every phase has a way to it and a way to an end."""
    reached = {Phase.CREATED, Phase.QUEUED}
    ending = set(FINAL)
    for _ in Phase:
        reached |= {end for (start, _), end in TRANSITIONS.items() if start in reached}
        ending |= {start for (start, _), end in TRANSITIONS.items() if end in ending}
    assert reached == set(Phase)
    assert ending == set(Phase)


def test_after_a_crash() -> None:
    """Nothing in flight outlives its process, but canceling and committing are brought to their end."""
    assert set(AFTER_A_CRASH) == set(Phase)
    assert {AFTER_A_CRASH[p] for p in Phase} & BUSY == {Phase.COMMITTING, Phase.CANCELING}
    assert AFTER_A_CRASH[Phase.PAUSING] is Phase.PAUSED
    changed = {p for p in Phase if AFTER_A_CRASH[p] is not p}
    assert changed == {Phase.PROBING, Phase.RUNNING, Phase.STALLED, Phase.VERIFYING, Phase.PAUSING}


def test_groups() -> None:
    """What is live is neither over nor given back to the person."""
    assert Phase.FAILED not in LIVE
    assert not LIVE & FINAL
    assert BUSY <= LIVE


def test_integers() -> None:
    """The public statuses are Windows' integers, and ours from 100."""
    windows = {
        "IDLE": 0, "RUNNING": 1, "PAUSED_BY_APPLICATION": 2, "PAUSED_COSTED_NETWORK": 3, "PAUSED_NO_NETWORK": 4,
        "COMPLETED": 5, "CANCELED": 6, "ERROR": 7, "PAUSED_RECOVERABLE_WEB_ERROR": 8, "PAUSED_SYSTEM_POLICY": 32,
        "RETRY_WAIT": 100, "VERIFYING": 101, "ORPHANED": 102,
    }  # fmt: skip
    assert {s.name: int(s) for s in TransferStatus} == windows
    assert set(STATUS) == set(Phase)
    assert {stall: int(status) for stall, status in STALL_STATUS.items()} == {
        Stall.NO_NETWORK: 4, Stall.COST: 3, Stall.RETRY_WAIT: 100, Stall.SYSTEM: 32,
    }  # fmt: skip


def test_diagram() -> None:
    """The diagram has every arrow of the table, two beginnings and two ends."""
    lines = phases.diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == 1 + 2 + len(TRANSITIONS) + len(FINAL)
    assert "    queued --> probing: slot free" in lines
    assert "    done --> [*]" in lines
