"""Mirrors: when the next one gets its turn, and what of the bytes may go on from there."""

from __future__ import annotations

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.phases import Phase
from nbxfer.core.ranges import RangeSet
from tests.core.life import BROKEN, FULL, GONE, OFFLINE, SIZE, V1, V2, Life, upto

FIRST, SECOND, THIRD = (f"https://{name}/data.bin" for name in ("host", "second", "third"))
SUM = "sha256:" + "0" * 64
WRONG = faults.of(errors.ChecksumMismatch("It has another checksum."))


def test_a_refusal_turns_to_the_next() -> None:
    """What one server refuses is asked of the next one at once, each once; then it has failed."""
    life = Life(mirrors=(SECOND, THIRD))
    for url in (SECOND, THIRD):
        life.probe()
        life.lose(GONE)
        assert (life.phase, life.op.spec.url) == (Phase.QUEUED, url)
    assert life.op.spec.mirrors == (FIRST, SECOND)
    life.probe()
    life.lose(GONE)
    assert life.phase is Phase.FAILED
    assert life.op.fault is not None
    life.tell(ev.RetryAsked())
    life.probe()
    life.lose(GONE)
    assert life.op.spec.url == FIRST
    assert life.stored().spec.mirrors == (SECOND, THIRD)


def test_a_broken_connection_is_tried_twice() -> None:
    """A fault that may pass is tried once more before the next mirror's turn; no network, no room: not its fault."""
    life = Life(mirrors=(SECOND,))
    life.running()
    for fault in (OFFLINE, FULL, BROKEN):
        life.lose(fault)
        assert (life.phase, life.op.spec.url) == (Phase.STALLED, FIRST)
        life.tell(ev.ConditionMet(life.serial))
        life.probe()
    life.lose(BROKEN)
    assert (life.phase, life.op.spec.url) == (Phase.QUEUED, SECOND)


def test_with_a_checksum_the_bytes_go_on() -> None:
    """With a checksum what is here goes on: the other server's version is taken, and its end compared first."""
    life = Life(mirrors=(SECOND,), checksum=SUM)
    life.running()
    life.land(60)
    life.lose(BROKEN)
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.lose(BROKEN)
    assert (life.op.received, life.op.restarts, life.op.spec.url) == (60, 0, SECOND)
    assert life.probe().pinned is None
    life.answer(validator=V2, held=upto(60), start=50)
    assert (life.op.validator, life.op.restarts, life.op.received) == (V2, 0, 60)
    assert life.only(do.Fetch).lanes == 1


def test_without_one_it_begins_again() -> None:
    """Without a checksum nothing proves that two servers have the same, so another one begins with the first byte."""
    life = Life(mirrors=(SECOND,))
    life.running(validator=V1)
    life.lose(GONE, upto(0))
    life = Life(mirrors=(SECOND,))
    life.running(validator=V1)
    life.land(60)
    life.lose(faults.of(errors.AccessDenied("No.", http_status=403)))
    assert (life.op.received, life.op.restarts, life.op.validator) == (0, 1, None)
    life.probe()
    life.answer(validator=V2)
    assert (life.phase, life.op.restarts) == (Phase.RUNNING, 1)
    life.land(70)
    assert life.op.turned == 0


def test_wrong_bytes_turn_to_the_next() -> None:
    """A mirror with other bytes is found out by the digest; the next one begins with the first byte."""
    life = Life(mirrors=(SECOND,), checksum=SUM)
    life.verifying()
    life.tell(ev.Mismatched(life.serial, WRONG, upto(SIZE)))
    assert (life.phase, life.op.spec.url, life.op.received) == (Phase.QUEUED, SECOND, 0)
    life.verifying(validator=V2)
    life.tell(ev.Mismatched(life.serial, WRONG, upto(SIZE)))
    assert life.phase is Phase.FAILED


def test_a_pause_turns_nowhere() -> None:
    """What is lost while it pauses is no reason to turn."""
    life = Life(mirrors=(SECOND,))
    life.running()
    life.tell(ev.PauseAsked())
    life.lose(GONE)
    assert (life.phase, life.op.spec.url) == (Phase.PAUSED, FIRST)
    assert life.op.held == RangeSet()
