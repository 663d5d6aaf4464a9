"""Real servers as child processes: a free port, a start that is waited for, an end that comes."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

_ELSEWHERE = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin:/opt/homebrew/sbin"


def program(name: str) -> str | None:
    """Give the path of a program, also where only root's PATH has it; None where it is not installed."""
    return shutil.which(name) or shutil.which(name, path=_ELSEWHERE)


def uncounted(env: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Give an environment in which no coverage is measured: what is killed leaves none behind."""
    return {name: value for name, value in env.items() if not name.startswith("COV")}


_given: deque[int] = deque(maxlen=64)


def free_port() -> int:
    """Give a port that nobody listens on at this moment, and not one of the last that were given."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
        if port not in _given:  # the system may give the same again, and a server wants two
            _given.append(port)
            return port


class ServerProcess:
    """A server that runs while it is entered, on ``port`` of the loopback; ``log`` has what it said."""

    def __init__(self, command: Sequence[str], port: int, log: Path, env: Mapping[str, str] = os.environ) -> None:
        self.command, self.port, self.log, self._env = list(command), port, log, uncounted(env)

    def start(self) -> None:
        """Start it, and come back when it listens."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=self._env, start_new_session=True
            )
        deadline = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            try:
                return socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # with the processes that it has begun
            self.process.wait(10)


class WebServer(ServerProcess):
    """A web server on two ports of the loopback; ``sent_part`` is how a line of its access log tells of a part."""

    http: int
    https: int
    sent_part: str

    def url(self, path: str, *, secure: bool = False) -> str:
        """The URL of ``path`` here."""
        return f"https://127.0.0.1:{self.https}{path}" if secure else f"http://127.0.0.1:{self.http}{path}"

    def parts(self) -> int:
        """Give how often a part was sent."""
        log = self.log.parent / "access.log"
        return 0 if not log.exists() else log.read_text().count(self.sent_part)
