"""A real JupyterLab or Notebook 7, and a real Chromium; skipped, saying why, where one of them is not there."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: What the page that was opened last has said of errors, the latest last.
COMPLAINTS: deque[str] = deque(maxlen=20)
ROOT = Path(__file__).resolve().parents[2]
_FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
#: Without a grammar of IRIs that nobody needs, and that takes seconds to be compiled.
_LAB = "import sys; sys.modules['rfc3987_syntax'] = None; from jupyterlab.labapp import main; sys.exit(main())"
_KERNEL = "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel"


class Lab:
    """A running JupyterLab: where it is, and the folder of its notebooks."""

    def __init__(self, url: str, token: str, folder: Path) -> None:
        self.url, self.token, self.folder = url, token, folder

    def notebook(self, name: str, *cells: str, kernel: str = "python3") -> None:
        """Write a notebook of code cells, for a kernel of that name."""
        import nbformat  # slow to import: not for everybody who looks what tests there are

        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        book["metadata"]["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        nbformat.write(book, self.folder / name)

    def shut_down(self) -> None:
        """End all kernels."""
        for kernel in json.loads(self._ask("GET", "/api/kernels")):
            self._ask("DELETE", f"/api/kernels/{kernel['id']}")

    def _ask(self, method: str, path: str) -> bytes:
        headers = {"Authorization": f"token {self.token}"}
        request = urllib.request.Request(self.url + path, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=20) as answer:
            body: bytes = answer.read()
        return body

    def kernels(self) -> int:
        """Give how many kernels run."""
        return len(json.loads(self._ask("GET", "/api/kernels")))

    def saved(self, name: str) -> str:
        """Give the notebook's file."""
        return (self.folder / name).read_text("utf-8")


class Book:
    """A notebook that is open in a page."""

    def __init__(self, page: Any, lab: Lab, name: str, app: str = "lab") -> None:
        """Open it in JupyterLab, or in Notebook 7 (``app="notebook"``)."""
        self.page, self.lab, self.name = page, lab, name
        place = f"lab/workspaces/{secrets.token_hex(4)}/tree" if app == "lab" else "notebooks"
        self.address = f"{lab.url}/{place}/{name}?token={lab.token}"
        self.open()

    def open(self) -> None:
        """Open it, or reload it, and wait for its kernel."""
        self.page.goto(self.address)
        self.idle()

    def idle(self) -> None:
        """Wait until the kernel does nothing."""
        self.page.wait_for_function(f"() => {_KERNEL}?.status === 'idle'", timeout=120_000)

    def do(self, command: str, args: dict[str, Any] | None = None) -> None:
        """Have JupyterLab run one of its commands, without waiting for its end."""
        self.page.evaluate("([c, a]) => { window.jupyterapp.commands.execute(c, a ?? {}); }", [command, args])

    def start(self, cell: int, source: str | None = None) -> None:
        """Run a cell, with another text if one is given, without waiting for its end."""
        self.page.evaluate(
            """([i, s]) => { const nb = window.jupyterapp.shell.currentWidget.content; nb.activeCellIndex = i;
               if (s !== null) nb.widgets[i].model.sharedModel.setSource(s); }""",
            [cell, source],
        )
        self.do("notebook:run-cell")

    def run(self, cell: int, source: str | None = None) -> str:
        """Run a cell to its end; give the text it printed."""
        before = self.prompt(cell)
        self.start(cell, source)
        until(lambda: self.prompt(cell) != before, 90)
        return self.end(cell)

    def end(self, cell: int) -> str:
        """Wait until a cell has run; give the text it printed.

        Not by the kernel's state: JupyterLab calls it idle after a message on the control channel, whatever runs.
        """
        until(lambda: any(c.isdigit() for c in self.prompt(cell)), 90)
        return self.printed(cell)

    def prompt(self, cell: int) -> str:
        """Give what stands in the brackets before a cell; ``[*]:`` while it runs."""
        return str(self.page.locator(".jp-Notebook .jp-Cell .jp-InputPrompt").nth(cell).text_content())

    def printed(self, cell: int) -> str:
        """Give the text that a cell printed."""
        return "\n".join(self.page.locator(".jp-Notebook .jp-Cell").nth(cell).locator("pre").all_text_contents())

    def restart(self) -> None:
        """Restart the kernel, as the menu does."""
        self.page.evaluate(f"() => {{ {_KERNEL}.restart(); }}")

    def save(self) -> None:
        """Save the notebook and wait until it is on the disk."""
        path, before = self.lab.folder / self.name, (self.lab.folder / self.name).stat().st_mtime_ns
        self.do("docmanager:save")
        until(lambda: path.stat().st_mtime_ns != before and self.lab.saved(self.name).endswith("}\n"))


def picture(page: Any, name: str, of: str = "") -> Path:
    """Keep a screenshot of the page, or of one element of it, as an artifact of this run; give its path."""
    path = ROOT / "test-results" / f"{name}.png"
    path.parent.mkdir(exist_ok=True)
    (page.locator(of).first if of else page).screenshot(path=path)
    return path


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    """Wait until something is true; fail when it takes too long."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def ours(error: Any) -> str:
    """Give an error in the page if it is one of a widget's script, which has no address but a blob's; else nothing."""
    stack = f"{error}\n{getattr(error, 'stack', '')}"
    return stack if "blob:" in stack or "nbx" in stack else ""


@contextmanager
def jupyterlab(folder: Path, more: dict[str, str] | None = None, **variables: str) -> Iterator[Lab]:
    """Start JupyterLab (and Notebook 7) with settings, data and history of its own.

    ``more`` are options of the server, ``variables`` are added to its environment and so to that of its kernels.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token, books = secrets.token_hex(8), folder / "books"
    books.mkdir()
    quiet = folder / "JUPYTER_CONFIG_DIR" / "labconfig" / "default_setting_overrides.json"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}')
    mine = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "HOME")}
    mine |= {"JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "NBXFER_HOME": str(folder / "nbxfer")}
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COV", "JPY_", "NBXFER_"))}
    command = [sys.executable, "-c", _LAB, "--no-browser", "--allow-root", f"--port={port}"]
    options = {
        "IdentityProvider.token": token,
        "ServerApp.root_dir": str(books),
        "ServerApp.port_retries": "0",
        "LabApp.expose_app_in_browser": "True",
        "JupyterNotebookApp.expose_app_in_browser": "True",
        "LabApp.news_url": "None",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        **(more or {}),
    }
    with (folder / "lab.log").open("w") as log:
        process = subprocess.Popen(
            [*command, *(f"--{name}={value}" for name, value in options.items())],
            env={**kept, **mine, "PYTHONPATH": str(ROOT), **variables}, stdout=log, stderr=subprocess.STDOUT, cwd=books,
        )  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            until(lambda: process.poll() is not None or _answers(f"{url}/api?token={token}"), 120)
            assert process.poll() is None, (folder / "lab.log").read_text()
            yield Lab(url, token, books)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def chromium(names: Sequence[str] = ("chromium", "chromium-browser", "google-chrome")) -> str:
    """Give the path of a Chromium: ``$CHROMIUM``, else the system's; skip the test where there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.skip("there is no Chromium: install one, or say where it is in $CHROMIUM")
    return found


@contextmanager
def browser(width: int = 1280, height: int = 900) -> Iterator[Any]:
    """Give a page of a headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright drives the browser")
    path = chromium()
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            page = started.new_page(viewport={"width": width, "height": height})
            page.on("dialog", lambda dialog: dialog.accept())
            COMPLAINTS.clear()
            page.on("console", lambda said: COMPLAINTS.append(said.text) if said.type == "error" else None)
            yield page
        finally:
            started.close()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a JupyterLab: one for all tests in this process, for it takes its time to start."""
    pytest.importorskip("jupyterlab", reason="the panel is tried in a real JupyterLab")
    chromium()
    with jupyterlab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def tab() -> Iterator[Any]:
    """Give a page of a browser for the tests of one file."""
    with browser() as opened:
        yield opened
