"""Buttons while a cell runs, on every kernel that is supported: real clicks, real kernels, a real download."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.demo.server import DemoServer
from tests.faces.jupyter import ROOT, Book, Lab, picture, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

#: None is the newest, which is installed anyhow; the others are fetched when they are wanted.
KERNELS = [
    pytest.param(None, id="newest"),
    *(pytest.param(v, id=v, marks=pytest.mark.heavy) for v in ("6.29.5", "6.31.0", "7.3.0", "7.4.0")),
]
#: Keep the kernel busy, asleep or in a loop that holds the interpreter's lock, until somebody has seen enough.
BUSY = "import os, time; end = time.time() + 20\nwhile time.time() < end and not os.path.exists('enough'): "
SLEEP, LOOP = BUSY + "time.sleep(0.5)", BUSY + "sum(range(1000))"
#: Clicks a button; gives the milliseconds until its row shows another state, as the kernel told it.
CLICK = """(button) => new Promise((done) => {
  const row = button.closest(".nbx-row"), was = row.dataset.tone, begun = performance.now();
  const look = () => {
    const took = performance.now() - begun;
    if (row.dataset.tone !== was || took > 8000) done(took); else setTimeout(look, 5);
  };
  button.click(); look();
})"""


def kernelspec(lab: Lab, version: str | None) -> str:
    """Give the name of a kernel of that version, installed beside everything else; None is the environment's own."""
    if version is None:
        return "python3"
    place = ROOT / ".venv" / "kernels" / version
    if not (place / "ipykernel").exists():
        pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--target", str(place)]
        subprocess.run([*pip, f"ipykernel=={version}"], check=True, timeout=120)
    spec = lab.folder.parent / "JUPYTER_DATA_DIR" / "kernels" / f"k{version}"
    spec.mkdir(parents=True, exist_ok=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    env = {"PYTHONPATH": os.pathsep.join([str(place), str(ROOT)])}
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "env": env, "display_name": version, "language": "python"})
    )
    return spec.name


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """Give a server that takes longer than the test."""
    with DemoServer(size=60_000_000, rate=300_000) as slow:
        yield slow


@pytest.mark.parametrize("version", KERNELS)
def test_buttons_answer_while_a_cell_runs(lab: Lab, tab: Any, server: DemoServer, version: str | None) -> None:
    """Pause and Resume take effect within 300 ms while a cell sleeps and while one computes, and its figure survives.

    A click must fire no post_execute in the cell that runs: matplotlib would close the figure that it is drawing.
    """
    name = f"kernel-{version or 'newest'}"
    lab.notebook(f"{name}.ipynb", f"import nbxfer, ipykernel; op = nbxfer.download({server.url!r}, '{name}/'); op",
                 "pass", "print(ipykernel.__version__, len(fired))", kernel=kernelspec(lab, version))  # fmt: skip
    book = Book(tab, lab, f"{name}.ipynb")
    book.run(0)
    row = tab.locator(".nbx-row").first
    until(lambda: row.get_attribute("data-tone") == "run", 30)
    hook = "fired = []; hook = lambda: fired.append(1); get_ipython().events.register('post_execute', hook)\n"
    unhook = "\nget_ipython().events.unregister('post_execute', hook)"
    for busy in (SLEEP, LOOP):
        (lab.folder / "enough").unlink(missing_ok=True)
        book.start(1, hook + busy + unhook)
        until(lambda: book.prompt(1) == "[*]:")
        tab.wait_for_timeout(300)
        took = []
        for verb in ("Pause", "Resume", "Pause", "Resume"):
            button = row.get_by_role("button", name=verb)
            button.wait_for()
            assert book.prompt(1) == "[*]:"
            took.append(button.evaluate(CLICK))
            until(lambda: row.get_attribute("data-tone") in ("pause", "run"))
        assert book.prompt(1) == "[*]:", "all of it happened while the cell ran"
        print(name, "asleep" if busy is SLEEP else "in a loop", [f"{ms:.0f} ms" for ms in took])
        assert sorted(took)[1] < 300, took  # a busy machine makes some of them late, never early
        if busy is SLEEP:
            picture(tab, name)
        (lab.folder / "enough").touch()
        book.end(1)
    said = book.run(2)
    assert said.split() == [version or said.split()[0], "0"]
    lab.shut_down()


def test_the_versions_are_those_that_are_promised() -> None:
    """The matrix holds what the requirements admit at their lower end, and leaves out what loses updates."""
    requirements = (ROOT / "pyproject.toml").read_text("utf-8")
    assert "ipykernel>=6.29,!=7.0.*" in requirements
    assert Path(ROOT, "docs", "notebook.md").read_text("utf-8").count("6.29") >= 1
