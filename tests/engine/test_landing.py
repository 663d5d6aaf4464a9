"""What has landed, who waits for it, and what they want first."""

from __future__ import annotations

import threading
import time

import pytest

from nbxfer.core.ranges import ByteRange, RangeSet
from nbxfer.engine.landing import Landing


def test_a_reader_is_woken_by_its_byte() -> None:
    """Who waits for a byte comes back when it is there, long before its time is over."""
    landing = Landing()
    threading.Timer(0.05, landing.land, (0, 100)).start()
    begun = time.monotonic()
    assert landing.wait(99, 10)
    assert time.monotonic() - begun < 5
    assert landing.held == RangeSet.of([(0, 100)])


def test_a_reader_is_not_woken_by_other_bytes() -> None:
    """What lands elsewhere is nothing for who waits here; its time runs out."""
    landing = Landing(RangeSet.of([(0, 10)]))
    threading.Timer(0.01, landing.land, (11, 20)).start()
    assert not landing.wait(10, 0.05)
    assert landing.wait(9, 0)


def test_the_end_wakes_everybody() -> None:
    """When nothing more lands, nobody waits on; what has landed counts on."""
    landing = Landing(RangeSet.of([(0, 10)]))
    threading.Timer(0.05, landing.end).start()
    begun = time.monotonic()
    assert not landing.wait(10, 10)
    assert time.monotonic() - begun < 5
    assert landing.ended
    assert landing.wait(9, 10)


def test_what_is_wanted_is_what_is_missing() -> None:
    """Of what readers want, that is told which has not come; a want that is taken back is gone, once."""
    landing = Landing(RangeSet.of([(0, 10)]))
    for span in (ByteRange(5, 20), ByteRange(5, 20), ByteRange(40, 50)):
        landing.want(span)
    assert landing.wanted() == RangeSet.of([(10, 20), (40, 50)])
    landing.land(12, 45)
    assert landing.wanted() == RangeSet.of([(10, 12), (45, 50)])
    landing.forget(ByteRange(5, 20))
    assert landing.wanted() == RangeSet.of([(10, 12), (45, 50)])
    landing.forget(ByteRange(5, 20))
    landing.forget(ByteRange(5, 20))
    assert landing.wanted() == RangeSet.of([(45, 50)])


@pytest.mark.parametrize("readers", [20])
def test_many_land_and_many_wait(readers: int) -> None:
    """Several lanes may land and several readers wait at once; each gets its byte."""
    landing = Landing()
    seen: list[bool] = []
    waiting = [threading.Thread(target=lambda n=n: seen.append(landing.wait(n * 10, 10))) for n in range(readers)]
    for thread in waiting:
        thread.start()
    writing = [threading.Thread(target=landing.land, args=(n * 10, n * 10 + 10)) for n in reversed(range(readers))]
    for thread in writing:
        thread.start()
    for thread in waiting + writing:
        thread.join()
    assert seen == [True] * readers
    assert landing.held == RangeSet.of([(0, readers * 10)])
