"""Two who want one name at the same moment."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nbxfer.core.record import Seal
from nbxfer.errors import DestinationExists
from nbxfer.sinks.localfile import LocalFile
from tests.sinks.parts import DATA, finished, refuse


def spin(turns: int) -> None:
    """Lose a moment that no clock can tell."""
    for _ in range(turns):
        pass


@pytest.mark.parametrize("links", [True, False])
def test_race_with_a_creator(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else makes the same file at the same moment: one of the two has the name, and nobody is overwritten."""
    if not links:
        monkeypatch.setattr(os, "link", refuse(errno.EPERM))
    dice = random.Random(1)
    won = 0
    for turn in range(300):
        path = tmp_path / f"{turn}.bin"
        sink = LocalFile(path, "op1")
        seal = finished(sink)
        start, theirs = threading.Barrier(2), [False]

        def create(path: Path, theirs: list[bool], start: threading.Barrier, turns: int) -> None:
            start.wait(10)
            spin(turns)
            try:
                fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            except FileExistsError:
                return
            theirs[0] = True
            os.write(fd, b"theirs")
            os.close(fd)

        creator = threading.Thread(target=create, args=(path, theirs, start, dice.randrange(4000)))
        creator.start()
        start.wait(10)
        spin(dice.randrange(4000))
        try:
            sink.publish(1, seal, None)
            ours = True
        except DestinationExists:
            ours = False
        creator.join()
        assert ours is not theirs[0]
        assert path.read_bytes() == (DATA if ours else b"theirs")
        won += ours
    assert 0 < won < 300, "this was no race"


_CREATOR = """
import os, sys
for line in sys.stdin:
    path, spin = line.split()
    for _ in range(int(spin)):
        pass
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        os.write(fd, b"theirs")
        os.close(fd)
        print("made", flush=True)
    except FileExistsError:
        print("refused", flush=True)
"""


def test_race_with_another_process(tmp_path: Path) -> None:
    """The same with somebody who shares nothing with us."""
    dice = random.Random(2)
    won = 0
    with subprocess.Popen(
        [sys.executable, "-c", _CREATOR], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for turn in range(300):
            path = tmp_path / f"{turn}.bin"
            sink = LocalFile(path, "op1")
            seal = finished(sink)
            other.stdin.write(f"{path} {dice.randrange(4000)}\n")
            other.stdin.flush()
            spin(dice.randrange(8000))
            try:
                sink.publish(1, seal, None)
                ours = True
            except DestinationExists:
                ours = False
            assert (other.stdout.readline() == "refused\n") is ours
            assert path.read_bytes() == (DATA if ours else b"theirs")
            won += ours
        other.stdin.close()
    assert 0 < won < 300, "this was no race"


def test_two_publishers(tmp_path: Path) -> None:
    """A stale owner and the new one publish the same part at the same moment: both find it published."""
    for turn in range(100):
        path = tmp_path / f"{turn}.bin"
        seal = finished(LocalFile(path, "op1"))
        start = threading.Barrier(2)
        faults: list[Exception] = []

        def publish(epoch: int, path: Path, seal: Seal, start: threading.Barrier, faults: list[Exception]) -> None:
            start.wait(10)
            try:
                LocalFile(path, "op1").publish(epoch, seal, None)
            except Exception as error:
                faults.append(error)

        both = [threading.Thread(target=publish, args=(epoch, path, seal, start, faults)) for epoch in (1, 2)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert not faults
        assert path.read_bytes() == DATA
    assert len(os.listdir(tmp_path)) == 100
