"""A life whose bytes go far away: the ticket of what was begun there, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest

from nbxfer import errors
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import Phase
from nbxfer.core.record import Published, Ticket
from tests.core.life import CHANGED, DESTINATION, SIZE, V2, Life, spec, upto

FAR: dict[str, Any] = {"kind": "upload", "url": "file:///home/me/data.bin", "destination": "s3://bucket/data.bin"}
TICKET = Ticket(1, "upload-id", 10)


def test_the_ticket_is_kept() -> None:
    """What was begun at the far side is in the record at once, though its fetch goes on, and outlives a crash."""
    life = Life(**FAR)
    fetch = life.running()
    life.op.dirty = False
    life.tell(ev.Begun(fetch.serial, TICKET))
    assert life.op.dirty
    assert life.op.in_flight == {fetch.serial}
    life.tell(ev.RangeLanded(fetch.serial, upto(SIZE), SIZE))
    assert life.only(do.Verify).size == SIZE
    life.crash()
    assert life.op.ticket == TICKET
    assert "upload begun" in life.words


def test_the_ticket_of_a_version_that_is_gone_is_kept_too() -> None:
    """It has to be given up at the far side, so it is forgotten when the next takes its place, not before."""
    life = Life(**FAR)
    life.tell(ev.Begun(life.running().serial, TICKET))
    life.lose(CHANGED, upto(40))
    life.probe()
    life.answer(validator=V2, restarted=True)
    assert life.op.ticket == TICKET
    assert life.op.ticket.epoch < life.op.fresh_since
    life.tell(ev.Begun(life.serial, Ticket(3, "another", 10)))
    assert life.op.ticket.place == "another"


def test_a_file_that_changed_is_not_sent_again_by_itself() -> None:
    """What somebody writes to at this moment is theirs to send; a person may try again, which begins anew."""
    fault = faults.of(errors.FileChanged("It was changed."))
    assert fault.remedy is Remedy.GIVE_UP
    life = Life(**FAR)
    life.running()
    life.lose(fault, upto(40))
    assert life.phase is Phase.FAILED
    life.tell(ev.RetryAsked())
    life.probe()
    life.answer(validator=V2, restarted=True)
    assert life.only(do.Fetch).fresh


def test_what_may_be_done_but_once() -> None:
    """What was posted may have been done: another try of a person's begins anew, and forgets what was begun."""
    life = Life(**FAR)
    life.tell(ev.Begun(life.running().serial, Ticket(1, once=True)))
    life.lose(faults.of(errors.NeedsAttention("It may have arrived.")), upto(0))
    assert life.phase is Phase.PAUSED
    life.tell(ev.ResumeAsked())
    assert life.op.ticket is None


def test_what_is_posted_is_not_paused() -> None:
    """A POST on its way is not paused and makes no room for others, for it would not be sent again; before, it is."""
    life = Life(**FAR, method="POST")
    life.tell(ev.PauseAsked())
    assert life.phase is Phase.PAUSED
    life.tell(ev.ResumeAsked())
    fetch = life.running()
    with pytest.raises(errors.InvalidTransferState, match="posted cannot be paused"):
        life.tell(ev.PauseAsked())
    assert life.tell(ev.TurnOver()) == []
    assert (life.phase, life.op.in_flight) == (Phase.RUNNING, frozenset({fetch.serial}))


def test_parts_that_are_gone() -> None:
    """The parts of a form are in memory only: whoever comes after a restart is told to give them again."""
    life = Life(**FAR, method="POST")
    life.tell(ev.SecretsMissing(("parts",)))
    assert life.phase is Phase.PAUSED
    assert life.op.fault is not None
    assert "parts of its form" in life.op.fault.message
    assert "parts=" in (life.op.fault.hint or "")


def test_what_the_far_server_answered() -> None:
    """The answer to what was sent is an upload's response; a copy's is that of its source."""
    for kind, wanted in (("upload", (201, (("server", "x"),), "https://far/x")), ("copy", (200, (), ""))):
        life = Life(**{**FAR, "kind": kind})
        life.committing()
        done = Published("https://far/x", SIZE, 0, http_status=201, headers=(("server", "x"),))
        life.tell(ev.Committed(life.serial, done))
        record = life.stored()
        assert record.phase is Phase.DONE
        assert (record.http_status, record.response, record.final_url) == wanted


def test_who_is_asked() -> None:
    """Where it goes to a far side that one is asked most, else the source."""
    assert spec(**FAR).asked == "s3://bucket/data.bin"
    assert spec().asked == "https://host/data.bin"
    assert spec(**FAR).far
    assert not spec().far


def test_what_is_shown() -> None:
    """A far destination is shown as a URL may be shown."""
    life = Life(**FAR | {"destination": "https://host/put?who=me"})
    shown = life.op.snapshot(life.now)
    assert (shown.destination, shown.kind) == ("https://host/put?…", "upload")
    assert Life().op.snapshot(0.0).destination == DESTINATION
