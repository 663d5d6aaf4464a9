"""Claims in the background: the first at once, the others by and by, and none for what is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase
from nbxfer.core.spec import Spec
from nbxfer.engine.stakes import AT_ONCE, EVERY, Stakes
from nbxfer.engine.work import Work
from nbxfer.manifest.base import Claim
from nbxfer.manifest.memory import MemoryManifest


class Desk:
    """Stakes whose workers are at once done, and whose timers wait for the test."""

    def __init__(self) -> None:
        self.manifest = MemoryManifest()
        self.manifest.begin()
        self.timers: list[tuple[float, Callable[[], None]]] = []
        workers: Any = SimpleNamespace(submit=lambda job: job())
        timers: Any = SimpleNamespace(at=lambda when, call: self.timers.append((when, call)))
        work = cast("Work", SimpleNamespace(workers=workers, timers=timers))
        self.stakes = Stakes(self.manifest, work, lambda call: call())

    def go_on(self) -> float:
        """Let the next timer come; give how far ahead it was (seconds)."""
        when, call = self.timers.pop(0)
        call()
        return when - time.monotonic()

    def claimed(self, ops: list[Operation]) -> int:
        """Count those of which the destination is claimed."""
        return sum(self.manifest.claimed(op.spec.destination) is not None for op in ops)


def _ops(count: int) -> list[Operation]:
    return [
        Operation(f"{n:016x}", Spec("download", f"https://h/{n}", f"/d/{n}", f"https://h/{n}"), 1.0)
        for n in range(count)
    ]


def test_the_first_are_claimed_at_once_and_the_others_by_and_by() -> None:
    """A long list is claimed in its order, some at a time; what is over before its turn is passed by."""
    desk, ops = Desk(), _ops(3 * AT_ONCE)
    desk.stakes.stake(ops)
    assert desk.claimed(ops[:AT_ONCE]) == desk.claimed(ops) == AT_ONCE
    for op in ops[: 2 * AT_ONCE]:
        op.phase = Phase.DONE
    assert 0 < desk.go_on() <= EVERY
    assert desk.claimed(ops[AT_ONCE : 2 * AT_ONCE]) == 0
    assert desk.claimed(ops[2 * AT_ONCE :]) == AT_ONCE
    desk.go_on()
    assert desk.timers == []
    desk.stakes.stake(_ops(1))  # nobody has claimed lately, so this is at once
    assert len(desk.timers) == 1


def test_who_comes_while_others_are_claimed_waits_for_the_next_time() -> None:
    """One call after another does not wake a thread for each."""
    desk, ops = Desk(), _ops(3)
    for op in ops:
        desk.stakes.stake([op])
    assert (desk.claimed(ops), len(desk.timers)) == (1, 1)
    desk.go_on()
    assert desk.claimed(ops) == 3


def test_who_leaves_makes_no_more_claims() -> None:
    """What is not claimed then is found by its record."""
    desk, ops = Desk(), _ops(AT_ONCE + 1)
    desk.stakes.stake(ops)
    desk.stakes.leave()
    desk.go_on()
    assert desk.claimed(ops) == AT_ONCE


def test_a_claim_of_what_is_over_is_replaced() -> None:
    """Whose operation came first was settled before: a claim of another that does not live gives way."""
    desk, [op] = Desk(), _ops(1)
    desk.manifest.claim(op.spec.destination, Claim("ab" * 8, "cd" * 8, "https://h/old"))
    desk.stakes.stake([op])
    holder = desk.manifest.claimed(op.spec.destination)
    assert holder is not None
    assert holder.op_id == op.id
