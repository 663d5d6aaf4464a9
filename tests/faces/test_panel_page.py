"""The panel's script between its feed and its view, in an order and at a pace that no machine gives by itself."""

from __future__ import annotations

import pytest

from tests.faces.bare import bare
from tests.faces.panel_desk import PanelDesk, every_state, many

pytestmark = pytest.mark.browser


def test_who_draws_before_the_kernel_has_answered_says_that_somebody_looks() -> None:
    """A view that is drawn between "hello" and its answer is told of, or nothing that moves would be seen for 25 s.

    That is the order on a quick machine, where the answer takes less time than the next "hello".
    """
    with bare(PanelDesk(*every_state())) as shown:
        shown.feed.hello()
        told = shown.page.evaluate(
            """(said) => {
                panel.initialize({ model }); panel.render({ model, el: place }); hear(said);
                return told;
            }""",
            shown.says(),
        )
    assert (told[0]["t"], told[0]["visible"]) == ("hello", False)  # nothing was drawn yet
    assert (told[-1]["t"], told[-1]["visible"], told[-1]["who"]) == ("see", True, told[0]["who"])


def test_a_frame_that_comes_before_the_word_of_a_new_width_has_the_new_heights() -> None:
    """Rows are as high as their texts need in the width there is, also when a row is drawn in the very frame of it."""
    high = "[...place.querySelectorAll('.nbx-row')].map((row) => row.offsetHeight)"
    with bare(PanelDesk(*every_state())) as shown:
        shown.begin()
        wide = shown.page.evaluate(f"() => new Promise((done) => setTimeout(() => done({high}), 100))")
        narrow = shown.page.evaluate(
            """(said) => new Promise((done) => {
                place.style.width = "330px"; hear(said); // a frame is asked for before the width is looked at
                setTimeout(() => done(HIGH), 200);
            })""".replace("HIGH", high),
            shown.again(),
        )
    assert any(more > less for less, more in zip(wide, narrow, strict=False)), (wide, narrow)


def test_what_is_scrolled_is_not_drawn_again() -> None:
    """A row that stays in sight while ten thousand are scrolled is left alone: only those that come are made."""
    with bare(PanelDesk(*many())) as shown:
        shown.begin()
        touched, came, drawn = shown.page.evaluate(
            """() => new Promise((done) => {
                const frame = (then) => requestAnimationFrame(() => setTimeout(then));
                const list = place.querySelector(".nbx-list"), all = () => [...place.querySelectorAll(".nbx-row")];
                frame(() => {
                    const before = new Set(all()), seen = [];
                    const watcher = new MutationObserver((changes) => seen.push(...changes));
                    const deep = { attributes: true, childList: true, subtree: true };
                    for (const row of before) watcher.observe(row, deep);
                    list.scrollTop = 300;
                    frame(() => frame(() => done([seen.length, all().filter((row) => !before.has(row)).length,
                        before.size])));
                });
            })"""
        )
    assert touched == 0
    assert 0 < came < drawn
