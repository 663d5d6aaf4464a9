"""Reload, restart, close and reopen, copy: what stands in a real JupyterLab and Notebook 7 then is the truth."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nbxfer.demo.server import DemoServer
from nbxfer.faces.notebook import startup
from tests.faces.jupyter import Book, Lab, picture, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SIZE = 6_000_000
TRIES = itertools.count(1)


@pytest.fixture(params=["lab", pytest.param("notebook", marks=pytest.mark.soak)])
def app(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """Give the front end; afterwards no kernel runs."""
    yield str(request.param)
    lab.shut_down()


@pytest.fixture
def server() -> Iterator[DemoServer]:
    """Give a server that takes its time."""
    with DemoServer(size=SIZE, rate=100_000) as slow:  # a minute: no busy machine sees its end too early
        yield slow


def begun(tab: Any, lab: Lab, server: DemoServer, app: str, name: str) -> Book:
    """Give a saved notebook whose cells show a running download, and the panel; a name of its own at each try."""
    name += f"-{next(TRIES)}"
    code = f"import nbxfer\nop = nbxfer.download({server.url!r}, {name + '/'!r}, connections=1)\nop"
    lab.notebook(f"{name}.ipynb", code, "nbxfer.panel()", "pass", "pass")
    book = Book(tab, lab, f"{name}.ipynb", app)
    book.run(0)
    book.run(1)
    views(book, "run")
    book.save()
    return book


def views(book: Book, tone: str, count: int = 2) -> None:
    """Wait until so many places on the page show the download as ``tone``; else say what they showed."""
    seen: list[str] = []
    end = time.monotonic() + 30
    while True:
        shown = book.page.locator(".nbx-row").evaluate_all("rows => rows.map((row) => row.dataset.tone)")
        if shown == [tone] * count:
            return
        if not seen or not seen[-1].endswith(str(shown)):
            seen.append(f"{30 - end + time.monotonic():.1f} s: {shown}")
        assert time.monotonic() < end, seen
        time.sleep(0.02)


def hold(server: DemoServer, seconds: float = 1.0) -> int:
    """Give the number of requests so far, when none has come for a while."""
    time.sleep(seconds)
    return server.requests


def test_reload_then_restart_with_the_page_open(app: str, tab: Any, lab: Lab, server: DemoServer) -> None:
    """A reloaded page is live. After a restart both outputs say so; the extension revives them and offers to go on."""
    book = begun(tab, lab, server, app, f"open-{app}")
    book.open()
    views(book, "run")
    picture(tab, f"reloaded-{app}")
    book.restart()
    until(lambda: tab.locator(".nbx-gone", has_text="kernel was restarted").count() == 2, 30)
    picture(tab, f"restarted-{app}")
    book.idle()
    asked = hold(server)
    book.run(2, "%load_ext nbxfer")
    views(book, "orphan", 3)  # and the row below the offer
    offer = tab.locator(".nbxo")
    assert "1 transfer of this notebook is unfinished" in offer.inner_text()
    picture(tab, f"offered-{app}", ".jp-Notebook")
    assert hold(server) == asked, "nothing is asked before somebody chooses"
    server.rate = None
    offer.get_by_role("button", name="Resume all").click()
    until(lambda: "Going on with 1 transfer." in offer.inner_text())
    views(book, "done", 3)
    arrived = lab.folder / book.name.removesuffix(".ipynb") / "data.bin"
    assert hashlib.sha256(arrived.read_bytes()).hexdigest() == server.sha256
    picture(tab, f"resumed-{app}")


def test_close_and_reopen_without_the_extension(app: str, tab: Any, lab: Lab, server: DemoServer) -> None:
    """Opened again with a new kernel, nothing moves; one cell later the old outputs tell how it stands."""
    book = begun(tab, lab, server, app, f"closed-{app}")
    tab.goto("about:blank")
    lab.shut_down()
    asked = hold(server)
    book.open()
    until(lambda: tab.get_by_text("model not found").count() == 2)
    picture(tab, f"reopened-{app}")
    assert hold(server) == asked
    book.run(2, "%load_ext nbxfer")
    views(book, "orphan", 3)
    assert tab.get_by_text("model not found").count() == 0
    offer = tab.locator(".nbxo")
    discard = offer.get_by_role("button", name="Discard")
    discard.click()
    assert "Really" in discard.inner_text()
    picture(tab, f"discarding-{app}")
    discard.click()
    views(book, "cancel", 3)
    assert "Discarding 1 transfer." in offer.inner_text()
    assert not list((lab.folder / book.name.removesuffix(".ipynb")).glob(".*"))
    assert server.requests == asked


def test_with_the_startup_file_it_is_live_before_a_cell_is_run(
    app: str, tab: Any, lab: Lab, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After install-startup a reopened notebook shows how it stands by itself, also after a restart; nothing moves."""
    monkeypatch.setenv("IPYTHONDIR", str(lab.folder.parent / "IPYTHONDIR"))
    written = startup.install()
    try:
        book = begun(tab, lab, server, app, f"startup-{app}")
        tab.goto("about:blank")
        lab.shut_down()
        asked = hold(server)
        book.open()
        views(book, "orphan")
        picture(tab, f"startup-{app}")
        assert hold(server) == asked
        tab.locator(".nbx-row button", has_text="Take it over").first.click()
        views(book, "run")
        book.restart()
        views(book, "orphan")
        picture(tab, f"startup-restarted-{app}")
        book.idle()
        server.rate = None
        tab.locator(".nbx-row button", has_text="Take it over").last.click()
        views(book, "done")
    finally:
        os.unlink(written)


def test_an_untrusted_copy_is_a_table(app: str, tab: Any, lab: Lab, server: DemoServer) -> None:
    """A copy that nobody trusts shows what was transferred as a table; it has no buttons, and moves nothing."""
    book = begun(tab, lab, server, app, f"mine-{app}")
    tab.goto("about:blank")
    lab.shut_down()
    asked = hold(server)
    copied = f"copy-{book.name}"
    shutil.copy(lab.folder / book.name, lab.folder / copied)
    other = (lab.folder / copied).read_text().replace('"pass"', '"changed = True"')  # so that no signature fits
    (lab.folder / copied).write_text(other)
    copy = Book(tab, lab, copied, app)
    tables = tab.locator(".jp-OutputArea table")
    until(lambda: tables.count() == 2)
    assert "data.bin" in tables.first.inner_text()
    assert "127.0.0.1" in tables.first.inner_text()
    assert tab.locator(".nbx").count() == 0
    picture(tab, f"untrusted-{app}")
    assert hold(server) == asked
    assert copy.name != book.name
