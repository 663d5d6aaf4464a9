"""Whose turn it is: the queue, the rules of the groups, and those whose time has not come.

On the loop's thread only. What it decides by is in core/queue.py and core/groups.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping

from nbxfer.core import sharing
from nbxfer.core import url as urls
from nbxfer.core.groups import RANK, Member, Rule, surplus
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import ASKING, Phase
from nbxfer.core.queue import Queue
from nbxfer.core.sharing import Guest, Runner, Waiter
from nbxfer.engine.limits import Slots

#: What holds for a group of which nobody knows anything.
_FREE = Rule()
#: So many of those that wait are looked at for a fair exchange; and for how long one that was called is waited for.
LOOKED_AT, HOLDS = 1000, 15.0


class Turns:
    """Who waits, who is next. ``ops`` are all live operations; ``rule_of`` gives what holds for a group."""

    def __init__(self, ops: Mapping[str, Operation], slots: Slots, rule_of: Callable[[str], Rule]) -> None:
        self.ops, self.slots = ops, slots
        self.queue = Queue()
        self._rule_of = rule_of
        self._rules: dict[str, Rule] = {}
        self._since: dict[str, float] = {}  # since when each of those that wait does, in order
        self._got: dict[str, float] = {}  # when those that have had a turn got their last one
        self._granted: dict[str, float] = {}  # when somebody last got a turn, by host
        self._back: dict[str, float] = {}  # to which place those go back who have made room for a guest
        self._guest: Guest | None = None
        self._called: tuple[str, float] | None = None  # who goes next, out of turn, and until when that holds
        self._beyond: dict[str, tuple[str, str]] = {}  # host and group of those for whom a place was opened beyond all
        self._early: dict[str, None] = {}  # those that are not to begin yet
        self._stirred: set[str] = set()  # groups whose order or rule has changed

    def wait(self, op: Operation, now: float) -> None:
        """Let a queued operation wait for its turn, or for its time."""
        spec = op.spec
        if spec.not_before is not None and now < spec.not_before:
            self.queue.discard(op.id)
            self._early[op.id] = None
            return
        self._since.setdefault(op.id, now)
        place = self._back.get(op.id, now)
        if spec.group:
            place = spec.place if spec.place is not None else op.created
        self.queue.push(op.id, spec.priority, urls.server(spec.asked), spec.group, place)

    def drop(self, op_id: str) -> None:
        """It waits no more."""
        self.queue.discard(op_id)
        for known in (self._early, self._since, self._got, self._back, self._beyond):
            known.pop(op_id, None)

    def next(self, full: Callable[[str], bool], now: float) -> Operation | None:
        """Take out who is next; ``full`` says which hosts to pass. None where nobody may run."""
        if (called := self._who_was_called() or self._lent()) is not None:
            if self.slots.lent:
                self._beyond[called.id] = urls.server(called.spec.asked), called.spec.group
            return self._given(called, now)
        if self.slots.free <= 0:
            return None
        while (op_id := self.queue.pop(full, self._barred)) is not None:
            op = self.ops.get(op_id)
            if op is not None and op.phase is Phase.QUEUED:
                return self._given(op, now)
        return None

    def _who_was_called(self) -> Operation | None:
        op = self.ops.get(self._called[0]) if self._called is not None else None
        if op is None or op.phase is not Phase.QUEUED:
            self._called = None
            return None
        if self.slots.hosts.closed(urls.server(op.spec.asked)) or self._barred(op.spec.group, op.id):
            return None
        self.queue.discard(op.id)
        self._called = None
        return op

    def _lent(self) -> Operation | None:
        """Take out who goes on with a place beyond all: of the host that it was opened for, or nobody."""
        if not self.slots.lent:
            return None
        lane = self._beyond.pop(self.slots.after, None)
        if lane is not None and not self.slots.hosts.closed(lane[0]):
            passed = self.queue.passed
            op_id = self.queue.pop(
                lambda host: host != lane[0], lambda group, one: group != lane[1] or self._barred(group, one)
            )
            self.queue.passed = passed
            op = self.ops.get(op_id) if op_id is not None else None
            if op is not None and op.phase is Phase.QUEUED:
                return op
        self.slots.lent = False
        return None

    def rider(self, goes: Callable[[str], bool], now: float) -> Operation | None:
        """Take out who is next of the hosts that ``goes`` says small files ride to; it goes back to where it stood."""
        passed = self.queue.passed
        op_id = self.queue.pop(lambda host: not goes(host), self._barred)
        self.queue.passed = passed
        op = self.ops.get(op_id) if op_id is not None else None
        if op is None or op.phase is not Phase.QUEUED:
            return None
        since = self._since.get(op.id, now)
        self._given(op, now)
        self._back[op.id] = since
        return op

    def _given(self, op: Operation, now: float) -> Operation:
        self._since.pop(op.id, None)
        self._back.pop(op.id, None)
        self._got[op.id] = self._granted[urls.server(op.spec.asked)] = now
        return op

    # -- fair turns ----------------------------------------------------------------------------------------------
    def exchange(self, now: float) -> str | None:
        """Give who makes room for somebody that would wait for ever, and have that one go next; None for nobody.

        Where nobody can make room, somebody may be called all the same, and a place be lent to him.
        """
        self.slots.lent = False
        if self._called is not None and now < self._called[1]:
            return None
        running = list[Runner]()
        for op in [self.ops[i] for i in self.slots if i in self.ops]:
            if op.phase in (Phase.PROBING, Phase.RUNNING):
                spec, got = op.spec, self._got.get(op.id, now)
                running.append(Runner(op.id, urls.server(spec.asked), spec.priority, got, _keeps(op), spec.group))
        who = self.queue.firsts(LOOKED_AT)
        if any(runner.keeps for runner in running):  # who is second of a host may become a guest
            who += itertools.islice(self._since, LOOKED_AT)
        waiting = sorted(self._waiters(dict.fromkeys(who)), key=lambda w: (RANK.get(w.priority, 1), w.since))
        if self._guest is not None and self._guest.id not in self.slots and self._got.get(self._guest.id):
            self._guest = None
        found = sharing.exchange(now, running, waiting, self._granted, self._guest)
        if found is None:
            self._call(now, running, waiting)
            return None
        self._called = (found.into, now + HOLDS)
        self._back[found.out] = min(self._since.values(), default=now)  # in front of all who came after it
        self._guest = Guest(found.into, found.out) if found.guest else None
        return found.out

    def _call(self, now: float, running: list[Runner], waiting: list[Waiter]) -> None:
        """Have one go next, out of turn, whom nobody makes room for; in a place beyond all where it has to be."""
        called = sharing.call(now, running, waiting, self.slots.most, self.slots.held)
        if called is not None:
            self._called = (called.id, now)  # it is thought over again the next time
            self.slots.lent = called.beyond and self.slots.free <= 0
            self.slots.after = ""

    def _waiters(self, op_ids: Iterable[str]) -> Iterator[Waiter]:
        hosts = self.slots.hosts
        for op_id in op_ids:
            op, since = self.ops.get(op_id), self._since.get(op_id)
            if op is None or since is None or op.phase is not Phase.QUEUED or op_id in self._early:
                continue
            spec, host = op.spec, urls.server(op.spec.asked)
            full = hosts.full(host)
            if (full or not hosts.closed(host)) and not (spec.group and self._barred(spec.group, op_id)):
                yield Waiter(op_id, host, spec.priority, since, op_id not in self._got, full, spec.group)

    def come(self, now: float) -> list[str]:
        """Give those whose time has come; they wait for it no more."""
        due = []
        for op_id in list(self._early):
            op = self.ops.get(op_id)
            if op is None or op.phase is not Phase.QUEUED or op.spec.not_before is None:
                del self._early[op_id]
            elif op.spec.not_before <= now:
                due.append(op_id)
                del self._early[op_id]
        return due

    # -- groups --------------------------------------------------------------------------------------------------
    def rule(self, group: str) -> Rule:
        """Give what holds for a group; it is looked up once."""
        found = self._rules.get(group)
        if found is None:
            found = self._rules[group] = self._rule_of(group) if group else _FREE
        return found

    def set_rule(self, group: str, rule: Rule) -> None:
        """Have this hold for a group from now on."""
        self._rules[group] = rule
        self.stir(group)

    def stir(self, group: str) -> None:
        """Take note that the order of a group has changed: who runs may have to make room."""
        if group:
            self._stirred.add(group)

    def making_room(self) -> list[str]:
        """Give those that run and are not among the first of their group any more."""
        out: list[str] = []
        for group in self._stirred:
            mine = [op for op in self.ops.values() if op.spec.group == group]
            running = [op for op in mine if op.id in self.slots]
            waiting = [op for op in mine if op.phase is Phase.QUEUED and op.id not in self._early]
            crowd = set(surplus(self.rule(group), _members(running), _members(waiting)))
            out += [op.id for op in running if op.id in crowd and op.phase in ASKING]
        self._stirred.clear()
        return out

    def _barred(self, group: str, op_id: str) -> bool:
        rule, op = self.rule(group), self.ops.get(op_id)
        if op is None or rule == _FREE:
            return False
        running = (self.ops[i] for i in self.slots if i in self.ops)
        return not rule.admits(op.spec.priority, [o.spec.priority for o in running if o.spec.group == group])


def _members(ops: Iterable[Operation]) -> list[Member]:
    return [Member(o.spec.priority, o.spec.place if o.spec.place is not None else o.created, o.id) for o in ops]


def _keeps(op: Operation) -> bool:
    """Whether what an operation has can be gone on with: only then does it make room by itself."""
    ranges = op.http_status == 206 or any(n.lower() == "accept-ranges" and v.strip() == "bytes" for n, v in op.response)
    return op.spec.kind == "download" and op.validator is not None and op.validator.strong and ranges
