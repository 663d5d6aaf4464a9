"""The folder and its twin in memory say the same, whatever is done to them, with crashes in between."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nbxfer.core.lease import Process
from nbxfer.core.phases import FINAL
from nbxfer.core.record import Record
from nbxfer.manifest import machine
from nbxfer.manifest.base import Fenced, Manifest
from nbxfer.manifest.folder import FolderManifest
from nbxfer.manifest.memory import MemoryHome, MemoryManifest
from nbxfer.testing.manifests import a_record, after

DESTINATIONS = ["/data/a", "/data/b", "/data/c"]
_one = st.integers(0, 99)


class Twin:
    """One process, in both worlds."""

    def __init__(self, folder: FolderManifest, memory: MemoryManifest) -> None:
        self.folder, self.memory = folder, memory
        memory.me = folder.me
        self.live: dict[str, Record] = {}
        self.fenced = False


class Twins(RuleBasedStateMachine):
    """Up to three processes of one home append, compact, hand over, die, take over and leave."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory()
        self.gone: set[int] = set()
        self.numbers = itertools.count(100)
        self.clock = itertools.count(1)
        self.home = MemoryHome()
        self.twins: list[Twin] = []
        self.dead: list[Twin] = []
        self.start()

    def teardown(self) -> None:
        for twin in getattr(self, "twins", []):
            twin.folder.end()
        if hasattr(self, "place"):
            self.place.cleanup()

    @precondition(lambda self: len(self.twins) < 3)
    @rule()
    def start(self) -> None:
        me = msgspec.structs.replace(machine.this_owner(), process=Process(next(self.numbers), "then"))
        lives = lambda process: process.pid > 0 and process.pid not in self.gone
        twin = Twin(FolderManifest(Path(self.place.name) / "home", me=me, lives=lives), MemoryManifest(self.home))
        self.twins.append(twin)
        for manifest in (twin.folder, twin.memory):
            manifest.begin()

    def both(self, twin: Twin, verb: str, *args: Any) -> Any:
        """Do one thing in both worlds; they must answer alike."""
        answers = []
        for manifest in (twin.folder, twin.memory):
            try:
                answers.append(getattr(manifest, verb)(*args))
            except Fenced:
                answers.append("fenced")
        assert answers[0] == answers[1] or verb == "take_over", (verb, answers)
        if answers[0] == "fenced":
            twin.live.clear()
            twin.fenced = True
        return answers

    def save(self, twin: Twin, *records: Record) -> None:
        if self.both(twin, "append", list(records))[0] is None:
            for record in records:
                twin.live[record.id] = record
                if record.phase in FINAL:
                    del twin.live[record.id]

    def one(self, number: int) -> tuple[Twin, Record | None]:
        twin = self.twins[number % len(self.twins)]
        live = list(twin.live.values())
        return twin, live[number % len(live)] if live else None

    def news(self, record: Record, **changes: Any) -> Record:
        return after(record, changed=record.created + next(self.clock), **changes)

    @precondition(lambda self: self.twins)
    @rule(number=_one, destination=st.sampled_from(DESTINATIONS))
    def accept(self, number: int, destination: str) -> None:
        self.save(self.one(number)[0], self.news(a_record(destination)))

    @precondition(lambda self: self.twins)
    @rule(number=_one, received=st.integers(1, 99), phase=st.sampled_from(["running", "paused", "failed"]))
    def go_on(self, number: int, received: int, phase: str) -> None:
        twin, record = self.one(number)
        if record is not None:
            self.save(twin, self.news(record, received=received, phase=phase))

    @precondition(lambda self: self.twins)
    @rule(number=_one, phase=st.sampled_from(["done", "done", "canceled"]))
    def finish(self, number: int, phase: str) -> None:
        twin, record = self.one(number)
        if record is not None:
            self.save(twin, self.news(record, phase=phase))

    @precondition(lambda self: len(self.twins) > 1)
    @rule(number=_one, to=_one)
    def hand_over(self, number: int, to: int) -> None:
        twin, record = self.one(number)
        heir = self.twins[to % len(self.twins)]
        if record is None or heir is twin:
            return
        self.save(twin, self.news(record, handed_to=heir.folder.me.id))
        twin.live.pop(record.id, None)
        if not twin.fenced:
            self.save(heir, self.news(record, epoch=record.epoch + 1))

    @precondition(lambda self: self.twins)
    @rule(number=_one)
    def compact(self, number: int) -> None:
        twin = self.one(number)[0]
        self.both(twin, "compact", list(twin.live.values()))

    @precondition(lambda self: self.twins)
    @rule(number=_one, silent=st.booleans())
    def crash(self, number: int, silent: bool) -> None:
        twin = self.twins[number % len(self.twins)]
        self.twins.remove(twin)
        self.dead.append(twin)
        self.gone.add(twin.folder.me.process.pid)
        self.home.kill(twin.folder.me.id)

    @precondition(lambda self: self.twins and self.dead)
    @rule(number=_one, victim=_one, folds=st.booleans(), clears=st.booleans())
    def take_over(self, number: int, victim: int, folds: bool, clears: bool) -> None:
        twin = self.one(number)[0]
        if twin.fenced:
            return
        owner = self.dead[victim % len(self.dead)].folder.me.id
        folder, memory = self.both(twin, "take_over", owner)
        assert (folder is None) == (memory is None)
        if folder is None:
            return
        assert sorted(folder, key=_id) == sorted(memory, key=_id)
        if folds:
            self.save(twin, *[self.news(r, epoch=r.epoch + 1) for r in folder if r.phase not in FINAL])
        if clears:
            self.both(twin, "taken", owner)

    @precondition(lambda self: self.twins)
    @rule(number=_one)
    def leave(self, number: int) -> None:
        twin = self.twins.pop(number % len(self.twins))
        self.both(twin, "end")
        self.dead.append(twin)

    @invariant()
    def they_say_the_same(self) -> None:
        home = Path(self.place.name) / "home"
        lives = lambda process: process.pid > 0 and process.pid not in self.gone
        readers: list[tuple[Manifest, Manifest]] = [(FolderManifest(home, lives=lives), MemoryManifest(self.home))]
        readers += [(twin.folder, twin.memory) for twin in self.twins]
        for folder, memory in readers:
            assert [(f.record, f.owner, f.hold) for f in folder.scan()] == [
                (f.record, f.owner, f.hold) for f in memory.scan()
            ]
            assert folder.recent(5) == memory.recent(5)
            for destination in DESTINATIONS:
                assert folder.finished(destination) == memory.finished(destination)

    @invariant()
    def nothing_is_lost(self) -> None:
        found = {f.record.id: f.record for f in FolderManifest(Path(self.place.name) / "home").scan()}
        for twin in self.twins:
            for record in twin.live.values():
                assert found[record.id].epoch >= record.epoch


def _id(record: Record) -> str:
    return record.id


@pytest.mark.parametrize("examples", [40])
def test_twins(examples: int) -> None:
    """Whatever up to three processes do to one home, with crashes in between, both worlds tell the same story."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Twins, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None))
