"""Wishes on their way: to our own engine, or to the kernel that runs the operation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import msgspec

from nbxfer.core import events as ev
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.record import Before
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.spec import Spec
from nbxfer.engine.engine import Engine
from nbxfer.engine.wording import PRIORITIES, event_of
from nbxfer.errors import InvalidRequest, InvalidTransferState, TransferError
from nbxfer.manifest.base import Found, Manifest, Wish

log = logging.getLogger("nbxfer")


def event(verb: str, fields: dict[str, Any]) -> ev.Event:
    """Give the event that says a wish. Raises InvalidRequest for a verb or a priority that is unknown."""
    priority = fields.get("priority", 0)
    priority = PRIORITIES.get(priority, priority) if isinstance(priority, str) else priority
    if priority not in PRIORITIES.values():
        raise InvalidRequest(f"priority={priority!r} is unknown.", hint="Give 'default', 'high' or 'low'.")
    delete = bool(fields.get("delete_partial", True))
    found = event_of(Wish(verb, "", delete_partial=delete, priority=int(priority))) if verb != "hand-over" else None
    if found is None:
        raise InvalidRequest(f"{verb!r} is nothing that a transfer can be asked.")
    return found


def carry_out(engine: Engine, shown: Snapshot, wish: ev.Event) -> None:
    """Give a wish to our own engine and return when it is saved. Raises InvalidTransferState, with the story."""
    if shown.phase is Phase.CREATED and type(wish) is ev.ResumeAsked:
        wish = ev.StartAsked()  # what was never started is started
    try:
        engine.wish(shown.id, wish)
    except KeyError:
        raise InvalidTransferState(
            f"{shown.name} is {shown.phase} already; nothing can be asked of it any more.", op_id=shown.id
        ) from None


def ask_owner(manifest: Manifest, found: Found, verb: str, fields: dict[str, Any]) -> None:
    """Leave a wish for the living kernel that runs the operation; it looks four times a second."""
    if any(fields.get(name) is not None for name in ("url", "headers", "auth")):
        raise InvalidTransferState(
            "Another kernel runs this, and secrets are not passed between kernels.",
            op_id=found.record.id,
            hint="Give the new URL or credentials there.",
        )
    wished = event(verb, fields)
    manifest.wish(
        found.owner,
        Wish(
            verb,
            found.record.id,
            delete_partial=bool(fields.get("delete_partial", True)),
            priority=wished.priority if isinstance(wished, ev.PriorityAsked) else 0,
        ),
    )


def go_on(engine: Engine, op_id: str, spec: Spec, before: Before | None) -> None:
    """Let an operation that was asked for again go on with what is asked now, unless a person had paused it."""
    op = engine.dispatcher.ops.get(op_id)
    if op is None:
        return
    url, needs, old = spec.url, spec.needs, op.spec
    new = msgspec.structs.replace(spec, url=old.url, needs=old.needs, notebook=old.notebook, app=old.app)
    if op.phase not in (Phase.FAILED, Phase.PAUSED) and new.checksum is None:
        new = msgspec.structs.replace(new, checksum=old.checksum)  # a running one keeps what it was given
    try:
        engine.wish(op_id, ev.SpecAsked(new, before))
        if op.phase is Phase.FAILED:
            engine.wish(op_id, ev.RetryAsked(url, needs))
        elif op.phase is Phase.PAUSED and op.fault is not None and op.fault.remedy is Remedy.PERSON:
            engine.wish(op_id, ev.ResumeAsked(url, needs))
    except (InvalidTransferState, KeyError):
        if spec.checksum not in (None, old.checksum):
            raise InvalidTransferState(
                f"{old.destination} is just being finished, without that checksum.",
                op_id=op_id,
                hint="Run this again: what is there is held against the checksum then.",
            ) from None
        log.debug("%s moved on by itself", op_id)


def done_by_adopting(verb: str, shown: Snapshot) -> bool:
    """Whether taking an orphaned operation over has already fulfilled the wish."""
    return verb in ("resume", "retry", "start") and shown.phase not in (Phase.PAUSED, Phase.FAILED, Phase.CREATED)


def working(engine: Engine) -> list[str]:
    """Give the ids of what goes on by itself: not over, not waiting for a person."""
    resting = FINAL | {Phase.FAILED, Phase.PAUSED, Phase.CREATED, Phase.CANCELING}
    return [op.id for op in list(engine.dispatcher.ops.values()) if op.phase not in resting]


def quietly(steer: Callable[..., None], op_id: str, verb: str, fields: dict[str, Any]) -> None:
    """Carry a wish out for somebody who does not wait for the answer."""
    try:
        steer(op_id, verb, **fields)
    except TransferError as error:
        log.info("%s of %s was not possible: %s", verb, op_id, error)
    except Exception:
        log.exception("%s of %s failed; please report this", verb, op_id)
