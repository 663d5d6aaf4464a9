"""Turns that are given up, times that have not come, places that change, and new ways in while it rests."""

from __future__ import annotations

import pytest

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.phases import Phase, TransferStatus
from nbxfer.core.snapshot import picture
from nbxfer.errors import InvalidTransferState
from tests.core.life import SIZE, WEAK, Life, upto


def test_making_room_for_others() -> None:
    """Who makes room comes home, keeps what has come, and waits for the next turn."""
    life = Life()
    life.running()
    fetch = life.serial
    life.tell(ev.TurnOver())
    life.only(do.Stop)
    life.tell(ev.CutShort(fetch, upto(40)))
    assert (life.phase, life.op.received, life.op.retries) == (Phase.QUEUED, 40, 0)
    assert "made room" in life.words
    assert life.probe().size == SIZE


@pytest.mark.parametrize("where", ["queued", "stalled", "paused", "verifying", "done"])
def test_who_has_no_turn_cannot_give_it_up(where: str) -> None:
    """Only what asks its server makes room; a check is let go on to its end."""
    life = Life()
    life.come_to(where)
    assert life.tell(ev.TurnOver()) == []
    assert life.phase == where


def test_what_is_on_its_way_to_another_process_makes_no_room() -> None:
    """Who is being handed over has been stopped already."""
    life = Life()
    life.running()
    life.tell(ev.HandOverAsked("0" * 16))
    assert life.tell(ev.TurnOver()) == []


def test_a_time_that_has_not_come() -> None:
    """Until its time it is idle and says when it will begin; when the time has come, nothing is left of it."""
    life = Life(not_before=1_000_000_500.0)
    shown = life.op.snapshot(life.now)
    assert (shown.status, shown.reason, shown.due) == (TransferStatus.IDLE, "waiting for its time", 1_000_000_500.0)
    assert picture(life.op.record(), owner="orphaned").reason.startswith("interrupted")
    life.now = 1_000_000_400.0
    life.tell(ev.TimeCome())
    assert life.op.record().spec.not_before is not None
    life.now = 1_000_000_500.0
    life.tell(ev.TimeCome())
    assert life.op.record().spec.not_before is None
    assert life.op.snapshot(life.now).reason == "waiting for its turn"
    life.tell(ev.TimeCome())
    life.probe()


def test_places() -> None:
    """A place is kept in the record and shown; without one it is the time of making. What is over has none."""
    life = Life()
    assert life.op.snapshot(life.now).place == life.op.created
    life.tell(ev.PlaceAsked(7.0))
    assert life.op.record().spec.place == 7.0
    assert life.op.snapshot(life.now).place == 7.0
    life.done()
    with pytest.raises(InvalidTransferState, match="no place any more"):
        life.tell(ev.PlaceAsked(8.0))


def test_a_new_url_while_it_is_paused() -> None:
    """A paused one takes a new URL and goes on from its part when it is resumed, where its version is certain."""
    life = Life()
    life.running()
    life.tell(ev.PauseAsked())
    with pytest.raises(InvalidTransferState, match="once it is paused; it is pausing"):
        life.tell(ev.AccessAsked("https://host/other"))
    life.tell(ev.CutShort(life.serial, upto(40)))
    life.tell(ev.AccessAsked("https://host/other", ()))
    assert (life.phase, life.op.received, life.op.restarts) == (Phase.PAUSED, 40, 0)
    assert life.op.snapshot(life.now).source == "https://host/other"
    life.tell(ev.ResumeAsked())
    assert life.probe().pinned is not None


def test_a_new_url_that_nothing_ties_to_the_old_one() -> None:
    """Without a strong validator or a checksum it begins again behind another URL, and that counts once."""
    life = Life()
    life.running(validator=WEAK)
    life.tell(ev.PauseAsked())
    life.tell(ev.CutShort(life.serial, upto(40)))
    life.tell(ev.AccessAsked("https://host/other"))
    life.tell(ev.AccessAsked(None, None, (("accept", "*/*"),)))
    life.tell(ev.ResumeAsked())
    assert (life.op.received, life.op.restarts) == (0, 1)
    assert life.op.spec.headers == (("accept", "*/*"),)


@pytest.mark.parametrize("where", ["queued", "probing", "running", "stalled", "verifying", "done", "canceled"])
def test_a_new_url_for_what_does_not_rest(where: str) -> None:
    """As in Windows, a URL is changed only while it is paused (or has failed, or was never started)."""
    life = Life()
    life.come_to(where)
    with pytest.raises(InvalidTransferState, match="once it is paused"):
        life.tell(ev.AccessAsked("https://host/other"))


def test_a_new_url_for_what_has_failed() -> None:
    """What failed for its URL takes another, and is tried again when it is asked to."""
    life = Life()
    life.failed()
    life.tell(ev.AccessAsked("https://host/other"))
    assert life.op.record().phase is Phase.FAILED
    life.tell(ev.RetryAsked())
    assert life.phase is Phase.QUEUED


def test_what_the_story_is_told_from_outside() -> None:
    """A line that somebody else has to say is kept with the others."""
    life = Life()
    life.op.dirty = False
    life.tell(ev.Noted("listener failed", "ValueError"))
    assert (life.words[-1], life.op.dirty) == ("listener failed", True)
