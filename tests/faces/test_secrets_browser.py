"""What a notebook keeps of its kernel's secrets: nothing, in none of the copies that are made of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nbxfer.demo.server import DemoServer
from tests.faces.jupyter import Book, Lab, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

#: A token that stands in no cell goes into the URL and a header; the operation and the panel are shown.
BEGIN = """
import nbxfer, pathlib
token = pathlib.Path({file!r}).read_text()
op = nbxfer.download({url!r} + "?token=" + token, "secret.bin", headers={{"Authorization": "Bearer " + token}},
                     connections=1)
op
"""
WIDGETS = "@jupyter-widgets/jupyterlab-manager:saveWidgetState"


def kept(book: Book) -> bool:
    """Save the notebook; say whether the state of its widgets is in the file."""
    book.run(2, "pass")
    book.save()
    return "widgets" in json.loads(book.lab.saved("secret.ipynb"))["metadata"]


def test_no_copy_of_a_notebook_keeps_a_secret(
    lab: Lab, tab: Any, canary: Callable[[str], str], private_dir: Path
) -> None:
    """The file, its checkpoint, the widgets' saved state and the HTML show the transfer, and not its token."""
    from nbconvert.exporters.html import HTMLExporter

    token = private_dir / "token"
    token.write_text(canary("token"))
    with DemoServer(size=6_000_000, rate=100_000) as server:
        lab.notebook("secret.ipynb", BEGIN.format(file=str(token), url=server.url), "nbxfer.panel()", "pass")
        book = Book(tab, lab, "secret.ipynb")
        book.run(0)
        book.run(1)
        until(lambda: tab.locator(".nbx-row[data-tone=run]").count() == 2)
        book.do(WIDGETS)  # a choice in JupyterLab's menu, which is off: what the widgets have goes into the file, too
        try:
            until(lambda: kept(book))
        finally:
            book.do(WIDGETS)
        checkpoint = lab.folder / ".ipynb_checkpoints" / "secret-checkpoint.ipynb"
        until(lambda: checkpoint.exists() and "secret.bin" in checkpoint.read_text())
        asked = book.run(2, "print(op.snapshot.source)")
        tab.locator(".nbx-row [aria-label^='Details']").first.click()
        tab.get_by_role("region", name="Story").get_by_text("asked for").wait_for()
        shown = tab.content()
        book.run(2, "op.cancel()")
    exported, _ = HTMLExporter().from_filename(str(lab.folder / "secret.ipynb"))  # type: ignore[no-untyped-call]
    copies = {
        "the file": lab.saved("secret.ipynb"),
        "the checkpoint": checkpoint.read_text(),
        "the HTML": exported,
        "the page": shown,
        "what the kernel prints": asked,
    }
    coded = base64.b64encode(canary("token").encode()).decode()[4:-4]
    for name, text in copies.items():
        assert canary("token") not in text, name
        assert coded not in text, name
        assert "data.bin" in text or "secret.bin" in text, name
    state = json.loads(copies["the file"])["metadata"]["widgets"]
    assert "AnyModel" in json.dumps(state), "the state of widgets was looked at, too"
