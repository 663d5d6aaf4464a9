"""What the list of transfers needs now and then: handed on and made shorter, by one worker at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from nbxfer.core.record import Record
from nbxfer.engine import platform
from nbxfer.engine.upkeep import GIVE_AFTER, TIDY_AFTER, Upkeep
from nbxfer.errors import NoSpace
from nbxfer.manifest.base import Fenced
from nbxfer.manifest.memory import MemoryManifest
from nbxfer.testing.manifests import a_record


class Noting(MemoryManifest):
    """A manifest that notes what it is asked for, and says and raises what the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.answer = True
        self.error: Exception | None = None

    def tidy(self) -> bool:
        """Note it."""
        self.asked.append("tidy")
        if self.error is not None:
            raise self.error
        return self.answer

    def compact(self, live: Iterable[Record]) -> None:
        """Note with what."""
        self.asked.append(f"compact {len(list(live))}")


def _having(**more: Any) -> Any:
    return SimpleNamespace(**more)


class House:
    """Upkeep whose workers wait for the test."""

    def __init__(self) -> None:
        self.manifest, self.jobs = Noting(), list[Callable[[], None]]()
        self.manifest.begin()
        self.dispatcher = _having(appended=0)
        workers, timers = _having(submit=self.jobs.append), _having(at=lambda when, call: None)
        self.upkeep = Upkeep(
            self.manifest, self.dispatcher, workers, timers, lambda call: call(), lambda: [a_record(), a_record()]
        )

    def work(self) -> list[str]:
        """Let the workers do what they were given; give what was asked of the manifest since the last time."""
        while self.jobs:
            self.jobs.pop(0)()
        asked, self.manifest.asked = self.manifest.asked, []
        return asked


def test_it_is_tidied_with_each_heartbeat_by_one_worker() -> None:
    """While one tidies, the next heartbeat asks for no other: they would wait for each other, and do it all again."""
    house = House()
    house.upkeep.beat()
    house.upkeep.beat()
    assert house.work() == ["tidy"]
    house.upkeep.beat()
    assert house.work() == ["tidy"]


def test_it_is_tidied_sooner_where_much_is_written() -> None:
    """Thousands of records within one heartbeat do not wait for it."""
    house = House()
    house.dispatcher.appended = TIDY_AFTER - 1
    house.upkeep.appended()
    assert "tidy" not in house.work()
    house.dispatcher.appended = TIDY_AFTER
    house.upkeep.appended()
    assert "tidy" in house.work()
    house.upkeep.appended()
    assert "tidy" not in house.work()


def test_memory_is_given_back_where_much_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """What thousands of records took for a moment is the system's again soon; a heartbeat alone asks for nothing."""
    asked: list[int] = []
    real = platform.give_back

    def give_back() -> None:
        asked.append(1)
        real()

    monkeypatch.setattr(platform, "give_back", give_back)
    house = House()
    house.upkeep.beat()
    house.work()
    assert not asked
    house.dispatcher.appended = TIDY_AFTER
    house.upkeep.appended()
    house.work()
    assert asked == [1]
    house.dispatcher.appended += GIVE_AFTER
    house.upkeep.appended()
    house.work()
    assert asked == [1]
    house.upkeep.beat()
    house.work()
    assert asked == [1, 1]


def test_where_tidying_does_not_do_it_is_rewritten_from_what_is_live() -> None:
    """What tidying cannot do is done with what the engine knows; only then may somebody tidy again."""
    house = House()
    house.manifest.answer = False
    house.upkeep.beat()
    house.jobs.pop(0)()  # the heartbeat
    house.jobs.pop(0)()  # what says no
    house.upkeep.beat()
    assert house.work() == ["tidy", "compact 2"]
    house.upkeep.beat()
    assert house.work() == ["tidy", "compact 2"]


def test_what_goes_wrong_is_said_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk ends nothing; who was taken over is told so."""
    house = House()
    house.manifest.error = NoSpace("Full.")
    with caplog.at_level(logging.WARNING, "nbxfer"):
        house.upkeep.beat()
        assert house.work() == ["tidy"]
    assert "could not be made shorter: Full." in caplog.text
    house.manifest.error = Fenced()
    house.upkeep.beat()
    with pytest.raises(Fenced):
        house.work()
