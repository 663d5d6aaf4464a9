"""Fair turns: who makes room for whom, where one huge operation or one busy host would keep all others waiting.

Places go in order, first come, first served. Two exchanges are made all the same, both between operations whose
progress is kept: a host of which nothing runs gets one of the places of a host that has several; and where for a while
nobody has got a turn, the next of those who never had one is let in as a *guest*, for a short turn: what is small is
done in it, what is huge goes back and waits on. There is one guest at a time, so at most one place is shared that way.

Where nobody can make room without losing what it has, nobody does: a host or a group of which nothing runs is *called*
instead. The next place that becomes free is its; and where none does for a while, one is opened beyond those that
there are. Whoever ends next pays that back, so it is not for long, and never more than half as many as there are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from nbxfer.core.groups import RANK

#: Seconds that somebody waits whose host has nothing running, before he is let in.
STRANGER: Final = 3.0
#: Seconds that he waits before a place beyond all is opened for him, where nobody makes room and nobody ends.
BEYOND: Final = 10.0
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
    group: str = ""


class Waiter(NamedTuple):
    """One that waits: since when (seconds), and whether it never had a turn. ``full``: its host has no room."""

    id: str
    host: str
    priority: int
    since: float
    new: bool
    full: bool = False
    group: str = ""


class Guest(NamedTuple):
    """Who was let in out of turn, and who has made room for that."""

    id: str
    host_of: str


class Exchange(NamedTuple):
    """``out`` makes room for ``into``; as a guest it is to go again soon."""

    out: str
    into: str
    guest: bool


class Call(NamedTuple):
    """``id`` goes next, out of turn; at once where it is ``beyond`` the places, else in the next that is free."""

    id: str
    beyond: bool


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
    for waiter, crowd in _strangers(now, running, waiting):
        who = [r for r in crowd if r.keeps]
        who = [r for r in who if r.host == waiter.host] if waiter.full else who
        if who:
            shares = Counter(r.host for r in running)
            return Exchange(max(who, key=lambda r: (shares[r.host], -r.since)).id, waiter.id, guest=False)
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


def call(now: float, running: Sequence[Runner], waiting: Sequence[Waiter], places: int, taken: int) -> Call | None:
    """Give who is called, where nobody makes room: one of a host or group that has nothing while another has several.

    ``waiting`` stand in order; ``taken`` of ``places`` are, and more than there are where some were opened beyond.
    """
    best = min(map(_rank, waiting), default=0)
    for waiter, _ in _strangers(now, running, waiting):
        if waiter.full:
            continue
        if now - waiter.since >= BEYOND and taken - places < places // 2:
            return Call(waiter.id, beyond=True)
        if _rank(waiter) <= best:  # what is more important goes first into a place that is free
            return Call(waiter.id, beyond=False)
    return None


def _strangers(
    now: float, running: Sequence[Runner], waiting: Sequence[Waiter]
) -> Iterator[tuple[Waiter, list[Runner]]]:
    """Give those whose host, or group, has nothing; with those of a host, or group, that has several.

    A single one keeps its place, and so does what is more important than who waits.
    """
    hosts, groups = Counter(r.host for r in running), Counter(r.group for r in running)
    for waiter in waiting:
        if now - waiter.since < STRANGER:
            continue
        crowd: list[Runner] = []
        if not hosts[waiter.host]:
            crowd = [r for r in running if hosts[r.host] > 1]
        if not crowd and not groups[waiter.group]:
            crowd = [r for r in running if groups[r.group] > 1]
        crowd = [r for r in crowd if _rank(r) >= _rank(waiter)]
        if crowd:
            yield waiter, crowd


def _sent_back(now: float, running: Sequence[Runner], waiting: Sequence[Waiter], guest: Guest) -> Exchange | None:
    host = next((w for w in waiting if w.id == guest.host_of), None)
    there = next((r for r in running if r.id == guest.id), None)
    if host is None or there is None or not there.keeps or now - there.since < SLICE:
        return None
    return Exchange(there.id, host.id, guest=False)


def _may_go(runner: Runner, waiter: Waiter) -> bool:
    """Whether one that runs may make room for one that waits: nothing is lost, and it is no more important."""
    return runner.keeps and _rank(runner) >= _rank(waiter)


def _rank(one: Runner | Waiter) -> int:
    return RANK.get(one.priority, 1)
