"""Limits on how fast bytes come: even, shared, changed under way, and never what keeps anybody from stopping."""

from __future__ import annotations

import threading
import time

import pytest

from nbxfer.engine import pace
from nbxfer.engine.pace import Pace, portion, take
from nbxfer.sources.base import Stopped
from nbxfer.testing.clock import HandWoundClock
from tests.engine.crews import beside

GO_ON = threading.Event()


def flow(paces: tuple[Pace, ...], seconds: float) -> int:
    """Take as a lane does for a while; give the bytes that came."""
    end, total = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        size = portion(paces) or 1
        take(paces, size, GO_ON)
        total += size
    return total


@pytest.mark.parametrize("rate", [200_000, 5_000_000, 50_000_000])
def test_it_flows_evenly(rate: int) -> None:
    """Slow or fast, what comes in a second is what was set: never a twentieth more, and less only on a busy machine."""
    for last in (False, False, True):
        begin = time.monotonic()
        share = flow((Pace(rate),), 0.7) / (time.monotonic() - begin) / rate
        assert share < 1.05
        if share > 0.85:
            return
        assert not last, f"{share:.2f}, and no more the other times"


def test_several_share_one_limit() -> None:
    """Eight lanes under one limit bring together what one would."""
    one, totals = Pace(10_000_000), [0] * 8

    def lane(number: int) -> None:
        totals[number] = flow((one,), 0.7)

    begin = time.monotonic()
    threads = [beside(lambda n=n: lane(n)) for n in range(8)]  # type: ignore[misc]
    for thread in threads:
        thread.join()
    assert 0.85 < sum(totals) / (time.monotonic() - begin) / 10_000_000 < 1.08
    assert min(totals) > 0, "nobody starves"


def test_the_lower_of_two_limits_counts() -> None:
    """An operation's limit and the session's are waited for at the same time, not one after the other."""
    begin = time.monotonic()
    total = flow((Pace(4_000_000), Pace(5_000_000)), 0.5)
    assert 0.85 < total / (time.monotonic() - begin) / 4_000_000 < 1.06


def test_no_limit_is_no_wait() -> None:
    """Without a limit nobody waits, and reads are as large as they can be."""
    none = Pace()
    take((none, none), 10**12, GO_ON)
    take((), 10**12, GO_ON)
    assert portion((none,)) is None
    assert portion((none, Pace(1_000_000))) == 10_000
    assert portion((Pace(1),)) == pace.FEW
    assert portion((Pace(10**12),)) == pace.MANY


def test_a_limit_that_is_lifted_lets_everybody_go() -> None:
    """Who waits for a slow limit goes on when it is taken away."""
    one = Pace(1)
    waiting = beside(lambda: one.take(10**9, GO_ON))
    time.sleep(0.05)
    begin = time.monotonic()
    one.rate = None
    waiting.join()
    assert time.monotonic() - begin < 0.2
    assert one.rate is None


def test_a_new_rate_is_for_what_is_owed_too() -> None:
    """What has come under a slow limit is paid off at the new one: bytes are owed, not seconds."""
    clock = HandWoundClock()
    one = Pace(1000, clock)
    one.owe(10_000)
    assert one.wait() == pytest.approx(10.0)
    one.rate = 5000
    assert one.wait() == pytest.approx(2.0)
    clock.wind(100)
    assert one.wait() < 0
    one.rate = 0
    assert one.rate == 1, "nothing at all would be a pause"


def test_idle_time_is_no_credit() -> None:
    """After a minute without a byte the line is not flooded: a tenth of a second may be caught up with."""
    clock = HandWoundClock()
    one = Pace(1_000_000, clock)
    clock.wind(60)
    one.owe(1_000_000)
    assert one.wait() == pytest.approx(1.0 - pace.BURST)


def test_stopping_does_not_wait() -> None:
    """A pause is not kept by a limit."""
    stop, ended = threading.Event(), []

    def wait() -> None:
        with pytest.raises(Stopped):
            Pace(1).take(10**9, stop)
        ended.append(time.monotonic())

    waiting = beside(wait)
    begin = time.monotonic()
    stop.set()
    waiting.join()
    assert ended[0] - begin < 0.15
