"""Killed at every system call that changes something on the disk, one after the other (strace's fault injection)."""

from __future__ import annotations

import collections
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.demo.server import DemoServer
from tests.journeys.terminal import MIB, Terminal, sha256

#: The calls by which bytes, names and records reach a disk.
CALLS = ("pwrite64", "write", "fdatasync", "fsync", "rename", "link", "unlink", "mkdir", "fchmod", "ftruncate")
SIZE = 5 * MIB

pytestmark = [pytest.mark.soak, pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")]


def _get(server: DemoServer, target: Path) -> list[str]:
    return ["get", server.url, "-o", str(target), "-q"]


def _traced(terminal: Terminal, options: list[str], args: list[str]) -> subprocess.CompletedProcess[str]:
    process = terminal.start(*args, wrapper=["strace", "-f", "-qq", "-o", str(terminal.folder / "trace"), *options])
    out, err = process.communicate(timeout=120)
    return subprocess.CompletedProcess(args, process.returncode, out, err)


def _counted(terminal: Terminal, server: DemoServer) -> dict[str, int]:
    """Give how often the busiest thread makes each call in an undisturbed run.

    strace counts "the k-th call" for each thread apart, so that is how many different moments there are to kill at.
    """
    known = [c for c in CALLS if _known(c)]
    target = terminal.folder / "undisturbed"
    done = _traced(terminal, ["-e", "trace=" + ",".join(known)], _get(server, target))
    assert done.returncode == 0, done.stderr
    assert sha256(target) == server.sha256
    calls = re.findall(r"^(\d+) +(\w+)\(", (terminal.folder / "trace").read_text(), re.MULTILINE)
    most: dict[str, int] = {}
    for (_, call), times in collections.Counter(calls).items():
        most[call] = max(times, most.get(call, 0))
    return most


def _known(call: str) -> bool:
    return subprocess.run(["strace", "-e", f"trace={call}", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.timeout(3600)
def test_a_kill_at_any_call_is_survived(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """For each call and each time it is made: killed there, resumed, and the file is right, or was never accepted."""
    counted = _counted(terminal, serve(SIZE))
    kills = 0
    for call, times in sorted(counted.items()):
        for when in range(1, times + 1):
            server = serve(SIZE)
            terminal.home = terminal.folder / f"home-{call}-{when}"  # a first run makes calls that later ones do not
            target = terminal.folder / f"{call}-{when}"
            inject = ["-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}"]
            killed = _traced(terminal, inject, _get(server, target))
            kills += killed.returncode != 0
            if target.exists():
                assert sha256(target) == server.sha256, (call, when)
            resumed = terminal.run("resume", "--all", "-q")
            assert resumed.returncode == 0, (call, when, resumed.stderr)
            if not target.exists():
                again = terminal.run(*_get(server, target))
                assert again.returncode == 0, (call, when, again.stderr)
            assert sha256(target) == server.sha256, (call, when)
            assert server.sent <= 2 * SIZE
            target.unlink()
            server.close()
    assert [p.name for p in terminal.folder.iterdir() if p.name.endswith(".part")] == []
    print(f"\n{kills} kills at {sum(counted.values())} calls: {counted}")
    assert kills >= 0.8 * sum(counted.values())  # which thread does what differs from run to run
