"""Many small files: nbxfer.download([…]) against aria2c -j16 and a plain http.client loop of 8 threads, from nginx.

Run: python tests/benchmarks/bench_many.py [KIB [FOLDER [COUNT …]]] (default 10, /dev/shm, 100 1000 10000). Prints files
a second, and the ratios, which are what counts: what nbxfer puts under a name is durable, and theirs is not.
The files and nginx stay in /dev/shm; FOLDER is where they are put, and where the home is.
"""

from __future__ import annotations

import http.client
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nbxfer.session import Session
from tests.servers.nginx import Nginx

SHM = Path("/dev/shm")
THREADS, ROUNDS = 8, 3
Fetch = Callable[[Sequence[str], Path], None]


def _ours(folder: Path) -> Fetch:
    number = iter(range(1000))

    def fetch(urls: Sequence[str], target: Path) -> None:
        with Session(home=folder / f"home{next(number)}") as session:
            session.download(urls, target).wait(progress=False)

    return fetch


def _aria2c(urls: Sequence[str], target: Path) -> None:
    command = ["aria2c", "-q", "-j16", "--file-allocation=none", "-d", str(target), "-i", "-"]
    subprocess.run(command, input="\n".join(urls).encode(), check=True)


def _plain(urls: Sequence[str], target: Path) -> None:
    """What a person would write: threads, kept connections, and no thought of power cuts."""
    target.mkdir()
    rest = iter(urls)
    lock = threading.Lock()

    def work() -> None:
        host = urls[0].split("/")[2]
        line = http.client.HTTPConnection(host)
        while True:
            with lock:
                url = next(rest, None)
            if url is None:
                break
            path = url.partition(host)[2]
            line.request("GET", path)
            (target / path[1:]).write_bytes(line.getresponse().read())
        line.close()

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _cpu() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _table(count: int, urls: Sequence[str], tools: dict[str, Fetch], folder: Path, size: int) -> None:
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    for number in range(ROUNDS):
        for name, fetch in tools.items():
            target = folder / f"{name}{number}"
            cpu, begin = _cpu(), time.perf_counter()
            fetch(urls, target)
            spent[name].append((time.perf_counter() - begin, _cpu() - cpu))
            got = [entry.stat().st_size for entry in os.scandir(target)]
            assert got == [size] * count, f"{name}: {len(got)} files"
            shutil.rmtree(target)
    rates = {name: count / statistics.median(t for t, _ in each) for name, each in spent.items()}
    print(f"{count:6} files   files/s   CPU-ms/file" + "".join(f"   x {name}" for name in tools if name != "nbxfer"))
    for name, rate in rates.items():
        cpu = statistics.median(c for _, c in spent[name]) / count * 1e3
        ratios = "".join(f"{rate / rates[other]:{len(other) + 5}.2f}" for other in tools if other != "nbxfer")
        print(f"{name:12} {rate:9.0f} {cpu:13.2f}{ratios}", flush=True)


def main() -> None:
    """Print the figures."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else 10) * 1024
    base = sys.argv[2] if len(sys.argv) > 2 else str(SHM)
    counts = [int(word) for word in sys.argv[3:]] or [100, 1000, 10000]
    with tempfile.TemporaryDirectory(dir=SHM) as served, tempfile.TemporaryDirectory(dir=base) as got:
        root, folder = Path(served), Path(got)
        for name in ("www", "run"):
            (root / name).mkdir()
        for number in range(max(counts)):
            (root / "www" / f"{number}.bin").write_bytes(os.urandom(size))
        tools: dict[str, Fetch] = {"nbxfer": _ours(folder), "plain": _plain}
        if shutil.which("aria2c"):
            tools["aria2c"] = _aria2c
        with Nginx(root / "www", root / "run") as server:
            for count in counts:
                urls = [server.url(f"/{number}.bin") for number in range(count)]
                _table(count, urls, tools, folder, size)


if __name__ == "__main__":
    main()
