"""The turn without network or disk of the destination: operations a second through submit → done, manifest included.

Run: python tests/benchmarks/bench_dispatcher.py [COUNT]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from nbxfer.board import Board
from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.lifecycle import Operation
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal
from nbxfer.core.spec import Spec
from nbxfer.engine.dispatcher import Dispatcher, Item, Planned
from nbxfer.engine.limits import Slots
from nbxfer.manifest.folder import FolderManifest

SIZE = 10_240


def answer(action: do.Action) -> ev.Event:
    """Give the good answer to an action, at once."""
    match action:
        case do.Probe():
            probe = Probe(SIZE, Validator("etag", '"v1"'), ranges=True, http_status=200)
            return ev.Probed(action.serial, probe, RangeSet())
        case do.Fetch():
            return ev.RangeLanded(action.serial, RangeSet.of([(0, SIZE)]), SIZE)
        case do.Verify():
            return ev.Verified(action.serial, Seal(SIZE, 1, 2), "nothing")
        case do.Commit():
            return ev.Committed(action.serial, Published("/data/x", SIZE, 1, action.by))
        case _:
            raise AssertionError(action)


def life(count: int, home: Path) -> tuple[float, float]:
    """Give the seconds until ``count`` submitted operations were durable, and until they were done."""
    items: list[Item] = []

    def perform(planned: Sequence[Planned]) -> None:
        items.extend((op.id, answer(action), None) for op, action in planned)

    manifest = FolderManifest(home)
    manifest.begin()
    dispatcher = Dispatcher(manifest, Board(), Slots(64), perform)
    begin = time.perf_counter()
    now = time.time()
    ops = []
    for number in range(count):
        url = f"https://data.example/set/{number:06}.bin"
        ops.append(Operation(f"{number:016x}", Spec("download", url, f"/data/{number:06}.bin", url), now))
    dispatcher.admit(ops)
    dispatcher.turn()
    manifest.sync()
    durable = time.perf_counter() - begin
    while items:
        batch, items[:] = list(items), []
        dispatcher.happened(batch)
        dispatcher.turn()
    manifest.sync()
    done = time.perf_counter() - begin
    assert not dispatcher.ops
    assert len(dispatcher.board) == count
    manifest.end()
    return durable, done


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    for _ in range(3):
        with tempfile.TemporaryDirectory() as home:
            durable, done = life(count, Path(home))
        print(f"{count} operations: durable in {durable:.2f} s, done in {done:.2f} s = {count / done:,.0f} a second")


if __name__ == "__main__":
    main()
