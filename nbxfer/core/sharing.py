"""Fair turns: who makes room for whom, where one huge operation or one busy host would keep all others waiting.

Places go in order, first come, first served. Two exchanges are made all the same, both between operations whose
progress is kept: a host of which nothing runs gets one of the places of a host that has several; and where for a while
nobody has got a turn, the next of those who never had one is let in as a *guest*, for a short turn: what is small is
done in it, what is huge goes back and waits on. There is one guest at a time, so at most one place is shared that way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from nbxfer.core.groups import RANK

#: Seconds that somebody waits whose host has nothing running, before he is let in.
STRANGER: Final = 3.0
#: Seconds without a turn for anybody at a host, after which the next newcomer is let in; and how long a guest may stay.
STILL: Final = 10.0
SLICE: Final = 20.0


class Runner(NamedTuple):
    """One that runs: since when (seconds), and whether what it has is kept when it makes room."""

    id: str
    host: str
    priority: int
    since: float
    keeps: bool


class Waiter(NamedTuple):
    """One that waits: since when (seconds), and whether it never had a turn. ``full``: its host has no room."""

    id: str
    host: str
    priority: int
    since: float
    new: bool
    full: bool = False


class Guest(NamedTuple):
    """Who was let in out of turn, and who has made room for that."""

    id: str
    host_of: str


class Exchange(NamedTuple):
    """``out`` makes room for ``into``; as a guest it is to go again soon."""

    out: str
    into: str
    guest: bool


def exchange(
    now: float,
    running: Sequence[Runner],
    waiting: Sequence[Waiter],
    granted: Mapping[str, float],
    guest: Guest | None,
) -> Exchange | None:
    """Give the next exchange, None where things may stay as they are.

    ``waiting`` stand in order; ``granted`` says when somebody last got a turn at each host.
    """
    shares = Counter(r.host for r in running)
    for waiter in waiting:
        if not shares[waiter.host] and now - waiter.since >= STRANGER:
            most = max(
                (r for r in running if _may_go(r, waiter)), key=lambda r: (shares[r.host], -r.since), default=None
            )
            if most is not None and shares[most.host] > 1:
                return Exchange(most.id, waiter.id, guest=False)
    if guest is not None:
        return _sent_back(now, running, waiting, guest)
    for waiter in waiting:
        if not waiter.new or now - max(waiter.since, granted.get(waiter.host, waiter.since)) < STILL:
            continue
        who = [r for r in running if _may_go(r, waiter) and now - r.since >= SLICE]
        who = [r for r in who if r.host == waiter.host] if waiter.full else who
        if who:
            return Exchange(min(who, key=lambda r: r.since).id, waiter.id, guest=True)
    return None


def _sent_back(now: float, running: Sequence[Runner], waiting: Sequence[Waiter], guest: Guest) -> Exchange | None:
    host = next((w for w in waiting if w.id == guest.host_of), None)
    there = next((r for r in running if r.id == guest.id), None)
    if host is None or there is None or not there.keeps or now - there.since < SLICE:
        return None
    return Exchange(there.id, host.id, guest=False)


def _may_go(runner: Runner, waiter: Waiter) -> bool:
    """Whether one that runs may make room for one that waits: nothing is lost, and it is no more important."""
    return runner.keeps and RANK.get(runner.priority, 1) >= RANK.get(waiter.priority, 1)
