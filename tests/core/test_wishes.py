"""What a person may ask, and when."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.phases import Phase
from nbxfer.core.probe import Probe
from nbxfer.core.record import Before, Published
from nbxfer.errors import InvalidTransferState
from tests.core.life import BROKEN, DESTINATION, REFUSED, SEAL, SIZE, V1, WEAK, Life, upto


def refused(life: Life, wish: ev.Event) -> str:
    """Give the words of the refusal, which changes nothing."""
    before = life.op.record(), life.op.in_flight.copy()
    with pytest.raises(InvalidTransferState) as caught:
        life.tell(wish)
    assert (life.op.record(), life.op.in_flight) == before
    assert caught.value.op_id == life.op.id
    assert caught.value.story == before[0].story
    return str(caught.value)


# -- start -------------------------------------------------------------------------------------------------------------
def test_start() -> None:
    """Nothing moves before it is started, and it is started once."""
    life = Life(start=False)
    assert life.tell(ev.SlotFree()) == []
    assert "possible: start, cancel" in refused(life, ev.PauseAsked())
    life.tell(ev.StartAsked())
    life.probe()
    assert "'start' does not fit" in refused(life, ev.StartAsked())


# -- pause and resume --------------------------------------------------------------------------------------------------
def test_pause_while_running() -> None:
    """It is paused once what is in flight has come home; what had come is kept."""
    life = Life()
    life.running()
    fetch = life.serial
    life.tell(ev.PauseAsked())
    life.only(do.Stop)
    assert life.phase is Phase.PAUSING
    assert "already" not in refused(life, ev.PauseAsked())
    life.tell(ev.CutShort(fetch, upto(40)))
    assert (life.phase, life.op.received) == (Phase.PAUSED, 40)
    assert int(life.op.snapshot(life.now).status) == 2
    refused(life, ev.PauseAsked())
    life.tell(ev.ResumeAsked())
    assert life.probe().size == SIZE


def test_pause_while_waiting() -> None:
    """A wait is ended by a pause at once, and what it waited for is forgotten."""
    life = Life()
    life.stalled()
    assert life.tell(ev.PauseAsked()) == []
    assert (life.phase, life.op.fault, life.op.in_flight) == (Phase.PAUSED, None, frozenset())


def test_pause_while_queued() -> None:
    """Who waits for a turn is paused at once."""
    life = Life()
    assert life.tell(ev.PauseAsked()) == []
    assert life.phase is Phase.PAUSED


def test_pause_while_checking() -> None:
    """A check is let go on to its end; then it is paused, and checked again when it goes on."""
    life = Life()
    check = life.verifying()
    assert life.tell(ev.PauseAsked()) == []
    assert life.phase is Phase.PAUSING
    life.tell(ev.Verified(check.serial, SEAL, "nothing"))
    assert life.op.phase is Phase.PAUSED
    life.tell(ev.ResumeAsked())
    life.tell(ev.SlotFree())
    life.only(do.Verify)


def test_pause_of_a_check_taken_back() -> None:
    """When it is resumed before the check is done, the check counts."""
    life = Life()
    check = life.verifying()
    life.tell(ev.PauseAsked())
    assert life.tell(ev.ResumeAsked()) == []
    life.tell(ev.Verified(check.serial, SEAL, "nothing"))
    life.only(do.Commit)


def test_a_check_breaks_while_it_pauses() -> None:
    """What goes wrong while it pauses is told, and does not keep it from pausing."""
    life = Life()
    check = life.verifying()
    life.tell(ev.PauseAsked())
    life.tell(ev.VerifyLost(check.serial, BROKEN))
    assert life.phase is Phase.PAUSED
    assert "lost" in life.words


def test_resume_while_a_fetch_comes_home() -> None:
    """A pause that is taken back in time does not lose a fetch that came to its end anyway."""
    life = Life()
    fetch = life.running()
    life.tell(ev.PauseAsked())
    life.tell(ev.ResumeAsked())
    assert life.phase is Phase.RUNNING
    life.tell(ev.RangeLanded(fetch.serial, upto(SIZE)))
    life.only(do.Verify)


@pytest.mark.parametrize(
    "answer",
    [
        lambda serial: ev.AllHere(serial, upto(SIZE)),
        ev.CutShort,
        lambda serial: ev.Unchanged(serial, Published(DESTINATION, 1, 2)),
    ],
)
def test_resume_while_a_probe_comes_home(answer: Callable[[int], ev.Event]) -> None:
    """Whatever the probe brings that was stopped, it goes on with its next turn."""
    life = Life()
    probe = life.probe()
    life.tell(ev.PauseAsked())
    life.tell(ev.ResumeAsked())
    assert life.tell(answer(probe.serial)) == []
    assert life.phase is Phase.QUEUED


def test_resume_while_an_answer_comes_home() -> None:
    """A body that was opened while it was pausing is not used: the stop that was asked for may have reached it."""
    life = Life()
    life.probe()
    life.tell(ev.PauseAsked())
    life.tell(ev.ResumeAsked())
    assert life.answer() == []
    assert life.phase is Phase.QUEUED


def test_retry_is_for_what_failed() -> None:
    """Retry and resume both go on with what failed; retry is for nothing else."""
    life = Life()
    refused(life, ev.RetryAsked())
    life.failed()
    life.tell(ev.RetryAsked())
    assert life.phase is Phase.QUEUED
    life.probe()
    life.lose(REFUSED)
    life.tell(ev.ResumeAsked())
    assert life.phase is Phase.QUEUED


# -- a new URL ---------------------------------------------------------------------------------------------------------
def test_a_new_signature() -> None:
    """The same URL signed anew goes on from what is here, whatever the validator."""
    life = Life(needs=("url",))
    life.running(validator=None)
    life.lose(REFUSED, upto(40))
    life.tell(ev.RetryAsked(life.op.spec.url, ()))
    assert (life.op.received, life.op.spec.needs) == (40, ())


def test_another_url() -> None:
    """Another URL goes on from what is here where a strong validator can tell, and nothing is lost."""
    life = Life()
    life.failed()
    life.tell(ev.ResumeAsked("https://mirror/data.bin"))
    assert (life.op.received, life.op.spec.url) == (40, "https://mirror/data.bin")
    assert life.probe().pinned == V1


@pytest.mark.parametrize("validator", [None, WEAK])
def test_another_url_that_nothing_ties(validator: object) -> None:
    """Without strong validator and checksum the bytes of two URLs are never put together."""
    life = Life()
    life.running(validator=WEAK if validator else None)
    life.lose(REFUSED, upto(40))
    life.tell(ev.ResumeAsked("https://mirror/data.bin"))
    assert (life.op.received, life.op.restarts) == (0, 1)
    assert life.probe().size is None


def test_another_url_with_a_checksum() -> None:
    """With a checksum the end will tell whether they belong together."""
    life = Life(checksum="sha256:00")
    life.running(validator=None)
    life.lose(REFUSED, upto(40))
    life.tell(ev.ResumeAsked("https://mirror/data.bin"))
    assert life.op.received == 40


def test_another_url_before_anything_came() -> None:
    """Where nothing had come, there is nothing to begin again."""
    life = Life()
    life.probe()
    life.lose(REFUSED)
    life.tell(ev.ResumeAsked("https://mirror/data.bin"))
    assert life.op.restarts == 0


def test_another_url_while_pausing() -> None:
    """A new URL is taken once it is paused: what is in flight still is of the old one."""
    life = Life()
    life.running()
    life.tell(ev.PauseAsked())
    assert "still pausing" in refused(life, ev.ResumeAsked("https://mirror/data.bin"))
    life.tell(ev.ResumeAsked(life.op.spec.url))


# -- cancel ------------------------------------------------------------------------------------------------------------
def test_cancel_while_running() -> None:
    """It is canceled once everything is home and the part is gone."""
    life = Life()
    fetch = life.running()
    life.tell(ev.CancelAsked())
    life.only(do.Stop)
    refused(life, ev.CancelAsked())
    life.tell(ev.RangeLost(fetch.serial, BROKEN, upto(40)))
    assert life.only(do.Discard).keep is False
    life.tell(ev.Discarded(life.serial))
    assert life.phase is Phase.CANCELED
    assert "it is over" in refused(life, ev.ResumeAsked())


@pytest.mark.parametrize("where", ["queued", "stalled", "failed", "paused"])
def test_cancel_at_rest(where: str) -> None:
    """Where nothing is in flight, or only a wait, the part is removed at once."""
    life = Life()
    life.come_to(where)
    life.tell(ev.CancelAsked(delete_partial=False))
    assert life.only(do.Discard).keep is True


def test_cancel_of_what_never_started() -> None:
    """What was never started has nothing to remove."""
    life = Life(start=False)
    assert life.tell(ev.CancelAsked()) == []
    assert life.phase is Phase.CANCELED


def test_cancel_while_checking() -> None:
    """A check is stopped by a cancel; its answer leads to no commit."""
    life = Life()
    check = life.verifying()
    life.tell(ev.CancelAsked())
    life.only(do.Stop)
    life.tell(ev.Verified(check.serial, SEAL, "nothing"))
    life.only(do.Discard)


def test_too_late() -> None:
    """While the file gets its name nothing can be asked of it, and then it is over."""
    life = Life()
    life.committing()
    assert "Too late" in refused(life, ev.CancelAsked())
    assert "wait for its end" in refused(life, ev.PauseAsked())
    life.tell(ev.Committed(life.serial, Published(DESTINATION, SIZE, 5)))
    assert "it is over" in refused(life, ev.CancelAsked())


# -- priority ----------------------------------------------------------------------------------------------------------
def test_priority() -> None:
    """An operation can be re-ordered until it is over."""
    life = Life()
    life.op.dirty = False
    life.tell(ev.PriorityAsked(1))
    assert (life.op.spec.priority, life.op.dirty) == (1, True)
    life.done()
    refused(life, ev.PriorityAsked(2))


# -- hand-over ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["created", "queued", "paused", "failed", "stalled"])
def test_hand_over_at_rest(where: str) -> None:
    """What rests is handed over at once, and the next owner finds it as it was."""
    life = Life(start=where != "created")
    life.come_to(where)
    life.op.dirty = False
    assert life.tell(ev.HandOverAsked("you")) == []
    assert life.op.handed_over
    assert life.op.dirty
    assert life.stored().handed_to == "you"
    assert life.phase == ("queued" if where == "stalled" else where)
    assert life.tell(ev.SlotFree()) == []
    life.crash()
    assert life.op.handed_to is None


@pytest.mark.parametrize("where", ["probing", "running", "verifying", "pausing"])
@pytest.mark.parametrize("home", ["stopped", "good", "lost"])
def test_hand_over_in_flight(where: str, home: str) -> None:
    """What is in flight comes home first, whatever it brings; nothing new begins."""
    life = Life()
    life.come_to("running" if where == "pausing" else where)
    if where == "pausing":
        life.tell(ev.PauseAsked())
    serial = life.serial
    life.tell(ev.HandOverAsked("you"))
    life.only(do.Stop)
    assert life.stored().handed_to is None, "nobody may begin before that"
    good: dict[str, ev.Event] = {
        "probing": ev.Probed(serial, Probe(SIZE, V1), upto(0)),
        "running": ev.RangeLanded(serial, upto(SIZE)),
        "pausing": ev.RangeLanded(serial, upto(SIZE)),
        "verifying": ev.Verified(serial, SEAL, "nothing"),
    }
    if home == "lost":
        life.lose(BROKEN)
    else:
        life.tell(good[where] if home == "good" else ev.CutShort(serial))
    assert life.todo == []
    assert life.op.handed_over
    assert life.phase is (Phase.PAUSED if where == "pausing" else Phase.QUEUED)
    assert life.stored().handed_to == "you"


@pytest.mark.parametrize("answer", ["unchanged", "all here", "mismatched"])
def test_hand_over_of_what_would_be_over(answer: str) -> None:
    """An end that comes while it is handed over is found again by the next owner."""
    life = Life()
    life.come_to("verifying" if answer == "mismatched" else "probing")
    serial = life.serial
    life.tell(ev.HandOverAsked("you"))
    events: dict[str, ev.Event] = {
        "unchanged": ev.Unchanged(serial, Published(DESTINATION, 1, 2)),
        "all here": ev.AllHere(serial, upto(SIZE)),
        "mismatched": ev.Mismatched(serial, REFUSED, upto(50)),
    }
    assert life.tell(events[answer]) == []
    assert (life.phase, life.op.handed_over) == (Phase.QUEUED, True)


def test_handed_over_is_handed_over() -> None:
    """Asked twice by the same it is the same; nobody else gets it, and no other wish is taken."""
    life = Life()
    life.running()
    life.tell(ev.HandOverAsked("you"))
    assert life.tell(ev.HandOverAsked("you")) == []
    for wish in (
        ev.HandOverAsked("they"), ev.PauseAsked(), ev.ResumeAsked(), ev.RetryAsked(), ev.CancelAsked(),
        ev.PriorityAsked(1), ev.StartAsked(),
    ):  # fmt: skip
        assert "handed over" in refused(life, wish)


@pytest.mark.parametrize("where", ["committing", "canceling", "done", "canceled"])
def test_too_late_to_hand_over(where: str) -> None:
    """What is about to end here ends here."""
    life = Life()
    life.come_to(where)
    assert "is not handed over" in refused(life, ev.HandOverAsked("you"))


# -- other options -----------------------------------------------------------------------------------------------------
def test_other_options_count_as_far_as_they_still_can() -> None:
    """Asked for again, it goes by the new options; what stands at the destination counts where nothing is in flight."""
    there = Before(5, 5)
    running, failed = Life(), Life()
    running.running()
    running.tell(ev.SpecAsked(msgspec.structs.replace(running.op.spec, checksum="md5:0"), there))
    assert (running.op.spec.checksum, running.op.before) == ("md5:0", None)
    failed.failed()
    failed.tell(ev.SpecAsked(msgspec.structs.replace(failed.op.spec, if_exists="overwrite"), there))
    assert (failed.op.spec.if_exists, failed.op.before) == ("overwrite", there)
    assert failed.op.dirty


@pytest.mark.parametrize("where", ["verifying", "committing", "done"])
def test_other_options_that_come_too_late(where: str) -> None:
    """What is checked or named already is not asked for in another way."""
    life = Life()
    getattr(life, where)()
    assert "cannot be changed any more" in refused(life, ev.SpecAsked(life.op.spec))
