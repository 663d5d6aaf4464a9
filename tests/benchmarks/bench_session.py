"""The desk: seconds to submit many operations one by one, and to list and take over as many in a new kernel.

Run: python tests/benchmarks/bench_session.py [COUNT]
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from nbxfer.core.lifecycle import Operation
from nbxfer.session import Session, request

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
    """Submit as a list will be: every request checked, then one append and one sync for all."""
    session = Session(home=home)
    session.download(URL.format("warm"), home / "warm", start=False)
    begin = time.perf_counter()
    machines = []
    for number in range(count):
        asked = request.read(URL.format(number), home / f"{number}.bin", {"start": False})
        spec = request.spec(asked, (), (), (), session)
        machines.append(Operation(secrets.token_hex(8), spec, time.time(), start=False))
    session._engine.call(lambda: session._engine.submit(machines))
    session._manifest.sync()
    print(f"{count} submitted in one go, durable against power loss: {time.perf_counter() - begin:.2f} s", flush=True)
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
