"""Reading here and there while a server breaks off, stalls and resets: every byte is the source's."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import nbxfer
from nbxfer.session import Session
from nbxfer.testing.source_world import made_up
from tests.servers.wsgi import serving

SIZE: Final = 24 << 20


class Flapping:
    """A WSGI application that seldom gives a body to its end: ``broken`` counts those that it broke off."""

    def __init__(self, data: bytes, seed: int) -> None:
        self.data, self.broken = data, 0
        self._dice, self._lock = random.Random(seed), threading.Lock()

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        from werkzeug.wrappers import Response

        answer: Any = Response(self.data, 200, content_type="application/octet-stream")
        answer.set_etag("one")
        answer.make_conditional(environ, accept_ranges=True, complete_length=len(self.data))
        pieces: Any = answer(environ, start)
        with self._lock:
            breaks, after, stalls = self._dice.random() < 0.7, self._dice.randrange(1 << 19), self._dice.random() < 0.1
        body = b"".join(pieces)
        if not breaks or after >= len(body):
            yield body
            return
        yield body[:after]
        with self._lock:
            self.broken += 1
        if stalls:
            time.sleep(0.3)
        raise ConnectionAbortedError("broken off, as it was to be")


def read_about(file: Any, data: bytes, reads: int, seed: int) -> None:
    """Read at random places, and hold each against what the source has there."""
    dice = random.Random(seed)
    for _ in range(reads):
        at, length = dice.randrange(len(data)), dice.choice([1, 100, 4096, 70_000])
        file.seek(at)
        assert file.read(length) == data[at : at + length], (at, length)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("reads", [500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_reads_while_it_comes(session: Session, tmp_path: Path, reads: int) -> None:
    """A transfer that is broken off again and again gives right bytes to who reads in it, and is right at its end."""
    data = made_up(SIZE, seed=reads)
    flapping = Flapping(data, reads)
    with serving(flapping) as port:
        retry = nbxfer.Retry(tries=1000, base=0.01, cap=0.05)
        op = session.download(f"http://127.0.0.1:{port}/x", tmp_path / "X", retry=retry, timeout=5, bandwidth=SIZE / 4)
        with op.open() as file:
            read_about(file, data, reads, reads)
        assert op.result(120).read_bytes() == data
    assert flapping.broken > 3


@pytest.mark.timeout(600)
@pytest.mark.parametrize("reads", [150, pytest.param(10_000, marks=pytest.mark.soak)])
def test_sparse_reads(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: int) -> None:
    """So does a file that is opened where it is."""
    monkeypatch.setenv("NBXFER_CACHE_DIR", str(tmp_path / "cache"))
    data = made_up(SIZE, seed=reads + 1)
    flapping = Flapping(data, reads)
    with serving(flapping) as port, session.open(f"http://127.0.0.1:{port}/x", timeout=5) as file:
        read_about(file, data, reads, reads)
    assert flapping.broken > 3
