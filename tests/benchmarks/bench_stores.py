"""Uploads to a store that speaks S3 (moto, in a process of its own), beside ``s3fs.put``, in one run, taking turns.

``PYTHONPATH=. python tests/benchmarks/bench_stores.py [--quick]``. Figures are MB/s; what counts is their ratio.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import fsspec

from nbxfer.session import Session
from tests.servers.moto import BUCKET, Moto, Store

SIZE = 128 * 1024 * 1024
ROUNDS = 5


def ours(session: Session, store: Store, path: Path, number: int) -> None:
    """Send it with nbxfer."""
    session.upload(path, f"s3://{BUCKET}/ours-{number}", storage_options=store.options).result(300)


def theirs(store: Store, path: Path, number: int) -> None:
    """Send it with s3fs."""
    fs = fsspec.filesystem("s3", skip_instance_cache=True, **store.options)
    fs.put_file(str(path), f"{BUCKET}/theirs-{number}")


def _timed(call: Callable[[], None]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def main() -> None:
    """Measure, and print."""
    size, rounds = (SIZE // 8, 2) if "--quick" in sys.argv else (SIZE, ROUNDS)
    with tempfile.TemporaryDirectory() as folder, Moto(Path(folder, "moto.log")) as server:
        store, path = server.store, Path(folder, "file.bin")
        store.bucket()
        path.write_bytes(os.urandom(size))
        session = Session(home=Path(folder, "home"))
        took: dict[str, list[float]] = {"nbxfer.upload": [], "s3fs.put": []}
        ours(session, store, path, -1)
        theirs(store, path, -1)
        for number in range(rounds):
            took["nbxfer.upload"].append(_timed(partial(ours, session, store, path, number)))
            took["s3fs.put"].append(_timed(partial(theirs, store, path, number)))
            for name in ("ours", "theirs"):
                store.client.delete_object(Bucket=BUCKET, Key=f"{name}-{number}")
        session.close()
    for name, seconds in took.items():
        print(f"{name:16} {size / statistics.median(seconds) / 1e6:7.1f} MB/s  (n = {rounds}, {size} bytes)")
    ratio = statistics.median(took["s3fs.put"]) / statistics.median(took["nbxfer.upload"])
    print(f"nbxfer.upload is {ratio:.2f} times as fast as s3fs.put")


if __name__ == "__main__":
    main()
