"""Groups: how many of one may run at once, in which order they go, and who has to make room when that changes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

import msgspec

from nbxfer.errors import InvalidRequest


class Behavior(IntEnum):
    """How the operations of a group run: 0 and 1 are Windows' own, ours begin at 100."""

    PARALLEL = 0
    SERIALIZED = 1
    SERIALIZED_STRICT = 100


#: The priority that runs beside a serialized line.
HIGH = 1
#: DEFAULT 0, HIGH 1, LOW 2 (Windows' integers) as ranks: smaller goes first.
RANK = {HIGH: 0, 0: 1, 2: 2}


class Rule(msgspec.Struct, frozen=True):
    """What holds for a group.

    *Parallel*: up to ``max_parallel`` at once, without it as many as the session runs. *Serialized*: of those that
    are not of high priority one at a time; high ones run beside it, together at most ``max_parallel``. *Strictly
    serialized*: one at a time, whatever its priority.
    """

    behavior: Behavior = Behavior.PARALLEL
    max_parallel: int | None = None

    def admits(self, priority: int, running: Iterable[int]) -> bool:
        """Say whether one of ``priority`` may run beside those that do (their priorities)."""
        running = list(running)
        if self.max_parallel is not None and len(running) >= self.max_parallel:
            return False
        if self.behavior is Behavior.SERIALIZED_STRICT:
            return not running
        if self.behavior is Behavior.SERIALIZED and priority != HIGH:
            return all(other == HIGH for other in running)
        return True


def rule(behavior: Behavior, max_parallel: int | None) -> Rule:
    """Give the rule of a group. Raises InvalidRequest where the two contradict each other."""
    if max_parallel is not None and max_parallel < 1:
        raise InvalidRequest("max_parallel=0 would let nothing through.", hint="Give a whole number from 1 up.")
    if behavior is Behavior.SERIALIZED_STRICT and max_parallel not in (None, 1):
        raise InvalidRequest(
            f"A strictly serialized group runs one at a time, not {max_parallel}.",
            hint="Leave max_parallel out, or take behavior='parallel'.",
        )
    return Rule(behavior, max_parallel)


class Member(NamedTuple):
    """One that runs or waits: its priority, its place in the group (a smaller one goes first), its id."""

    priority: int
    place: float
    id: str


def _order(member: Member) -> tuple[int, float, str]:
    return (RANK.get(member.priority, 1), member.place, member.id)


def surplus(rule: Rule, running: Iterable[Member], waiting: Iterable[Member]) -> list[str]:
    """Give those that run and have to make room, in a group whose order or rule has changed.

    A limited group is filled anew in its order; who runs and does not fit is in the way. Where the group has no limit
    nobody is.
    """
    running = list(running)
    if rule == Rule():
        return []
    fits: list[int] = []
    stay: set[str] = set()
    for member in sorted([*running, *waiting], key=_order):
        if rule.admits(member.priority, fits):
            fits.append(member.priority)
            stay.add(member.id)
    return [member.id for member in running if member.id not in stay]


def made_current(order: Sequence[str], current: str) -> list[str]:
    """Give the order in which ``current`` and those that follow it go first: ABCDE, with C: CDEAB."""
    at = order.index(current)
    return [*order[at:], *order[:at]]


def moved(order: Sequence[str], which: str, to: int) -> list[str]:
    """Give the order with ``which`` at place ``to``: 0 is the first, -1 the last; what lies outside is the end."""
    rest = [op_id for op_id in order if op_id != which]
    at = max(0, len(order) + to) if to < 0 else to
    return [*rest[:at], which, *rest[at:]]


def places(order: Sequence[str], had: dict[str, float]) -> dict[str, float]:
    """Give those whose place changes when the group stands in ``order``: they share out the places that they had.

    So whoever joins later still stands behind all of them.
    """
    free = sorted(had[op_id] for op_id in order)
    for n in range(1, len(free)):  # no two may stand at one place
        free[n] = max(free[n], math.nextafter(free[n - 1], math.inf))
    return {op_id: place for op_id, place in zip(order, free, strict=True) if had[op_id] != place}
