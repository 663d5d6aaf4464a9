"""The life of an operation: one table, one function that moves, one table for the morning after a crash.

The diagram in docs/ and notebooks/00 is generated from TRANSITIONS. An illegal move raises and changes nothing.
Ownership (core/lease.py) is a second machine, orthogonal to this one: ORPHANED is what a watcher sees, not a phase.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from nbxfer.errors import InvalidTransferState


class Phase(StrEnum):
    """Where an operation stands. What comes with -ing has something in flight."""

    CREATED = "created"
    QUEUED = "queued"
    PROBING = "probing"
    RUNNING = "running"
    STALLED = "stalled"
    PAUSING = "pausing"
    PAUSED = "paused"
    VERIFYING = "verifying"
    COMMITTING = "committing"
    CANCELING = "canceling"
    CANCELED = "canceled"
    FAILED = "failed"
    DONE = "done"


class Cause(StrEnum):
    """What moves an operation from one phase to another."""

    START = "start"
    SLOT = "slot free"
    COMPLETE = "slot free, all bytes here"
    PROBED = "probed"
    UNCHANGED = "unchanged"
    CHANGED = "new version"
    CUT_SHORT = "cut short"
    STARVED = "starved"
    MET = "condition met"
    ALL_LANDED = "all landed"
    VERIFIED = "verified"
    MISMATCH = "mismatch"
    COMMITTED = "committed"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"
    DRAINED = "drained"
    NEEDS_PERSON = "needs a person"
    GAVE_UP = "gave up"


class TransferStatus(IntEnum):
    """What Windows Background Transfer calls it (0–32), and ours from 100."""

    IDLE = 0
    RUNNING = 1
    PAUSED_BY_APPLICATION = 2
    PAUSED_COSTED_NETWORK = 3
    PAUSED_NO_NETWORK = 4
    COMPLETED = 5
    CANCELED = 6
    ERROR = 7
    PAUSED_RECOVERABLE_WEB_ERROR = 8
    PAUSED_SYSTEM_POLICY = 32
    RETRY_WAIT = 100
    VERIFYING = 101
    ORPHANED = 102


class Stall(StrEnum):
    """Why a stalled operation waits; each has its own public status."""

    NO_NETWORK = "no network"
    COST = "cost"
    RETRY_WAIT = "retry wait"
    SYSTEM = "system"  # disk, battery, memory


_P, _C = Phase, Cause

#: The causes that are a person's wish; everything else happens by itself.
WISHES = (_C.START, _C.PAUSE, _C.RESUME, _C.CANCEL, _C.RETRY)

TRANSITIONS: dict[tuple[Phase, Cause], Phase] = {
    (_P.CREATED, _C.START): _P.QUEUED,
    (_P.CREATED, _C.CANCEL): _P.CANCELING,
    (_P.CREATED, _C.GAVE_UP): _P.FAILED,
    (_P.QUEUED, _C.SLOT): _P.PROBING,
    (_P.QUEUED, _C.COMPLETE): _P.VERIFYING,
    (_P.QUEUED, _C.PAUSE): _P.PAUSED,
    (_P.QUEUED, _C.STARVED): _P.STALLED,
    (_P.QUEUED, _C.NEEDS_PERSON): _P.PAUSED,
    (_P.QUEUED, _C.GAVE_UP): _P.FAILED,
    (_P.QUEUED, _C.CANCEL): _P.CANCELING,
    (_P.PROBING, _C.PROBED): _P.RUNNING,
    (_P.PROBING, _C.COMPLETE): _P.VERIFYING,
    (_P.PROBING, _C.UNCHANGED): _P.DONE,
    (_P.PROBING, _C.CHANGED): _P.QUEUED,
    (_P.PROBING, _C.CUT_SHORT): _P.QUEUED,
    (_P.PROBING, _C.STARVED): _P.STALLED,
    (_P.PROBING, _C.PAUSE): _P.PAUSING,
    (_P.PROBING, _C.CANCEL): _P.CANCELING,
    (_P.PROBING, _C.NEEDS_PERSON): _P.PAUSED,
    (_P.PROBING, _C.GAVE_UP): _P.FAILED,
    (_P.RUNNING, _C.ALL_LANDED): _P.VERIFYING,
    (_P.RUNNING, _C.CHANGED): _P.QUEUED,
    (_P.RUNNING, _C.CUT_SHORT): _P.QUEUED,
    (_P.RUNNING, _C.STARVED): _P.STALLED,
    (_P.RUNNING, _C.PAUSE): _P.PAUSING,
    (_P.RUNNING, _C.CANCEL): _P.CANCELING,
    (_P.RUNNING, _C.NEEDS_PERSON): _P.PAUSED,
    (_P.RUNNING, _C.GAVE_UP): _P.FAILED,
    (_P.STALLED, _C.MET): _P.QUEUED,
    (_P.STALLED, _C.CUT_SHORT): _P.QUEUED,
    (_P.STALLED, _C.PAUSE): _P.PAUSED,
    (_P.STALLED, _C.CANCEL): _P.CANCELING,
    (_P.STALLED, _C.NEEDS_PERSON): _P.PAUSED,
    (_P.STALLED, _C.GAVE_UP): _P.FAILED,
    (_P.PAUSING, _C.DRAINED): _P.PAUSED,
    (_P.PAUSING, _C.RESUME): _P.RUNNING,
    (_P.PAUSING, _C.CANCEL): _P.CANCELING,
    (_P.PAUSED, _C.RESUME): _P.QUEUED,
    (_P.PAUSED, _C.CANCEL): _P.CANCELING,
    (_P.VERIFYING, _C.VERIFIED): _P.COMMITTING,
    (_P.VERIFYING, _C.MISMATCH): _P.QUEUED,
    (_P.VERIFYING, _C.CHANGED): _P.QUEUED,
    (_P.VERIFYING, _C.CUT_SHORT): _P.QUEUED,
    (_P.VERIFYING, _C.STARVED): _P.STALLED,
    (_P.VERIFYING, _C.PAUSE): _P.PAUSING,
    (_P.VERIFYING, _C.CANCEL): _P.CANCELING,
    (_P.VERIFYING, _C.NEEDS_PERSON): _P.PAUSED,
    (_P.VERIFYING, _C.GAVE_UP): _P.FAILED,
    (_P.COMMITTING, _C.COMMITTED): _P.DONE,
    (_P.COMMITTING, _C.STARVED): _P.STALLED,
    (_P.COMMITTING, _C.CHANGED): _P.QUEUED,
    (_P.COMMITTING, _C.NEEDS_PERSON): _P.PAUSED,
    (_P.COMMITTING, _C.GAVE_UP): _P.FAILED,
    (_P.CANCELING, _C.DRAINED): _P.CANCELED,
    (_P.FAILED, _C.RETRY): _P.QUEUED,
    (_P.FAILED, _C.RESUME): _P.QUEUED,
    (_P.FAILED, _C.CANCEL): _P.CANCELING,
}

#: What a phase read from the manifest means when nobody lives who was in it.
AFTER_A_CRASH: dict[Phase, Phase] = {
    **{phase: phase for phase in Phase},
    _P.PROBING: _P.QUEUED,
    _P.RUNNING: _P.QUEUED,
    _P.STALLED: _P.QUEUED,
    _P.VERIFYING: _P.QUEUED,
    _P.PAUSING: _P.PAUSED,
    # COMMITTING stays: the disk is looked at first. CANCELING stays: it is finished.
}

#: Phases that nothing leaves.
FINAL = frozenset({_P.DONE, _P.CANCELED})
#: Phases in which a person may give it a new URL or credentials: it goes on only when it is asked to.
RESTING = frozenset({_P.CREATED, _P.PAUSED, _P.FAILED})
#: Phases in which an operation holds a slot of the engine.
BUSY = frozenset({_P.PROBING, _P.RUNNING, _P.PAUSING, _P.VERIFYING, _P.COMMITTING, _P.CANCELING})
#: Those of them in which it has a connection to its server.
ASKING = frozenset({_P.PROBING, _P.RUNNING, _P.PAUSING})
#: Phases in which a person waits for the end: not final, and not given back to the person.
LIVE = frozenset(set(Phase) - FINAL - {_P.FAILED})

STATUS: dict[Phase, TransferStatus] = {
    _P.CREATED: TransferStatus.IDLE,
    _P.QUEUED: TransferStatus.IDLE,
    _P.PROBING: TransferStatus.RUNNING,
    _P.RUNNING: TransferStatus.RUNNING,
    _P.STALLED: TransferStatus.RETRY_WAIT,
    _P.PAUSING: TransferStatus.RUNNING,
    _P.PAUSED: TransferStatus.PAUSED_BY_APPLICATION,
    _P.VERIFYING: TransferStatus.VERIFYING,
    _P.COMMITTING: TransferStatus.VERIFYING,
    _P.CANCELING: TransferStatus.RUNNING,
    _P.CANCELED: TransferStatus.CANCELED,
    _P.FAILED: TransferStatus.ERROR,
    _P.DONE: TransferStatus.COMPLETED,
}

STALL_STATUS: dict[Stall, TransferStatus] = {
    Stall.NO_NETWORK: TransferStatus.PAUSED_NO_NETWORK,
    Stall.COST: TransferStatus.PAUSED_COSTED_NETWORK,
    Stall.RETRY_WAIT: TransferStatus.RETRY_WAIT,
    Stall.SYSTEM: TransferStatus.PAUSED_SYSTEM_POLICY,
}


def may(phase: Phase, cause: Cause) -> bool:
    """Say whether ``cause`` can move an operation that is in ``phase``."""
    return (phase, cause) in TRANSITIONS


def move(phase: Phase, cause: Cause) -> Phase:
    """Give the phase that follows; raise InvalidTransferState where the table has no arrow."""
    try:
        return TRANSITIONS[phase, cause]
    except KeyError:
        ways = ", ".join(c for p, c in TRANSITIONS if p is phase and c in WISHES)
        possible = f"possible: {ways}" if ways else "it is over" if phase in FINAL else "wait for its end"
        raise InvalidTransferState(f"'{cause}' does not fit an operation that is {phase} ({possible}).") from None


def diagram() -> str:
    """Give the table as a Mermaid state diagram."""
    arrows = [f"    {start} --> {end}: {cause}" for (start, cause), end in TRANSITIONS.items()]
    finals = [f"    {phase} --> [*]" for phase in Phase if phase in FINAL]
    return "\n".join(["stateDiagram-v2", "    [*] --> created", "    [*] --> queued", *arrows, *finals])
