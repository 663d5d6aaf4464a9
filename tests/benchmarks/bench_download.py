"""One large file, whole way: nbxfer.download against curl, both into a memory file system, from nginx on loopback.

Run: python tests/benchmarks/bench_download.py [MIB] (default 1024). Prints medians of five, in turns, and the ratio.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from nbxfer.session import Session
from tests.servers.nginx import Nginx

SHM = Path("/dev/shm")


def main() -> None:
    """Print the figures."""
    size = int(sys.argv[1] if len(sys.argv) > 1 else 1024) * 2**20
    times: dict[str, list[float]] = {"curl": [], "nbxfer": []}
    with tempfile.TemporaryDirectory(dir=SHM if SHM.is_dir() else None) as folder:
        root = Path(folder)
        (root / "www").mkdir()
        with (root / "www" / "big.bin").open("wb") as file:
            for _ in range(size // 2**20):
                file.write(os.urandom(2**20))
        session = Session(home=root / "home")
        (root / "run").mkdir()
        with Nginx(root / "www", root / "run") as server:
            url = f"http://127.0.0.1:{server.http}/big.bin"
            for number in range(6):
                for name, spent in times.items():
                    target = root / f"{name}{number}"
                    begin = time.perf_counter()
                    if name == "curl":
                        subprocess.run(["curl", "-sSo", str(target), url], check=True)
                    else:
                        session.download(url, target).result()
                    spent.append(time.perf_counter() - begin)
                    assert target.stat().st_size == size
                    target.unlink()
        session.close()
    rates = {name: size / 1e6 / statistics.median(spent[1:]) for name, spent in times.items()}
    for name, rate in rates.items():
        print(f"{name:8} {rate:8.0f} MB/s")
    print(f"ratio    {rates['nbxfer'] / rates['curl']:8.2f}")


if __name__ == "__main__":
    main()
