"""The desk: seconds to submit many operations one by one, and to list and take over as many in a new kernel.

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


if __name__ == "__main__":
    main()
