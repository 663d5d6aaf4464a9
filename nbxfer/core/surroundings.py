"""What is around an operation, and whether it may move bytes there: the cost table, the way out, the machine.

Names and integers are those of Windows.Networking.Connectivity and BackgroundTransferCostPolicy.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final

import msgspec

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Stall

#: A byte budget is approached from this share on, and over at the whole.
APPROACHING: Final = 0.8


class CostPolicy(IntEnum):
    """On which networks an operation may move bytes."""

    DEFAULT = 0
    UNRESTRICTED_ONLY = 1
    ALWAYS = 2


class NetworkCostType(IntEnum):
    """What a byte costs: nothing, nothing up to a limit (FIXED), each its price (VARIABLE)."""

    UNKNOWN = 0
    UNRESTRICTED = 1
    FIXED = 2
    VARIABLE = 3


class NetworkConnectivity(IntEnum):
    """How far the network reaches; CONSTRAINED: to a page that asks for a login."""

    NONE = 0
    LOCAL = 1
    CONSTRAINED = 2
    INTERNET = 3


class Cost(msgspec.Struct, frozen=True):
    """What the network costs. The flags say so whatever the type is."""

    type: NetworkCostType = NetworkCostType.UNKNOWN
    roaming: bool = False
    approaching_limit: bool = False
    over_limit: bool = False
    background_restricted: bool = False


class View(msgspec.Struct, frozen=True):
    """What one provider sees; None where it cannot tell."""

    connectivity: NetworkConnectivity | None = None
    cost: Cost | None = None


_INTERNET: Final = NetworkConnectivity.INTERNET
#: One word for what is usual; "auto" is to ask those who can see.
NAMED: Final[Mapping[str, View | None]] = {
    "auto": None,
    "unrestricted": View(_INTERNET, Cost(NetworkCostType.UNRESTRICTED)),
    "metered": View(_INTERNET, Cost(NetworkCostType.FIXED)),
    "fixed": View(_INTERNET, Cost(NetworkCostType.FIXED)),
    "variable": View(_INTERNET, Cost(NetworkCostType.VARIABLE)),
    "roaming": View(_INTERNET, Cost(NetworkCostType.VARIABLE, roaming=True)),
    "offline": View(NetworkConnectivity.NONE),
    "constrained": View(NetworkConnectivity.CONSTRAINED),
}


class Machine(msgspec.Struct, frozen=True):
    """What the machine is short of, each in a sentence; "" where it is not."""

    battery: str = ""
    memory: str = ""


_SOUND: Final = Machine()


class Surroundings(msgspec.Struct, frozen=True):
    """What is seen, and by whom. ``connectivity`` is None where nobody can tell: then it is tried."""

    connectivity: NetworkConnectivity | None = None
    cost: NetworkCostType = NetworkCostType.UNKNOWN
    roaming: bool = False
    approaching_limit: bool = False
    over_limit: bool = False
    background_restricted: bool = False
    who: str = "nobody"
    battery: str = ""
    memory: str = ""

    @property
    def words(self) -> str:
        """Everything in one line, as a person reads it."""
        reach = _REACH[self.connectivity]
        flags = [word for name, word in _FLAGS if getattr(self, name)]
        price = ", ".join([_PRICE[self.cost], *flags])
        short = "".join(f"; {text}" for text in (self.battery, self.memory) if text)
        return f"{reach}, {price} (seen by {self.who}){short}"


_REACH: Final = {
    None: "network unknown",
    NetworkConnectivity.NONE: "no network",
    NetworkConnectivity.LOCAL: "local network only",
    NetworkConnectivity.CONSTRAINED: "a login page stands before the internet",
    NetworkConnectivity.INTERNET: "internet",
}
_PRICE: Final = {
    NetworkCostType.UNKNOWN: "cost unknown",
    NetworkCostType.UNRESTRICTED: "unmetered",
    NetworkCostType.FIXED: "metered, free up to a limit",
    NetworkCostType.VARIABLE: "metered, each byte costs",
}
_FLAGS: Final = (
    ("roaming", "roaming"),
    ("approaching_limit", "near its limit"),
    ("over_limit", "over its limit"),
    ("background_restricted", "background data restricted"),
)


def allows(policy: CostPolicy, cost: Cost) -> bool:
    """Say whether ``policy`` lets bytes move at ``cost``: the first row from the bottom of the cost table that fits."""
    if cost.over_limit and cost.background_restricted:
        return False
    if cost.over_limit or cost.approaching_limit or cost.roaming:
        return policy is CostPolicy.ALWAYS
    if cost.type in (NetworkCostType.FIXED, NetworkCostType.VARIABLE):
        return policy is not CostPolicy.UNRESTRICTED_ONLY
    return True


def budgeted(cost: Cost, used: int, budget: int) -> Cost:
    """Give ``cost`` where ``used`` bytes of a ``budget`` of this month are gone: near from 80 %, over at 100 %."""
    kind = max(cost.type, NetworkCostType.FIXED)
    over = used >= budget
    return msgspec.structs.replace(
        cost,
        type=kind,
        approaching_limit=cost.approaching_limit or used >= budget * APPROACHING,
        over_limit=cost.over_limit or over,
        background_restricted=cost.background_restricted or over,
    )


def combined(
    views: Mapping[str, View], machine: Machine = _SOUND, used: int = 0, budget: int | None = None
) -> Surroundings:
    """Make one picture of what providers see; ``views`` in the order of trust, by the provider's name.

    Of several the first that can tell is believed, for reach and cost each. A ``budget`` (bytes a month) counts
    besides. ``who`` names all that were believed.
    """
    reach, who = None, []
    cost = Cost()
    for name, view in views.items():
        if view.connectivity is not None:
            reach = view.connectivity
            who.append(name)
            break
    for name, view in views.items():
        if view.cost is not None:
            cost = view.cost
            who.append(name)
            break
    if budget is not None:
        cost = budgeted(cost, used, budget)
        who.append(f"the monthly budget ({min(100, used * 100 // max(1, budget))} % used)")
    return Surroundings(
        reach,
        cost.type,
        cost.roaming,
        cost.approaching_limit,
        cost.over_limit,
        cost.background_restricted,
        " and ".join(dict.fromkeys(who)) or "nobody",
        machine.battery,
        machine.memory,
    )


class Hold(msgspec.Struct, frozen=True):
    """Why an operation may not move bytes now: what it is called while it waits, and what is said."""

    stall: Stall
    fault: Fault


def hold(seen: Surroundings, policy: CostPolicy, *, outward: bool = True, unconstrained: bool = False) -> Hold | None:
    """Give why nothing may move; None where it may.

    ``outward``: the way leads out of this machine; what does not needs no network. ``unconstrained`` lifts what the
    machine is short of, never cost.
    """
    if outward and seen.connectivity is NetworkConnectivity.NONE:
        return _hold(
            Stall.NO_NETWORK, "Offline", "there is no way out of this machine", "It goes on when there is one."
        )
    cost = Cost(seen.cost, seen.roaming, seen.approaching_limit, seen.over_limit, seen.background_restricted)
    if not allows(policy, cost):
        if seen.over_limit and seen.background_restricted:
            return _hold(Stall.COST, "NeedsAttention", why_dear(cost), "It goes on when the limit is lifted.")
        dearer = "cost_policy='always' lets it go on all the same."
        return _hold(Stall.COST, "NeedsAttention", why_dear(cost), dearer)
    for short in (seen.battery, seen.memory):
        if short and not unconstrained:
            way = "nbxfer.request_unconstrained(op) lets it go on all the same."
            return _hold(Stall.SYSTEM, "NeedsAttention", short, way)
    return None


def why_dear(cost: Cost) -> str:
    """Say what makes a network too dear, in the order of the cost table from its bottom."""
    if cost.over_limit:
        return "the network is over its data limit"
    if cost.roaming:
        return "the network is roaming"
    if cost.approaching_limit:
        return "the network is near its data limit"
    return "the network is metered"


def _hold(stall: Stall, error: str, message: str, hint: str) -> Hold:
    return Hold(stall, Fault(error, message, Remedy.WAIT_ONLINE, hint=hint))


def unrestricted(seen: Surroundings) -> bool:
    """Say whether nothing that is seen could hold up anybody, whatever the policy."""
    flags = (seen.roaming, seen.approaching_limit, seen.over_limit, seen.background_restricted)
    short = (seen.battery, seen.memory)
    return (
        seen.cost < NetworkCostType.FIXED
        and bool(seen.connectivity or seen.connectivity is None)
        and not any((*flags, *short))
    )


#: What a login page that stands before the internet is taken for: an answer, another server, a redirect.
_IN_DISGUISE: Final = frozenset(("BadAnswer", "CertificateRefused"))


def captive(seen: Surroundings, fault: Fault) -> Fault:
    """Give ``fault`` as it is, or as the login page's where one is seen to stand before the internet."""
    if seen.connectivity is not NetworkConnectivity.CONSTRAINED or fault.error not in _IN_DISGUISE:
        return fault
    said = "a login page stands before the internet"
    return Fault("Offline", said, Remedy.WAIT_ONLINE, hint="It goes on once somebody has logged in there.")
