"""Groups: what is in one is listed, ordered and steered together."""

from __future__ import annotations

from pathlib import Path

import pytest

from nbxfer.errors import InvalidRequest
from nbxfer.session import Session


def test_what_is_in_a_group_is_listed_by_its_name(session: Session, tmp_path: Path) -> None:
    """The name of a group filters; "" stands for what is in none; a snapshot says it."""
    one = session.download("http://localhost:9/a", tmp_path / "a", start=False, group="atlas")
    other = session.download("http://localhost:9/b", tmp_path / "b", start=False)
    assert one.snapshot.group == "atlas"
    assert [o.id for o in session.operations(group="atlas")] == [one.id]
    assert [o.id for o in session.operations(group="")] == [other.id]
    assert session.operations(group="unheard of") == []


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", 7, b"atlas"])
def test_what_names_no_group_is_refused(session: Session, tmp_path: Path, name: object) -> None:
    """A group's name can be read by a person."""
    with pytest.raises(InvalidRequest, match="names no group"):
        session.download("http://localhost:9/a", tmp_path / "a", group=name)
