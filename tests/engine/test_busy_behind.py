"""A server behind a redirect that wants to be left alone."""

from __future__ import annotations

import time
from pathlib import Path

from nbxfer.session import Session
from tests.servers.rogue import Asked, Rogue, Wire


def test_both_are_left_alone(home: Path, tmp_path: Path) -> None:
    """Its Retry-After holds for whoever asks it straight, and for who would be led to it."""
    times: list[float] = []

    def behind(asked: Asked, wire: Wire) -> None:
        times.append(time.monotonic())
        if len(times) == 1:
            wire.answer(429, b"", "Retry-After: 2")
        else:
            wire.answer(200, b"x" * 100)

    with Rogue(behind) as second:

        def before(asked: Asked, wire: Wire) -> None:
            wire.answer(302, b"", f"Location: {second.url('/b.bin')}")

        with Rogue(before) as first, Session(home=home) as session:
            led = session.download(first.url("/a.bin"), tmp_path / "a.bin")
            while not times:
                time.sleep(0.01)
            while led.snapshot.retries == 0:
                time.sleep(0.01)
            straight = session.download(second.url("/c.bin"), tmp_path / "c.bin")
            assert straight.result(20).stat().st_size == led.result(20).stat().st_size == 100
    assert min(times[1:]) - times[0] > 1.9
