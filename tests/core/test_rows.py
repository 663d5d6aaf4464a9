"""Rows: a snapshot of many, in little room."""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.phases import Phase
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Entry, Published
from nbxfer.core.rows import FORMS, Over, Rows, Waiting, whole
from nbxfer.core.snapshot import Snapshot
from nbxfer.testing.pictures import snapshot
from tests.core.life import BROKEN, Life

STORY = (Entry(1.5, "probed", "one connection"), Entry(2.5, "committed"))
RESPONSE = (("etag", '"1"'), ("server", "nginx"))
PUBLISHED = Published("/home/you/data.tar.gz", 7, 8, "digest", version="v", http_status=201, headers=(("a", "b"),))


def done(**fields: Any) -> Snapshot:
    """Give what a finished operation shows."""
    first: dict[str, Any] = {"received": 7, "story": STORY, "response": RESPONSE, "held": RangeSet.of([(0, 7)])}
    return snapshot(phase=Phase.DONE, **{**first, "final_url": "https://data.example/data.tar.gz", **fields})


numbers = st.integers(0, 2**40)
times = st.floats(0, 2**32, allow_nan=False)
shown = st.builds(
    lambda phase, fields: msgspec.structs.replace(snapshot(phase=phase), **fields),
    st.sampled_from(sorted(Phase)),
    st.fixed_dictionaries(
        {},
        optional={
            "id": st.sampled_from(["3f2a9c", "4f2a9c"]),
            "destination": st.sampled_from(["/home/you/data.tar.gz", "C:\\data.tar.gz", "/other", "/a/\ud800.gz"]),
            "name": st.sampled_from(["data.tar.gz", "other", "\ud800.gz"]),
            "received": numbers,
            "total": numbers | st.none(),
            "created": times,
            "changed": times,
            "place": times,
            "final_url": st.sampled_from(["", "https://data.example/data.tar.gz", "https://b/"]),
            "held": st.lists(st.tuples(numbers, numbers), max_size=3).map(RangeSet.of),
            "published": st.none() | st.just(PUBLISHED) | st.builds(Published, st.text(), numbers, numbers),
            "response": st.just(RESPONSE) | st.just(()),
            "story": st.just(STORY) | st.just(()),
            "owner": st.sampled_from(["ours", "theirs"]),
        },
    ),
)


@given(st.lists(shown, max_size=4))
def test_nothing_is_lost(many: list[Snapshot]) -> None:
    """Whatever is put in comes out again, whatever else was put in."""
    rows = Rows()
    assert [whole(row) for row in [rows.row(one) for one in many]] == many


def test_what_waits_and_what_is_over_take_little_room() -> None:
    """Of many, those that have not begun and those that are complete or canceled share what they have in common."""
    rows = Rows()
    life = Life()
    waiting = rows.row(life.op.snapshot(life.now))
    assert isinstance(waiting, Waiting)
    one, other = rows.row(done()), rows.row(done(op_id="b", story=(Entry(9.0, "probed", "one connection"), STORY[1])))
    assert isinstance(one, Over)
    assert isinstance(other, Over)
    assert one.form is other.form
    assert sys.getsizeof(one.own) < 250
    assert isinstance(rows.row(snapshot(phase=Phase.CANCELED)), Over)


@pytest.mark.parametrize(
    "own",
    [
        snapshot(phase=Phase.RUNNING),
        snapshot(phase=Phase.FAILED, fault=BROKEN),
        snapshot(phase=Phase.QUEUED, changed=5.0),
        done(name="otherwise"),
        msgspec.structs.replace(done(), source="https://h/\ud800"),
        msgspec.structs.replace(done(), received=2**70),
    ],
)
def test_what_is_none_of_many_stays_as_it_is(own: Snapshot) -> None:
    """What runs, what is shown by another name, what cannot be written in few bytes: none of that is made smaller."""
    assert Rows().row(own) is own


def test_forms_are_few() -> None:
    """Where everything differs, forms are forgotten again: they must not become what they are to spare."""
    rows = Rows()
    many = [done(notebook=f"{number}.ipynb") for number in range(FORMS + 5)]
    assert [whole(rows.row(one)) for one in many] == many
    assert len(rows._forms) <= FORMS
