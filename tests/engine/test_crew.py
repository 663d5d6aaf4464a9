"""Several connections for one file: the same bytes whatever happens to any of them, no more than the server bears."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nbxfer.core import events as ev
from nbxfer.core.probe import Validator, Want
from nbxfer.core.ranges import BLOCK, ByteRange
from nbxfer.engine import crew, width
from nbxfer.engine.lane import CRUMBS
from nbxfer.errors import (
    AccessDenied,
    NetworkError,
    NoSpace,
    RangesRefused,
    ServerBusy,
    TransferError,
    WebErrorStatus,
)
from nbxfer.testing.scripted import HONEST, Answer
from tests.engine.crews import HOST, IMPATIENT, Bench, Ruled, benches, beside, held, until
from tests.noise import noise

DATA = noise(7, 12 * BLOCK + 12_345)
SIZE = len(DATA)
Make = Callable[..., Bench]


def calm(want: Want) -> float | None:
    """A first body that leaves the others time to begin; parts come at once."""
    return None if want.part else 60e6


@pytest.fixture
def bench(home: Path, tmp_path: Path) -> Iterator[Make]:
    """Give a maker of one bench; what is left is looked at in the end."""
    with benches(home, tmp_path) as (make, made):
        yield make
    for one in made:
        assert one.source.streams == 0, "every body is closed"  # type: ignore[attr-defined]
        assert one.hosts._taken == {HOST: 1}, "every place is given back"


def whole(bench: Bench, answer: ev.Event) -> None:
    """See that all of it landed, right."""
    assert isinstance(answer, ev.RangeLanded), answer
    assert answer.held == held((0, SIZE))
    assert answer.length_proven
    assert bench.data() == DATA


def lost(answer: ev.Event) -> str:
    """Give the name of the error that a fetch ended with."""
    assert isinstance(answer, ev.RangeLost), answer
    return answer.fault.error


# -- all is well -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lanes", [1, 2, 8])
def test_the_same_bytes_over_any_number(bench: Make, lanes: int) -> None:
    """Each byte comes once, the first body is read on, and everything else is asked for as a pinned part."""
    source = Ruled(DATA, rate=calm)
    one = bench(source)
    whole(one, one.fetch(lanes))
    assert source.given <= SIZE + 8 * BLOCK, "a body that is left may have brought a little more"
    assert source.most <= lanes
    assert all((want.pinned, want.size) == (source.validator, SIZE) for want in source.parts)
    assert (lanes == 1) == (not source.parts)


def test_little_is_fetched_over_one(bench: Make) -> None:
    """For 16 MiB nobody opens a second connection."""
    source = Ruled(DATA[: 4 * BLOCK])
    one = bench(source)
    assert isinstance(one.fetch(8), ev.RangeLanded)
    assert (len(source.wants), source.most) == (1, 1)


def test_only_what_is_missing_is_asked_for(bench: Make) -> None:
    """What holes are left of an earlier try is all that comes, with the overlap that shows it is the same version."""
    source = Ruled(DATA, lambda want: Answer(cut=BLOCK + 7) if want.part else Answer(cut=2 * BLOCK), calm)
    one = bench(source)
    assert lost(one.fetch(4)) == "NetworkError"
    had, given = one.job.held.total, source.given
    assert 2 * BLOCK <= had < SIZE
    source.rule = lambda want: HONEST
    whole(one, one.fetch(4))
    assert source.given - given <= SIZE - had + 4096 + 4 * 256 * 1024, "each connection may have read a little more"


def test_no_more_places_than_the_host_has(bench: Make) -> None:
    """With three places at the host, no fourth connection is opened."""
    source = Ruled(DATA, rate=lambda want: 60e6)
    one = bench(source, per_host=3)
    whole(one, one.fetch(8))
    assert source.most <= 3


def test_places_are_given_up_for_those_who_wait(bench: Make) -> None:
    """When another operation waits for a place, lanes go home with their pieces, and one goes on."""
    source = Ruled(DATA, rate=lambda want: 15e6)
    one = bench(source)
    fetch = beside(lambda: whole(one, one.fetch(8)))
    until(lambda: source.streams >= 3)
    one.hosts.hunger(frozenset([HOST]))
    until(lambda: one.hosts._taken[HOST] == 1)
    fetch.join()


# -- something breaks --------------------------------------------------------------------------------------------
def test_one_that_breaks_is_replaced_by_the_others(bench: Make) -> None:
    """What a broken connection did not bring is fetched by the others; nobody is told of it."""
    broken: list[Want] = []

    def rule(want: Want) -> Answer:
        if want.part and not broken:
            broken.append(want)
            return Answer(cut=BLOCK + 1000)
        return HONEST

    source = Ruled(DATA, rule, calm)
    one = bench(source)
    whole(one, one.fetch(4))
    assert broken
    assert source.given <= SIZE + 8 * BLOCK, "what it had brought is not fetched again"


def test_the_last_one_that_breaks_ends_it(bench: Make) -> None:
    """When nobody is left, the fault of the last one is the fetch's, with all that has come."""
    source = Ruled(DATA, lambda want: Answer(cut=BLOCK + 5), calm)
    one = bench(source)
    answer = one.fetch(4)
    assert lost(answer) == "NetworkError"
    assert isinstance(answer, ev.RangeLost)
    assert BLOCK < answer.held.total < SIZE
    source.rule = lambda want: HONEST
    whole(one, one.fetch(4))


def test_another_version_stops_everybody(bench: Make) -> None:
    """One part of another version is enough: nothing more is read, and nothing is mixed."""
    source = Ruled(DATA, rate=lambda want: 20e6)
    other = bytes(SIZE)

    def rule(want: Want) -> Answer:
        return Answer(data=other) if len(source.wants) == 5 else HONEST

    source.rule = rule
    one = bench(source)
    assert lost(one.fetch(4)) == "SourceChanged"
    assert one.job.held.total < SIZE
    assert DATA.startswith(one.data()[: one.job.held.front()])


@pytest.mark.parametrize("answer", [Answer(whole=True), Answer(raises=RangesRefused("No parts."))])
def test_a_server_that_gives_no_parts_is_read_to_the_end(bench: Make, answer: Answer) -> None:
    """Where a part is answered by all of it, the first body brings the rest, and no more parts are asked for."""
    source = Ruled(DATA, lambda want: answer if want.part else HONEST, calm)
    one = bench(source)
    whole(one, one.fetch(2))
    assert len(source.parts) == 1
    assert one.job.parts_refused


def test_parts_that_are_refused_later_leave_what_is_behind(bench: Make) -> None:
    """When the first body is past what a broken part has left, that is told, and asked for over one connection."""
    asked: list[Want] = []

    def rule(want: Want) -> Answer:
        if not want.part:
            return HONEST
        asked.append(want)
        return Answer(cut=BLOCK) if len(asked) == 1 else Answer(raises=RangesRefused("No parts any more."))

    source = Ruled(DATA, rule, rate=lambda want: None if want.part else 80e6)
    one = bench(source)
    answer = one.fetch(2)
    whole(one, answer if isinstance(answer, ev.RangeLanded) else one.fetch(1))


@pytest.mark.parametrize(
    "error",
    [
        ServerBusy("Too many.", http_status=503),
        ServerBusy("Too many.", http_status=429),
        NetworkError("Nobody takes connections.", status=WebErrorStatus.CANNOT_CONNECT),
    ],
)
def test_a_server_that_takes_one_gets_one(bench: Make, error: TransferError) -> None:
    """Where a second connection is refused, the first goes on alone, and the next try begins with one."""
    source = Ruled(DATA, rate=lambda want: 100e6)
    source.rule = lambda want: Answer(raises=error) if source.streams else HONEST
    one = bench(source)
    whole(one, one.fetch(8))
    assert source.most == 1
    assert len([want for want in source.parts if want.start]) <= 8
    assert one.job.most_lanes == (1 if error.http_status else None)


def test_a_server_that_says_when_is_asked_nothing_before(bench: Make) -> None:
    """Retry-After holds for everybody at that host, and for the parts of this fetch."""
    busy = ServerBusy("Later.", http_status=503, retry_after=60.0)
    source = Ruled(DATA, lambda want: Answer(raises=busy) if want.part else Answer(cut=8 * BLOCK), calm)
    one = bench(source)
    answer = one.fetch(2)
    assert isinstance(answer, ev.RangeLost)
    assert len(source.parts) == 1
    shut = one.hosts.wait(HOST)
    assert shut is not None
    assert shut[0] > 50


def test_after_a_while_there_may_be_more_again(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that was crowded for a moment gets its connections back, one by one."""
    monkeypatch.setattr(width, "GROW_AFTER", 0.2)
    source = Ruled(DATA, rate=lambda want: 12e6)
    refused: list[Want] = []

    def rule(want: Want) -> Answer:
        if want.part and not refused:
            refused.append(want)
            return Answer(raises=ServerBusy("Too many.", http_status=503))
        return HONEST

    source.rule = rule
    one = bench(source)
    fetch = beside(lambda: whole(one, one.fetch(4)))
    until(lambda: source.streams >= 3)
    fetch.join()


def test_what_no_retry_mends_is_not_asked_in_vain(bench: Make) -> None:
    """When the URL has expired half-way, what is open is read to its end; then the reason is told."""
    source = Ruled(DATA, rate=lambda want: 60e6)
    source.rule = lambda want: Answer(raises=AccessDenied("No.", http_status=403)) if len(source.wants) > 4 else HONEST
    one = bench(source)
    answer = one.fetch(4)
    if not isinstance(answer, ev.RangeLanded):  # the first body may well have brought the rest
        assert lost(answer) == "AccessDenied"
    assert len(source.wants) <= 8


def test_a_full_disk_stops_everybody(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """When there is no room for one lane, there is none for the others."""
    source = Ruled(DATA)
    one = bench(source)
    one.probe()
    create = one.job.sink.create

    def full(epoch: int, size: int | None) -> object:
        part = create(epoch, size)
        write = part.write_at

        def write_at(offset: int, data: memoryview) -> None:
            if offset > 6 * BLOCK:
                raise NoSpace("full")
            write(offset, data)

        part.write_at = write_at  # type: ignore[method-assign]
        return part

    monkeypatch.setattr(one.job.sink, "create", full)
    assert lost(one.fetch(4)) == "NoSpace"
    assert DATA.startswith(one.data()[: one.job.held.front()])


def test_a_bug_is_told_and_nothing_is_left_running(bench: Make) -> None:
    """An exception that nobody has thought of ends the fetch as our failure."""
    source = Ruled(DATA, rate=calm)
    one = bench(source)
    one.probe()

    def bug(want: Want) -> Answer:
        raise ZeroDivisionError

    source.rule = bug
    answer = one.fetch(4)
    assert isinstance(answer, ev.RangeLost)
    assert "nbxfer itself failed (ZeroDivisionError)" in answer.fault.message


def test_a_lane_that_cannot_have_a_thread(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the interpreter gives no threads any more, one connection does it on the thread that is there."""
    source = Ruled(DATA)
    one = bench(source)
    one.probe()

    def refuse(_: object) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr("threading.Thread.start", refuse)
    whole(one, one.fetch(8))
    assert len(source.wants) == 1


# -- slow, silent, stopped ---------------------------------------------------------------------------------------
def test_a_slow_one_is_overtaken(bench: Make) -> None:
    """Lanes that are done take half of what the slow one has before it, and at last what it is at."""
    slow: list[Want] = []

    def rate(want: Want) -> float:
        if want.part and not slow:
            slow.append(want)
        return 0.5e6 if want in slow else 100e6

    source = Ruled(DATA, rate=rate)
    one = bench(source)
    begin = time.monotonic()
    whole(one, one.fetch(2))
    assert time.monotonic() - begin < 5.0, "it alone would have needed half a minute"


def test_a_silent_one_is_sent_home(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that brings nothing holds nobody up: when others have nothing to do, they take its bytes."""
    monkeypatch.setattr(crew, "SILENCE", 0.3)
    stuck: list[Want] = []

    def rule(want: Want) -> Answer:
        if want.part and not stuck:
            stuck.append(want)
            return Answer(stall=BLOCK + 999)
        return HONEST

    source = Ruled(DATA, rule, calm)
    one = bench(source)
    begin = time.monotonic()
    whole(one, one.fetch(3))
    assert stuck
    assert time.monotonic() - begin < 5.0


def test_a_stalled_one_tries_again(bench: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watchdog ends a connection that brings nothing; its lane takes another while the others go on."""
    monkeypatch.setattr(crew, "SILENCE", 60.0)
    stuck: list[Want] = []

    def rule(want: Want) -> Answer:
        if want.part and not stuck:
            stuck.append(want)
            return Answer(stall=BLOCK + 999)
        return HONEST

    source = Ruled(DATA, rule, rate=lambda want: None if want.part else 30e6)
    one = bench(source, patience=IMPATIENT)
    whole(one, one.fetch(2))
    assert stuck
    assert len(source.parts) > 1


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("answer", [Answer(stall=BLOCK), Answer(silent=True), HONEST])
def test_it_stops_at_once(bench: Make, lanes: int, answer: Answer) -> None:
    """A pause is not kept waiting by a silent server, a stalled body or a limit; what has come is vouched for."""
    source = Ruled(DATA, lambda want: answer if want.part else Answer(stall=3 * BLOCK + 5), rate=lambda want: 50e6)
    one = bench(source, bandwidth=20_000_000)
    answers: list[ev.Event] = []
    fetch = beside(lambda: answers.append(one.fetch(lanes)))
    until(lambda: one.job.held.total >= 2 * BLOCK)
    begin = time.monotonic()
    one.job.stop.set()
    fetch.join()
    assert time.monotonic() - begin < 0.7, "a tenth of a second, and some on a busy machine"
    assert isinstance(answers[0], ev.CutShort)
    assert answers[0].held == one.job.held


def test_the_first_bytes_are_compared_first(bench: Make) -> None:
    """A resume whose first body is not of the bytes that are here is another version, whatever its tag says."""

    class Lying(Ruled):
        @property
        def validator(self) -> Validator:
            return Validator("etag", '"always"')

    source = Lying(
        DATA, lambda want: Answer(cut=2 * BLOCK) if not want.part else Answer(raises=NetworkError("No.")), calm
    )
    one = bench(source)
    assert lost(one.fetch(2)) == "NetworkError"
    front = one.job.held.front()
    assert front >= 2 * BLOCK
    source.data = DATA[: front - 100] + b"!" + DATA[front - 99 :]
    source.rule = lambda want: HONEST
    assert lost(one.fetch(2)) == "SourceChanged"


# -- readers -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("lanes", [1, 4])
def test_what_a_reader_waits_for_comes_first(bench: Make, lanes: int) -> None:
    """On a line that takes seconds for the file, the last bytes are there soon after they are wanted."""
    source = Ruled(DATA, rate=lambda want: 32e6 / lanes)
    one = bench(source)
    fetch = beside(lambda: whole(one, one.fetch(lanes)))
    until(lambda: one.job.held.total >= BLOCK // 4)
    want = ByteRange(SIZE - 1000, SIZE)
    landing = one.job.landing
    landing.want(want)
    assert landing.wait(SIZE - 1, 3.0)
    assert one.job.held.total < SIZE // 2
    landing.forget(want)
    fetch.join()


def test_a_reader_where_no_parts_are_given_waits(bench: Make) -> None:
    """Without ranges the file comes from its start to its end, whoever waits for what."""
    source = Ruled(DATA)
    source.ranges = False
    one = bench(source)
    one.probe()
    fetch = beside(lambda: whole(one, one.fetch(4)))
    until(lambda: not one.job.landing.ended or not fetch.is_alive())
    one.job.landing.want(ByteRange(SIZE - 1, SIZE))
    fetch.join()
    assert len(source.wants) == 1


# -- odd bodies --------------------------------------------------------------------------------------------------
def test_answers_that_are_shorter_than_asked(bench: Make) -> None:
    """A server that never sends more than 3 MB at once is asked until all has come."""

    class Capped(Ruled):
        def _answer(self, want: Want, stop: object, answer: Answer) -> object:  # type: ignore[override]
            stream = super()._answer(want, stop, answer)  # type: ignore[arg-type]
            assert stream is not None
            if want.part:
                stream._body = stream._body[:3_000_000]
            return stream

    source = Capped(DATA, rate=calm)
    one = bench(source)
    whole(one, one.fetch(4))


class Short(Ruled):
    """Parts end after ``most`` bytes, and the first body after two blocks."""

    most = 0

    def _answer(self, want: Want, stop: object, answer: Answer) -> object:  # type: ignore[override]
        stream = super()._answer(want, stop, answer)  # type: ignore[arg-type]
        assert stream is not None
        stream._body = stream._body[: self.most if want.part else 2 * BLOCK]
        return stream


def test_an_answer_that_brings_nothing_is_a_fault(bench: Make) -> None:
    """Nobody asks the same question for ever."""
    one = bench(Short(DATA, rate=calm))
    assert lost(one.fetch(2)) == "NetworkError"


def test_answers_of_a_few_bytes_are_a_broken_line(bench: Make) -> None:
    """A server that gives a byte an answer is not asked a million times: what has come is kept, and it is paused."""
    source = Short(DATA, rate=calm)
    source.most = 1
    one = bench(source)
    assert lost(one.fetch(2)) == "NetworkError"
    assert CRUMBS <= len(source.wants) <= 4 * CRUMBS


@pytest.mark.parametrize("most", [None, SIZE, SIZE - 1])
def test_a_body_of_unknown_length(bench: Make, most: int | None) -> None:
    """It is read to its end, over one connection, and no further than is allowed."""
    source = Ruled(DATA)
    source.length = "chunked"
    one = bench(source)
    answer = one.fetch(8, most=most)
    if most == SIZE - 1:
        assert isinstance(answer, ev.RangeLost)
        assert answer.fault.status == WebErrorStatus.FILE_TOO_LARGE
    else:
        whole(one, answer)


def test_a_limit_holds_for_all_lanes_together(bench: Make) -> None:
    """Four connections under a limit bring what one would."""
    source = Ruled(DATA[: 5 * BLOCK])
    one = bench(source, bandwidth=20_000_000)
    begin = time.monotonic()
    assert isinstance(one.fetch(4), ev.RangeLanded)
    took = time.monotonic() - begin
    assert 0.85 < took / (5 * BLOCK / 20e6) < 3.0, "never faster; slower only on a busy machine"


def test_news_is_told_on_the_way(bench: Make) -> None:
    """What is held only grows, is told about ten times a second, and the last word is the whole."""
    source = Ruled(DATA, rate=lambda want: 20e6)
    one = bench(source)
    whole(one, one.fetch(4))
    news = [event for event in one.events if isinstance(event, ev.BlocksLanded)]
    totals = [event.held.total for event in news]
    assert totals == sorted(totals)
    assert totals[-1] == SIZE
    assert 3 <= len(news) <= 30
