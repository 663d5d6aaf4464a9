"""The job in which nothing moves: thousands of operations are submitted, and a new process finds them.

Run: python -m tests.benchmarks.records submit|reopen COUNT HOME. Prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

import nbxfer
from tests.benchmarks.stage import MIB, ROOT, Stage
from tests.benchmarks.tables import Figure

#: Nothing listens there; nothing is started.
URL = "http://127.0.0.1:9/{}.bin"


def _submit(count: int, home: Path) -> dict[str, float]:
    session = nbxfer.Session(home=home)
    session.download(URL.format("warm"), home / "warm", start=False)
    urls = [URL.format(number) for number in range(count)]
    begin = time.perf_counter()
    batch = session.download(urls, home / "out", start=False)
    seconds = time.perf_counter() - begin
    assert len(batch) == count
    return {"submit": seconds, "memory": psutil.Process().memory_info().rss / MIB}


def _reopen(count: int, home: Path) -> dict[str, float]:
    begin = time.perf_counter()
    session = nbxfer.Session(home=home)
    assert len(session.operations(scope="all")) == count + 1
    listed = time.perf_counter()
    assert len(session.reattach(scope="all")) == count + 1
    return {"list": listed - begin, "take over": time.perf_counter() - listed}


def records(stage: Stage, names: Sequence[str]) -> list[Figure]:
    """Submit a list, die, and reopen; each in a process of its own, medians of the rounds."""
    count, found = stage.scale.queued, list[dict[str, float]]()
    for number in range(stage.scale.rounds):
        both: dict[str, float] = {}
        for verb in ("submit", "reopen"):
            home = str(stage.disk / f"records{number}")
            command = [sys.executable, "-m", "tests.benchmarks.records", verb, str(count), home]
            ended = subprocess.run(
                command, check=False, capture_output=True, cwd=ROOT, env=stage.environ(), timeout=300
            )
            if ended.returncode:
                print(f"\n== {verb}: {ended.stderr.decode().strip().splitlines()[-1]}")
                return [Figure(f"{verb} {count:,} operations", None, "s", most=2)]
            both |= json.loads(ended.stdout)
        found.append(both)
    middle: dict[str, Any] = {key: sorted(row[key] for row in found)[len(found) // 2] for key in found[0]}
    print(f"\n== {count:,} operations: {', '.join(f'{key} {value:.2f}' for key, value in middle.items())}", flush=True)
    return [
        Figure(f"submit {count:,} operations as a list", middle["submit"], "s", most=2),
        Figure(f"list {count:,} operations of a killed process", middle["list"], "s", most=2),
        Figure(f"take over {count:,} operations by reattach()", middle["take over"], "s", most=2),
        Figure(f"a process that has queued {count:,}", middle["memory"], "MiB", most=150, made_of="RSS in all"),
    ]


if __name__ == "__main__":
    result = (_submit if sys.argv[1] == "submit" else _reopen)(int(sys.argv[2]), Path(sys.argv[3]))
    print(json.dumps(result), flush=True)
    os._exit(0)  # as a killed kernel does
