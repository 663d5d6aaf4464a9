"""What the surroundings allow: every cell of the cost table, the budget, the picture that several make."""

from __future__ import annotations

import itertools

import pytest

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import surroundings as around
from nbxfer.core.phases import Phase, Stall, TransferStatus
from nbxfer.core.surroundings import (
    Cost,
    CostPolicy,
    Machine,
    NetworkConnectivity,
    NetworkCostType,
    Surroundings,
    View,
)
from nbxfer.core.url import leads_out
from nbxfer.errors import InvalidTransferState
from tests.core.life import FULL, Life, upto

_FREE = (NetworkCostType.UNKNOWN, NetworkCostType.UNRESTRICTED)
_METERED = (NetworkCostType.FIXED, NetworkCostType.VARIABLE)
_POLICIES = (CostPolicy.UNRESTRICTED_ONLY, CostPolicy.DEFAULT, CostPolicy.ALWAYS)


def _held(seen: Surroundings, policy: CostPolicy = CostPolicy.DEFAULT) -> around.Hold:
    """Give why it is held."""
    held = around.hold(seen, policy)
    assert held is not None
    return held


_HOLD = _held(Surroundings(cost=NetworkCostType.FIXED), CostPolicy.UNRESTRICTED_ONLY)


def _table() -> list[tuple[str, list[Cost], tuple[bool, bool, bool]]]:
    """Give the rows of the design's table: its name, every cost that it is about, and what it says."""
    return [
        ("free or unknown", [Cost(kind) for kind in _FREE], (True, True, True)),
        ("metered, under limit, on track", [Cost(kind) for kind in _METERED], (False, True, True)),
        ("approaching", [Cost(kind, approaching_limit=True) for kind in NetworkCostType], (False, False, True)),
        ("roaming", [Cost(kind, roaming=True) for kind in NetworkCostType], (False, False, True)),
        ("over, not restricted", [Cost(kind, over_limit=True) for kind in NetworkCostType], (False, False, True)),
        (
            "over and restricted",
            [
                Cost(kind, roaming, near, over_limit=True, background_restricted=True)
                for kind, roaming, near in itertools.product(NetworkCostType, (False, True), (False, True))
            ],
            (False, False, False),
        ),
    ]


def test_the_integers_of_windows() -> None:
    """Policies, kinds of cost and reach have Windows' integers."""
    assert [int(policy) for policy in _POLICIES] == [1, 0, 2]
    assert [kind.name for kind in NetworkCostType] == ["UNKNOWN", "UNRESTRICTED", "FIXED", "VARIABLE"]
    assert [int(kind) for kind in NetworkCostType] == [0, 1, 2, 3]
    assert [(reach.name, int(reach)) for reach in NetworkConnectivity] == [
        ("NONE", 0), ("LOCAL", 1), ("CONSTRAINED", 2), ("INTERNET", 3),
    ]  # fmt: skip


@pytest.mark.parametrize(("row", "costs", "said"), _table(), ids=[row for row, *_ in _table()])
def test_each_cell_of_the_cost_table(row: str, costs: list[Cost], said: tuple[bool, bool, bool]) -> None:
    """Each row of the table says for each policy what it has to, whatever else is true of the network."""
    for cost in costs:
        assert tuple(around.allows(policy, cost) for policy in _POLICIES) == said, (row, cost)


def test_the_budget() -> None:
    """A budget makes the network one with a limit, near it from 80 % on, over it and restricted at the whole."""
    assert around.budgeted(Cost(), 79, 100) == Cost(NetworkCostType.FIXED)
    assert around.budgeted(Cost(), 80, 100) == Cost(NetworkCostType.FIXED, approaching_limit=True)
    over = around.budgeted(Cost(NetworkCostType.VARIABLE), 100, 100)
    assert over == Cost(NetworkCostType.VARIABLE, False, True, True, True)
    assert not around.allows(CostPolicy.ALWAYS, over)


def test_whom_to_believe() -> None:
    """The first who can tell is believed, for reach and cost each, and named; nobody where nobody can."""
    blind, near = View(), View(NetworkConnectivity.LOCAL)
    dear = View(NetworkConnectivity.INTERNET, Cost(NetworkCostType.VARIABLE, roaming=True))
    seen = around.combined({"a": blind, "b": near, "c": dear})
    assert (seen.connectivity, seen.cost, seen.roaming) == (NetworkConnectivity.LOCAL, NetworkCostType.VARIABLE, True)
    assert seen.who == "b and c"
    assert around.combined({"c": dear}).who == "c"
    assert around.combined({}) == Surroundings()
    short = around.combined({}, Machine("no charge", "no memory"), 10, 100)
    assert (short.battery, short.memory) == ("no charge", "no memory")
    assert "10 % used" in short.who


def test_words() -> None:
    """The picture can be read in one line, with who saw it."""
    assert Surroundings().words == "network unknown, cost unknown (seen by nobody)"
    seen = Surroundings(
        NetworkConnectivity.INTERNET,
        NetworkCostType.FIXED,
        roaming=True,
        over_limit=True,
        who="you",
        battery="it is low",
    )
    assert seen.words == "internet, metered, free up to a limit, roaming, over its limit (seen by you); it is low"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (Surroundings(roaming=True), "roaming"),
        (Surroundings(approaching_limit=True), "near its data limit"),
        (Surroundings(over_limit=True, background_restricted=True), "over its data limit"),
        (Surroundings(cost=NetworkCostType.FIXED), "metered"),
    ],
)
def test_too_dear(seen: Surroundings, why: str) -> None:
    """What holds because of cost says what makes it dear, and what can be done about it."""
    held = _held(seen, CostPolicy.UNRESTRICTED_ONLY)
    assert held.stall is Stall.COST
    assert why in held.fault.message
    assert held.fault.hint
    assert not around.unrestricted(seen)


def test_no_way_out() -> None:
    """Without a way out, what leads out is held; what stays on this machine is not."""
    seen = Surroundings(NetworkConnectivity.NONE)
    held = _held(seen)
    assert (held.stall, held.fault.error) == (Stall.NO_NETWORK, "Offline")
    assert around.hold(seen, CostPolicy.DEFAULT, outward=False) is None
    assert not around.unrestricted(seen)
    assert around.unrestricted(Surroundings())
    assert around.unrestricted(Surroundings(NetworkConnectivity.INTERNET, NetworkCostType.UNRESTRICTED))


def test_low_battery() -> None:
    """A low battery holds, unless a person lets it go on all the same; that never lifts cost."""
    seen = Surroundings(battery="the battery is at 7 %")
    held = _held(seen, CostPolicy.ALWAYS)
    assert held.stall is Stall.SYSTEM
    assert around.hold(seen, CostPolicy.ALWAYS, unconstrained=True) is None
    dear = Surroundings(roaming=True, battery="the battery is at 7 %")
    assert around.hold(dear, CostPolicy.DEFAULT, unconstrained=True) is not None
    assert not around.unrestricted(seen)


def test_a_login_page_in_disguise() -> None:
    """Where a login page is known to stand before the internet, a page that comes is that page, and no answer."""
    page = faults.of(errors.BadAnswer("A page came where a file was expected."))
    behind = Surroundings(NetworkConnectivity.CONSTRAINED)
    assert around.captive(Surroundings(), page) is page
    read = around.captive(behind, page)
    assert (read.error, read.remedy) == ("Offline", faults.Remedy.WAIT_ONLINE)
    gone = faults.of(errors.SourceNotFound("It is not there."))
    assert around.captive(behind, gone) is gone


@pytest.mark.parametrize(
    ("url", "out"),
    [
        ("https://host/a", True),
        ("http://127.0.0.1:8080/a", False),
        ("http://localhost/a", False),
        ("http://LOCALHOST./a", False),
        ("http://data.localhost/a", False),
        ("http://[::1]:80/a", False),
        ("http://[2001:db8::1]/a", True),
        ("file:///data/a", False),
        ("memory://a", False),
        ("/data/a", False),
        ("s3://bucket/a", True),
    ],
)
def test_what_leads_out(url: str, out: bool) -> None:
    """Loopback, files and memory need no network."""
    assert leads_out(url) is out


# -- the machine ------------------------------------------------------------------------------------------------------
def test_held_before_it_runs() -> None:
    """What is held in the queue waits for its clearance, and is asked about again when that comes."""
    life = Life()
    life.tell(ev.Held(_HOLD.stall, _HOLD.fault))
    life.only(do.AwaitClearance)
    shown = life.op.snapshot(life.now)
    assert shown.status is TransferStatus.PAUSED_COSTED_NETWORK
    assert "metered" in shown.reason
    life.tell(ev.ConditionMet(life.serial))
    assert life.phase is Phase.QUEUED


def test_held_while_it_runs() -> None:
    """What runs is stopped, and comes home with what it has; it goes on from there."""
    life = Life()
    life.running()
    life.tell(ev.Held(_HOLD.stall, _HOLD.fault))
    life.only(do.Stop)
    life.tell(ev.CutShort(life.serial, upto(40)))
    assert life.phase is Phase.QUEUED
    life.tell(ev.Held(_HOLD.stall, _HOLD.fault))
    assert (life.phase, life.op.received, life.op.retries) == (Phase.STALLED, 40, 0)
    life.tell(ev.Held(_HOLD.stall, _HOLD.fault))
    assert life.todo == []
    life.tell(ev.ConditionMet(life.serial))
    life.probe()


def test_held_on_its_way_elsewhere() -> None:
    """What is being handed over is nobody's to hold."""
    life = Life()
    life.tell(ev.HandOverAsked("them"))
    life.tell(ev.Held(_HOLD.stall, _HOLD.fault))
    assert life.todo == []


def test_what_a_person_says() -> None:
    """Cost policy and consent are kept in what is stored, and refused once it is over."""
    life = Life()
    life.tell(ev.CostPolicyAsked(2))
    life.tell(ev.UnconstrainedAsked())
    assert (life.stored().spec.cost_policy, life.stored().spec.unconstrained) == (2, True)
    life.done()
    for wish in (ev.CostPolicyAsked(0), ev.UnconstrainedAsked()):
        with pytest.raises(InvalidTransferState):
            life.tell(wish)


def test_reasons_of_those_that_wait() -> None:
    """A full disk is waited for as room, a low battery as what it is."""
    life = Life()
    life.stalled(FULL)
    assert life.op.snapshot(life.now).reason.startswith("waiting for room:")
    tired = Life()
    held = _held(Surroundings(battery="the battery is at 7 %"))
    tired.tell(ev.Held(held.stall, held.fault))
    shown = tired.op.snapshot(tired.now)
    assert shown.status is TransferStatus.PAUSED_SYSTEM_POLICY
    assert shown.reason == "waiting: the battery is at 7 %"
