"""Groups: who may run beside whom, in which order they go, and who makes room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.groups import Behavior, Member, Rule, made_current, moved, places, rule, surplus
from nbxfer.errors import InvalidRequest

PARALLEL, SERIALIZED, STRICT = Behavior.PARALLEL, Behavior.SERIALIZED, Behavior.SERIALIZED_STRICT
DEFAULT, HIGH, LOW = 0, 1, 2


def test_windows_integers() -> None:
    """Parallel is 0 and serialized 1, as in Windows; ours begin at 100."""
    assert [int(b) for b in Behavior] == [0, 1, 100]


@pytest.mark.parametrize(
    ("what", "priority", "running", "may"),
    [
        (Rule(), DEFAULT, [DEFAULT] * 9, True),
        (Rule(PARALLEL, 2), DEFAULT, [DEFAULT], True),
        (Rule(PARALLEL, 2), HIGH, [DEFAULT, LOW], False),
        (Rule(SERIALIZED), DEFAULT, [], True),
        (Rule(SERIALIZED), DEFAULT, [DEFAULT], False),
        (Rule(SERIALIZED), LOW, [DEFAULT], False),
        (Rule(SERIALIZED), DEFAULT, [LOW], False),
        (Rule(SERIALIZED), HIGH, [DEFAULT], True),
        (Rule(SERIALIZED), HIGH, [HIGH, DEFAULT], True),
        (Rule(SERIALIZED), DEFAULT, [HIGH, HIGH], True),
        (Rule(SERIALIZED, 2), HIGH, [HIGH, DEFAULT], False),
        (Rule(STRICT), HIGH, [DEFAULT], False),
        (Rule(STRICT), HIGH, [], True),
    ],
)
def test_who_may_run_beside_whom(what: Rule, priority: int, running: list[int], may: bool) -> None:
    """A serialized group runs one of default priority at a time, high ones beside it; a strict one runs one."""
    assert what.admits(priority, running) is may


def test_rules_that_contradict_themselves() -> None:
    """A limit of none, and a strict line of several, are refused."""
    assert rule(STRICT, 1) == Rule(STRICT, 1)
    with pytest.raises(InvalidRequest, match="let nothing through"):
        rule(PARALLEL, 0)
    with pytest.raises(InvalidRequest, match="one at a time, not 3"):
        rule(STRICT, 3)


def test_the_current_one_and_its_followers_go_first() -> None:
    """ABCDE with C current is CDEAB; the first stays the first."""
    assert "".join(made_current("ABCDE", "C")) == "CDEAB"
    assert "".join(made_current("ABCDE", "A")) == "ABCDE"


@pytest.mark.parametrize(
    ("to", "order"),
    [(0, "CABDE"), (1, "ACBDE"), (4, "ABDEC"), (99, "ABDEC"), (-1, "ABDEC"), (-2, "ABDCE"), (-9, "CABDE")],
)
def test_moving_one(to: int, order: str) -> None:
    """A place counts from the first, a negative one from the last; what lies outside is the end."""
    assert "".join(moved("ABCDE", "C", to)) == order


def test_places_are_shared_out_anew() -> None:
    """Whoever stood there before shares the same places, so a newcomer still is behind all; nobody shares one."""
    had = {"a": 1.0, "b": 2.0, "c": 3.0}
    assert places("cab", had) == {"c": 1.0, "a": 2.0, "b": 3.0}
    assert places("abc", had) == {}
    same = {"a": 5.0, "b": 5.0, "c": 5.0}
    new = same | places("cba", same)
    assert sorted(new, key=lambda i: new[i]) == ["c", "b", "a"]


@given(st.permutations("ABCDEF"), st.lists(st.floats(0, 1e10), min_size=6, max_size=6))
def test_every_order_can_be_had(order: list[str], at: list[float]) -> None:
    """Whatever places they had, sorted by the new ones they stand as they were told to."""
    had = dict(zip("ABCDEF", at, strict=True))
    new = had | places(order, had)
    assert sorted(new, key=lambda i: new[i]) == order


def test_who_makes_room() -> None:
    """Who runs and is not among the first any more makes room; where nothing is limited, nobody does."""
    a, b, c = Member(DEFAULT, 3.0, "a"), Member(HIGH, 4.0, "b"), Member(DEFAULT, 1.0, "c")
    assert surplus(Rule(), [a], [b, c]) == []
    assert surplus(Rule(SERIALIZED), [a, b], [c]) == ["a"]
    assert surplus(Rule(SERIALIZED), [a], [b]) == []
    assert surplus(Rule(STRICT), [a], [b, c]) == ["a"]
    assert surplus(Rule(PARALLEL, 1), [c], [a]) == []
    assert surplus(Rule(SERIALIZED), [a, c], []) == ["a"]
    assert surplus(Rule(SERIALIZED), [Member(77, 3.0, "x")], [c]) == ["x"]
