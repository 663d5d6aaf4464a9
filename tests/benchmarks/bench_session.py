"""The desk: seconds to submit many operations one by one and as a list, and to take over as many in a new kernel.

Run: python tests/benchmarks/bench_session.py [COUNT]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbxfer.session import Session

#: Nothing listens there; nothing is started.
URL = "http://127.0.0.1:9/{}.bin"


def submit(home: Path, count: int) -> None:
    """Submit, say how long it took, and die as a killed kernel does."""
    session = Session(home=home)
    session.download(URL.format("warm"), home / "warm", start=False)
    begin = time.perf_counter()
    for number in range(count):
        session.download(URL.format(number), home / f"{number}.bin", start=False)
    session._manifest.sync()
    print(f"{count} calls of download(), each durable against SIGKILL: {time.perf_counter() - begin:.2f} s", flush=True)
    os._exit(0)


def in_one_go(home: Path, count: int) -> None:
    """Submit a list: every request checked, then one append and one sync for all; and the same list again."""
    session = Session(home=home)
    session.download(URL.format("warm"), home / "warm", start=False)
    urls = [URL.format(number) for number in range(count)]
    for what in ("submitted as a list, durable against power loss", "asked for again while they wait"):
        begin = time.perf_counter()
        batch = session.download(urls, home / "out", start=False)
        print(f"{len(batch)} {what}: {time.perf_counter() - begin:.2f} s", flush=True)
    session.close()


def reopen(home: Path) -> None:
    """List and take over what the killed one left."""
    begin = time.perf_counter()
    session = Session(home=home)
    listed = len(session.operations(scope="all"))
    print(f"{listed} live operations listed by a new kernel: {time.perf_counter() - begin:.2f} s")
    begin = time.perf_counter()
    taken = len(session.reattach(scope="all"))
    print(f"{taken} operations taken over by reattach(): {time.perf_counter() - begin:.2f} s")
    session.close()


def main() -> None:
    """Print the figures."""
    if len(sys.argv) > 2:
        submit(Path(sys.argv[2]), int(sys.argv[1]))
    count = sys.argv[1] if len(sys.argv) > 1 else "10000"
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, __file__, count, folder], check=True)
        reopen(Path(folder))
    with tempfile.TemporaryDirectory() as folder:
        in_one_go(Path(folder), int(count))


if __name__ == "__main__":
    main()
