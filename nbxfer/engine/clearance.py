"""Whether operations may move bytes, as the surroundings are now. Decided in core/surroundings.py; held here.

Called on the loop thread; ``seen`` and ``policy`` may be read by anybody.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from nbxfer.core import events as ev
from nbxfer.core import surroundings as around
from nbxfer.core import url as urls
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import Phase, Stall
from nbxfer.core.spec import Spec
from nbxfer.core.surroundings import CostPolicy, Hold, NetworkConnectivity, Surroundings

if TYPE_CHECKING:
    from nbxfer.engine.dispatcher import Item

_MOVING = (Phase.PROBING, Phase.RUNNING)


class Clearance:
    """Holds operations and releases them. ``ready``: the first look is done, or has lasted too long."""

    def __init__(self, policy: CostPolicy = CostPolicy.DEFAULT) -> None:
        self.seen, self.policy = Surroundings(), policy
        self.ready = True
        self._quiet = True  # nothing that is seen could hold up anybody
        self._stopping: dict[str, frozenset[int]] = {}  # what was in flight when each was told to stop

    def take(self, seen: Surroundings) -> bool:
        """Take a new picture; say whether the way out of this machine is a better one now."""
        old, self.seen = self.seen, seen
        self._quiet = around.unrestricted(seen)
        return _reach(seen) > _reach(old)

    def hold(self, op: Operation) -> Hold | None:
        """Give why an operation may not move now; None where it may."""
        if self._quiet:
            return None
        spec = op.spec
        policy = CostPolicy(spec.cost_policy) if spec.cost_policy is not None else self.policy
        outward = self.seen.connectivity is NetworkConnectivity.NONE and leads_out(spec)
        return around.hold(self.seen, policy, outward=outward, unconstrained=spec.unconstrained)

    def review(self, ops: Iterable[Operation], *, better: bool = False) -> list[Item]:
        """Give what has to happen to these operations; with ``better`` those that wait for the network try again."""
        items: list[Item] = []
        for op in ops:
            if op.phase in _MOVING and not self._quiet:
                flying = op.in_flight  # something else flies where it has come home and begun again since
                if self._stopping.get(op.id) != flying and (hold := self.hold(op)) is not None:
                    self._stopping[op.id] = flying
                    items.append((op.id, ev.Held(hold.stall, hold.fault), None))
                continue
            self._stopping.pop(op.id, None)
            if op.phase is Phase.STALLED and self._freed(op, better=better):
                items += [(op.id, ev.ConditionMet(serial), None) for serial in op.in_flight]
        return items

    def _freed(self, op: Operation, *, better: bool) -> bool:
        """Whether a stalled operation is to be looked at anew: the way is free, or another reason holds it now."""
        if op.due is not None:  # it waits for a time; a network that has come back is worth a try before that
            return better and op.stall is Stall.NO_NETWORK
        if op.fault is None or op.stall is Stall.RETRY_WAIT or op.fault.error == "NoSpace":
            return False  # what it waits for is not ours to say
        hold = self.hold(op)
        return hold is None or (hold.stall, hold.fault) != (op.stall, op.fault)

    def disguised(self, event: ev.Event) -> ev.Event:
        """Give an event as it is, or as what it is where a login page stands before the internet."""
        if isinstance(event, ev.LOST) and ((fault := around.captive(self.seen, event.fault)) is not event.fault):
            return msgspec.structs.replace(event, fault=fault)
        return event


def _reach(seen: Surroundings) -> int:
    return int(seen.connectivity) if seen.connectivity is not None else -1


def leads_out(spec: Spec) -> bool:
    """Say whether the way to a source leads out of this machine, as far as one can tell: a proxy may be in it."""
    if spec.proxy or (spec.trust_env and spec.proxy is None and urllib.request.getproxies()):
        return False
    return urls.leads_out(spec.url) or urls.leads_out(spec.destination)
