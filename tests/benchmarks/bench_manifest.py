"""What the manifest costs: appending, syncing, opening, compacting, asking.

Run: python tests/benchmarks/bench_manifest.py [COUNT] [FOLDER]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import msgspec

from nbxfer.core.record import Record
from nbxfer.manifest import lines
from nbxfer.manifest.base import Claim, Row
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record, after


def timed(call: Callable[[], object]) -> float:
    """Give the seconds that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def figures(home: Path, count: int) -> dict[str, float]:
    """Give the seconds of each step, with ``count`` operations."""
    found: dict[str, float] = {}
    records = [a_record(f"/home/you/data/set/file{n:06}.bin", size=10**6) for n in range(count)]
    encode = msgspec.json.Encoder().encode
    found["msgspec alone: encode"] = timed(lambda: [encode(r) for r in records])
    found["lines: encode"] = timed(lambda: [lines.encode(r, 1) for r in records])
    manifest = FolderManifest(home)
    found["begin"] = timed(manifest.begin)
    found["append, one call"] = timed(lambda: manifest.append(records))
    found["sync"] = timed(manifest.sync)

    def one_by_one() -> None:
        for record in records[:1000]:
            manifest.append([record])

    found["1,000 appends of one"] = timed(one_by_one)
    reader = FolderManifest(home)
    found["scan by another process"] = timed(reader.scan)
    found["scan again, nothing new"] = timed(reader.scan)
    one = records[count // 2]
    found["look, first"] = timed(lambda: FolderManifest(home).look(one.id, manifest.me.id))
    found["1,000 looks, nothing new"] = timed(lambda: [reader.look(one.id, manifest.me.id) for _ in range(1000)])

    def claims() -> None:
        for record in records[:1000]:
            manifest.claim(record.spec.destination, Claim(record.id, manifest.me.id, record.spec.identity))

    found["1,000 claims"] = timed(claims)
    found["compact, all live"] = timed(lambda: manifest.compact(records))
    done = [after(r, phase="done") for r in records]
    found["append, all done"] = timed(lambda: manifest.append(done))
    fresh = FolderManifest(home)
    asked = [r.spec.destination for r in records[:1000]]
    found["1,000 times finished(), in a journal"] = timed(lambda: [fresh.finished(d) for d in asked])
    found["compact, all to history"] = timed(lambda: manifest.compact([]))
    fresh = FolderManifest(home)
    found["first finished(), in history"] = timed(lambda: fresh.finished(asked[0]))
    found["1,000 times finished(), in history"] = timed(lambda: [fresh.finished(d) for d in asked])
    found["end"] = timed(manifest.end)
    found.update(take_over(home, records))
    found.update(blocks(home, records[0]))
    return found


def take_over(home: Path, records: list[Record]) -> dict[str, float]:
    """Give the seconds that going on with everything of a session that has left takes."""
    left = FolderManifest(home)
    left.begin()
    left.append(records)
    left.end()
    heir = FolderManifest(home)
    heir.begin()
    found = {"take over": timed(lambda: heir.take_over(left.me.id))}
    heir.append([after(r, epoch=2) for r in records])
    heir.sync()
    found["clear what was taken over"] = timed(lambda: heir.taken(left.me.id))
    return found


def blocks(home: Path, record: Record) -> dict[str, float]:
    """Give the seconds of a block log as long as that of 40 GB."""
    manifest = FolderManifest(home)
    rows = [Row(n, 4_194_304, n) for n in range(10_000)]
    log = manifest.blocks(record.id, 1)

    def append() -> None:
        for row in rows:
            log.append([row])

    found = {"10,000 block rows, one by one": timed(append)}
    log.close()
    found["read 10,000 block rows"] = timed(lambda: manifest.read_blocks(record.id, 1))
    return found


def memory(home: Path, count: int) -> float:
    """Give the MiB that a writer keeps for ``count`` operations, less the records themselves."""
    records = [a_record(f"/home/you/data/set/file{n:06}.bin") for n in range(count)]
    manifest = FolderManifest(home)
    manifest.begin()
    tracemalloc.start()
    manifest.append(records)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    manifest.end()
    return kept / 2**20


def main() -> None:
    """Print the medians of three runs."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    place = sys.argv[2] if len(sys.argv) > 2 else None
    runs = []
    for _ in range(3):
        with tempfile.TemporaryDirectory(dir=place) as home:
            runs.append(figures(Path(home) / "home", count))
    print(f"{count:,} operations, milliseconds, medians of three")
    for name in runs[0]:
        print(f"{name:40} {1000 * statistics.median(run[name] for run in runs):10.2f}")
    with tempfile.TemporaryDirectory(dir=place) as home:
        print(f"{'kept in memory by the writer, MiB':40} {memory(Path(home) / 'home', count):10.2f}")


if __name__ == "__main__":
    main()
