"""How several operations ended together, and the words for it."""

from __future__ import annotations

import pytest

from nbxfer.core.completion import Completion, Outcome, notice, outcome
from nbxfer.core.phases import Phase


def test_over_when_all_are() -> None:
    """Done, failed, canceled and not known any more are over; everything else is not."""
    ends = [Phase.DONE, Phase.FAILED, Phase.CANCELED, None]
    assert outcome(ends) == Outcome(4, 1, 1, 1, 1)
    for phase in set(Phase) - set(ends):
        assert outcome([*ends, phase]) is None


def test_all_must_succeed() -> None:
    """One that did not succeed makes the whole a failure."""
    assert Outcome(2, 2, 0, 0).ok
    assert not any(o.ok for o in (Outcome(2, 1, 1, 0), Outcome(2, 1, 0, 1), Outcome(2, 1, 0, 0, 1)))


def plan(count: int, name: str = "", notify: tuple[str, ...] = ()) -> Completion:
    return Completion("c" * 16, {f"{n}": f"/x/{n}" for n in range(count)}, notify=notify, name=name)


@pytest.mark.parametrize(
    ("what", "how", "names", "title", "text"),
    [
        (plan(1), Outcome(1, 1, 0, 0), ["a"], "a: done", "a"),
        (plan(5), Outcome(5, 5, 0, 0), list("abcde"), "5 transfers are done", "a, b, c and 2 more"),
        (plan(2, "atlas"), Outcome(2, 2, 0, 0), ["a", "b"], "atlas: done", "a, b"),
        (plan(1), Outcome(1, 0, 1, 0), ["a"], "a: failed", "0 of 1 done. a"),
        (plan(4), Outcome(4, 1, 1, 1, 1), list("abcd"), "4 transfers: 1 failed, 1 canceled, 1 not known any more",
         "1 of 4 done. a, b, c and 1 more"),
        (plan(2, "atlas"), Outcome(2, 1, 1, 0), ["a", "b"], "atlas: 1 failed", "1 of 2 done. a, b"),
    ],
)  # fmt: skip
def test_the_words(what: Completion, how: Outcome, names: list[str], title: str, text: str) -> None:
    """A notice says what it is about, how it ended, and the first few names."""
    told = notice(what, how, 7.0, names)
    assert (told.title, told.text, told.ok, told.at) == (title, text, how.ok, 7.0)
    assert told.op_ids == tuple(what.operations)
    assert not told.browser
    assert notice(plan(1, notify=("browser",)), Outcome(1, 1, 0, 0), 7.0, ["a"]).browser
    assert notice(plan(1, notify=("browser",)), Outcome(1, 0, 0, 1), 7.0, ["a"]).browser
