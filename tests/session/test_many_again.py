"""Coming back to much: what a killed process had queued, all of it taken over in one go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase
from nbxfer.manifest import lines
from nbxfer.session import Session
from tests.journeys.terminal import Terminal

#: Fewer than a mover is begun for: it lives a moment longer than its kernel, and who has one that lives is not dead.
COUNT = 150
SCRIPT = """
import os, nbxfer
batch = nbxfer.download([f"http://127.0.0.1:9/{n}.bin" for n in range(%d)], "out", start=False)
os._exit(0)
"""


def test_what_was_queued_is_read_once_and_written_once(
    sessions: Callable[[], Session], terminal: Terminal, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a killed process's list each line is decoded twice or so (to be shown, and taken), and written once."""
    assert terminal.script(SCRIPT % COUNT).wait(60) == 0
    decoded = Counter[str]()
    decode = lines.decode

    def count(line: lines.Stored) -> object:
        record = decode(line)
        decoded.update([record.id] if record is not None else [])
        return record

    monkeypatch.setattr(lines, "decode", count)
    session = sessions()
    batch = session.reattach(scope="all")
    assert len(batch) == COUNT
    assert decoded.total() <= 3 * COUNT  # a third time where somebody looks at all of it just then
    assert {o.snapshot.owner for o in batch} == {"ours"}
    assert {o.snapshot.phase for o in batch} == {Phase.CREATED}
    [journal] = (home / "journals").iterdir()
    written = Counter(lines.named(line) for line in journal.read_bytes().splitlines())
    assert {written[o.id] for o in batch} == {1}
    assert [o.id for o in sessions().reattach(scope="all")] == [o.id for o in batch]
