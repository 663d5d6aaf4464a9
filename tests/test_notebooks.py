"""The notebooks run, from the first cell to the last, in a real kernel, and say what they promise to say."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from nbxfer.demo import apart
from tests.journeys.terminal import until

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def _run(path: Path, folder: Path, cells: slice = slice(None)) -> Any:
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    notebook.cells = notebook.cells[cells]
    client = nbclient.NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},  # where its cells write
    )
    # Not the kernelspec that happens to be called python3, but this interpreter.
    client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable
    client.execute(env={**os.environ, "PYTHONPATH": str(ROOT), "JPY_SESSION_NAME": str(folder / path.name)})
    return notebook


def _said(notebook: Any) -> str:
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            texts += [output.get("text", ""), *map(str, output.get("data", {}).values())]
    return "\n".join(texts)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_clean(path: Path) -> None:
    """A notebook is stored without outputs: what it shows is made by running it."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not [cell.id for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]
    assert "widgets" not in notebook.metadata


def test_how_it_works(tmp_path: Path) -> None:
    """Notebook 00 draws the phases from their table, and tells a life with a crash in it."""
    said = _said(_run(ROOT / "notebooks" / "00_how_it_works.ipynb", tmp_path))
    assert "```mermaid\nstateDiagram-v2" in said
    assert "<svg" in said
    assert "probing → **running**" in said
    assert "SIGKILL" in said
    assert "committing → **done**" in said
    assert "'pause' does not fit an operation that is done" in said


def test_first_transfer(tmp_path: Path) -> None:
    """Notebook 01 downloads, pauses, goes on, and holds the result against the server's own SHA-256."""
    said = _said(_run(ROOT / "notebooks" / "01_first_transfer.ipynb", tmp_path))
    assert "paused by you" in said
    assert "the SHA-256 is right" in said


def test_many_files(tmp_path: Path) -> None:
    """Notebook 03 plans, starts, fails in one, tries again, and finds everything there when it is run again."""
    said = _said(_run(ROOT / "notebooks" / "03_many_files.ipynb", tmp_path))
    assert "24 files to transfer" in said
    assert "passed over: left out by include or exclude" in said
    assert "24 over, 1 failed" in said
    assert "2025-07.nc – There is no memory://ocean/2025/2025-07.nc" in said
    assert "24 files, the first is ocean/2024/2024-01.nc" in said
    assert "24 were there already" in said
    assert "a file is there that nbxfer did not put there from this source" in said
    assert "{'new': (1, 10001), 'same': (23, 230155), 'replace': (1, 10001)}" in said
    assert "winter/2025/2025-02.nc" in said


def test_object_stores(tmp_path: Path) -> None:
    """Everything the notebook of stores says is so: sent, not sent again, paused, copied, had back, refused."""
    said = _said(_run(ROOT / "notebooks" / "04_object_stores.ipynb", tmp_path))
    assert "s3://lab/models/model.bin" in said
    assert "sent twice: 0" in said
    assert "True" in said
    assert "There is no bucket 'no-such-bucket'" in said


def test_pause_close_reopen(tmp_path: Path) -> None:
    """Notebook 02 pauses, loses its kernel where it says so, and goes on in the next one from where it was."""
    import nbformat

    path = ROOT / "notebooks" / "02_pause_close_reopen.ipynb"
    texts = [cell.source for cell in nbformat.read(path, as_version=4).cells]
    closes = next(n for n, text in enumerate(texts) if text.startswith("## Close"))
    before = _said(_run(path, tmp_path, slice(closes)))
    assert "paused by you: " in before
    assert "at the final name: False" in before
    after = _said(_run(path, tmp_path, slice(closes, None)))
    assert "1 transfer of this notebook is unfinished (1 paused; " in after
    assert "the SHA-256 is right" in after
    assert "taken over by this process" in after
    assert "asked to go on" in after
    note = json.loads((tmp_path / "data" / ".demo-server.json").read_text())
    os.kill(note["pid"], signal.SIGTERM)


def test_the_server_of_its_own_leaves_when_nobody_asks(tmp_path: Path) -> None:
    """The demo server lives on without who started it, is found again, and goes by itself."""
    note = tmp_path / ".demo-server.json"
    url = apart.served(tmp_path, 1000, 1e6, leaves_after=2)
    assert apart.served(tmp_path, 1000, 1e6) == url
    pid = json.loads(note.read_text())["pid"]
    assert pid != os.getpid()
    until(lambda: not note.exists())
    note.write_text("{}")
    assert apart._answering(note) is None


def test_read_while_downloading(tmp_path: Path) -> None:
    """Notebook 05 reads little of a large file, and that little once."""
    said = _said(_run(ROOT / "notebooks" / "05_read_while_downloading.ipynb", tmp_path))
    assert "the same bytes again: True" in said
    assert "through fsspec: True" in said
    assert "long before its turn: True" in said


def test_your_own_source(tmp_path: Path) -> None:
    """Notebook 06 holds a source against the suite, and finds a fault that was put in."""
    said = _said(_run(ROOT / "notebooks" / "06_your_own_source.ipynb", tmp_path))
    kept, spoiled = (line for line in said.splitlines() if " passed" in line)
    assert "failed" not in kept
    assert "failed" in spoiled
