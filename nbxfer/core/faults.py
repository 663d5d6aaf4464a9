"""A fault is an error as data: what the machine decides by, and what the manifest can keep."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from nbxfer import errors
from nbxfer.errors import TransferError


class Remedy(StrEnum):
    """What can follow a fault."""

    RETRY = "retry"  # by itself, counted
    WAIT_ONLINE = "wait for the network"  # by itself, not counted
    WAIT_ROOM = "wait for room"
    PERSON = "a person"
    PROBE_AGAIN = "probe again"  # the pinned version is gone
    GIVE_UP = "give up"


class Fault(msgspec.Struct, frozen=True, gc=False):
    """Why something did not go well. ``error`` names the class in errors.py; texts carry no secret."""

    error: str
    message: str
    remedy: Remedy = Remedy.GIVE_UP
    status: int = 0
    http_status: int | None = None
    retry_after: float | None = None
    hint: str | None = None
    server: str = ""  # who asked to be left alone for ``retry_after``, where that is known


def of(error: TransferError, remedy: Remedy | None = None) -> Fault:
    """Give the fault that says the same as ``error``."""
    return Fault(
        type(error).__name__,
        error.message,
        remedy or _remedy(error),
        error.status,
        error.http_status,
        error.retry_after,
        error.hint,
        error.server,
    )


def _remedy(error: TransferError) -> Remedy:
    # Offline before NetworkError: it is one of them.
    if isinstance(error, errors.Offline):
        return Remedy.WAIT_ONLINE
    if isinstance(error, errors.NoSpace):
        return Remedy.WAIT_ROOM
    if isinstance(error, errors.NeedsAttention):
        return Remedy.PERSON
    if isinstance(error, errors.SourceChanged) and not isinstance(error, errors.FileChanged):
        return Remedy.PROBE_AGAIN
    return Remedy.RETRY if error.retryable else Remedy.GIVE_UP


def to_error(fault: Fault, op_id: str | None = None) -> TransferError:
    """Give the exception that a handle raises for ``fault``."""
    return errors.by_name(fault.error)(
        fault.message,
        op_id=op_id,
        status=fault.status or None,
        http_status=fault.http_status,
        retry_after=fault.retry_after,
        hint=fault.hint,
    )
