"""How fast one stream reads, beside curl in the same run: nginx on loopback, the file in memory.

Run: ``python tests/benchmarks/bench_http_source.py [MiB]``. Prints one line a protocol: MB/s and CPU-seconds a GB of
both, medians of five, taken in turns; the ratios are what counts.
"""

from __future__ import annotations

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import trustme

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nbxfer.core.probe import Want
from nbxfer.sources.http import HttpSource
from nbxfer.wire.access import access
from tests.servers.nginx import Nginx

MIB = 1024 * 1024
ROUNDS = 5


def _ours(url: str, verify: bool | str, buffer: memoryview) -> int:
    source = HttpSource(access(url, verify=verify))
    stream = source.open(Want(), threading.Event())
    assert stream is not None
    total = 0
    while got := stream.read_into(buffer):
        total += max(got, 0)
    stream.close()
    source.close()
    return total


def _curl(url: str, ca: str) -> int:
    command = ["curl", "-sS", "--fail", "--cacert", ca, "-o", "/dev/null", "-w", "%{size_download}", url]
    return int(subprocess.run(command, check=True, capture_output=True).stdout)


def _timed(call: Callable[[], int], who: int, size: int) -> tuple[float, float]:
    """Give MB/s and CPU-seconds a GB."""
    before, start = resource.getrusage(who), time.perf_counter()
    assert call() == size
    took, after = time.perf_counter() - start, resource.getrusage(who)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return size / took / 1e6, cpu / size * 1e9


def main() -> None:
    """Measure and print."""
    size = int(sys.argv[1]) * MIB if len(sys.argv) > 1 else 1024 * MIB
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    root, run = Path(tempfile.mkdtemp(dir=memory)), Path(tempfile.mkdtemp(dir=memory))
    try:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(run / "ca.pem"))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(run / "server.pem"))
        with (root / "big.bin").open("wb") as file:
            for _ in range(size // MIB):
                file.write(b"\0" * MIB)
        buffer = memoryview(bytearray(4 * MIB))
        ca = str(run / "ca.pem")
        with Nginx(root, run, run / "server.pem") as nginx:
            for secure in (False, True):
                url = nginx.url("/big.bin", secure=secure)
                ours, curls = [], []
                for _ in range(ROUNDS):
                    ours.append(_timed(partial(_ours, url, ca, buffer), resource.RUSAGE_SELF, size))
                    curls.append(_timed(partial(_curl, url, ca), resource.RUSAGE_CHILDREN, size))
                (speed, cpu), (theirs, their_cpu) = (
                    [statistics.median(column) for column in zip(*rows, strict=True)] for rows in (ours, curls)
                )
                print(
                    f"{'https' if secure else 'http ':6} nbxfer {speed:6.0f} MB/s {cpu:.2f} CPU-s/GB"
                    f"   curl {theirs:6.0f} MB/s {their_cpu:.2f} CPU-s/GB   ratio {speed / theirs:.2f}"
                )
    finally:
        shutil.rmtree(root)
        shutil.rmtree(run)


if __name__ == "__main__":
    main()
