"""The panel in a real JupyterLab, in a real browser."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nbxfer.demo.server import DemoServer
from tests.faces.jupyter import Book, Lab, ours, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SETUP = """
import time
from nbxfer.faces.panel import bundle, panel
from tests.faces.panel_desk import Phase, PanelDesk, every_state, groups, many, op
desk = PanelDesk(*every_state())
class Shown:
    def __init__(self, *ids): self.ids = ids
    def _repr_mimebundle_(self, **_): return bundle(desk, self.ids)
"""
FIRST = "0000000000000001"


@pytest.fixture(scope="module")
def book(lab: Lab, tab: Any) -> Iterator[Book]:
    """Give an open notebook whose first cell shows the panel; its errors in the browser are errors."""
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(ours(error)))
    lab.notebook("study.ipynb", SETUP + "panel(desk)", "pass", "pass")
    opened = Book(tab, lab, "study.ipynb")
    opened.run(0)
    row(opened, "imagenet-train.tar").wait_for()
    yield opened
    lab.shut_down()
    assert not any(complaints)


@pytest.fixture(autouse=True)
def begun_anew(request: pytest.FixtureRequest, book: Book) -> None:
    """Let a test that is tried again find every transfer as it was at first."""
    if getattr(request.node, "execution_count", 1) > 1:
        book.run(0)


def row(book: Book, name: str, view: int = 0) -> Any:
    """Give the row of that name."""
    return book.page.locator(".nbx").nth(view).locator(".nbx-row", has_text=name)


def button(book: Book, name: str, verb: str) -> Any:
    """Give the button of that name in a row."""
    return row(book, name).get_by_role("button", name=verb)


def scroll(book: Book, top: float, view: int = 0) -> None:
    """Scroll a list."""
    book.page.locator(".nbx-list").nth(view).evaluate("(e, y) => { e.scrollTop = y; }", top)


def tone(book: Book, name: str, wanted: str, seconds: float = 10.0) -> None:
    """Wait until a row is shown as ``wanted``."""
    until(lambda: row(book, name).get_attribute("data-tone") == wanted, seconds)


def test_it_shows_every_state_in_words(book: Book) -> None:
    """Each row says what, from where, how far, how fast, how long still, and why it does not move."""
    running = row(book, "imagenet-train.tar").inner_text()
    for words in ("data.example.org", "62.0 of 148 GB", "24.1 MB/s", "left", "Running"):
        assert words in running
    assert "signed URL has expired." in row(book, "genome.bam").inner_text()
    assert "Will try again in " in row(book, "corpus-07.parquet").inner_text()
    assert "20 transfers" in book.page.locator(".nbx-head").first.inner_text()
    bar = row(book, "imagenet-train.tar").get_by_role("progressbar", name="Progress of imagenet-train.tar")
    assert bar.get_attribute("aria-valuenow") == "41"


def test_a_bar_with_holes_is_drawn_with_them(book: Book) -> None:
    """What several connections fetch is drawn where it is, and said in words to who cannot see it."""
    bar = row(book, "parallel.zarr.zip").get_by_role("progressbar")
    assert bar.get_attribute("aria-valuetext") == "41 %, in 8 places"
    fill = bar.locator(".nbx-fill")
    image = fill.evaluate("e => getComputedStyle(e).backgroundImage")
    assert image.startswith("linear-gradient(90deg, ")
    assert image.count("rgba(0, 0, 0, 0)") >= 8
    assert fill.evaluate("e => e.getBoundingClientRect().width / e.parentElement.getBoundingClientRect().width") == 1
    plain = row(book, "imagenet-train.tar").locator(".nbx-fill")
    assert plain.evaluate("e => getComputedStyle(e).backgroundImage") == "none"


def test_what_was_not_started_is_started(book: Book) -> None:
    """A transfer that waits for its start has a button for it."""
    scroll(book, 1e6)
    button(book, "later.bin", "Start").click()
    until(lambda: "Queued" in row(book, "later.bin").inner_text())
    assert button(book, "later.bin", "Start").count() == 0
    scroll(book, 0)


def test_a_refusal_is_said_in_its_row(book: Book) -> None:
    """What cannot be done is said where it was asked for, and the row goes on to be steered."""
    book.run(1, "from nbxfer.errors import InvalidTransferState\n"
                f"desk.refuse['{2:016x}', 'pause'] = InvalidTransferState('Too late by a moment.')")  # fmt: skip
    button(book, "stream.jsonl", "Pause").click()
    until(lambda: "Too late by a moment." in row(book, "stream.jsonl").inner_text())
    assert button(book, "stream.jsonl", "Pause").count() == 1
    book.run(1, "desk.refuse.clear()")


#: Two cells that keep the kernel busy until four wishes have come, 6 s at most.
SLEEP = "end = time.time() + 6\nwhile time.time() < end and len(desk.times) < 4: time.sleep(0.5)"
LOOP = "end = time.time() + 6\nwhile time.time() < end and len(desk.times) < 4: pass"


@pytest.mark.parametrize(("way", "busy"), [("control", SLEEP), ("control", LOOP), ("comm", SLEEP)])
def test_a_click_is_heard_while_a_cell_runs(book: Book, way: str, busy: str) -> None:
    """Pause and Resume reach the front desk within 300 ms, and the answer is seen, while the kernel is busy."""
    book.run(1, f"panel(desk).control = {way == 'control'}")
    book.start(1, f"desk.times.clear()\n{busy}")
    until(lambda: book.prompt(1) == "[*]:")
    time.sleep(0.5)  # so that the cell is in its loop
    clicks = []
    for verb, wanted in (("Pause", "pause"), ("Resume", "run"), ("Pause", "pause"), ("Resume", "run")):
        there = button(book, "imagenet-train.tar", verb)
        there.wait_for()
        assert book.prompt(1) == "[*]:"
        clicks.append(there.evaluate("e => { const t = Date.now(); e.click(); return t / 1000; }"))
        tone(book, "imagenet-train.tar", wanted, 4)
    book.end(1)
    heard = json.loads(book.run(2, "import json; print(json.dumps(desk.times))").splitlines()[-1])
    waits = [at - click for click, at in zip(clicks, heard, strict=True)]
    print(way, [f"{wait * 1000:.0f} ms" for wait in waits])
    assert sorted(waits)[1] < 0.3, waits  # one slow answer of four is a slow machine's
    book.run(1, "panel(desk).control = True")


def test_a_busy_cell_keeps_its_figure(book: Book) -> None:
    """A click fires no post_execute in the running cell: matplotlib would close the figure that it is drawing."""
    book.run(1, "fired = []\nhook = lambda: fired.append(1)\nevents = get_ipython().events")
    busy = SLEEP.replace("< 4", "< 1") + "\ntime.sleep(0.5)"
    watched = f"events.register('post_execute', hook)\n{busy}\nevents.unregister('post_execute', hook)\n"
    book.start(1, f"desk.times.clear()\n{watched}print('fired', len(fired), 'after', len(desk.times))")
    until(lambda: book.prompt(1) == "[*]:")
    time.sleep(0.3)
    button(book, "imagenet-train.tar", "Pause").click()
    assert "fired 0 after 1" in book.end(1)
    button(book, "imagenet-train.tar", "Resume").click()
    tone(book, "imagenet-train.tar", "run")


def asked(book: Book, op_id: int) -> list[list[Any]]:
    """Give what the desk was asked about an operation, and forget it."""
    code = f"import json; print(json.dumps([a[1:] for a in desk.asked if a[0] == '{op_id:016x}'])); desk.asked.clear()"
    found: list[list[Any]] = json.loads(book.run(2, code).splitlines()[-1])
    return found


@pytest.mark.soak  # the one before is the same without matplotlib, which takes ten seconds to come
def test_a_figure_that_is_being_drawn_survives_a_click(book: Book) -> None:
    """A click while a cell draws with matplotlib neither closes nor shows the figure: its cell shows it."""
    pytest.importorskip("matplotlib", reason="it draws the figure")
    busy = SLEEP.replace("< 4", "< 1")
    book.start(1, "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\n"
                  f"desk.times.clear()\n{busy}\ntime.sleep(0.3)\nprint('open:', plt.get_fignums())")  # fmt: skip
    until(lambda: book.prompt(1) == "[*]:")
    time.sleep(0.5)
    button(book, "imagenet-train.tar", "Pause").click()
    assert "open: [1]" in book.end(1)
    until(lambda: book.page.locator(".jp-Notebook .jp-Cell").nth(1).locator("img").count() == 1)
    button(book, "imagenet-train.tar", "Resume").click()
    tone(book, "imagenet-train.tar", "run")


def test_the_keyboard_suffices(book: Book) -> None:
    """Enter on a button is a click, not JupyterLab's "edit the cell"; a question that loses data is taken back."""
    keyboard = book.page.keyboard
    button(book, "video-archive.zip", "Resume").focus()
    keyboard.press("Enter")
    tone(book, "video-archive.zip", "run")
    there = row(book, "video-archive.zip")
    button(book, "video-archive.zip", "Cancel video").focus()
    keyboard.press("Enter")
    there.get_by_text("Cancel, and delete the 3.0 GB that have come?").wait_for()
    until(lambda: book.page.evaluate("() => document.activeElement.textContent") == "Keep it going")
    keyboard.press("Enter")
    until(lambda: there.locator(".nbx-below").count() == 0)
    keyboard.press("Delete")
    there.get_by_text("Cancel, and delete").wait_for()
    keyboard.press("Escape")
    until(lambda: there.locator(".nbx-below").count() == 0)
    keyboard.press("ArrowUp")
    until(lambda: book.page.evaluate("() => document.activeElement.dataset.id") == f"{4:016x}")
    keyboard.press("Enter")
    row(book, "genome.bam").get_by_role("region", name="Story").get_by_text("asked for").wait_for()
    keyboard.press("Escape")
    keyboard.press("ArrowDown")
    keyboard.press("p")
    tone(book, "video-archive.zip", "pause")
    keyboard.press("Delete")
    there.get_by_role("button", name="Cancel video-archive.zip and keep").focus()
    keyboard.press("Enter")
    until(lambda: "canceled" in book.page.locator(".nbx-live").first.inner_text().lower())
    assert book.page.locator(".jp-Notebook .jp-Cell").count() == 3
    assert asked(book, 5) == [["resume", {}], ["pause", {}], ["cancel", {"delete_partial": False}]]


def test_details_tell_the_story(book: Book) -> None:
    """The details say where from and where to, what of it is here, and what explain() says."""
    button(book, "parallel.zarr.zip", "Details").click()
    below = row(book, "parallel.zarr.zip").locator(".nbx-details")
    below.get_by_role("region", name="Story").get_by_text("asked for").wait_for()
    text = below.inner_text()
    for words in ("https://data.example.org/sets/2026/parallel.zarr.zip", "/home/you/data/parallel.zarr.zip",
                  "in 8 places", "What now: nothing, it goes on by itself."):  # fmt: skip
        assert words in text
    below.get_by_label("Priority").select_option("High")
    until(lambda: "high priority" in row(book, "parallel.zarr.zip").inner_text())
    button(book, "parallel.zarr.zip", "Details").click()
    until(lambda: below.count() == 0)


def test_what_only_a_person_has_is_given_in_the_row(book: Book, canary: Callable[[str], str]) -> None:
    """A new URL and credentials reach the desk, while a cell runs, and are kept by nothing in the page or the file."""
    typed = {"New URL": f"https://h.example/x?sig={canary('sig')}", "User": "me", "Password": canary("password")}
    given = "any(a[1] == 'resume' and a[2] for a in desk.asked)"
    book.start(1, f"end = time.time() + 6\nwhile time.time() < end and not {given}: time.sleep(0.1)")
    button(book, "genome.bam", "Give a new URL or credentials").click()
    form = row(book, "genome.bam").locator("form")
    form.get_by_role("button", name="Go on").click()
    assert form.get_by_label("New URL").get_attribute("aria-invalid") == "true"
    for label, text in typed.items():
        form.get_by_label(label, exact=True).fill(text)
    assert form.get_by_label("Password").get_attribute("type") == "password"
    form.get_by_label("Password").press("Enter")
    tone(book, "genome.bam", "run", 5)
    assert "[*]" not in book.prompt(1) or book.end(1) == ""
    code = "import hashlib; print(hashlib.sha256(repr(sorted(fields.items())).encode()).hexdigest())"
    heard = book.run(2, f"fields = [a[2] for a in desk.asked if a[0] == '{4:016x}' and a[2]][0]\n{code}")
    wanted = {"url": typed["New URL"], "auth": ("me", typed["Password"])}
    assert hashlib.sha256(repr(sorted(wanted.items())).encode()).hexdigest() in heard
    book.run(2, "desk.asked.clear()")
    assert canary("password") not in book.page.content()
    book.save()
    assert canary("sig") not in book.lab.saved("study.ipynb")


def test_all_at_once_and_how_fast(book: Book) -> None:
    """Pause all and the speed limit are one choice each; the limit is shown as the desk has it."""
    head = book.page.locator(".nbx-head").first
    head.get_by_role("button", name="Pause all transfers").click()
    tone(book, "stream.jsonl", "pause")
    head.get_by_role("button", name="Resume all transfers").click()
    tone(book, "stream.jsonl", "run")
    head.get_by_label("Speed limit of all transfers").select_option(label="At most 5.0 MB/s")
    until(lambda: "5000000" in book.run(2, "print(desk.bandwidth)"))
    book.run(2, "desk.bandwidth = 7_000_000")
    until(lambda: head.locator("select").first.input_value() == "7000000")
    head.get_by_label("Speed limit of all transfers").select_option("own")
    head.get_by_label("Speed limit, such as").fill("3 MB/s")
    head.get_by_label("Speed limit, such as").press("Enter")
    until(lambda: "3 MB/s" in book.run(2, "print(desk.bandwidth)"))
    book.run(2, "desk.bandwidth = None")


def test_filter_and_sort(book: Book) -> None:
    """A word narrows the list down, a choice orders it, and both say when nothing is left."""
    view = book.page.locator(".nbx").first

    def names() -> list[str]:
        found: list[str] = view.locator(".nbx-name").all_text_contents()
        return found

    view.get_by_label("Filter by name or host").fill("example.net era5")
    until(lambda: names() == ["era5-2025.nc"])
    view.get_by_label("Filter by name or host").fill("nothing like this")
    view.get_by_text("Nothing fits this filter.").wait_for()
    view.get_by_label("Filter by name or host").press("Escape")
    view.get_by_label("Order of the rows").select_option("Size")
    until(lambda: names()[:2] == ["imagenet-train.tar", "genome.bam"])
    view.get_by_label("Order of the rows").select_option("Name")
    until(lambda: names()[0] == "checkpoints.tar.zst")
    view.get_by_label("Order of the rows").select_option("As asked for")
    until(lambda: names()[0] == "imagenet-train.tar")


def test_groups_fold(book: Book) -> None:
    """A group is one row with its sums; unfolded it shows its members; its buttons mean them all."""
    book.run(1, "many_ = PanelDesk(*groups(), home='/groups')\npanel(many_)")
    view = book.page.locator(".nbx").nth(1)
    view.get_by_role("button", name="imagenet shards, unfold").wait_for()
    assert view.locator(".nbx-row", has_text="train-007").count() == 0
    assert "5 of 24 done" in view.locator(".nbx-group").first.inner_text()
    view.get_by_role("button", name="Pause the group sentinel tiles").click()
    view.locator(".nbx-row[data-tone=pause]", has_text="tile-3.tif").wait_for()
    view.get_by_role("button", name="sentinel tiles, fold").click()
    until(lambda: view.locator(".nbx-row", has_text="tile-3.tif").count() == 0)
    view.get_by_role("button", name="imagenet shards, unfold").click()
    view.locator(".nbx-row", has_text="train-005").wait_for()


def test_an_empty_panel_teaches(book: Book) -> None:
    """Where nothing was transferred yet, the panel says how to begin."""
    book.run(1, "none = PanelDesk(home='/none')\npanel(none)")
    view = book.page.locator(".nbx").nth(1)
    view.get_by_text("No transfers yet").wait_for()
    assert "nbxfer.reattach()" in view.inner_text()
    book.run(2, "none.show(op(1, Phase.RUNNING, 'first.bin'))")
    view.locator(".nbx-row", has_text="first.bin").wait_for()
    assert view.get_by_text("No transfers yet").is_hidden()


def test_what_another_kernel_runs_is_asked_for(book: Book) -> None:
    """Whose it is stands in the row, and one click asks the other kernel for it."""
    scroll(book, 1e6)
    assert "run by another kernel" in row(book, "shared.h5").inner_text()
    button(book, "shared.h5", "Go on with shared.h5 here").click()
    row(book, "shared.h5").get_by_text("was asked to hand it over").wait_for()
    assert asked(book, 17) == [["ask", {}]]
    scroll(book, 0)


def test_a_foreign_name_stays_text(book: Book) -> None:
    """A file name that is markup is shown, not obeyed."""
    book.run(1, "desk.show(op(40, Phase.RUNNING, '<img src=x onerror=window.hurt=1>.bin', total=9))")
    book.page.locator(".nbx-chip", has_text="active").first.click()
    scroll(book, 1e6)
    row(book, "<img src=x").wait_for()
    assert book.page.evaluate("() => window.hurt") is None
    assert book.page.locator(".nbx img").count() == 0
    book.page.locator(".nbx-chip", has_text="active").first.click()
    scroll(book, 0)


@pytest.mark.parametrize("theme", ["Light", pytest.param("Dark", marks=pytest.mark.soak)])
def test_nobody_is_shut_out(book: Book, theme: str) -> None:
    """axe-core finds nothing that would keep anybody from reading or steering the panel."""
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed: pip install axe-playwright-python")
    before = "() => getComputedStyle(document.querySelector('.nbx')).backgroundColor"
    was = book.page.evaluate(before)
    book.do("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    if theme == "Dark":
        until(lambda: book.page.evaluate(before) != was)
    book.page.evaluate((Path(spec.origin).parent / "axe.min.js").read_text("utf-8"))
    found = book.page.evaluate(
        "async () => { const r = await axe.run(document.querySelector('.nbx'));"
        " return [r.passes.length, r.violations.map(v => [v.id, v.nodes[0].html])]; }"
    )
    book.do("apputils:change-theme", {"theme": "JupyterLab Light"})
    assert found[0] > 10
    assert found[1] == []


def test_ten_thousand_rows(book: Book) -> None:
    """10,000 operations are shown in a moment, by a few dozen elements, and the last one is a scroll away."""
    book.run(1, "big = PanelDesk(*many(), home='/big')\npanel(big)")
    view = book.page.locator(".nbx").nth(1)
    view.locator(".nbx-row", has_text="shard-09000").wait_for()  # what is over has folded away
    assert "10,000 transfers" in view.locator(".nbx-head").inner_text()
    scroll(book, 1e6, 1)
    view.get_by_role("button", name="9,000 finished, unfold").click()
    scroll(book, 1e6, 1)
    view.locator(".nbx-row", has_text="shard-08999").wait_for()
    assert view.locator(".nbx-row").count() < 40


def test_reload(book: Book) -> None:
    """After a page reload a saved notebook shows its panel and an operation's own row again, and clicks work."""
    book.run(1, f"desk.change('{FIRST}', Phase.RUNNING)\nShown('{FIRST}')")
    row(book, "imagenet-train.tar", 1).wait_for()
    book.save()
    book.open()
    row(book, "imagenet-train.tar", 0).wait_for()
    row(book, "imagenet-train.tar", 1).get_by_role("button", name="Pause").click()
    tone(book, "imagenet-train.tar", "pause")


def test_the_file_tells_nothing(book: Book) -> None:
    """In the notebook's file there is the static table, without any address, folder or server's words."""
    book.save()
    saved = book.lab.saved("study.ipynb")
    assert "imagenet-train.tar" in saved
    assert "NeedsAttention 403" in saved
    for private in ("/home/you/data", "https://", "signed URL", "sets/2026"):
        assert private not in saved.replace(json.dumps("https://"), "")


def test_restart_and_again(book: Book) -> None:
    """When the kernel goes, the panel says so; when panel() is called again, the old output comes alive."""
    book.run(1, f"Shown('{FIRST}')")
    row(book, "imagenet-train.tar", 1).wait_for()
    book.restart()
    gone = book.page.locator(".nbx-gone").first
    gone.filter(has_text="kernel was restarted").wait_for()
    assert row(book, "imagenet-train.tar").get_by_role("button", name="Pause").count() == 0
    book.idle()
    book.run(2, SETUP + "panel(desk); print(1)")
    button(book, "imagenet-train.tar", "Pause").click()
    tone(book, "imagenet-train.tar", "pause")
    row(book, "imagenet-train.tar", 1).get_by_role("button", name="Resume").click()  # its own row, without a new model
    tone(book, "imagenet-train.tar", "run")
    assert gone.is_hidden()


def test_killed(book: Book) -> None:
    """A kernel that is killed, as by the machine when memory runs out, is no less gone than a restarted one."""
    book.run(1, "import os, signal")
    book.start(1, "os.kill(os.getpid(), signal.SIGKILL)")
    book.page.locator(".nbx-gone").first.filter(has_text="kernel was restarted").wait_for()
    book.page.get_by_role("button", name="Ok", exact=True).click()  # JupyterLab says so, too
    book.idle()


def test_a_reopened_notebook_revives(book: Book) -> None:
    """Under "Run all" after reopening, the old output comes alive while the next cell is still running."""
    book.run(1, "pass")
    book.run(2, "pass")
    book.start(1, SETUP + "panel(desk); print(1)")
    book.end(1)
    book.start(2, "import time; time.sleep(5)")
    book.save()
    book.page.goto("about:blank")
    book.lab.shut_down()
    book.open()
    assert book.page.locator(".nbx-row").count() == 0
    book.do("notebook:run-all-cells")
    row(book, "imagenet-train.tar").wait_for()
    assert book.prompt(2) == "[*]:"


def test_a_real_download(book: Book) -> None:
    """A download is paused by a click, outlives its kernel, goes on by a click in its old output, and is right."""
    with DemoServer(size=3_000_000, rate=1_500_000) as server:
        book.run(1, f"import nbxfer\nnbxfer.download({server.url!r}, 'real.bin')")
        own = book.page.locator(".nbx").nth(1)
        own.get_by_role("button", name="Pause real.bin").click()
        own.locator(".nbx-row[data-tone=pause]", has_text="Paused by you").wait_for()
        book.restart()
        own.locator(".nbx-gone").filter(has_text="kernel was restarted").wait_for()
        book.idle()
        book.run(2, "import nbxfer\nnbxfer.panel()")
        own.get_by_role("button", name="Resume real.bin").click()
        own.locator(".nbx-row[data-tone=done]").wait_for()
        assert hashlib.sha256((book.lab.folder / "real.bin").read_bytes()).hexdigest() == server.sha256
        assert server.sent <= 3_000_000 + 4 * 2**20
