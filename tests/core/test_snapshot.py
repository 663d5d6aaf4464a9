"""The picture that faces get."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core import events as ev
from nbxfer.core.faults import Fault
from nbxfer.core.phases import Phase, Stall, TransferStatus
from nbxfer.core.record import Published
from nbxfer.core.snapshot import SpeedMeter, picture, reason_of, status_of
from tests.core.life import BROKEN, EXPIRED, FULL, OFFLINE, REFUSED, SIZE, Life, upto


def test_running() -> None:
    """While it runs it shows what is here, how fast it goes, and when it will be there."""
    life = Life(url="https://host:8443/deep/data.bin?token=secret&v=2", notebook="a.ipynb", priority=1)
    life.running()
    for have in (10, 20, 30):
        life.land(have)
    shown = life.op.snapshot(life.now)
    assert (shown.received, shown.total, shown.fraction) == (30, SIZE, 0.3)
    assert (shown.rate, shown.eta) == (10.0, 7.0)
    assert (shown.name, shown.host, shown.source) == ("data.bin", "host:8443", "https://host:8443/deep/data.bin?…")
    assert (shown.owner, shown.notebook, shown.priority, shown.held) == ("ours", "a.ipynb", 1, upto(30))
    assert not shown.restarted
    assert shown.integrity == "nothing"
    assert shown == picture(life.op.record(), life.op.held, 10.0)


def test_nothing_is_known_yet() -> None:
    """Where the size is unknown there is no fraction and no end in sight."""
    life = Life()
    life.running(None)
    for have in (10, 20):
        life.land(have)
    shown = life.op.snapshot(life.now)
    assert (shown.total, shown.fraction, shown.eta, shown.rate) == (None, None, None, 10.0)


def test_done() -> None:
    """What is done is whole, and says what it was held against."""
    life = Life()
    life.done()
    shown = life.op.snapshot(life.now)
    assert (shown.fraction, shown.rate, shown.integrity) == (1.0, None, "validator")
    life = Life()
    life.running(0)
    assert life.op.snapshot(life.now).fraction is None, "0 of 0 is no fraction"


def test_a_windows_path() -> None:
    """The name is the last part of the destination, whichever way its slashes lean."""
    assert Life(destination="C:\\data\\x.bin").op.snapshot(0).name == "x.bin"
    assert Life(destination="plain").op.snapshot(0).name == "plain"


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.CREATED, 0), (Phase.QUEUED, 102), (Phase.RUNNING, 102), (Phase.STALLED, 102), (Phase.COMMITTING, 102),
        (Phase.PAUSED, 2), (Phase.FAILED, 7), (Phase.DONE, 5), (Phase.CANCELED, 6),
    ],
)  # fmt: skip
def test_orphaned(phase: Phase, status: int) -> None:
    """What nobody runs is orphaned, unless it waits for nobody but a person."""
    record = msgspec.structs.replace(Life().op.record(), phase=phase)
    shown = picture(record, owner="orphaned")
    assert int(shown.status) == status
    assert ("the process that ran it is gone" in shown.reason) == (status == 102)


@pytest.mark.parametrize(
    ("phase", "stall", "fault", "status", "words"),
    [
        (Phase.STALLED, Stall.NO_NETWORK, OFFLINE, 4, "waiting for the network: There is no way"),
        (Phase.STALLED, Stall.COST, None, 3, "waiting for a cheaper network"),
        (Phase.STALLED, Stall.SYSTEM, FULL, 32, "waiting for room: The disk is full"),
        (Phase.STALLED, Stall.RETRY_WAIT, BROKEN, 100, "will try again: The connection broke."),
        (Phase.STALLED, None, None, 100, "will try again"),
        (Phase.PAUSED, None, EXPIRED, 8, "The URL has expired."),
        (Phase.PAUSED, None, BROKEN, 2, "paused by you"),
        (Phase.FAILED, None, REFUSED, 7, "The server refuses."),
        (Phase.FAILED, None, None, 7, "failed"),
        (Phase.QUEUED, None, REFUSED, 0, "waiting for its turn"),
    ],
)
def test_why(phase: Phase, stall: Stall | None, fault: Fault | None, status: int, words: str) -> None:
    """Every status has a reason in words."""
    assert int(status_of(phase, stall, fault, "ours")) == status
    assert reason_of(phase, stall, fault, "ours").startswith(words)


def test_a_hint_is_part_of_the_reason() -> None:
    """What to do stands beside what is wrong."""
    fault = msgspec.structs.replace(REFUSED, hint="Ask for access.")
    assert reason_of(Phase.FAILED, None, fault, "ours") == "The server refuses. Ask for access."


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_words(phase: Phase) -> None:
    """No phase is left without a status and a reason."""
    assert isinstance(status_of(phase, None, None, "theirs"), TransferStatus)
    assert reason_of(phase, None, None, "theirs")


@pytest.mark.parametrize(
    ("integrity", "words"),
    [
        ("digest", "its checksum is right"),
        ("store checksum", "the store's checksum is right"),
        ("validator", "one version throughout"),
        ("nothing", "complete"),
    ],
)
def test_integrity(integrity: str, words: str) -> None:
    """What is done says what was verified, and no more."""
    assert words in reason_of(Phase.DONE, None, None, "ours", Published("/x", 1, 2, integrity))


def test_needs_person() -> None:
    """It needs a person when it is paused for one, not when a person paused it."""
    life = Life()
    life.stalled(EXPIRED)
    assert life.op.snapshot(0).needs_person
    life = Life()
    life.tell(ev.PauseAsked())
    assert not life.op.snapshot(0).needs_person


# -- speed -------------------------------------------------------------------------------------------------------------
def test_speed() -> None:
    """The speed is that of the last seconds, and falls while nothing comes."""
    meter = SpeedMeter(window=5.0)
    assert meter.rate(0.0) is None
    for second in range(20):
        meter.count(float(second), second * (100 if second < 10 else 200))
        if second == 0:
            assert meter.rate(0.5) is None, "too early to tell"
    assert meter.rate(19.0) == 200.0
    assert meter.rate(24.0) == 100.0
    meter.clear()
    assert meter.rate(30.0) is None


def test_speed_after_a_restart() -> None:
    """Bytes that were given up are not counted backwards."""
    meter = SpeedMeter()
    meter.count(0.0, 1000)
    meter.count(1.0, 10)
    meter.count(3.0, 30)
    assert meter.rate(3.0) == 10.0


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 1000)), max_size=50))
def test_speed_is_never_absurd(counts: list[tuple[float, int]]) -> None:
    """A speed is never negative and never more than what came in all, in a second."""
    meter, now, total = SpeedMeter(), 0.0, 0
    for wait, more in counts:
        now, total = now + wait, total + more
        meter.count(now, total)
        rate = meter.rate(now)
        assert rate is None or 0 <= rate <= total
