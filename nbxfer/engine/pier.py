"""One host of small files that a mover fetches: who waits there, and how many connections there may be."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Protocol

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.lifecycle import Operation
from nbxfer.core.spec import Spec
from nbxfer.engine import mover_words as words
from nbxfer.engine.hosts import Hosts
from nbxfer.sources.brief import Passage

#: So long a line to a host is waited for, and so long places are kept for more to come (seconds).
NO_LINE, KEEPS = 0.5, 0.25
#: So many answers of a host may be odd before this is held to be no way for it, where they are one in ``SHARE``.
ODD, SHARE = 8, 4


class Passenger:
    """One file; ``commit`` when it is to be named."""

    __slots__ = ("action", "catch", "commit", "epoch", "host", "number", "op", "op_id", "since", "spec", "stopped")

    def __init__(self, op_id: str, spec: Spec, action: do.Probe, host: str) -> None:
        self.op_id, self.spec, self.action, self.host, self.epoch = op_id, spec, action, host, action.epoch
        self.number, self.since, self.stopped = 0, 0.0, False
        self.catch: words.Catch | None = None
        self.op: Operation | None = None
        self.commit: do.Commit | None = None


def home(one: Passenger) -> tuple[str, ev.Event]:
    """Let it wait for another turn, or be stopped: nothing has been done for it."""
    return one.op_id, ev.CutShort(one.action.serial, None)


class Ask(Protocol):
    """Says how a file is asked for by another process; see Briefly.passage."""

    def __call__(self, op_id: str, spec: Spec) -> Passage | None:
        """Give it; None where it is no matter of a plain GET."""
        ...


class Pier:
    """The worker's own. ``asked`` counts those that the mover has; ``unfit``: this is no way for what this host has."""

    def __init__(self, host: str, number: int, hosts: Hosts, ask: Ask) -> None:
        self.host, self.number = host, number
        self.waiting: deque[Passenger] = deque()
        self.odd: list[Passenger] = []  # that cannot be asked for in this way
        self.asked = self.places = 0
        self.unfit = False
        self._hosts, self._ask = hosts, ask
        self._passage: Passage | None = None
        self._told: tuple[object, int] = (None, 0)  # what the mover knows: how to ask, and by how many connections
        self._busy_at = 0.0
        self._odd_ones = self._fit = 0

    def hold(self, room: int, now: float) -> bool:
        """Hold as many of the host's places as may be had, up to ``room``; say whether there are any."""
        self._busy_at = now
        most = min(self._hosts.per_host, max(1, room), self.asked + len(self.waiting))
        while self.places < most and self._hosts.take(self.host):
            self.places += 1
        if self.places > 1 and self._hosts.hungry(self.host):
            self.places -= 1
            self._hosts.release(self.host)
        return self.places > 0

    def rests(self, now: float) -> bool:
        """Say whether the places are to be given back: nothing is wanted here, for a while or where others wait."""
        if self.waiting or self.asked:
            self._busy_at = now
            return False
        return now - self._busy_at > KEEPS or self._hosts.hungry(self.host)

    def release(self) -> None:
        """Give the places back."""
        for _ in range(self.places):
            self._hosts.release(self.host)
        self.places = 0

    def ready(self, most: int, now: float) -> Iterator[tuple[Passenger, Passage]]:
        """Give up to ``most`` that can be asked for now, all of them alike; ``unfit`` where there is no asking here.

        What is no matter of a plain GET (a query, a name that is to be escaped) is put among the ``odd``.
        """
        while most and self.waiting and not self.unfit:
            passage = self._ask(self.waiting[0].op_id, self.waiting[0].spec)
            if passage is None:
                self.odd.append(self.waiting.popleft())
                self._strange()
                continue
            if passage.prepared is None and now - self.waiting[0].since > NO_LINE:
                self.unfit = True
                return
            other = self._passage is None or passage.prepared is not self._passage.prepared
            if passage.prepared is None or (other and self.asked):  # those before it have to come first
                return
            self._passage = passage
            self.asked += 1
            most -= 1
            yield self.waiting.popleft(), passage

    def left(self) -> list[Passenger]:
        """Give those that are to go another way, and forget them: the odd ones, and all where this is no way."""
        left, self.odd = self.odd, []
        if self.unfit:
            self.unfit = False
            left += self.waiting
            self.waiting.clear()
        return left

    def news(self, task: int) -> words.Server | None:
        """Give what the mover does not know of this server; None where it knows everything."""
        passage = self._passage
        if passage is None or passage.prepared is None or self._told == (passage.prepared, self.places):
            return None
        self._told = passage.prepared, self.places
        return words.Server(task, self.number, passage.text, passage.prepared, passage.patience, self.places)

    def came(self) -> None:
        """One has come."""
        self.asked -= 1
        self._fit += 1

    def missed(self, status: int) -> None:
        """One has not, for the answer had another status (see words.Missed)."""
        self.asked -= 1
        if status != words.NOT_ASKED:
            self.unfit = self.unfit or status in words.LEAVE_ALONE
            self._strange()

    def _strange(self) -> None:
        """Take note of one more that this is no way for."""
        self._odd_ones += 1
        self.unfit = self.unfit or (self._odd_ones > ODD and self._odd_ones * SHARE > self._fit)
