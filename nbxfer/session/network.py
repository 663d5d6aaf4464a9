"""What a person says of the network, and what the session makes of the settings for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nbxfer.core.surroundings import NAMED, Cost, CostPolicy, NetworkConnectivity, NetworkCostType, View
from nbxfer.errors import InvalidRequest, InvalidTransferState
from nbxfer.network.watch import Limits, Watch
from nbxfer.session import config

if TYPE_CHECKING:
    from nbxfer.session.desk import Session
    from nbxfer.session.operation import Operation

_FLAGS: Final = ("roaming", "approaching_limit", "over_limit", "background_restricted")


def watch(home: Path) -> Watch:
    """Give the watch that the settings ask for."""
    said = config.look_up("network")
    view = NAMED[said.value]
    limits = Limits(config.get("battery_min"), config.get("memory_min"), config.get("budget"))
    return Watch(home, limits, (said.origin, view) if view is not None else None)


def policy(value: object, option: str = "cost_policy") -> CostPolicy:
    """Give the policy that a word or an integer of Windows' names. Raises InvalidRequest."""
    if isinstance(value, CostPolicy):
        return value
    if isinstance(value, str) and value.upper() in CostPolicy.__members__:
        return CostPolicy[value.upper()]
    if isinstance(value, int) and not isinstance(value, bool) and value in list(CostPolicy):
        return CostPolicy(value)
    raise InvalidRequest(
        f"{option}={_shown(value)} is unknown.", hint="Give 'default', 'unrestricted_only' or 'always'."
    )


def view(word: object, said: Mapping[str, Any]) -> View | None:
    """Give what a person says of the network: one word, or reach, cost and flags by name. None takes it back.

    Raises InvalidRequest.
    """
    if unknown := sorted(set(said) - {"connectivity", "cost", *_FLAGS}):
        known = ", ".join(("connectivity", "cost", *_FLAGS))
        raise InvalidRequest(f"{unknown[0]!r} is nothing that a network has.", hint=f"It has: {known}.")
    if word is not None and (not isinstance(word, str) or word.lower() not in NAMED):
        raise InvalidRequest(f"The network {_shown(word)} is unknown.", hint=f"Give one of {', '.join(NAMED)}.")
    named = (
        NAMED[word.lower()]
        if isinstance(word, str)
        else View(NetworkConnectivity.INTERNET, Cost(NetworkCostType.UNRESTRICTED))
    )
    if not said or named is None:
        return named
    cost = named.cost or Cost()
    kind = said.get("cost", cost.type)
    reach = said.get("connectivity", named.connectivity)
    flags = {name: said.get(name, getattr(cost, name)) for name in _FLAGS}
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise InvalidRequest(f"{name}={_shown(value)} is neither True nor False.", hint="Give one of them.")
    return View(
        _member(NetworkConnectivity, reach, "connectivity"), Cost(_member(NetworkCostType, kind, "cost"), **flags)
    )


def unconstrained(session: Session, operation: Operation) -> bool:
    """Let one operation go on with a low battery, too; say whether it may now."""
    try:
        session.steer(operation.id, "unconstrained")
    except InvalidTransferState:
        return False
    return True


def _member(kind: Any, value: object, option: str) -> Any:
    if isinstance(value, str) and value.upper() in kind.__members__:
        return kind[value.upper()]
    if isinstance(value, int) and not isinstance(value, bool) and value in list(kind):
        return kind(value)
    words = ", ".join(f"'{name.lower()}'" for name in kind.__members__)
    raise InvalidRequest(f"{option}={_shown(value)} is unknown.", hint=f"Give one of {words}.")


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str | int | float) else f"<{type(value).__name__}>"
    return text if len(text) <= 40 else text[:39] + "…"
