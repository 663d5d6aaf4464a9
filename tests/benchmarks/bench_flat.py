"""Whether a file of a long list costs what one of a short list does: processor time and memory, from nginx.

Run: python tests/benchmarks/bench_flat.py [COUNT …] (default 1000 10000 100000), on Linux. Each count has a process of
its own, which has fetched 1,000 files before; files, home and destination are in /dev/shm. Of the processor time of a
file the parts of this process are told, and that of its children (a mover); nginx is not counted.
"""

from __future__ import annotations

import itertools
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nbxfer.session import Session
from tests.servers.nginx import Nginx

SHM = Path("/dev/shm")
WARM, SIZE = 1000, 10_240


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _children() -> float:
    """Give the processor time of children, also of those that live (seconds)."""
    gone = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == str(os.getpid()):
            ticks += int(fields[11]) + int(fields[12])
    return gone.ru_utime + gone.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _memory() -> float:
    return int(Path("/proc/self/statm").read_text("utf-8").split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


def measure(count: int, base: str) -> None:
    """Fetch so many in this process, and print what each has cost."""
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        folder = Path(name)
        session = Session(home=folder / "home")
        session.download([f"{base}{n}.bin" for n in range(WARM)], folder / "warm").wait(progress=False)
        urls = [f"{base}{n}.bin" for n in range(count)]
        time.sleep(0.5)
        children, before, began = _children(), _memory(), time.perf_counter()
        cpu, memory = [_cpu()], list[float]()
        batch = session.download(urls, folder / "got")
        cpu, memory = [*cpu, _cpu()], [*memory, _memory()]
        batch.wait(progress=False)
        cpu, memory = [*cpu, _cpu()], [*memory, _memory()]
        paths = batch.results()
        took = time.perf_counter() - began
        cpu = [*cpu, _cpu()]
        assert len(paths) == count
        parts = [(after - at) * 1000 / count for at, after in itertools.pairwise(cpu)]
        children = (_children() - children) * 1000 / count
        grown = ", ".join(f"+{at - before:.0f}" for at in memory)
        print(
            f"{count}: {sum(parts) + children:.3f} ms CPU a file (list {parts[0]:.3f}, waiting {parts[1]:.3f}, results "
            f"{parts[2]:.3f}, children {children:.3f}); {count / took:.0f} files/s; MiB, from {before:.0f}: {grown}; "
            f"load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        session.close()


def main() -> None:
    """Print the figures."""
    if len(sys.argv) == 3 and "://" in sys.argv[2]:
        measure(int(sys.argv[1]), sys.argv[2])
        return
    counts = [int(count) for count in sys.argv[1:]] or [1000, 10_000, 100_000]
    with tempfile.TemporaryDirectory(dir=SHM) as name:
        root, run = Path(name) / "www", Path(name) / "run"
        root.mkdir()
        run.mkdir()
        for number in range(max(WARM, *counts)):
            (root / f"{number}.bin").write_bytes(os.urandom(SIZE))
        with Nginx(root, run, log=False) as server:
            for count in counts:
                subprocess.run([sys.executable, __file__, str(count), server.url("/")], check=True)


if __name__ == "__main__":
    main()
