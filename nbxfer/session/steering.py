"""Wishes on their way: to our own engine, or to the kernel that runs the operation."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import msgspec

from nbxfer.core import amounts
from nbxfer.core import events as ev
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import FINAL, RESTING, Phase
from nbxfer.core.record import Before
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.spec import Spec
from nbxfer.engine.dispatcher import Dispatcher, Item
from nbxfer.engine.doors import GIVEN_ANEW
from nbxfer.engine.engine import Engine
from nbxfer.engine.wording import PRIORITIES, event_of
from nbxfer.errors import InvalidRequest, InvalidTransferState, TransferError
from nbxfer.manifest.base import Found, Manifest, Wish
from nbxfer.session import network

log = logging.getLogger("nbxfer")


def event(verb: str, fields: dict[str, Any]) -> ev.Event:
    """Give the event that says a wish. Raises InvalidRequest for a verb or a priority that is unknown."""
    priority = fields.get("priority", 0)
    priority = PRIORITIES.get(priority, priority) if isinstance(priority, str) else priority
    if priority not in PRIORITIES.values():
        raise InvalidRequest(f"priority={priority!r} is unknown.", hint="Give 'default', 'high' or 'low'.")
    if verb == "access":
        return ev.AccessAsked()
    if verb == "bandwidth":
        return ev.BandwidthAsked(None if (rate := fields.get("rate")) is None else amounts.rate(rate))
    if verb == "cost_policy":
        said = fields.get("policy")
        return ev.CostPolicyAsked(None if said is None else int(network.policy(said)))
    if verb == "unconstrained":
        return ev.UnconstrainedAsked()
    delete = bool(fields.get("delete_partial", True))
    place = float(fields.get("place", 0.0))
    found = (
        event_of(Wish(verb, "", delete_partial=delete, priority=int(priority), place=place))
        if verb != "hand-over"
        else None
    )
    if found is None:
        raise InvalidRequest(f"{verb!r} is nothing that a transfer can be asked.")
    return found


def carry_out(engine: Engine, shown: Snapshot, wish: ev.Event) -> None:
    """Give a wish to our own engine and return when it is saved. Raises InvalidTransferState, with the story."""
    if shown.phase is Phase.CREATED and type(wish) is ev.ResumeAsked:
        wish = ev.StartAsked()  # what was never started is started
    try:
        engine.wish(shown.id, wish)
    except InvalidTransferState as error:
        raise error.with_traceback(None) from None  # how the loop came to say so helps nobody
    except KeyError:
        raise InvalidTransferState(
            f"{shown.name} is {shown.phase} already; nothing can be asked of it any more.", op_id=shown.id
        ) from None


def ask_owner(manifest: Manifest, found: Found, verb: str, fields: dict[str, Any]) -> None:
    """Leave a wish for the living kernel that runs the operation; it looks four times a second."""
    if any(fields.get(name) is not None for name in GIVEN_ANEW):
        raise InvalidTransferState(
            "Another kernel runs this, and secrets are not passed between kernels.",
            op_id=found.record.id,
            hint="Give the new URL or credentials there.",
        )
    wished = event(verb, fields)
    if isinstance(wished, ev.BandwidthAsked | ev.CostPolicyAsked | ev.UnconstrainedAsked):
        raise InvalidTransferState(
            "Another kernel runs this, and how fast, and on which network, is said there.",
            op_id=found.record.id,
            hint="Set it there.",
        )
    manifest.wish(
        found.owner,
        Wish(
            verb,
            found.record.id,
            delete_partial=bool(fields.get("delete_partial", True)),
            priority=wished.priority if isinstance(wished, ev.PriorityAsked) else 0,
            place=wished.place if isinstance(wished, ev.PlaceAsked) else 0.0,
        ),
    )


class Asked(msgspec.Struct):
    """An operation that was asked for again, and what came of it."""

    op_id: str
    spec: Spec
    old: Spec | None = None
    answers: list[Future[None]] = []

    def check(self) -> None:
        """Raise InvalidTransferState where it moved on too far to be held against the checksum that is given now."""
        failed = [error for answer in self.answers if (error := answer.exception()) is not None]
        if not failed or self.old is None:
            return
        if self.spec.checksum not in (None, self.old.checksum):
            raise InvalidTransferState(
                f"{self.old.destination} is just being finished, without that checksum.",
                op_id=self.op_id,
                hint="Run this again: what is there is held against the checksum then.",
            )
        log.debug("%s moved on by itself", self.old.destination, extra={"op_id": self.op_id})


def go_on(dispatcher: Dispatcher, op_id: str, spec: Spec, before: Before | None) -> Asked:
    """Let an operation that was asked for again go on with what is asked now, unless a person had paused it.

    Call it on the loop; the answers come when the turn is saved.
    """
    op = dispatcher.ops.get(op_id)
    if op is None:
        return Asked(op_id, spec)
    url, needs, old = spec.url, spec.needs, op.spec
    same = {name: getattr(old, name) for name in ("url", "needs", "notebook", "app", "adopted")}
    if op.phase not in (Phase.FAILED, Phase.PAUSED) and spec.checksum is None and spec.checksum_at is None:
        same |= {"checksum": old.checksum, "checksum_at": old.checksum_at}  # a running one keeps what it was given
    if op.phase not in (Phase.CREATED, Phase.QUEUED):
        same["not_before"] = old.not_before  # what has begun is not held up by it
    new = msgspec.structs.replace(spec, **same)
    wishes: list[ev.Event] = [ev.SpecAsked(new, before)] if new != old or before != op.before else []
    if op.phase is Phase.FAILED:
        wishes.append(ev.RetryAsked(url, needs))
    elif op.phase is Phase.PAUSED and op.fault is not None and op.fault.remedy is Remedy.PERSON:
        wishes.append(ev.ResumeAsked(url, needs))
    items: list[Item] = [(op_id, wish, Future()) for wish in wishes]
    dispatcher.happened(items)
    return Asked(op_id, spec, old, [answer for _, _, answer in items if answer is not None])


def check_rest(shown: Snapshot) -> None:
    """Raise InvalidTransferState where it is no time for a new URL or new headers: nothing is changed then."""
    if shown.phase not in RESTING:
        raise InvalidTransferState(
            f"A new URL or headers can be given to {shown.name} once it is paused; it is {shown.phase}.",
            op_id=shown.id,
            hint="Pause it first.",
        )


def done_by_adopting(verb: str, shown: Snapshot) -> bool:
    """Whether taking an orphaned operation over has already fulfilled the wish."""
    return verb in ("resume", "retry", "start") and shown.phase not in (Phase.PAUSED, Phase.FAILED, Phase.CREATED)


def working(engine: Engine) -> list[str]:
    """Give the ids of what goes on by itself: not over, not waiting for a person."""
    resting = FINAL | {Phase.FAILED, Phase.PAUSED, Phase.CREATED, Phase.CANCELING}
    return [op.id for op in list(engine.dispatcher.ops.values()) if op.phase not in resting]


def quietly(
    steer: Callable[..., None],
    op_id: str,
    verb: str,
    fields: dict[str, Any],
    refused: Callable[[str], object] | None = None,
) -> None:
    """Carry a wish out for somebody who does not wait for the answer; ``refused`` is told why it did not fit."""
    try:
        steer(op_id, verb, **fields)
    except TransferError as error:
        log.info("%s of %s was not possible: %s", verb, op_id, error, extra={"op_id": op_id})
        if refused is not None:
            refused(str(error))
    except Exception:
        log.exception("%s of %s failed; please report this", verb, op_id, extra={"op_id": op_id})
