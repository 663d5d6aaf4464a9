"""Three hundred texts that would act as markup, where people look: the live page, the file reopened, its HTML."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faces import payloads
from tests.faces.jupyter import Book, Lab, picture, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SHOW = """
import msgspec
from IPython.display import display
from nbxfer.core.faults import Fault, Remedy
from nbxfer.faces.panel import bundle, leftover, panel
from tests.faces.panel_desk import Phase, PanelDesk, op
from tests.faces.payloads import ALL, NAMES
def hostile(n, text, name):
    fault = Fault("NeedsAttention", text, Remedy.PERSON, hint=text, http_status=403)
    made = op(n, (Phase.PAUSED, Phase.FAILED)[n % 2], "x.bin", total=9, fault=fault)
    foreign = {"name": name, "host": text, "source": "https://h/" + text, "reason": text, "destination": text}
    return msgspec.structs.replace(made, **foreign)
desk = PanelDesk(*(hostile(n, *both) for n, both in enumerate(zip(ALL, NAMES))))
panel(desk)
"""
TABLES = """
for start in (0, 100, 200):
    display({k: v for k, v in bundle(desk, [f"{n:016x}" for n in range(start, start + 100)]).items()
             if k.startswith("text/")}, raw=True)
display(leftover.faces(desk.board.all()[:3], ALL[5]), raw=True)
"""
#: Scrolls through a long list, a little at a time, so that each row is drawn once.
SCROLL = """async (list) => {
  const seen = new Set();
  for (list.scrollTop = 0; ; list.scrollTop += 200) {
    await new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(r)));
    for (const name of list.querySelectorAll(".nbx-name")) seen.add(name.textContent);
    if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) return seen.size;
  }
}"""


def test_none_of_three_hundred_texts_acts(lab: Lab, tab: Any) -> None:
    """As names, hosts, errors, reasons they are text: live, in the file reopened, trusted or not, and as HTML."""
    from nbconvert.exporters.html import HTMLExporter

    lab.notebook("hostile.ipynb", SHOW, TABLES, "pass")
    book = Book(tab, lab, "hostile.ipynb")
    book.run(0)
    tab.locator(".nbx-row").first.wait_for()
    drawn = tab.locator(".nbx-list").first.evaluate(SCROLL)
    assert drawn >= 200, "each row was on the page"
    book.run(1)
    until(lambda: tab.locator(".jp-OutputArea table").count() == 3)
    picture(tab, "hostile")
    assert not tab.evaluate(payloads.HURT)
    book.save()
    book.open()
    tab.locator(".nbx-row").first.wait_for()
    until(lambda: tab.locator(".jp-OutputArea table").count() == 3)
    assert not tab.evaluate(payloads.HURT)
    saved = lab.saved("hostile.ipynb")
    (lab.folder / "copy.ipynb").write_text(saved.replace('"pass"', '"changed = 1"'))
    Book(tab, lab, "copy.ipynb")
    until(lambda: tab.locator(".jp-OutputArea table").count() == 4)
    assert not tab.evaluate(payloads.HURT)
    exported, _ = HTMLExporter().from_filename(str(lab.folder / "hostile.ipynb"))  # type: ignore[no-untyped-call]
    page = lab.folder / "hostile.html"
    page.write_text(exported)
    tab.goto(page.as_uri())
    until(lambda: tab.locator("table").count() == 4)
    tab.wait_for_timeout(500)
    picture(tab, "hostile-exported")
    assert not tab.evaluate(payloads.HURT)


def test_the_texts_would_act(tab: Any) -> None:
    """Put into a page as markup, most of them act: what the other test looks for can happen."""
    tab.goto("about:blank")
    acted = 0
    for text in payloads.ALL[:40]:
        tab.set_content(f"<p>{text}</p>")
        tab.wait_for_timeout(30)
        acted += bool(tab.evaluate(payloads.HURT))
        tab.goto("about:blank")
    assert acted > 15
