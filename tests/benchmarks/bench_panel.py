"""The panel in a real JupyterLab and Notebook 7: how soon, how smooth, and what it costs the kernel.

Run: PYTHONPATH=. python tests/benchmarks/bench_panel.py [ROUNDS]      (needs Chromium; about three minutes)
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.faces.jupyter import Book, Lab, browser, jupyterlab, until

SETUP = """
import json, time
from nbxfer.faces.panel import panel
from tests.faces.panel_desk import GB, MB, PanelDesk, Phase, every_state, many, op
desk = PanelDesk(*every_state())
panel(desk)
"""
BUSY = "desk.times.clear(); end = time.time() + 20\nwhile time.time() < end and len(desk.times) < {n}: {what}"
#: 10,000 rows of which 32 run.
LARGE = """
large = PanelDesk(*many(10_000 - 32), *(op(20_000 + i, Phase.RUNNING, f'run-{i}.bin', received=0, total=100 * GB)
                                        for i in range(32)), home='/large')
panel(large)
"""
ACTIVE = """
active = PanelDesk(*(op(i, Phase.RUNNING, f'run-{i}.bin', received=0, total=100 * GB) for i in range(32)), home='/32')
panel(active)
"""
#: What the panel costs while it is watched, beside the same when nobody looks, in turns; CPU of all threads.
COST = """
feed, told = panel({desk})._feed, []
if not hasattr(feed, 'plain'): feed.plain = feed._send
feed._send = lambda content, buffers: (told.append(len(buffers[0])), feed.plain(content, buffers))
{desk}.run(*(s.id for s in {desk}.board.all() if s.phase is Phase.RUNNING))
found = []
for turn in range({rounds}):
    for watched in (True, False):
        with feed._lock: feed._viewers.clear()
        if watched: feed.hello('bench', keyframe=False)
        time.sleep(0.7)
        cpu, count, size, begin = time.process_time(), len(told), sum(told), time.perf_counter()
        time.sleep(4)
        took = time.perf_counter() - begin
        found.append([watched, time.process_time() - cpu, len(told) - count, sum(told) - size, took])
feed._send = feed.plain
print(json.dumps(found))
"""
#: From the click to what came of it in the page.
CLICK = """(e, wanted) => new Promise((done) => {
  const row = e.closest(".nbx-row"), start = performance.now();
  new MutationObserver((_, o) => {
    if (row.dataset.tone === wanted) { o.disconnect(); done(performance.now() - start); }
  }).observe(row, { attributes: true });
  e.click();
})"""
#: From running a cell to the first row in it.
FIRST = """(cell) => new Promise((done) => {
  const book = window.jupyterapp.shell.currentWidget.content, node = book.widgets[cell].node, start = performance.now();
  const look = () => (node.querySelector(".nbx-row") ? done(performance.now() - start) : requestAnimationFrame(look));
  book.activeCellIndex = cell;
  window.jupyterapp.commands.execute("notebook:run-cell");
  look();
})"""
#: Scroll for three seconds; the frames, and the longest one.
SMOOTH = """(list) => new Promise((done) => {
  const start = performance.now(), times = []; let last = start;
  const frame = (now) => {
    times.push(now - last); last = now; list.scrollTop += 160;
    if (list.scrollTop + list.clientHeight >= list.scrollHeight - 2) list.scrollTop = 0;
    if (now - start < 3000) requestAnimationFrame(frame);
    else done([times.length / ((now - start) / 1000), Math.max(...times.slice(2))]);
  };
  requestAnimationFrame(frame);
})"""


def clicks(book: Book, cell: int, what: str, number: int) -> list[float]:
    """Click Pause and Resume in turns while a cell is busy; give milliseconds until the page showed it."""
    book.start(cell, BUSY.format(n=number, what=what))
    until(lambda: book.prompt(cell) == "[*]:")
    time.sleep(0.5)
    row = book.page.locator(".nbx").first.locator(".nbx-row", has_text="imagenet-train.tar")
    took = []
    for turn in range(number):
        verb, wanted = (("Pause", "pause"), ("Resume", "run"))[turn % 2]
        button = row.get_by_role("button", name=verb)
        button.wait_for()
        took.append(float(button.evaluate(CLICK, wanted)))
    assert book.prompt(cell) == "[*]:" or len(took) == number
    book.end(cell)
    return took


def said(name: str, values: list[float], unit: str = "ms") -> None:
    """Print the median and the largest of some figures."""
    print(
        f"{name:<70} median {statistics.median(values):7.1f} {unit}, most {max(values):7.1f} {unit}, n = {len(values)}"
    )


def cost(book: Book, desk: str, rounds: int) -> None:
    """Print what the panel of a desk costs its kernel."""
    book.start(2, COST.format(desk=desk, rounds=rounds))
    until(lambda: book.prompt(2) == "[*]:")
    until(lambda: book.prompt(2) != "[*]:", 120)
    found: list[Any] = json.loads(book.printed(2).splitlines()[-1])
    watched = [one for one in found if one[0]]
    alone = statistics.median(cpu / took for seen, cpu, _, _, took in found if not seen)
    shares = [100 * (cpu / took - alone) for _, cpu, _, _, took in watched]
    each = [1000 * (cpu - alone * took) / count for _, cpu, count, _, took in watched]
    said(f"{desk}: kernel CPU for the panel, of one core", shares, "%")
    said(f"{desk}: kernel CPU for one refresh", each)
    said(f"{desk}: messages a second while watched", [count / took for _, _, count, _, took in watched], "/s")
    said(f"{desk}: bytes in a message", [size / count for _, _, count, size, _ in watched], "B")
    said(f"{desk}: messages while nobody looks", [float(one[2]) for one in found if not one[0]], "")


def cold(lab: Lab, app: str) -> float:
    """Give the milliseconds from "Run all" in a fresh browser to the first row, beside a cell that goes on."""
    lab.notebook("cold.ipynb", SETUP, "time.sleep(8)")
    with browser() as page:
        book = Book(page, lab, "cold.ipynb", app)
        begin = time.perf_counter()
        book.do("notebook:run-all-cells")
        page.locator(".nbx-row").first.wait_for()
        took = time.perf_counter() - begin
        assert book.prompt(1) == "[*]:"
        warm = SETUP.replace(
            "panel(desk)", "begin = time.perf_counter(); panel(desk); print(time.perf_counter() - begin)"
        )
        book.end(1)
        print(f"  (of these the panel itself, in the kernel, when asked for again: {book.run(1, warm)[:6]} s)")
        return took * 1000


def large(book: Book, rounds: int) -> None:
    """Print how soon and how smooth 10,000 rows are, and what they cost."""
    page = book.page
    book.run(1, LARGE.replace("panel(large)", ""))
    page.evaluate("""() => window.jupyterapp.shell.currentWidget.content.widgets[1]
                     .model.sharedModel.setSource('panel(large)')""")
    said("10,000 rows: from running the cell to the first row", [page.evaluate(FIRST, 1)])
    listed = page.locator(".nbx-list").nth(1)
    page.locator(".nbx").nth(1).get_by_role("button", name="finished, unfold").or_(listed).first.wait_for()
    listed.evaluate("e => { e.scrollTop = e.scrollHeight; }")
    page.locator(".nbx").nth(1).get_by_role("button", name="finished, unfold").click()
    smooth = [listed.evaluate(SMOOTH) for _ in range(rounds)]
    said("10,000 rows: frames a second while scrolling", [fps for fps, _ in smooth], "/s")
    said("10,000 rows: longest frame while scrolling", [frame for _, frame in smooth])
    said("elements of the list", [float(page.locator(".nbx").nth(1).locator(".nbx-row").count())], "")
    cost(book, "large", rounds)


def main(rounds: int) -> None:
    """Ask everything, in JupyterLab and in Notebook 7."""
    with jupyterlab(Path(tempfile.mkdtemp())) as lab:
        for app in ("lab", "notebook"):
            said(f"{app}: Run all in a cold browser, to the first row", [cold(lab, app) for _ in range(rounds)])
            lab.shut_down()
        lab.notebook("study.ipynb", SETUP, "pass", "pass")
        for app in ("lab", "notebook"):
            with browser() as page:
                book = Book(page, lab, "study.ipynb", app)
                book.run(0)
                page.locator(".nbx-row").first.wait_for()
                for name, what in (("time.sleep", "time.sleep(0.5)"), ("a pure-Python loop", "pass")):
                    said(f"{app}: click to page, beside {name}", clicks(book, 1, what, 4 * rounds))
                if app == "lab":
                    large(book, rounds)
                    book.run(1, ACTIVE)
                    page.locator(".nbx").nth(1).locator(".nbx-row").first.wait_for()
                    cost(book, "active", rounds)
            lab.shut_down()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
