"""What one life costs in the core alone: submit → done, its record encoded three times, one snapshot.

Run: python tests/benchmarks/bench_core.py [COUNT]
"""

from __future__ import annotations

import sys
import time

import msgspec

from nbxfer.core import events as ev
from nbxfer.core.lifecycle import Operation
from nbxfer.core.probe import Probe, Validator
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published, Seal
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.spec import Spec

SIZE = 10_240
ANSWER = Probe(
    SIZE,
    Validator("etag", '"v1"'),
    ranges=True,
    http_status=200,
    final_url="https://data.example/set/file.bin",
    headers=(("content-type", "application/octet-stream"), ("etag", '"v1"')),
)
HELD = RangeSet.of([(0, SIZE)])
SEAL = Seal(SIZE, 1, 2)
ROUNDS = 7


def life(number: int, encode: msgspec.json.Encoder) -> tuple[int, Snapshot]:
    """Let one operation live; give the bytes of its last record and its last snapshot."""
    url = f"https://data.example/set/{number:06}.bin"
    op = Operation(f"{number:016x}", Spec("download", url, f"/home/me/data/{number:06}.bin", url), 1e9)
    encode.encode(op.record())
    (action,) = op.handle(ev.SlotFree(), 1e9 + 1)
    (action,) = op.handle(ev.Probed(action.serial, ANSWER, RangeSet()), 1e9 + 2)
    (action,) = op.handle(ev.RangeLanded(action.serial, HELD), 1e9 + 3)
    (action,) = op.handle(ev.Verified(action.serial, SEAL, "nothing"), 1e9 + 4)
    encode.encode(op.record())
    op.handle(ev.Committed(action.serial, Published("/home/me/data/x.bin", SIZE, 1, "validator")), 1e9 + 5)
    return len(encode.encode(op.record())), op.snapshot(1e9 + 5)


def main(count: int) -> None:
    """Print the best of some rounds."""
    encode = msgspec.json.Encoder()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for number in range(count):
            size, shown = life(number, encode)
        best = min(best, (time.perf_counter() - begin) / count)
    assert shown.received == SIZE
    print(f"one life: {best * 1e6:.1f} µs, {1 / best:,.0f} a second; a record at the end: {size} bytes")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000)
