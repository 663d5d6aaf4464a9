"""Fair turns: a busy host and a huge operation keep nobody waiting for ever."""

from __future__ import annotations

from nbxfer.core.sharing import SLICE, STILL, STRANGER, Exchange, Guest, Runner, Waiter, exchange

NOW = 1000.0
HIGH, LOW = 1, 2


def runs(name: str, host: str = "a", ago: float = 100.0, priority: int = 0, *, keeps: bool = True) -> Runner:
    return Runner(name, host, priority, NOW - ago, keeps)


def waits(
    name: str, host: str = "a", ago: float = 50.0, priority: int = 0, *, new: bool = True, full: bool = False
) -> Waiter:
    return Waiter(name, host, priority, NOW - ago, new, full)


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
