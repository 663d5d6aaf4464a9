"""The board: the newest of everything, to everybody, not too often."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
import pytest

from nbxfer.board import KEPT, MANY, Board, News
from nbxfer.core.completion import Notice
from nbxfer.core.phases import Phase
from nbxfer.core.snapshot import Snapshot
from tests.core.life import Life


class Clock:
    """Time that passes when it is told to."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Ear:
    """What was heard, call by call."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, Snapshot]] = []

    def __call__(self, news: News) -> None:
        self.heard.append(news)

    @property
    def received(self) -> list[dict[str, int]]:
        return [{op_id: s.received for op_id, s in news.items()} for news in self.heard]


def shot(op_id: str, received: int = 0, phase: Phase = Phase.RUNNING, owner: str = "ours") -> Snapshot:
    """Give a snapshot."""
    whole = Life().op.snapshot(0.0)
    return msgspec.structs.replace(whole, id=op_id, received=received, phase=phase, owner=owner)


def test_the_newest() -> None:
    """Everybody may read the newest of each operation, in the order of their first appearance."""
    board = Board()
    assert (len(board), board.get("a"), board.all()) == (0, None, [])
    board.post([shot("b", 1), shot("a", 1)])
    board.post([shot("b", 2)])
    assert len(board) == 2
    assert [(s.id, s.received) for s in board.all()] == [("b", 2), ("a", 1)]
    board.forget(["b", "unknown"])
    assert board.get("b") is None
    assert len(board) == 1


def test_not_too_often() -> None:
    """Between two calls is a tenth of a second; what came in between comes as one, the newest of each."""
    clock, ear = Clock(), Ear()
    board = Board(clock)
    board.subscribe(ear)
    board.post([shot("a", 1)])
    for received in (2, 3):
        clock.now += 0.03
        board.post([shot("a", received)])
    assert ear.received == [{"a": 1}]
    clock.now += 0.05
    board.flush()
    assert ear.received == [{"a": 1}, {"a": 3}]
    clock.now += 1
    board.flush()
    assert len(ear.heard) == 2, "without news nobody is called"


@pytest.mark.parametrize(
    "change", [shot("a", 2, Phase.VERIFYING), shot("a", 2, owner="theirs"), shot("b", 2)], ids=["phase", "owner", "new"]
)
def test_at_once(change: Snapshot) -> None:
    """A new operation, phase or owner is told at once."""
    clock, ear = Clock(), Ear()
    board = Board(clock)
    board.subscribe(ear)
    board.post([shot("a", 1)])
    board.post([change])
    assert len(ear.heard) == 2


def test_each_at_its_own_pace() -> None:
    """A slow subscriber is called seldom, a quick one often, and both hear the newest."""
    clock, quick, slow = Clock(), Ear(), Ear()
    board = Board(clock)
    board.subscribe(quick, per_second=10)
    board.subscribe(slow, per_second=1)
    for received in range(21):
        board.post([shot("a", received)])
        clock.now += 0.125
        board.flush()
    assert len(quick.heard) == 21
    assert len(slow.heard) == 3
    assert slow.received == [{"a": 0}, {"a": 7}, {"a": 15}]


def test_who_left_hears_nothing() -> None:
    """A subscriber that has left is not called; leaving twice does no harm, and the others stay."""
    ear, other = Ear(), Ear()
    board = Board(Clock())
    leave = board.subscribe(ear)
    board.subscribe(other)
    leave()
    leave()
    board.post([shot("a")])
    assert ear.heard == []
    assert len(other.heard) == 1


def test_news_of_some_only() -> None:
    """Who asks for certain operations hears of these alone, also of those that come to be later, and of none twice."""
    clock, ear, everything = Clock(), Ear(), Ear()
    board = Board(clock)
    board.post([shot("a", 1)])
    leave = board.subscribe(ear, ids=["a", "b", "b"])
    board.subscribe(everything)
    board.post([shot("c", 1)])
    board.post([shot("b", 1)])
    clock.now += 1
    board.post([shot("a", 2), shot("c", 2)])
    assert ear.received == [{"b": 1}, {"a": 2}]
    assert everything.received == [{"c": 1}, {"b": 1}, {"a": 2, "c": 2}]
    leave()
    leave()
    board.post([shot("a", phase=Phase.PAUSED), shot("b", phase=Phase.PAUSED)])
    assert len(ear.heard) == 2
    assert board._of_one == {}


def test_news_of_many() -> None:
    """Who asks for thousands hears the same as who asks for a few, until it leaves, and is noted at none of them."""
    clock, ear = Clock(), Ear()
    board = Board(clock)
    leave = board.subscribe(ear, ids=[str(n) for n in range(MANY + 1)])
    assert board._of_one == {}
    board.post([shot("0", 1), shot("other", 1), shot(str(MANY), 1)])
    clock.now += 1
    board.post([shot("0", 2), shot(str(MANY + 1), 1)])
    assert ear.received == [{"0": 1, str(MANY): 1}, {"0": 2}]
    leave()
    leave()
    board.post([shot("0", phase=Phase.PAUSED)])
    assert len(ear.heard) == 2


def test_who_left_with_news_waiting_hears_nothing() -> None:
    """News that waited for its time goes nowhere when its subscriber has left."""
    clock, ear = Clock(), Ear()
    board = Board(clock)
    leave = board.subscribe(ear, ids=["a"])
    board.post([shot("a", 1)])
    board.post([shot("a", 2)])
    leave()
    clock.now += 1
    board.flush()
    assert ear.received == [{"a": 1}]


def test_ten_thousand_ears_for_ten_thousand_operations() -> None:
    """What one operation's news costs does not depend on how many others somebody listens to."""
    board, whole = Board(), shot("x")
    heard: list[str] = []
    looked_at = 0

    class Counting(dict[Any, None]):
        def __iter__(self) -> Iterator[Any]:
            nonlocal looked_at
            for one in super().__iter__():
                looked_at += 1
                yield one

    board._waiting = Counting()
    leaves: dict[str, Callable[[], None]] = {}

    def hear(news: News) -> None:
        for op_id in news:
            heard.append(op_id)
            leaves[op_id]()

    for n in range(10_000):
        leaves[str(n)] = board.subscribe(hear, ids=[str(n)])
    for n in range(10_000):
        board.post([msgspec.structs.replace(whole, id=str(n))])
    assert heard == [str(n) for n in range(10_000)]
    assert looked_at == 10_000
    assert board._of_one == {}


def test_a_broken_subscriber(caplog: pytest.LogCaptureFixture) -> None:
    """One that raises keeps the news from nobody else, and is complained about once."""
    ear, clock = Ear(), Clock()
    board = Board(clock)

    def broken(news: News) -> None:
        raise RuntimeError("the panel is gone")

    board.subscribe(broken)
    board.subscribe(ear)
    with caplog.at_level(logging.ERROR):
        for phase in (Phase.QUEUED, Phase.PROBING, Phase.RUNNING):
            board.post([shot("a", phase=phase)])
    assert len(ear.heard) == 3
    assert [r.getMessage() for r in caplog.records] == ["a subscriber of the board failed"]


def test_news_is_no_ones_to_share() -> None:
    """What a subscriber was given does not change afterwards."""
    ear = Ear()
    board = Board(Clock())
    board.subscribe(ear)
    board.post([shot("a", 1)])
    board.post([shot("b", 2)])
    assert [set(news) for news in ear.heard] == [{"a"}, {"b"}]


def test_many_threads() -> None:
    """Reading, subscribing and leaving from other threads disturb nobody."""
    board = Board()
    failed: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                leave = board.subscribe(lambda news: None)
                board.all()
                board.get("7")
                board.flush(urgent=True)
                leave()
        except BaseException as error:  # told below
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    whole = shot("x")
    for n in range(500):
        board.post([msgspec.structs.replace(whole, id=str(n % 50), received=n)])
    stop.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(board) == 50
    assert {int(s.id) for s in board.all()} == set(range(50))


def test_notices() -> None:
    """A notice wakes who hears of everything, and waits for those who come late; a few are kept."""
    board, woken = Board(), list[int]()
    leave = board.subscribe(lambda news: woken.append(len(news)))
    notices = [Notice(f"{n}", float(n), True, "done", "") for n in range(1, KEPT + 2)]
    for notice in notices:
        board.announce(notice)
    assert woken == [0] * (KEPT + 1)
    assert board.notices() == notices[1:]
    assert board.notices(after=float(KEPT)) == notices[-1:]
    leave()
    board.announce(notices[0])
    assert len(woken) == KEPT + 1


def test_a_board_of_many_shows_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """From many operations on those that wait and those that are over are kept in little room; nobody sees that."""
    monkeypatch.setattr("nbxfer.board.FEW", 2)
    board, ear, waits = Board(Clock()), Ear(), Life().op.snapshot(0.0)
    board.subscribe(ear)
    shown = [
        msgspec.structs.replace(waits, id=op_id, phase=phase)
        for op_id, phase in zip("abcd", (Phase.QUEUED, Phase.QUEUED, Phase.CREATED, Phase.RUNNING), strict=True)
    ]
    board.post(iter(shown))
    assert board.all() == shown
    assert [board.get(one.id) for one in shown] == shown
    assert [board.phase(one.id) for one in shown] == [one.phase for one in shown]
    assert board.phase("e") is None
    assert board.some(lambda s: s.phase is Phase.QUEUED) == shown[:2]
    assert ear.heard == [{one.id: one for one in shown}]
    over = msgspec.structs.replace(shown[2], phase=Phase.CANCELED)
    board.post([over])
    assert ear.heard[-1] == {"c": over}
    assert board.get("c") == over
    assert not isinstance(board._latest["c"], Snapshot)
    assert isinstance(board._latest["d"], Snapshot)
