"""What a life may meet besides: limits, deadlines, names and digests of servers, what expires, busy hosts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import Phase, Stall, TransferStatus
from nbxfer.core.probe import Claim, Probe
from nbxfer.core.record import Before, Published
from nbxfer.core.steps import MAX_REFRESHES
from tests.core.life import BROKEN, DESTINATION, EXPIRED, REFUSED, SEAL, SIZE, V1, WEAK, Life, upto

SHA = Claim("server digest", "sha256:aa")
MD5 = Claim("store checksum", "md5:bb")


def probed(life: Life, **more: object) -> None:
    """Let the source answer with more than its size and validator."""
    life.probe()
    told = msgspec.structs.replace(Probe(SIZE, V1, ranges=True, http_status=200), **more)
    life.tell(ev.Probed(life.serial, told, upto(0)))


# -- digests -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "listed", "checksum", "by"),
    [
        ({}, None, "sha256:aa", "server digest"),
        ({"checksum": "sha256:cc"}, None, "sha256:cc", "digest"),
        ({"checksum_at": "https://host/SUMS"}, "sha256:dd", "sha256:dd", "digest"),
        ({"checksum": "sha256:cc", "checksum_at": "https://host/SUMS"}, "sha256:dd", "sha256:cc", "digest"),
        ({"believe": False}, None, None, "nothing"),
    ],
)
def test_what_it_is_held_against(options: dict[str, Any], listed: str | None, checksum: str | None, by: str) -> None:
    """A person's checksum goes before a list's, and both before what the server says of its own file."""
    life = Life(**options)
    life.probe()
    told = Probe(SIZE, V1, ranges=True, claims=(SHA, MD5))
    life.tell(ev.Probed(life.serial, told, upto(0), checksum=listed))
    assert life.only(do.Fetch).checksum == (checksum or "")
    life.tell(ev.RangeLanded(life.serial, upto(SIZE), SIZE))
    verify = life.only(do.Verify)
    assert (verify.checksum, verify.by) == (checksum, by)


def test_claims_belong_to_a_version() -> None:
    """What the server says of one version is kept over a crash, and forgotten with the version."""
    life = Life()
    probed(life, claims=(SHA,), modified=7.0)
    life.lose(BROKEN, upto(40))
    life.crash()
    life.probe()
    life.answer(held=upto(40))
    assert (life.op.claims, life.op.modified) == ((SHA,), 7.0)
    life.lose(faults.of(errors.SourceChanged("Another version.")))
    assert (life.op.claims, life.op.modified) == ((), None)


def test_claims_that_come_later() -> None:
    """A digest that only a later answer tells is used, too."""
    life = Life()
    life.stalled()
    life.tell(ev.ConditionMet(life.serial))
    life.probe()
    told = Probe(SIZE, V1, ranges=True, claims=(MD5,), modified=9.0)
    life.tell(ev.Probed(life.serial, told, upto(40)))
    assert (life.op.claims, life.op.modified) == ((MD5,), 9.0)


def test_the_time_of_the_source() -> None:
    """Where a person wants it, the file gets the time at which the source was made."""
    life = Life(preserve_mtime=True)
    probed(life, modified=7.0)
    life.tell(ev.RangeLanded(life.serial, upto(SIZE), SIZE))
    assert life.only(do.Verify).mtime == 7.0


# -- names -------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("naming", "own", "told", "named"),
    [
        ("url", "data", "theirs.csv", ""),
        ("server", "data.bin", "theirs.csv", "/home/me/theirs.csv"),
        ("server", "data.bin", "", ""),
        ("auto", "data.bin", "theirs.csv", ""),
        ("auto", "data", "theirs.csv", "/home/me/theirs.csv"),
        ("auto", ".data", "theirs.csv", "/home/me/theirs.csv"),
    ],
)
def test_who_names_the_file(naming: str, own: str, told: str, named: str) -> None:
    """The server's name takes the place of the URL's only where a person has said so; the folder is the person's."""
    life = Life(naming=naming, destination=f"/home/me/{own}")
    probed(life, name=told)
    assert life.op.named == named
    assert life.op.snapshot(life.now).destination == (named or f"/home/me/{own}")
    assert life.op.snapshot(life.now).name == (told if named else own)
    life.tell(ev.RangeLanded(life.serial, upto(SIZE), SIZE))
    life.tell(ev.Verified(life.serial, SEAL, "nothing"))
    assert life.only(do.Commit).path == named


def test_a_name_that_is_taken() -> None:
    """Where something else has the server's name, another is given; once chosen, a name stays over a crash."""
    life = Life(naming="server")
    probed(life, name="theirs.csv")
    life.tell(ev.RangeLanded(life.serial, upto(SIZE), SIZE))
    life.tell(ev.Verified(life.serial, SEAL, "nothing"))
    life.tell(ev.NameTaken(life.serial, "/home/me/theirs (1).csv"))
    assert life.only(do.Commit).path == "/home/me/theirs (1).csv"
    (again,) = life.crash()
    assert isinstance(again, do.Commit)
    assert again.path == "/home/me/theirs (1).csv"
    life.tell(ev.Committed(again.serial, Published(again.path, SIZE, 5, "validator")))
    assert life.phase is Phase.DONE


def test_a_name_from_before() -> None:
    """What was finished under the server's name is asked about under that name."""
    before = Before(50, 123, ours=True, validator=V1, integrity="digest")
    life = Life(naming="server", before=before, named="/home/me/theirs.csv")
    assert life.probe().path == "/home/me/theirs.csv"
    life.lose(BROKEN)
    assert life.op.published is not None
    assert (life.op.published.path, life.op.published.revalidated) == ("/home/me/theirs.csv", False)


# -- limits ------------------------------------------------------------------------------------------------------------
def test_too_large() -> None:
    """What is larger than a person allows is refused before a byte is written."""
    life = Life(max_size=SIZE - 1)
    life.probe()
    life.answer()
    assert life.phase is Phase.FAILED
    assert life.op.fault is not None
    assert life.op.fault.status == errors.WebErrorStatus.FILE_TOO_LARGE
    assert "100 bytes, and 99 are the most" in life.op.fault.message


def test_not_too_large() -> None:
    """The most that may come may come; where nobody says how much it is, the fetch itself looks."""
    assert Life(max_size=SIZE).running().most is None
    assert Life(max_size=SIZE).running(None).most == SIZE


@pytest.mark.parametrize(("own", "slot", "lanes"), [(None, 8, 8), (3, 8, 3), (None, 1, 1), (1, 8, 1)])
def test_connections(monkeypatch: pytest.MonkeyPatch, own: int | None, slot: int, lanes: int) -> None:
    """An operation has as many connections as it says, else as many as the engine gives."""
    monkeypatch.setattr(planning, "WORTH_SHARING", 0)
    life = Life(connections=own)
    life.tell(ev.SlotFree(slot))
    life.answer()
    assert (life.only(do.Fetch).lanes, life.only(do.Fetch).pinned) == (lanes, V1)


@pytest.mark.parametrize("error", [errors.RangesRefused("No parts."), errors.SourceChanged("Another version.")])
def test_parts_that_do_not_fit(monkeypatch: pytest.MonkeyPatch, error: errors.TransferError) -> None:
    """A server whose parts do not fit is asked over one connection from then on, until a person tries again."""
    monkeypatch.setattr(planning, "WORTH_SHARING", 0)
    life = Life()
    life.tell(ev.SlotFree(4))
    life.answer()
    life.lose(faults.of(error), upto(40))
    if life.phase is Phase.STALLED:
        life.tell(ev.ConditionMet(life.serial))
    life.tell(ev.SlotFree(4))
    life.answer(held=upto(40) if life.op.received else upto(0))
    assert life.only(do.Fetch).lanes == 1
    life.lose(REFUSED)
    life.tell(ev.RetryAsked())
    life.tell(ev.SlotFree(4))
    life.answer(held=upto(40))
    assert life.only(do.Fetch).lanes == 4


def test_bandwidth() -> None:
    """How fast it may be is changed while it runs, and kept."""
    life = Life()
    life.running()
    life.tell(ev.BandwidthAsked(1000))
    assert (life.op.spec.bandwidth, life.op.dirty, life.phase) == (1000, True, Phase.RUNNING)
    life = Life()
    life.done()
    with pytest.raises(errors.InvalidTransferState, match="moves no bytes"):
        life.tell(ev.BandwidthAsked(None))


# -- adopted parts -----------------------------------------------------------------------------------------------------
def test_an_adopted_part_goes_on() -> None:
    """Somebody else's part is gone on with, and proves nothing by itself."""
    life = Life(adopted=True)
    life.probe()
    life.answer(held=upto(40), start=36)
    fetch = life.only(do.Fetch)
    assert (fetch.fresh, fetch.segments[0].start, life.op.restarts) == (False, 40, 0)
    life.tell(ev.RangeLanded(life.serial, upto(SIZE), SIZE))
    life.tell(ev.Verified(life.serial, SEAL, "nothing"))
    assert life.only(do.Commit).by == "nothing"


def test_an_adopted_part_of_something_larger() -> None:
    """A part that is longer than the source is of something else."""
    life = Life(adopted=True)
    life.probe()
    life.answer(size=30, held=upto(40))
    assert (life.only(do.Fetch).fresh, life.op.restarts) == (True, 1)


# -- hosts, deadlines, refusals ----------------------------------------------------------------------------------------
def test_a_busy_host() -> None:
    """Who waits because its host has asked all to wait shows until when, and spends no try."""
    life = Life()
    life.tell(ev.HostBusy(30.0, faults.of(errors.ServerBusy("Come back later.", http_status=503))))
    assert (life.phase, life.op.stall, life.op.due) == (Phase.STALLED, Stall.RETRY_WAIT, life.now + 30)
    assert life.only(do.Wait).seconds == 30
    assert life.op.retries == 0
    life.tell(ev.ConditionMet(life.serial))
    assert life.phase is Phase.QUEUED
    life.probe()
    before = life.op.record()
    life.tell(ev.HostBusy(30.0, BROKEN))
    assert life.op.record() == before, "who has its turn already keeps it"


@pytest.mark.parametrize("where", ["created", "queued"])
def test_one_of_many_refused(where: str) -> None:
    """What could not be accepted is shown as failed."""
    life = Life(start=where == "queued")
    life.tell(ev.Refused(faults.of(errors.DestinationExists("It is there already."))))
    assert life.phase is Phase.FAILED
    assert life.op.snapshot(life.now).status is TransferStatus.ERROR


@pytest.mark.parametrize("where", ["queued", "probing", "running", "stalled"])
def test_the_deadline(where: str) -> None:
    """When the time is over it fails, keeping what has come; a person's retry has no deadline any more."""
    life = Life(deadline=1_000_100.0)
    life.come_to(where)
    life.now = 1_000_200.0
    life.tell(ev.DeadlineOver())
    if where in ("probing", "running"):
        life.only(do.Stop)
        life.tell(ev.CutShort(life.serial, life.op.held))
    assert life.phase is Phase.FAILED
    assert life.op.fault is not None
    assert life.op.fault.status == errors.WebErrorStatus.DEADLINE
    assert ("The connection broke" in life.op.fault.message) == (where == "stalled")
    life.tell(ev.RetryAsked())
    assert (life.phase, life.op.spec.deadline) == (Phase.QUEUED, None)


@pytest.mark.parametrize("where", ["created", "paused", "verifying", "committing", "canceling", "done", "failed"])
def test_the_deadline_comes_too_late_itself(where: str) -> None:
    """What rests, or is being finished, has no deadline to miss."""
    life = Life(deadline=1_000_100.0, start=where != "created")
    life.come_to(where)
    phase, life.now = life.phase, 1_000_200.0
    life.tell(ev.DeadlineOver())
    assert life.phase is phase


def test_before_the_deadline() -> None:
    """A deadline that has not come changes nothing; nor one of what goes to another process."""
    life = Life(deadline=2_000_000.0)
    life.running()
    life.tell(ev.DeadlineOver())
    assert (life.phase, life.todo) == (Phase.RUNNING, [])
    life = Life(deadline=1_000_100.0)
    life.running()
    life.tell(ev.HandOverAsked("you"))
    life.now = 1_000_200.0
    life.tell(ev.DeadlineOver())
    assert life.todo == []


# -- refresh -----------------------------------------------------------------------------------------------------------
def test_an_expired_url() -> None:
    """Where the server refuses what has expired, a new URL is asked for, and it goes on from what is there."""
    life = Life(refresh="mine:fresh")
    life.running()
    life.lose(EXPIRED, upto(40))
    assert life.only(do.Refresh).fault == EXPIRED
    assert (life.phase, life.op.stall, life.op.due) == (Phase.STALLED, Stall.RETRY_WAIT, None)
    life.tell(ev.Refreshed(life.serial, "https://host/data.bin?new", ("url",)))
    assert (life.phase, life.op.fault) == (Phase.QUEUED, None)
    assert (life.op.spec.url, life.op.spec.needs) == ("https://host/data.bin?new", ("url",))
    life.probe()
    life.answer(held=upto(40), start=36)
    assert life.op.restarts == 0


def test_refreshed_credentials() -> None:
    """New credentials leave the URL as it is."""
    life = Life(refresh="mine:fresh", needs=("auth",))
    life.stalled(REFUSED)
    life.tell(ev.Refreshed(life.serial))
    assert (life.op.spec.url, life.op.spec.needs) == ("https://host/data.bin", ("auth",))


def test_where_new_secrets_are_found_is_kept() -> None:
    """What may be stored of new credentials is stored, so that it is found after the next restart, too."""
    life = Life(needs=("auth",))
    life.failed()
    life.tell(ev.RetryAsked(None, (), (("Accept", "*/*"),), (("auth", "env:TOKEN"),)))
    spec = life.stored().spec
    assert (spec.needs, spec.headers, spec.references) == ((), (("Accept", "*/*"),), (("auth", "env:TOKEN"),))


def test_a_refreshed_url_that_proves_nothing() -> None:
    """A new URL of a source without a strong validator begins again."""
    life = Life(refresh="mine:fresh")
    life.running(validator=WEAK)
    life.lose(EXPIRED, upto(40))
    life.tell(ev.Refreshed(life.serial, "https://elsewhere/data.bin"))
    assert (life.op.received, life.op.restarts) == (0, 1)


def test_refreshing_helps_no_more() -> None:
    """A new URL that is refused as well is asked for again a few times, not for ever."""
    life = Life(refresh="mine:fresh", recoverable=(403,))
    for _ in range(MAX_REFRESHES):
        life.probe()
        life.lose(EXPIRED)
        life.tell(ev.Refreshed(life.serial, "https://host/data.bin?new"))
    life.probe()
    life.lose(EXPIRED)
    assert (life.phase, life.op.fault and life.op.fault.remedy) == (Phase.PAUSED, Remedy.PERSON)
    life.tell(ev.ResumeAsked())
    life.probe()
    life.lose(EXPIRED)
    life.only(do.Refresh)  # a person has had a say: it is tried anew


def test_refresh_that_fails() -> None:
    """Where no new URL can be had, a person is asked."""
    life = Life(refresh="mine:fresh")
    life.probe()
    life.lose(EXPIRED)
    life.tell(ev.RefreshLost(life.serial, faults.of(errors.BadAnswer("refresh failed."))))
    assert life.phase is Phase.PAUSED
    assert life.op.snapshot(life.now).needs_person
    assert life.op.snapshot(life.now).status is TransferStatus.PAUSED_RECOVERABLE_WEB_ERROR


def test_missing_secrets_refreshed() -> None:
    """After a restart what was not kept is asked for in the same way."""
    life = Life(refresh="mine:fresh", needs=("url",))
    life.tell(ev.SecretsMissing(("url",)))
    assert "url" in life.only(do.Refresh).fault.message
    life.tell(ev.Refreshed(life.serial, "https://host/data.bin?new", ()))
    assert life.phase is Phase.QUEUED


def test_destination() -> None:
    """Where nobody else names it, the destination is what was asked for."""
    assert Life().op.destination == DESTINATION
