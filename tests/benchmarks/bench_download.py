"""One large file, whole way: nbxfer.download against curl and aria2c -x8, into a memory file system, from nginx.

Run: python tests/benchmarks/bench_download.py [MIB [ROUNDS]] (default 1024 and 5). Prints one table for http and one
for https: medians, taken in turns, and the ratios; they are what counts. aria2c is left out where it is missing.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import trustme

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nbxfer.session import Session
from tests.servers.nginx import Nginx

SHM = Path("/dev/shm")
Fetch = Callable[[str, Path], None]


def _ours(session: Session, ca: Path, connections: int | None) -> Fetch:
    def fetch(url: str, target: Path) -> None:
        options = {} if connections is None else {"connections": connections}
        session.download(url, target, verify=str(ca), **options).result()

    return fetch


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _curl(ca: Path) -> Fetch:
    return lambda url, target: _run("curl", "-sS", "--cacert", str(ca), "-o", str(target), url)


def _aria2c(ca: Path) -> Fetch:
    return lambda url, target: _run(
        "aria2c", "-q", "-x8", "-s8", "-k1M", "--file-allocation=none", f"--ca-certificate={ca}",
        "-d", str(target.parent), "-o", target.name, url,
    )  # fmt: skip


def _cpu() -> float:
    """Give the CPU-seconds of this process and of its children."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _table(title: str, url: str, tools: dict[str, Fetch], root: Path, size: int, rounds: int) -> None:
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in tools}
    for number in range(rounds + 1):
        for name, fetch in tools.items():
            target = root / f"{name.replace(' ', '-')}{number}"
            cpu, begin = _cpu(), time.perf_counter()
            fetch(url, target)
            spent[name].append((time.perf_counter() - begin, _cpu() - cpu))
            assert target.stat().st_size == size
            target.unlink()
    rates = {name: size / 1e6 / statistics.median(t for t, _ in all_[1:]) for name, all_ in spent.items()}
    print(f"{title:12}     MB/s  CPU-s/GB  x curl" + ("  x aria2c" if "aria2c" in tools else ""))
    for name, rate in rates.items():
        cpu = statistics.median(c for _, c in spent[name][1:]) / size * 1e9
        line = f"{name:12} {rate:8.0f} {cpu:9.2f} {rate / rates['curl']:7.2f}"
        print(line + (f" {rate / rates['aria2c']:9.2f}" if "aria2c" in rates else ""))


def main() -> None:
    """Print the figures."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else 1024) * 2**20
    rounds = int(sys.argv[2] if len(sys.argv) > 2 else 5)
    with tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as folder:
        root = Path(folder)
        for name in ("www", "run", "got"):
            (root / name).mkdir()
        with (root / "www" / "big.bin").open("wb") as file:
            for _ in range(size // 2**20):
                file.write(os.urandom(2**20))
        authority = trustme.CA()
        ca = root / "ca.pem"
        authority.cert_pem.write_to_path(str(ca))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(root / "server.pem"))
        session = Session(home=root / "home")
        tools = {"curl": _curl(ca), "nbxfer": _ours(session, ca, None), "nbxfer 1": _ours(session, ca, 1)}
        if shutil.which("aria2c"):
            tools["aria2c"] = _aria2c(ca)
        with Nginx(root / "www", root / "run", root / "server.pem") as server:
            for secure in (False, True):
                url = server.url("/big.bin", secure=secure)
                _table("https" if secure else "http", url, tools, root / "got", size, rounds)
        session.close()


if __name__ == "__main__":
    main()
