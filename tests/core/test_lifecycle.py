"""The machine of one operation, told as what happens to it."""

from __future__ import annotations

import msgspec
import pytest

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.phases import Phase, Stall
from nbxfer.core.policy import Retry
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet
from nbxfer.core.record import Before, Published, Seal
from nbxfer.core.steps import MAX_RESTARTS
from tests.core.life import (
    BROKEN,
    CHANGED,
    DESTINATION,
    EXPIRED,
    FULL,
    GONE,
    OFFLINE,
    REFUSED,
    SEAL,
    SIZE,
    V1,
    V2,
    WEAK,
    Life,
    upto,
)

OURS = Before(50, 123, ours=True, validator=V1, integrity="digest")


# -- the good way ------------------------------------------------------------------------------------------------------
def test_a_whole_life() -> None:
    """It asks, fetches, checks, commits, and what it did is told in the order of doing."""
    life = Life()
    assert life.probe() == do.Probe(1, 1, 1, None, None, path=DESTINATION)
    life.answer()
    whole = (ByteRange(0, SIZE),)
    assert life.only(do.Fetch) == do.Fetch(2, epoch=1, fresh=True, size=SIZE, segments=whole, lanes=1, pinned=V1)
    assert life.op.http_status == 200
    life.tell(ev.RangeLanded(2, upto(SIZE)))
    assert life.only(do.Verify) == do.Verify(3, epoch=1, size=SIZE, checksum=None, by="nothing")
    life.tell(ev.Verified(3, SEAL, "nothing"))
    assert life.only(do.Commit) == do.Commit(4, epoch=1, seal=SEAL, by="validator")
    life.tell(ev.Committed(4, Published(DESTINATION, SIZE, 5, "validator")))
    assert life.phase is Phase.DONE
    assert life.words == ["probed", "all landed", "verified", "committed"]
    assert life.op.restarts == life.op.retries == life.op.refetched == 0


def test_an_empty_object() -> None:
    """Zero bytes are fetched like any other number, and after a crash the part is made anew."""
    life = Life()
    life.running(0)
    assert life.only(do.Fetch).segments == ()
    life.crash()
    assert life.probe().size is None, "nothing on the disk can show that the part of an empty object is there"
    life.answer(0)
    life.tell(ev.RangeLanded(life.serial, RangeSet(), 0))
    assert life.only(do.Verify).size == 0
    life.lose(BROKEN)
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    assert life.op.restarts == 0


def test_unknown_length() -> None:
    """Where the server does not say how long it is, the end of the body says it."""
    life = Life()
    assert life.running(None).segments == ()
    life.tell(ev.RangeLanded(life.serial, upto(70), 70))
    assert life.only(do.Verify).size == 70
    life.tell(ev.Verified(life.serial, SEAL, "nothing"))
    assert life.only(do.Commit).by == "validator"


def test_length_not_proven() -> None:
    """A body that only a closed connection ends may be cut short: no validator is claimed for it, also not later."""
    life = Life()
    life.running(None)
    life.tell(ev.RangeLanded(life.serial, upto(70), 70, length_proven=False))
    assert "length unknown" in life.words
    life.crash()
    life.probe()
    life.tell(ev.AllHere(life.serial, upto(70)))
    life.tell(ev.Verified(life.serial, SEAL, "nothing"))
    assert life.only(do.Commit).by == "nothing"


def test_shorter_than_what_had_come() -> None:
    """An end of unknown length that comes before bytes of the same version is no end."""
    life = Life()
    life.running(None)
    life.lose(BROKEN, upto(60))
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.answer(None, held=upto(60), start=0)
    life.tell(ev.RangeLanded(life.serial, upto(60), 20, length_proven=False))
    assert life.phase is Phase.STALLED
    assert life.op.size is None


@pytest.mark.parametrize(("checked", "claimed"), [("digest", "digest"), ("store checksum", "store checksum")])
def test_a_checksum_says_more(checked: str, claimed: str) -> None:
    """What was really checked is what is claimed."""
    life = Life(checksum="sha256:00")
    assert life.verifying().checksum == "sha256:00"
    life.tell(ev.Verified(life.serial, SEAL, checked))
    assert life.only(do.Commit).by == claimed


@pytest.mark.parametrize("validator", [WEAK, None])
def test_nothing_is_claimed_without_a_strong_validator(validator: Validator | None) -> None:
    """A weak validator, or none, proves nothing about the bytes."""
    life = Life()
    life.verifying(validator=validator)
    life.tell(ev.Verified(life.serial, SEAL, "nothing"))
    assert life.only(do.Commit).by == "nothing"


def test_resumed_without_validator() -> None:
    """A resume that is answered without the validator is not tied to the first bytes any more, also after a crash."""
    life = Life()
    life.stalled()
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.answer(SIZE, None, upto(40))
    assert life.op.validator == V1, "the pin stays"
    life.tell(ev.RangeLanded(life.serial, upto(SIZE)))
    life.crash()
    life.probe()
    life.tell(ev.AllHere(life.serial, upto(SIZE)))
    life.tell(ev.Verified(life.serial, SEAL, "nothing"))
    assert life.only(do.Commit).by == "nothing"


def test_size_not_repeated() -> None:
    """A server that does not repeat the size on a resume is held to what it said first."""
    life = Life()
    life.stalled()
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.answer(None, V1, upto(40), start=40)
    fetch = life.only(do.Fetch)
    assert (fetch.size, fetch.segments, fetch.fresh) == (SIZE, (ByteRange(40, SIZE),), False)


def test_size_of_what_never_came() -> None:
    """Where nothing had come, only the newest answer says how long it is."""
    life = Life()
    life.running()
    life.lose(BROKEN, upto(0))
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.answer(None, V2)
    assert (life.only(do.Fetch).size, life.op.validator) == (None, V2)


def test_size_said_later() -> None:
    """A size that is said on a resume is pinned from then on."""
    life = Life()
    life.running(None)
    life.lose(BROKEN, upto(40))
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.answer(SIZE, V1, upto(40))
    assert life.only(do.Fetch).size == SIZE


def test_everything_here_already() -> None:
    """When a probe finds every byte on the disk, nothing is fetched."""
    life = Life()
    life.stalled()
    life.crash()
    life.probe()
    life.answer(held=upto(SIZE))
    life.only(do.Verify)


def test_a_slot_out_of_turn() -> None:
    """A slot for who does not wait for one is no news; so are missing secrets."""
    life = Life()
    life.running()
    before = life.op.record()
    assert life.tell(ev.SlotFree()) == []
    assert life.tell(ev.SecretsMissing(("auth",))) == []
    assert life.op.record() == before


def test_what_was_news_stays_news() -> None:
    """A slot in the same turn does not make the journal forget what came before it."""
    life = Life()
    assert life.op.dirty
    life.probe()
    assert life.op.dirty, "it was never saved"
    life.lose(BROKEN)
    life.op.dirty = False
    life.tell(ev.ConditionMet(life.serial))
    assert not life.op.dirty, "after a crash it is queued anyway"
    life.tell(ev.PriorityAsked(1))
    life.probe()
    assert life.op.dirty


# -- what stood at the destination -------------------------------------------------------------------------------------
def test_unchanged() -> None:
    """A file of ours that still is the newest is the result."""
    life = Life(before=OURS)
    assert life.probe().before == OURS
    life.tell(ev.Unchanged(life.serial, OURS.published(DESTINATION, revalidated=True)))
    assert life.phase is Phase.DONE
    assert (life.op.received, life.op.size) == (50, 50)
    assert life.op.record().published == Published(DESTINATION, 50, 123, "digest")
    assert life.op.validator == V1, "the next time it can be revalidated again"


def test_already_there() -> None:
    """A file that was found to be right without the server is the result."""
    life = Life()
    life.probe()
    life.tell(ev.Unchanged(life.serial, Published(DESTINATION, 50, 123, "digest")))
    assert (life.phase, life.op.validator) == (Phase.DONE, None)


@pytest.mark.parametrize("fault", [OFFLINE, BROKEN])
def test_offline_with_a_file_of_ours(fault: Fault) -> None:
    """Where the server cannot be asked, our untouched file is the result, and that is said."""
    life = Life(before=OURS)
    life.probe()
    life.lose(fault)
    assert life.phase is Phase.DONE
    picture = life.op.snapshot(life.now)
    assert "not revalidated" in picture.reason


def test_offline_after_the_source_has_changed() -> None:
    """Once the server has said that there is something newer, the old file is no result any more."""
    life = Life(before=OURS)
    life.running()
    life.lose(OFFLINE, upto(40))
    life.tell(ev.ConditionMet(life.serial))
    assert life.probe().before is None
    life.lose(OFFLINE)
    assert life.phase is Phase.STALLED


@pytest.mark.parametrize("before", [None, Before(50, 123, ours=False)])
def test_offline_with_somebody_elses_file(before: Before | None) -> None:
    """A file that is not ours is no answer."""
    life = Life(before=before)
    life.probe()
    life.lose(OFFLINE)
    assert life.phase is Phase.STALLED


def test_a_refusal_with_a_file_of_ours() -> None:
    """A server that says no was asked: that is an error, not an old file."""
    life = Life(before=OURS)
    life.probe()
    life.lose(REFUSED)
    assert life.phase is Phase.FAILED


# -- setbacks ----------------------------------------------------------------------------------------------------------
def test_retry() -> None:
    """A broken connection is tried again, after a wait that people can see, from what is here."""
    life = Life()
    life.running()
    life.lose(BROKEN, upto(40))
    wait = life.only(do.Wait)
    assert (life.phase, life.op.stall, wait.seconds) == (Phase.STALLED, Stall.RETRY_WAIT, 0.25)
    assert life.op.due == life.now + 0.25
    assert life.op.retries == 1
    life.tell(ev.ConditionMet(wait.serial))
    assert (life.op.phase, life.op.stall) == (Phase.QUEUED, None)
    assert life.op.record().due is None
    probe = life.probe()
    assert (probe.size, probe.pinned) == (SIZE, V1)
    life.answer(held=upto(40), start=0)
    assert life.op.fault is None, "the server answers again"


def test_tries_run_out() -> None:
    """As many faults in a row as there are tries end it; the part is kept."""
    life = Life(retry=Retry(tries=3))
    life.stalled()
    for expected in (Phase.STALLED, Phase.FAILED):
        life.tell(ev.ConditionMet(life.serial))
        life.probe()
        life.lose(BROKEN)
        assert life.phase is expected
    assert life.op.received == 40
    life.tell(ev.RetryAsked())
    assert life.op.retry.used == 0


def test_progress_counts_tries_anew() -> None:
    """A connection that breaks every few bytes is no reason to give up, however quickly it breaks."""
    life = Life(retry=Retry(tries=2))
    life.running()
    for have in range(10, SIZE, 10):
        life.lose(BROKEN, upto(have))
        life.tell(ev.ConditionMet(life.serial))
        life.probe()
        life.answer(held=upto(have))
    assert life.op.retries == 9


def test_no_progress_by_starting_over() -> None:
    """A source that cannot be resumed and breaks each time is given up: the same bytes again are no progress."""
    life = Life(retry=Retry(tries=4))
    life.running(None, None)
    tries = 1
    while life.phase is not Phase.FAILED:
        life.land(30)
        life.lose(BROKEN, upto(40))
        if life.phase is Phase.STALLED:
            life.tell(ev.ConditionMet(life.serial))
            life.probe()
            life.answer(None, None, upto(40))
            assert life.only(do.Fetch).fresh
            tries += 1
    # The first 40 bytes were progress, once.
    assert tries == 4
    assert life.op.restarts == 3
    assert life.op.refetched == 120
    assert life.words.count("restarted") == 3


def test_short_answers() -> None:
    """Right answers that end early are continued at once; when they bring nothing, they are tries."""
    life = Life(retry=Retry(tries=3))
    life.running()
    for have in (10, 20):
        life.tell(ev.RangeLanded(life.serial, upto(have)))
        assert life.phase is Phase.QUEUED
        life.probe()
        life.answer(held=upto(have))
    life.tell(ev.RangeLanded(life.serial, upto(20)))
    assert life.phase is Phase.STALLED, "a server that gives nothing is not asked without a pause"


@pytest.mark.parametrize("proven", [True, False])
def test_a_source_that_became_shorter(proven: bool) -> None:
    """Where no validator tells, a proven end before all has come again and again is another version."""
    life = Life()
    life.running(validator=WEAK)
    for _ in range(2):
        life.tell(ev.RangeLanded(life.serial, upto(20), length_proven=proven))
        if life.phase is Phase.QUEUED and life.op.restarts == 0:
            life.probe()
            life.answer(None, WEAK, upto(20))
    assert life.phase is (Phase.QUEUED if proven else Phase.STALLED)
    assert life.op.restarts == proven


def test_offline_is_not_counted() -> None:
    """Without a network it waits as long as it takes, at growing distances, and never fails for it."""
    life = Life(retry=Retry(tries=1))
    life.probe()
    waits = []
    for _ in range(40):
        life.lose(OFFLINE)
        assert life.op.stall is Stall.NO_NETWORK
        waits.append(life.only(do.Wait).seconds)
        life.tell(ev.ConditionMet(life.serial))
        life.probe()
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (0.25, 30.0)
    life.answer()
    life.lose(OFFLINE, upto(0))
    assert life.only(do.Wait).seconds == 0.25, "the network was there in between"
    assert life.op.retries == 0


def test_gone() -> None:
    """Nothing there is an end at once; after bytes were had it is asked twice more, for a mirror may lag."""
    life = Life()
    life.probe()
    life.lose(GONE)
    assert life.phase is Phase.FAILED

    life = Life()
    life.stalled(GONE)
    for expected in (Phase.STALLED, Phase.FAILED):
        life.tell(ev.ConditionMet(life.serial))
        life.probe()
        life.lose(GONE)
        assert life.phase is expected


def test_recoverable() -> None:
    """A status that a person listed pauses instead of failing, with the part kept."""
    life = Life(recoverable=(403,))
    life.failed()
    assert life.phase is Phase.PAUSED
    picture = life.op.snapshot(life.now)
    assert picture.needs_person
    assert int(picture.status) == 8
    life.tell(ev.ResumeAsked())
    assert (life.phase, life.op.fault, life.op.received) == (Phase.QUEUED, None, 40)


@pytest.mark.parametrize("where", ["probing", "running", "verifying", "committing"])
def test_a_person_is_needed(where: str) -> None:
    """What only a person can mend waits for the person, wherever it is found."""
    life = Life()
    life.come_to(where)
    life.lose(EXPIRED)
    assert life.phase is Phase.PAUSED
    assert life.op.snapshot(life.now).needs_person


@pytest.mark.parametrize(("size", "need"), [(SIZE, 60), (None, BLOCK)])
def test_disk_full(size: int | None, need: int) -> None:
    """On a full disk it waits for the room that is missing, then goes on by itself."""
    life = Life()
    life.running(size)
    life.lose(FULL, upto(40))
    assert life.only(do.AwaitRoom).need == need
    assert life.op.stall is Stall.SYSTEM
    life.tell(ev.ConditionMet(life.serial))
    assert life.phase is Phase.QUEUED


# -- versions ----------------------------------------------------------------------------------------------------------
def test_another_version() -> None:
    """A new version is fetched from its first byte, into a part of its own."""
    life = Life()
    life.stalled()
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.answer(200, V2, RangeSet(), restarted=True)
    fetch = life.only(do.Fetch)
    assert (fetch.epoch, fetch.fresh, fetch.size) == (2, True, 200)
    op = life.op
    assert (op.fresh_since, op.validator, op.received, op.restarts, op.refetched) == (2, V2, 0, 1, 40)
    assert op.snapshot(life.now).restarted


@pytest.mark.parametrize(
    ("size", "validator", "start"), [(SIZE, V2, 0), (SIZE, V2, 40), (90, V1, 0), (90, None, 40), (200, V1, 0)]
)
def test_a_source_that_does_not_look(size: int, validator: Validator | None, start: int) -> None:
    """Another size or validator is another version, also where the source did not notice: nothing is mixed."""
    life = Life()
    life.stalled()
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    life.answer(size, validator, upto(40), start=start)
    assert life.op.restarts == 1
    assert life.op.received == 0
    if start:
        assert life.phase is Phase.QUEUED, "a body without its first bytes is of no use"
    else:
        assert life.only(do.Fetch).fresh


def test_changes_again_and_again() -> None:
    """A source that does not settle is given up; who tries again gives it new patience."""
    life = Life()
    for _ in range(2):
        for _ in range(MAX_RESTARTS):
            life.probe()
            life.lose(CHANGED)
            assert life.phase is Phase.QUEUED
        life.probe()
        life.lose(CHANGED)
        assert life.phase is Phase.FAILED
        assert life.op.fault is not None
        assert life.op.fault.error == "SourceChanged"
        life.tell(ev.RetryAsked())
    assert life.op.restarts == 2 * (3 + 1)


def test_changes_too_often_while_the_body_is_open() -> None:
    """The same where each probe brings another version from its first byte."""
    life = Life()
    life.op.changes = MAX_RESTARTS
    life.stalled()
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    assert life.answer(SIZE, V2, RangeSet(), restarted=True) == []
    assert life.phase is Phase.FAILED


@pytest.mark.parametrize("where", ["verifying", "committing"])
def test_the_part_is_gone_at_the_end(where: str) -> None:
    """A part that vanished before it got its name is fetched again."""
    life = Life()
    life.come_to(where)
    life.lose(CHANGED)
    assert (life.phase, life.op.received, life.op.epoch, life.op.seal) == (Phase.QUEUED, 0, 2, None)


def test_the_part_is_gone_in_the_middle() -> None:
    """What had come and is not on the disk any more is fetched again, and that is said."""
    life = Life()
    life.stalled()
    life.crash()
    life.probe()
    life.answer(held=RangeSet())
    assert life.only(do.Fetch).fresh
    assert (life.op.restarts, life.op.refetched, life.op.received) == (1, 40, 0)
    assert life.words[-2:] == ["restarted", "probed"]


def test_nothing_proves_it() -> None:
    """Without size and validator nobody can tell whether it still is the same: it begins again, and says so."""
    life = Life()
    life.running(None, None)
    life.land(40)
    life.crash()
    life.probe()
    life.answer(None, None, upto(40))
    fetch = life.only(do.Fetch)
    assert (fetch.fresh, fetch.epoch) == (True, 3)
    assert life.op.story[-2].what == "restarted"
    assert life.op.restarts == 1


def test_some_blocks_are_lost() -> None:
    """Bytes that a crash took are counted as fetched twice, and the rest is kept."""
    life = Life()
    life.stalled()
    life.crash()
    life.probe()
    life.answer(held=upto(30))
    assert (life.op.refetched, life.op.restarts, life.op.received) == (10, 1, 30)
    assert not life.only(do.Fetch).fresh


@pytest.mark.parametrize("how", ["crash", "mismatch"])
def test_many_holes(how: str) -> None:
    """However many blocks were lost, each that comes again is progress."""
    life = Life(retry=Retry(tries=2), checksum="sha256:00")
    life.verifying()
    held = RangeSet.of((i, i + 1) for i in range(0, SIZE, 2))
    if how == "crash":
        life.crash()
    else:
        life.tell(ev.Mismatched(life.serial, REFUSED, held))
    while life.phase is not Phase.VERIFYING:
        life.probe()
        life.answer(held=held)
        holes = life.only(do.Fetch).segments
        assert holes == held.missing(0, SIZE).ranges
        held = held.add(holes[0].start, holes[0].stop)
        life.tell(ev.RangeLanded(life.serial, held))
    assert (life.op.retries, life.op.refetched) == (0, SIZE // 2)


def test_lost_blocks_found_without_an_answer() -> None:
    """What the disk holds is known also where the server does not answer."""
    life = Life()
    life.stalled()
    life.crash()
    life.probe()
    life.lose(BROKEN, upto(30))
    assert life.op.received == 30


@pytest.mark.parametrize("size", [SIZE, None])
def test_not_the_expected_size(size: int | None) -> None:
    """A source of another size than was said is refused: at once where it says so, else at its end."""
    life = Life(expect_size=50)
    life.probe()
    life.answer(size)
    if size is None:
        life.tell(ev.RangeLanded(life.serial, upto(SIZE), SIZE))
        assert life.op.received == 0, "a part that is kept would fail again and again"
    assert life.phase is Phase.FAILED
    assert life.op.fault is not None
    assert (life.op.fault.error, life.op.fault.status) == ("BadAnswer", 8)
    assert "100 bytes where 50 were expected" in life.op.fault.message


def test_the_expected_size() -> None:
    """A source of the size that was said is fetched."""
    life = Life(expect_size=SIZE)
    life.verifying()


# -- the check ---------------------------------------------------------------------------------------------------------
def test_bad_blocks() -> None:
    """Blocks that are not what was written are fetched again, only they, and not for ever."""
    life = Life(checksum="sha256:00")
    life.verifying()
    for _ in range(MAX_RESTARTS):
        life.tell(ev.Mismatched(life.serial, REFUSED, upto(SIZE, 10)))
        assert (life.phase, life.op.received) == (Phase.QUEUED, 90)
        life.probe()
        life.answer(held=upto(SIZE, 10), start=0)
        assert life.only(do.Fetch).segments == (ByteRange(0, 10),)
        life.tell(ev.RangeLanded(life.serial, upto(SIZE)))
    life.tell(ev.Mismatched(life.serial, REFUSED, upto(SIZE, 10)))
    assert (life.phase, life.op.fault) == (Phase.FAILED, REFUSED)


def test_wrong_checksum() -> None:
    """Where every block is what was written, the source has something else: that fails, and nothing is kept of it."""
    life = Life(checksum="sha256:00")
    life.verifying()
    life.tell(ev.Mismatched(life.serial, REFUSED, upto(SIZE)))
    assert (life.phase, life.op.received, life.op.epoch) == (Phase.FAILED, 0, 2)


# -- answers that come too late, or to nobody --------------------------------------------------------------------------
def test_stale_serials() -> None:
    """An answer to what nobody waits for any more changes nothing."""
    life = Life()
    life.stalled()
    wait = life.serial
    life.tell(ev.PauseAsked())
    before = life.op.record()
    assert life.tell(ev.ConditionMet(wait)) == []
    life.tell(ev.Probed(1, Probe(7), RangeSet()))
    assert life.op.record() == before


def test_answers_to_an_earlier_life() -> None:
    """No serial of one life is used in the next one."""
    life = Life()
    life.stalled()
    old = life.serial
    life.crash()
    life.probe()
    assert life.serial > old


def test_news_while_pausing() -> None:
    """Bytes that land while it pauses are kept; no speed is shown any more."""
    life = Life()
    life.running()
    for _ in range(3):
        life.land(20)
    assert life.op.snapshot(life.now).rate == 0.0
    fetch = life.serial
    life.tell(ev.PauseAsked())
    life.tell(ev.BlocksLanded(fetch, upto(50), refetched=7))
    assert (life.op.received, life.op.refetched) == (50, 7)
    assert life.op.snapshot(life.now).rate is None


# -- the next life -----------------------------------------------------------------------------------------------------
def test_crash_while_committing() -> None:
    """The next life looks first: it asks for the same commit, with the same seal."""
    life = Life()
    commit = life.committing()
    life.crash()
    again = life.only(do.Commit)
    assert (again.seal, again.by, again.epoch) == (commit.seal, commit.by, commit.epoch + 1)
    life.tell(ev.Committed(again.serial, Published(DESTINATION, SIZE, 5)))
    assert life.phase is Phase.DONE


@pytest.mark.parametrize("keep", [True, False])
def test_crash_while_canceling(keep: bool) -> None:
    """The next life finishes canceling, as it was asked."""
    life = Life()
    life.running()
    life.tell(ev.CancelAsked(delete_partial=not keep))
    life.crash()
    assert life.only(do.Discard).keep is keep
    life.tell(ev.Discarded(life.serial))
    assert life.phase is Phase.CANCELED


@pytest.mark.parametrize("where", ["probing", "running", "stalled", "verifying"])
def test_crash_on_the_way(where: str) -> None:
    """What was on its way waits for its turn again, with what it knew, and without the fault of the last life."""
    life = Life()
    life.come_to(where)
    known = life.op.size, life.op.validator, life.op.received
    assert life.crash() == []
    op = life.op
    assert (op.phase, op.fault, op.stall, op.due) == (Phase.QUEUED, None, None, None)
    assert (op.size, op.validator, op.received) == known


def test_crash_while_pausing_a_check() -> None:
    """What a person had paused stays paused, also when the process died before the check was done."""
    life = Life(checksum="sha256:00")
    life.verifying()
    life.tell(ev.PauseAsked())
    life.crash()
    assert life.phase is Phase.PAUSED


def test_failed_and_paused_keep_their_fault() -> None:
    """Why it failed, or waits for a person, is known after a crash."""
    life = Life()
    life.failed()
    life.crash()
    assert (life.phase, life.op.fault) == (Phase.FAILED, REFUSED)
    life = Life()
    life.stalled(EXPIRED)
    life.crash()
    assert life.op.snapshot(life.now).needs_person


def test_a_record_read_by_a_watcher() -> None:
    """Without a crash a phase is what it is."""
    life = Life()
    life.stalled()
    op = type(life.op).load(life.stored(), life.now, crashed=False)
    assert (op.phase, op.stall, op.due, op.fault) == (Phase.STALLED, Stall.RETRY_WAIT, life.op.due, BROKEN)


# -- what is missing ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("missing", "text", "hint"),
    [
        (("url",), "a new URL: the signed one was not kept", "resume(url=…)"),
        (("auth", "header X-Api-Key"), "credentials again: auth, header X-Api-Key", "resume(headers=…, auth=…)"),
        (("url", "auth"), "a new URL and credentials again: auth", "resume(url=…, headers=…, auth=…)"),
    ],
)
def test_secrets_missing(missing: tuple[str, ...], text: str, hint: str) -> None:
    """It waits for the person, and says what to give and how."""
    life = Life(needs=missing)
    life.tell(ev.SecretsMissing(missing))
    assert life.phase is Phase.PAUSED
    fault = life.op.fault
    assert fault is not None
    assert (fault.error, fault.remedy) == ("NeedsAttention", Remedy.PERSON)
    assert text in fault.message
    assert hint in (fault.hint or "")
    life.tell(ev.ResumeAsked(needs=()))
    assert life.op.spec.needs == ()
    assert life.op.fault is None


def test_the_story_is_bounded() -> None:
    """The story keeps its beginning and its newest lines, and a detail has an end."""
    life = Life()
    life.running()
    for _ in range(30):
        life.lose(msgspec.structs.replace(OFFLINE, message="x" * 500), upto(10))
        life.tell(ev.ConditionMet(life.serial))
        life.probe()
        life.answer(held=upto(10))
    assert len(life.op.story) == 12
    assert life.words[:2] == ["probed", "starved"]
    assert life.op.story[0].at == 1_000_002.0
    assert life.op.story[1].at == 1_000_003.0
    assert max(len(e.detail) for e in life.op.story) == 200
    times = [e.at for e in life.op.story]
    assert times == sorted(times)
    assert len(msgspec.json.encode(life.op.record())) < 2500


def test_an_ordinary_record_is_small() -> None:
    """A few hundred bytes say everything of an ordinary operation."""
    life = Life()
    life.done()
    assert len(msgspec.json.encode(life.op.record())) < 1000


def test_mismatch_while_pausing() -> None:
    """Bad blocks that are found while it pauses are not forgotten when it goes on."""
    life = Life(checksum="sha256:00")
    life.verifying()
    check = life.serial
    life.tell(ev.PauseAsked())
    life.tell(ev.Mismatched(check, REFUSED, upto(50)))
    assert (life.phase, life.op.received) == (Phase.PAUSED, 50)
    life.tell(ev.ResumeAsked())
    life.probe()


def test_wrong_checksum_while_pausing() -> None:
    """A wrong checksum that is found while it pauses is found again when it goes on."""
    life = Life(checksum="sha256:00")
    life.verifying()
    check = life.serial
    life.tell(ev.PauseAsked())
    life.tell(ev.Mismatched(check, REFUSED, upto(SIZE)))
    assert (life.phase, life.op.received) == (Phase.PAUSED, SIZE)
    life.tell(ev.ResumeAsked())
    life.tell(ev.SlotFree())
    life.only(do.Verify)


def test_stopped_without_a_wish() -> None:
    """What the engine stops on its own goes on with its next turn."""
    life = Life()
    life.running()
    life.tell(ev.CutShort(life.serial, upto(30)))
    assert (life.phase, life.op.received) == (Phase.QUEUED, 30)
    life.probe()
    life.tell(ev.CutShort(life.serial))
    assert (life.phase, life.op.received) == (Phase.QUEUED, 30)


def test_seal_of_an_earlier_check() -> None:
    """What is committed is what was checked last."""
    life = Life()
    life.committing()
    life.lose(FULL)
    life.tell(ev.ConditionMet(life.serial))
    life.tell(ev.SlotFree())
    life.tell(ev.Verified(life.only(do.Verify).serial, Seal(SIZE, 7, 99), "nothing"))
    assert life.only(do.Commit).seal.inode == 99
    assert life.op.fault is not None
    life.tell(ev.Committed(life.serial, Published(DESTINATION, SIZE, 5)))
    assert life.op.fault is None, "what was overcome is no fault of the result"
