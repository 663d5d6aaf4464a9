"""How the panel looks, in every state, wide and narrow, light and dark: nothing is cut off, nobody is shut out.

With PANEL_PICTURES=1 and ``-m "soak or not soak"`` the pictures of the documentation are taken anew.
"""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faces.jupyter import ROOT, Book, Lab, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SETUP = """
from nbxfer.core.surroundings import NetworkConnectivity, NetworkCostType, Surroundings
from nbxfer.faces.panel import panel
from tests.faces.panel_desk import PanelDesk, Phase, every_state, groups, many, showcase
around = Surroundings(NetworkConnectivity.INTERNET, NetworkCostType.UNRESTRICTED, who="NetworkManager")
def shown(name, snapshots):
    desk = PanelDesk(*snapshots, home="/" + name)
    desk.surroundings = around
    return panel(desk)
"""
SCENES = {
    "showcase": "showcase()",
    "states": "every_state()",
    "groups": "groups()",
    "many": "many()",
    "empty": "[]",
}
#: Parts of rows that reach beyond their row or beside the panel, and texts that lie over each other.
CUT_OFF = """(panel) => {
  const wrong = [], box = (e) => e.getBoundingClientRect(), outer = box(panel);
  for (const e of panel.querySelectorAll(".nbx-row *, .nbx-head *, .nbx-tools *, .nbx-empty *")) {
    const row = e.closest(".nbx-row") ?? panel, b = box(e), r = box(row);
    if (!b.width || e.closest(".nbx-fill, svg, option")) continue;
    if (b.bottom > r.bottom + 1.5 || b.right > outer.right + 1) wrong.push([e.className, e.textContent.slice(0, 40)]);
  }
  for (const row of panel.querySelectorAll(".nbx-row")) {
    const parts = [...row.querySelectorAll(".nbx-name, .nbx-host, .nbx-size, .nbx-state, .nbx-acts, .nbx-ways")];
    const shown = parts.filter((e) => box(e).width > 0 && box(e).height > 0);
    for (const a of shown) for (const b of shown) {
      const x = box(a), y = box(b);
      if (a !== b && !a.contains(b) && !b.contains(a) && x.left < y.right - 1 && y.left < x.right - 1
          && x.top < y.bottom - 1 && y.top < x.bottom - 1) wrong.push([a.className, b.className, a.textContent]);
    }
  }
  return wrong.slice(0, 5);
}"""


@pytest.fixture(scope="module")
def book(lab: Lab, tab: Any) -> Iterator[Book]:
    """Give an open notebook."""
    lab.notebook("looks.ipynb", SETUP, "pass")
    opened = Book(tab, lab, "looks.ipynb")
    opened.run(0)
    tab.add_style_tag(content=".jp-OutputArea-output { max-width: var(--room, none); }")
    yield opened
    lab.shut_down()


def show(book: Book, scene: str) -> Any:
    """Show a scene; give its panel."""
    book.run(1, f"shown({scene!r}, {SCENES[scene]})")
    view = book.page.locator(".nbx").first
    view.locator(".nbx-row, .nbx-empty:not([hidden])").first.wait_for()
    return view


def room(book: Book, view: Any, width: int | None) -> None:
    """Give the panel so many pixels; None for all there are."""
    book.page.evaluate("(w) => document.body.style.setProperty('--room', w)", f"{width}px" if width else "none")
    until(lambda: width is None or view.evaluate("e => e.offsetWidth") <= width)
    time.sleep(0.15)


def settled(view: Any) -> list[Any]:
    """Give what is cut off when it has been drawn; a busy machine takes its time for that."""
    end = time.monotonic() + 15
    while True:
        time.sleep(0.1)
        wrong: list[Any] = view.evaluate(CUT_OFF)
        if not wrong or time.monotonic() > end:
            return wrong


def keep(view: Any, name: str, folder: Path) -> None:
    """Take a picture; for the documentation where that was asked for."""
    view.page.mouse.move(4, 4)
    time.sleep(0.25)
    view.screenshot(path=(ROOT / "docs" if os.environ.get("PANEL_PICTURES") else folder) / f"{name}.png")


@pytest.mark.parametrize("scene", ["showcase", *(pytest.param(s, marks=pytest.mark.soak) for s in list(SCENES)[1:])])
def test_nothing_is_cut_off(book: Book, scene: str, tmp_path: Path) -> None:
    """In a wide notebook, a half and a side pane, each text has its place: none lies over another or is cut off."""
    view = show(book, scene)
    for width in (None, 480, 320):
        room(book, view, width)
        bottom = view.locator(".nbx-list").evaluate("e => e.scrollHeight")
        for top in range(0, min(bottom, 1500) + 1, 350):
            view.locator(".nbx-list").evaluate("(e, y) => { e.scrollTop = y; }", top)
            assert settled(view) == [], (scene, width, top)
        view.locator(".nbx-list").evaluate("e => { e.scrollTop = 0; }")
        if width == 320 and scene in {"states", "groups"}:
            keep(view, f"panel-narrow-{scene}", tmp_path)
    room(book, view, None)
    if scene in {"groups", "many", "empty"}:
        keep(view, f"panel-{scene}", tmp_path)


def axe(book: Book, view: Any) -> list[Any]:
    """Give what axe-core finds wrong with a panel."""
    spec = importlib.util.find_spec("axe_playwright_python")
    if spec is None or spec.origin is None:
        pytest.skip("axe-core is not installed: pip install axe-playwright-python")
    book.page.evaluate((Path(spec.origin).parent / "axe.min.js").read_text("utf-8"))
    found: list[Any] = view.evaluate(
        "async (e) => (await axe.run(e)).violations.map((v) => [v.id, v.nodes.length, v.nodes[0].html])"
    )
    return found


@pytest.mark.parametrize("theme", [pytest.param("Light", marks=pytest.mark.soak), "Dark"])
def test_nobody_is_shut_out(book: Book, theme: str, tmp_path: Path) -> None:
    """axe-core finds nothing in rows, groups, details, questions and fields that keeps anybody out, in both themes."""
    view = show(book, "showcase")
    before = "() => getComputedStyle(document.querySelector('.nbx')).backgroundColor"
    was = book.page.evaluate(before)
    book.do("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    if theme == "Dark":
        until(lambda: book.page.evaluate(before) != was)
        time.sleep(0.5)
    keep(view, "panel" if theme == "Light" else "panel-dark", tmp_path)
    assert axe(book, view) == []
    view.get_by_role("button", name="Cancel imagenet").click()
    view.get_by_role("button", name="Details of corpus-07").click()
    view.get_by_role("button", name="Give a new URL").first.click()
    view.get_by_role("region", name="Story").get_by_text("asked for").wait_for()
    assert settled(view) == []
    keep(view, f"panel-open-{theme.lower()}", tmp_path)
    assert axe(book, view) == []
    for scene in ("groups", "empty"):
        assert axe(book, show(book, scene)) == []
    book.do("apputils:change-theme", {"theme": "JupyterLab Light"})
    time.sleep(0.5)


def test_who_wants_no_motion_sees_none(book: Book) -> None:
    """Where a person asked their system for less motion, nothing in the panel moves by itself."""
    view = show(book, "states")
    book.page.emulate_media(reduced_motion="reduce")
    moving = view.evaluate(
        "e => [...e.querySelectorAll('*')].filter((x) => { const s = getComputedStyle(x); return"
        " s.animationName.startsWith('nbx') || parseFloat(s.transitionDuration) > 0 && x.closest('.nbx-bar'); }).length"
    )
    book.page.emulate_media(reduced_motion="no-preference")
    assert moving == 0
    assert view.evaluate("e => e.getAnimations({ subtree: true }).length") > 0, "it would move else"
