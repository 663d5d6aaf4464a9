"""Fair turns: a busy host and a huge operation keep nobody waiting for ever."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.sharing import BEYOND, SLICE, STILL, STRANGER, Call, Exchange, Guest, Runner, Waiter, call, exchange

NOW = 1000.0
HIGH, LOW = 1, 2


def runs(
    name: str, host: str = "a", ago: float = 100.0, priority: int = 0, *, keeps: bool = True, group: str = ""
) -> Runner:
    return Runner(name, host, priority, NOW - ago, keeps, group)


def waits(
    name: str, host: str = "a", ago: float = 50.0, priority: int = 0, *, new: bool = True, full: bool = False,
    group: str = "",
) -> Waiter:  # fmt: skip
    return Waiter(name, host, priority, NOW - ago, new, full, group)


def test_nobody_waits() -> None:
    """Where nobody waits everybody goes on."""
    assert exchange(NOW, [runs("1")], [], {}, None) is None


def test_a_host_with_nothing_gets_one_of_the_places_of_a_busy_one() -> None:
    """The busiest host gives the place of its longest one; one that has a single place keeps it."""
    busy = [runs("1", "a", 50), runs("2", "a", 90), runs("3", "b", 99)]
    assert exchange(NOW, busy, [waits("x", "c", STRANGER)], {}, None) == Exchange("2", "x", guest=False)
    assert exchange(NOW, busy, [waits("x", "c", STRANGER - 1)], {}, None) is None
    assert exchange(NOW, [runs("1", "a"), runs("2", "b")], [waits("x", "c", 5)], {}, None) is None
    assert exchange(NOW, [runs("1", keeps=False), runs("2", keeps=False)], [waits("x", "c", 5)], {}, None) is None


def test_what_is_more_important_makes_no_room() -> None:
    """One of high priority stays for one of default priority; one of low priority goes."""
    high = [runs("1", priority=HIGH), runs("2", priority=HIGH)]
    assert exchange(NOW, high, [waits("x", "c")], {}, None) is None
    assert exchange(NOW, [*high, runs("3", priority=LOW)], [waits("x", "c")], {}, None) == Exchange(
        "3", "x", guest=False
    )


def test_a_newcomer_is_let_in_where_everything_stands_still() -> None:
    """After a while without a turn for anybody the first newcomer is a guest in the place of who ran longest."""
    busy = [runs("1", ago=SLICE), runs("2", ago=90)]
    line = [waits("old", new=False), waits("x"), waits("y")]
    assert exchange(NOW, busy, line, {"a": NOW - STILL}, None) == Exchange("2", "x", guest=True)
    assert exchange(NOW, busy, line, {"a": NOW - STILL + 1}, None) is None
    assert exchange(NOW, busy, [waits("x", ago=STILL - 1)], {}, None) is None
    assert exchange(NOW, [runs("1", ago=SLICE - 1)], line, {}, None) is None


def test_a_full_host_gives_of_its_own() -> None:
    """Where the host is full, only one of the same host makes room."""
    busy = [runs("1", "b", 99), runs("2", "a", 50)]
    assert exchange(NOW, busy, [waits("x", full=True)], {}, None) == Exchange("2", "x", guest=True)
    assert exchange(NOW, busy, [waits("x")], {}, None) == Exchange("1", "x", guest=True)


def test_a_guest_goes_again() -> None:
    """After its short turn the guest gives the place back; there is one guest at a time."""
    line, guest = [waits("old", new=False), waits("y")], Guest("x", "old")
    assert exchange(NOW, [runs("x", ago=SLICE), runs("2")], line, {}, guest) == Exchange("x", "old", guest=False)
    assert exchange(NOW, [runs("x", ago=SLICE - 1), runs("2")], line, {}, guest) is None
    assert exchange(NOW, [runs("x", keeps=False), runs("2")], line, {}, guest) is None
    assert exchange(NOW, [runs("2")], line, {}, guest) is None
    assert exchange(NOW, [runs("x"), runs("2")], [waits("y")], {}, guest) is None


def test_a_host_with_nothing_is_called_where_nobody_can_make_room() -> None:
    """The next place that becomes free is its; after a while one is opened beyond those that there are."""
    busy = [runs("1", keeps=False), runs("2", keeps=False)]
    line = [waits("old", "a", 99, full=True), waits("x", "c", STRANGER), waits("y", "d", STRANGER)]
    assert exchange(NOW, busy, line, {}, None) is None
    assert call(NOW, busy, line, 2, 2) == Call("x", beyond=False)
    assert call(NOW, busy, [waits("x", "c", STRANGER - 1)], 2, 2) is None
    late = [waits("x", "c", BEYOND)]
    assert call(NOW, busy, late, 2, 2) == Call("x", beyond=True)
    assert call(NOW, busy, late, 2, 3) == Call("x", beyond=False), "half as many again, and no more"
    assert call(NOW, busy, [waits("x", "c", BEYOND, full=True)], 2, 2) is None
    assert call(NOW, [runs("1")], late, 1, 1) is None, "a single place is nobody's too much"


def test_what_is_more_important_goes_first_into_a_free_place() -> None:
    """Who is called takes no place that somebody more important waits for, and none beside those more important."""
    busy = [runs("1", keeps=False), runs("2", keeps=False)]
    line = [waits("high", priority=HIGH, full=True), waits("x", "c", STRANGER)]
    assert call(NOW, busy, line, 2, 2) is None
    assert call(NOW, busy, [line[0], waits("x", "c", BEYOND)], 2, 2) == Call("x", beyond=True)
    important = [runs("1", priority=HIGH, keeps=False), runs("2", priority=HIGH, keeps=False)]
    assert call(NOW, important, [waits("x", "c", BEYOND)], 2, 2) is None


def test_a_group_with_nothing_is_called_like_a_host() -> None:
    """What holds for hosts holds for groups: one that has several makes room, or is joined, for one that has none."""
    busy = [runs("1", "a", group="big", keeps=False), runs("2", "b", group="big", keeps=False)]
    assert call(NOW, busy, [waits("x", "a", BEYOND, group="big")], 2, 2) is None
    assert call(NOW, busy, [waits("x", "a", BEYOND, group="other")], 2, 2) == Call("x", beyond=True)
    kept = [runs("1", "a", 50, group="big"), runs("2", "b", 90, group="big")]
    assert exchange(NOW, kept, [waits("x", "a", BEYOND, group="other")], {}, None) == Exchange("2", "x", guest=False)
    full = waits("x", "a", BEYOND, group="other", full=True)
    assert exchange(NOW, kept, [full], {}, None) == Exchange("1", "x", guest=False)


_HOSTS, _GROUPS, _RANKS = st.sampled_from("abcd"), st.sampled_from(["", "g", "h"]), st.sampled_from([0, HIGH, LOW])
_AGO = st.sampled_from([0.0, STRANGER, BEYOND, 99.0])
_RUNS = st.builds(runs, st.uuids().map(str), _HOSTS, _AGO, _RANKS, keeps=st.booleans(), group=_GROUPS)
_WAITS = st.builds(waits, st.uuids().map(str), _HOSTS, _AGO, _RANKS, full=st.booleans(), group=_GROUPS)


@given(st.lists(_RUNS, max_size=8), st.lists(_WAITS, max_size=6), st.integers(1, 4))
def test_nobody_waits_for_ever(running: list[Runner], waiting: list[Waiter], places: int) -> None:
    """Who has nothing beside somebody who has several gets a place, in bounds, and nobody loses what he has."""
    made, called = exchange(NOW, running, waiting, {}, None), call(NOW, running, waiting, places, len(running))
    if made is not None:
        assert next(r for r in running if r.id == made.out).keeps
    if called is not None and called.beyond:
        assert len(running) < places + places // 2
    hosts, groups = {r.host for r in running}, {r.group for r in running}
    for waiter in waiting:
        poor = (waiter.host not in hosts) or (waiter.group not in groups)
        if called is not None and waiter.id == called.id:
            assert poor
            assert not waiter.full
            assert len(running) > 1
        rich = len(hosts) < len(running) if waiter.host not in hosts else False
        alike = all(r.priority == LOW for r in running)
        if rich and alike and not waiter.full and NOW - waiter.since >= BEYOND and len(running) < places + places // 2:
            assert called is not None
            assert called.beyond
