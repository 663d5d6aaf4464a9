"""The page of options cannot drift."""

from __future__ import annotations

import re
from pathlib import Path

from nbxfer.session.options import IF_EXISTS, Options

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


def test_every_option_is_on_the_page_and_no_other() -> None:
    """docs/options.md lists what download() takes, in its order of fields, and every word of if_exists."""
    text = PAGE.read_text()
    table, choices = text.split("## `if_exists`")
    assert re.findall(r"^\| `(\w+)` ", table, re.MULTILINE) == list(Options.__struct_fields__)
    assert tuple(re.findall(r'^\| `"(\w+)"` ', choices, re.MULTILINE)) == IF_EXISTS
