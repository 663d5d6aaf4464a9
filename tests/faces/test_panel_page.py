"""The panel's script between its feed and its view, in an order and at a pace that no machine gives by itself."""

from __future__ import annotations

import pytest

from tests.faces.bare import bare
from tests.faces.panel_desk import PanelDesk, every_state

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
