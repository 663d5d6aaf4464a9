"""The page of options cannot drift."""

from __future__ import annotations

import re
from pathlib import Path

from nbxfer.session import config
from nbxfer.session.checks import IF_EXISTS
from nbxfer.session.options import Options

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


def test_every_option_is_on_the_page_and_no_other() -> None:
    """docs/options.md lists what download() takes, in its order of fields, and every word of if_exists."""
    text = PAGE.read_text()
    table = text.partition("\n## ")[0]
    choices = text.partition("## `if_exists`")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` ", table, re.MULTILINE) == list(Options.__struct_fields__)
    assert tuple(re.findall(r'^\| `"(\w+)"` ', choices, re.MULTILINE)) == IF_EXISTS


def test_every_default_is_on_the_page() -> None:
    """The column of defaults says what the code says; what is None there is a dash, or what then holds."""
    shown = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", PAGE.read_text().partition("\n## ")[0], re.MULTILINE))
    own = Options()
    said = {"name": '"url"', "priority": '"default"', "retry": "Retry()", "connections": str(config.get("connections"))}
    for name in Options.__struct_fields__:
        value = getattr(own, name)
        text = f'"{value}"' if isinstance(value, str) else "–" if value is None else repr(value)
        assert shown[name] == said.get(name, text), name
