"""Whose turn it is: the queue, the rules of the groups, and those whose time has not come.

On the loop's thread only. What it decides by is in core/queue.py and core/groups.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from nbxfer.core import url as urls
from nbxfer.core.groups import Member, Rule, surplus
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import ASKING, Phase
from nbxfer.core.queue import Queue
from nbxfer.engine.limits import Slots

#: What holds for a group of which nobody knows anything.
_FREE = Rule()


class Turns:
    """Who waits, who is next. ``ops`` are all live operations; ``rule_of`` gives what holds for a group."""

    def __init__(self, ops: Mapping[str, Operation], slots: Slots, rule_of: Callable[[str], Rule]) -> None:
        self.ops, self.slots = ops, slots
        self.queue = Queue()
        self._rule_of = rule_of
        self._rules: dict[str, Rule] = {}
        self._early: dict[str, None] = {}  # those that are not to begin yet
        self._stirred: set[str] = set()  # groups whose order or rule has changed

    def wait(self, op: Operation, now: float) -> None:
        """Let a queued operation wait for its turn, or for its time."""
        spec = op.spec
        if spec.not_before is not None and now < spec.not_before:
            self.queue.discard(op.id)
            self._early[op.id] = None
            return
        place = now if not spec.group else spec.place if spec.place is not None else op.created
        self.queue.push(op.id, spec.priority, urls.server(spec.asked), spec.group, place)

    def drop(self, op_id: str) -> None:
        """It waits no more."""
        self.queue.discard(op_id)
        self._early.pop(op_id, None)

    def next(self, full: Callable[[str], bool]) -> Operation | None:
        """Take out who is next; ``full`` says which hosts to pass. None where nobody may run."""
        while (op_id := self.queue.pop(full, self._barred)) is not None:
            op = self.ops.get(op_id)
            if op is not None and op.phase is Phase.QUEUED:
                return op
        return None

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
