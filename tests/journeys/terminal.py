"""A person's terminal, and what one looks at afterwards."""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from nbxfer.demo.server import DemoServer
from tests.servers.processes import uncounted

MIB = 1024 * 1024


class Terminal:
    """Runs ``nbxfer`` as a person would, in processes that can be killed."""

    def __init__(self, home: Path, folder: Path) -> None:
        self.home, self.folder = home, folder
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *args: str, wrapper: Sequence[str] = (), **env: str) -> subprocess.Popen[str]:
        """Start a command and return at once."""
        return self._start([*wrapper, sys.executable, "-m", "nbxfer", *args], env)

    def _start(self, command: Sequence[str], env: dict[str, str]) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env={**uncounted(), "NBXFER_HOME": str(self.home), "NBXFER_PROGRESS": "off", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, *args: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        process = self.start(*args)
        out, err = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(list(args), process.returncode, out, err)

    def script(self, text: str, **env: str) -> subprocess.Popen[str]:
        """Start a Python script that uses nbxfer."""
        path = self.folder / f"script{len(self.processes)}.py"
        path.write_text(text)
        return self._start([sys.executable, str(path)], env)

    def close(self) -> None:
        """Kill what still runs."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.communicate()


def sha256(path: Path) -> str:
    """Give the digest of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until ``condition`` holds; fail after some seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def kill_at_random(
    terminal: Terminal, server: DemoServer, get: tuple[str, ...], out: Path, chance: random.Random, asked: list[range]
) -> None:
    """Kill a list of small files as often as ``asked`` is long, each time after so many requests; then let it end.

    Each time every file that has its name has to be right.
    """
    args = get
    for among in asked:
        process, before = terminal.start(*args), server.requests
        wanted, deadline = before + chance.choice(among), time.monotonic() + 30
        while server.requests < wanted and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(chance.random() * 0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        for path in out.glob("*.bin"):
            assert sha256(path) == server.sha256
        args = ("resume", "--all") if server.requests else get
    ended = terminal.run("resume", "--all", timeout=120)
    assert ended.returncode == 0, ended.stderr
