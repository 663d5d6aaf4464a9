"""Scenarios 1, 3, 5, 6 and 7 in a real JupyterLab, clicked in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faces.jupyter import Book, Lab, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
#: Writes down what the browser itself is asked to show.
NOTICES = """
window.shownNotices = [];
window.Notification = class { constructor(title, options) { window.shownNotices.push([title, options.body]); }
  static get permission() { return "granted"; } };
"""


class Scenario(Book):
    """A scenario's notebook, open; its cells of code have numbers of their own."""

    def __init__(self, page: Any, lab: Lab, name: str) -> None:
        import nbformat

        shutil.copy(NOTEBOOKS / f"{name}.ipynb", lab.folder)
        cells = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells
        self.code = [number for number, cell in enumerate(cells) if cell.cell_type == "code"]
        super().__init__(page, lab, f"{name}.ipynb")

    def begin(self, code: int) -> None:
        """Run a cell of code, without waiting for its end."""
        self.start(self.code[code])

    def cell(self, code: int) -> Any:
        """Give the place of a cell of code on the page."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(self.code[code])

    def says(self, code: int, words: str, seconds: float = 60) -> None:
        """Wait until a cell has printed something."""
        until(lambda: words in "\n".join(self.cell(code).locator("pre").all_text_contents()), seconds)

    def row(self, name: str) -> Any:
        """Give the row of that name."""
        return self.page.locator(".nbx-row", has_text=name).first

    def click(self, name: str, verb: str) -> None:
        """Press the button of that name in a row."""
        self.row(name).get_by_role("button", name=verb).first.click()

    def tone(self, name: str, wanted: str, seconds: float = 30) -> None:
        """Wait until a row is shown as ``wanted``."""
        until(lambda: self.row(name).get_attribute("data-tone") == wanted, seconds)


@pytest.fixture(autouse=True)
def complaints(tab: Any) -> Iterator[None]:
    """Have the errors of our scripts in the page be errors."""
    found: list[str] = []
    tab.on("pageerror", lambda error: found.append(str(error)))
    yield
    assert not [text for text in found if "nbx" in text]


def test_download_pause_resume_cancel(lab: Lab, tab: Any) -> None:
    """Scenario 1: each is paused, one goes on and is done, another is canceled, by its buttons."""
    book = Scenario(tab, lab, "11_scenario_download")
    book.begin(0)
    for name in ("north.bin", "south.bin", "east.bin"):
        book.tone(name, "run", 60)
        book.click(name, "Pause")
        book.tone(name, "pause")
    book.click("north.bin", "Resume")
    book.tone("north.bin", "run")
    book.click("east.bin", "Cancel")
    book.page.locator(".nbx-row", has_text="east.bin").get_by_role("button", name="Really").first.click()
    until(
        lambda: (
            book.row("east.bin").count() == 0
            or book.row("east.bin").get_attribute("data-tone") in ("gone", "over", "done", "cancel")
        )
    )


def test_a_notification_of_the_browser(lab: Lab, tab: Any) -> None:
    """Scenario 3: the browser is asked to show one notification for each call, and the panel says it, too."""
    tab.add_init_script(NOTICES)
    book = Scenario(tab, lab, "13_scenario_notifications")
    book.begin(0)
    until(lambda: book.page.evaluate("window.shownNotices.length") == 1, 60)
    assert book.page.evaluate("window.shownNotices") == [["2 transfers are done", "a.bin, b.bin"]]
    until(lambda: "2 transfers are done" in (book.page.locator(".nbx-said").first.text_content() or ""))
    book.begin(2)
    until(lambda: book.page.evaluate("window.shownNotices.length") == 2, 60)
    assert book.page.evaluate("window.shownNotices[1][0]") == "3 transfers: 1 failed"


@pytest.mark.soak
def test_random_access(lab: Lab, tab: Any) -> None:
    """Scenario 5: what is read at the end is there while the row still runs; then it is canceled by its button."""
    book = Scenario(tab, lab, "15_scenario_random_access")
    book.begin(0)
    book.tone("archive.bin", "run", 60)
    book.begin(1)
    book.says(1, "bytes are right: True")
    assert book.row("archive.bin").get_attribute("data-tone") == "run"
    book.click("archive.bin", "Pause")
    book.tone("archive.bin", "pause")


def test_an_expired_url(lab: Lab, tab: Any) -> None:
    """Scenario 6: the row asks for a person; with a new URL it goes on when its button is pressed."""
    book = Scenario(tab, lab, "16_scenario_expired_url")
    book.begin(0)
    book.tone("expiring.bin", "person", 60)
    book.run(book.code[2], "op.url = server.ticket(share=1.0)\nprint('given')")
    book.begin(1)
    book.run(book.code[3], "op.resume()\nprint(op.result().name, op.response.status, op.progress.restarted)")
    book.says(3, "expiring.bin 206 False")
    book.tone("expiring.bin", "done")


@pytest.mark.soak
def test_reordering(lab: Lab, tab: Any) -> None:
    """Scenario 7: five in a row with C made current are done in the order C D E A B, and every row shows it."""
    book = Scenario(tab, lab, "17_scenario_reordering")
    book.begin(0)
    until(lambda: book.page.locator(".nbx-row").count() >= 1, 60)
    book.begin(1)
    book.says(1, "C D E A B")
    book.begin(2)
    book.says(2, "the order of completion: C D E A B")
