"""A job with real parts and rows, and a source that plays a script: what the tests of fetching stand on."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import plan as planning
from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.core.spec import Spec
from nbxfer.engine.hosts import Hosts
from nbxfer.engine.job import Job
from nbxfer.engine.movers import Movers
from nbxfer.engine.pace import Pace
from nbxfer.engine.perform import perform
from nbxfer.manifest.base import good_ranges
from nbxfer.manifest.folder import FolderManifest
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sources.base import Source, Stop
from nbxfer.testing.scripted import HONEST, Answer, ScriptedSource, ScriptedStream

ID = "0123456789abcdef"
HOST = "https://h"


class Bench:
    """One operation's probe, fetch and check, without an engine. ``events`` is all that was told on the way."""

    def __init__(
        self,
        source: Source,
        home: Path,
        folder: Path,
        *,
        per_host: int = 16,
        shared: Pace | None = None,
        small: Callable[[str, int], bytes] | None = None,
        movers: Movers | None = None,
        **options: object,
    ) -> None:
        self.source, self.folder = source, folder
        self.manifest = FolderManifest(home)
        self.manifest.begin()
        self.hosts = Hosts(per_host)
        self.hosts.take(HOST)  # the operation's own
        spec = Spec("download", f"{HOST}/x", str(folder / "X"), "x", **options)  # type: ignore[arg-type]
        given: dict[str, Any] = {} if small is None else {"small": small}
        self.job = Job(
            ID, spec, None, lambda: source, LocalFile(folder / "X", ID), self.manifest,
            host=HOST, hosts=self.hosts, shared=shared, movers=movers, **given,
        )  # fmt: skip
        self.events: list[ev.Event] = []
        self.probed: ev.Probed | None = None
        self.serial = 0

    def perform(self, make: Callable[[int], do.Action]) -> ev.Event:
        self.serial += 1
        with self.job.entered():
            return perform(self.job, make(self.serial), self.events.append)

    def probe(self) -> ev.Event:
        """Look, as the core has it done first; what it says is pinned."""
        old = self.probed.probe if self.probed is not None else None
        size, pinned = (old.size, old.validator) if old is not None else (None, None)
        answer = self.perform(lambda n: do.Probe(n, 1, 1, size, pinned))
        if isinstance(answer, ev.Probed):
            self.probed = answer
        return answer

    def fetch(self, lanes: int = 8, checksum: str = "", most: int | None = None) -> ev.Event:
        """Fetch what is missing, over up to ``lanes`` connections; probe before where that is to be done."""
        if self.job.stream is None:
            assert isinstance(self.probe(), ev.Probed)
        assert self.probed is not None
        probe, held = self.probed.probe, self.job.held
        plan = planning.plan(probe, held, lanes)
        return self.perform(
            lambda n: do.Fetch(
                n, 1, not held, probe.size, plan.segments, plan.lanes, probe.validator, most, checksum
            )
        )  # fmt: skip

    def verify(self, checksum: str | None, by: str = "digest") -> ev.Event:
        assert self.probed is not None
        size = self.probed.probe.size
        if size is None:
            size = self.job.held.front()
        return self.perform(lambda n: do.Verify(n, 1, size, checksum, by))

    def data(self) -> bytes:
        """Give what is in the part."""
        assert self.job.part is not None
        return self.job.part.read_at(0, 1 << 28)

    def close(self) -> None:
        """Look that rows and part agree, and that nothing is left behind."""
        if self.job.part is not None:
            rows = self.manifest.read_blocks(ID, 1)
            assert good_ranges(rows, BLOCK) == self.job.held
        self.job.close()
        self.job.sink.discard()
        self.manifest.end()
        names = [thread.name for thread in threading.enumerate()]
        assert "nbxfer-lane" not in names
        assert "nbxfer-digest" not in names


def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def beside(call: Callable[[], object]) -> threading.Thread:
    """Have ``call`` made on another thread."""
    thread = threading.Thread(target=call)
    thread.start()
    return thread


IMPATIENT = Patience(connect=2, response=1, stall_after=0.5)


def held(*pairs: tuple[int, int]) -> RangeSet:
    """Give a set of ranges."""
    return RangeSet.of(pairs)


class Ruled(ScriptedSource):
    """A source whose answer follows from the question: ``rule`` gives it, and ``rate`` how fast its body comes.

    A rate is in bytes a second, None for at once. ``most`` is how many bodies stood open at the same time.
    """

    def __init__(
        self,
        data: bytes,
        rule: Callable[[Want], Answer] = lambda want: HONEST,
        rate: Callable[[Want], float | None] = lambda want: None,
        piece: int = 256 * 1024,
    ) -> None:
        super().__init__(data, piece=piece)
        self.rule, self.rate = rule, rate
        self.most = 0

    def open(self, want: Want, stop: Stop) -> ScriptedStream | None:
        """Answer by the rule."""
        with self._lock:
            self.wants.append(want)
            answer = self.rule(want)
            if answer.data is not None:
                self.data = answer.data
        while answer.silent and not self.wait(stop):
            pass
        if answer.raises is not None:
            raise answer.raises
        stream = self._answer(want, stop, answer)
        rate = self.rate(want)
        return stream if rate is None or stream is None else Slow(stream, rate)  # type: ignore[return-value]

    def count(self, *, given: int = 0, streams: int = 0) -> None:
        """See ScriptedSource."""
        super().count(given=given, streams=streams)
        self.most = max(self.most, self.streams)

    @property
    def parts(self) -> list[Want]:
        """What was asked for after the first question."""
        return [want for want in self.wants if want.part]


class Slow:
    """A stream that gives ``rate`` bytes a second."""

    restarted = False
    length_proven = True

    def __init__(self, stream: ScriptedStream, rate: float) -> None:
        self.probe, self._stream, self._rate, self._given = stream.probe, stream, rate, 0
        self._begun = time.monotonic()

    def read_into(self, buffer: memoryview) -> int:
        """Give what has come meanwhile; -1 where that is nothing."""
        there = int((time.monotonic() - self._begun) * self._rate) - self._given
        if there < min(len(buffer), 4096):
            time.sleep(0.01)
            there = int((time.monotonic() - self._begun) * self._rate) - self._given
        if there <= 0:
            return -1
        got = self._stream.read_into(buffer[:there])
        self._given += max(got, 0)
        return got

    def close(self) -> None:
        """Let go."""
        self._stream.close()


@contextlib.contextmanager
def benches(home: Path, folder: Path) -> Iterator[tuple[Callable[..., Bench], list[Bench]]]:
    """Give a maker of benches, and those that it has made; all are closed at the end."""
    made: list[Bench] = []

    def make(source: ScriptedSource, **options: object) -> Bench:
        made.append(Bench(source, home, folder, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make, made
    for one in made:
        one.close()
