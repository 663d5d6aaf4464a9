"""The bar: what is on the screen while somebody waits."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import pty
import struct
import termios
import threading
from collections.abc import Callable, Iterator

import pytest

from nbxfer.core.faults import Fault, Remedy
from nbxfer.core.snapshot import Snapshot
from nbxfer.faces import bar as bars
from nbxfer.faces.bar import Bar
from nbxfer.testing.session import snapshot

BROKE = Fault("NetworkError", "The connection broke.", Remedy.RETRY)


class Clock:
    """A clock that is wound by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Terminal:
    """A pseudo-terminal, and what was written to it."""

    def __init__(self, columns: int, coding: str = "utf-8") -> None:
        self._there, here = pty.openpty()
        fcntl.ioctl(here, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stream = io.TextIOWrapper(os.fdopen(here, "wb", 0), encoding=coding, write_through=True)

    def lines(self) -> list[str]:
        """Give every state that the current line had since the last call."""
        os.set_blocking(self._there, False)
        data = b""
        try:
            while chunk := os.read(self._there, 65536):
                data += chunk
        except (BlockingIOError, OSError):
            pass
        text = data.decode().replace("\r\n", "\n")
        return [line.rstrip() for line in text.split("\r") if line.strip()]

    def close(self) -> None:
        """Hang up."""
        self.stream.close()
        os.close(self._there)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Terminal]]:
    """Give a maker of terminals."""
    monkeypatch.setenv("TERM", "xterm")
    made: list[Terminal] = []

    def make(columns: int = 100, coding: str = "utf-8") -> Terminal:
        made.append(Terminal(columns, coding))
        return made[-1]

    yield make
    for one in made:
        one.close()


def play(screen: Terminal, *scenes: list[Snapshot], clock: Clock | None = None) -> list[str]:
    """Show each scene, ten seconds apart; give the last state of the line in each, and after the end."""
    clock = clock or Clock()
    stage: list[Snapshot] = []
    bar = Bar(lambda: stage, stream=screen.stream, clock=clock)
    shown = []
    for scene in scenes:
        stage[:] = scene
        clock.now += 10
        bar.refresh()
        shown += screen.lines()[-1:]
    bar.close()
    return [*shown, *screen.lines()[-1:]]


def test_one(terminal: Callable[..., Terminal]) -> None:
    """One operation shows its name, its bytes and its speed; a wait shows its reason; the end says what it took."""
    whole = 3_400_000_000
    shown = play(
        terminal(100),
        [snapshot(phase="probing")],
        [snapshot(received=1_700_000_000, total=whole, rate=10.3e6, eta=165.0)],
        [snapshot(phase="stalled", received=1_700_000_000, total=whole, fault=BROKE)],
        [snapshot(phase="done", received=whole, total=whole)],
    )
    assert shown == [
        "data.tar.gz  asking the server",
        "data.tar.gz  50 % |██████████████████▌                  | 1.7 of 3.4 GB, 10.3 MB/s, 2 min 45 s left",
        "data.tar.gz  50 % |██████████████▌              | 1.7 of 3.4 GB, will try again: The connection broke.",
        "data.tar.gz 100 % |████████████████████████████████████| 3.4 GB in 40 s, done: no checksum known",
    ] or [line.split("|")[0] + line.split("|")[-1] for line in shown] == [
        "data.tar.gz  asking the server",
        "data.tar.gz  50 %  1.7 of 3.4 GB, 10.3 MB/s, 2 min 45 s left",
        "data.tar.gz  50 %  1.7 of 3.4 GB, will try again: The connection broke.",
        "data.tar.gz 100 %  3.4 GB, done: no checksum known",
        "data.tar.gz 100 %  3.4 GB in 40 s, done: no checksum known",
    ]
