"""On what terms a reader's bytes come: as fast as they may, and only over a network that is not too dear.

What would hold a transfer is raised here: a cell that reads is not to wait for a cheaper network.
"""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING

from nbxfer.core import url as urls
from nbxfer.core.phases import Stall
from nbxfer.core.surroundings import CostPolicy, hold
from nbxfer.engine.pace import Pace
from nbxfer.engine.stretch import Terms
from nbxfer.errors import Offline, TransferError, by_name
from nbxfer.network.watch import FIRST_LOOK
from nbxfer.session import config

if TYPE_CHECKING:
    from nbxfer.session.helm import Helm
    from nbxfer.session.request import Request


def terms(session: Helm, asked: Request, where: str) -> Terms:
    """Give what holds for a reader of what is asked for: limits, networks, the monthly budget."""
    watch, options = session._engine.outlook.watch, asked.options
    watch.begin()
    if watch.counts:
        watch.note()  # what others have used of it
    watch.wait(FIRST_LOOK)
    outward = _leads_out(asked)

    def refusal() -> TransferError | None:
        missing = f"Not all of {where} is here"
        if config.get("offline"):
            return Offline(f"{missing}, and the network is not to be asked.", hint="Unset NBXFER_OFFLINE.")
        own = options.cost_policy
        policy = CostPolicy(own) if own is not None else session._engine.dispatcher.clearance.policy
        # A person reads: low charge is for them to weigh.
        held = hold(watch.seen, policy, outward=outward, unconstrained=True)
        if held is None:
            return None
        way = "Open it again when that has changed"
        dear = held.stall is Stall.COST and policy is not CostPolicy.ALWAYS
        hint = f"{way}, or with cost_policy='always'." if dear else f"{way}."
        return by_name(held.fault.error)(f"{missing}, and {held.fault.message}.", hint=hint)

    def came(n: int) -> None:
        if watch.counts and watch.spent(n):
            watch.note()

    paces = [session._engine.pace, *([Pace(options.bandwidth)] if options.bandwidth is not None else [])]
    return Terms(paces, refusal, came)


def _leads_out(asked: Request) -> bool:
    """Say whether the way leads out of this machine, as far as one can tell: a proxy may be in it."""
    options = asked.options
    if options.proxy or (options.trust_env and options.proxy is None and urllib.request.getproxies()):
        return False
    return urls.leads_out(asked.url)
