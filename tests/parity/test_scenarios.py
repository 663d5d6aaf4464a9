"""The seven scenarios of Windows' sample, as notebooks that run from top to bottom against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_notebooks import NOTEBOOKS, _run, _said

SCENARIOS = [path for path in NOTEBOOKS if "_scenario_" in path.stem]

#: What each of them promises to say.
PROMISES = {
    "11_scenario_download": [
        "PAUSED_BY_APPLICATION", "north.bin 206 restarted: False", "north.bin COMPLETED True", "east.bin CANCELED False"
    ],
    "12_scenario_upload": [
        "PUT /upload/model.bin 3,000,000 bytes, the SHA-256 is right",
        "2 transfers are done | north.csv, south.csv",
        "run text/plain 2026-11",
        "model application/octet-stream 3,000,000 bytes as model.bin",
        'about application/json {"layers": 3}',
        "answered 201 | the file in the form is the same",
        "What is being posted cannot be paused",
        "arrived 1 time",
        "['/upload/north.csv', '/upload/south.csv']",
    ],
    "13_scenario_notifications": [
        "2 transfers are done | a.bin, b.bin | all is well: True",
        "3 transfers: 1 failed | 2 of 3 done. missing, c.bin, d.bin | all is well: False",
    ],
    "14_scenario_completion": [
        "Outcome(count=3, done=2, failed=1, canceled=0, gone=0)",
        "['one.bin', 'two.bin', 'three.bin'] restarted: False",
        "nothing can be added to it any more",
    ],
    "15_scenario_random_access": ["the last 1000 bytes are right: True", "RUNNING", "all that was there: True"],
    "16_scenario_expired_url": [
        "PAUSED_RECOVERABLE_WEB_ERROR 8", "answered 206, restarted: False", "the SHA-256 is right"
    ],
    "17_scenario_reordering": [
        "the order now: C D E A B", "the order of completion: C D E A B", "kept its part: True", "5 of 5"
    ],
}  # fmt: skip


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_scenario(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs to its end and says what it promises."""
    monkeypatch.setenv("NBXFER_HOME", str(tmp_path / "home"))
    said = _said(_run(path, tmp_path))
    assert [promise for promise in PROMISES[path.stem] if promise not in said] == []
