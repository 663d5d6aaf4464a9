"""docs/cli.md knows every command and every option, and nothing that is not there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from nbxfer.core.phases import TransferStatus
from nbxfer.faces.cli import exits, main
from nbxfer.session import config

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "cli.md").read_text("utf-8")
#: The text of each section, by its heading.
SECTIONS = {part.split("\n", 1)[0]: part for part in re.split(r"^## ", DOCS, flags=re.MULTILINE)}
COMMANDS = sorted(main.commands)


def options(command: click.Command) -> set[str]:
    """Give every way to write every option of a command."""
    found = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    return found | {"--help", "-h"}


def examples(text: str) -> Iterator[list[str]]:
    """Give the words of every example in a text: ``$ nbxfer …`` or an indented ``nbxfer …``."""
    for line in text.splitlines():
        if match := re.fullmatch(r"(?:\$ |\s+)(?:NBXFER_\w+=\S+ )?nbxfer (.*)", line):
            yield shlex.split(match[1].replace("...", ""))


def test_sections() -> None:
    """Each command has a section, in the order in which one comes to need them; no section is of a command gone."""
    documented = [heading.removeprefix("nbxfer ") for heading in SECTIONS if heading.startswith("nbxfer ")]
    assert sorted(documented) == COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_options(name: str) -> None:
    """The section of a command names each of its options, and none that it has not."""
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*\b", SECTIONS[f"nbxfer {name}"]))
    assert told <= options(main.commands[name])
    assert told | {"--help", "-h"} == options(main.commands[name])


def test_global_options() -> None:
    """So does the section of what is for all commands; --all stands there as what many have."""
    told = set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*\b", SECTIONS["For all commands"]))
    assert told - {"--all"} == options(main)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str) -> None:
    """Each command explains itself in full sentences, gives an example that it understands, and each option a word."""
    command = main.commands[name]
    assert command.help is not None
    assert command.help.split("\n\n")[0].endswith(".")
    assert re.search(r"^\s*Examples?:$", command.help, flags=re.MULTILINE)
    assert all(param.help for param in command.params if isinstance(param, click.Option))
    assert command.get_short_help_str(60).endswith(".")
    assert list(examples(command.help))


@pytest.mark.parametrize(
    "words", [*examples(DOCS), *(e for c in main.commands.values() for e in examples(c.help or ""))]
)
def test_examples(words: list[str]) -> None:
    """Each example in the documentation and in the help is understood by the program as it is."""
    name, *rest = words
    main.commands[name].make_context(name, rest, parent=click.Context(main))


def test_exit_codes() -> None:
    """The table of exit codes is that of the program."""
    told = {int(code) for code in re.findall(r"^\| (\d) \|", SECTIONS["Exit codes"], flags=re.MULTILINE)}
    assert told == {exits.DONE, exits.FAILED, exits.USAGE, exits.LEFT, exits.SOME_FAILED}


def test_statuses() -> None:
    """Every status that a program may meet is named."""
    assert [s.name for s in TransferStatus if s.name not in SECTIONS["For programs"]] == []


def test_settings() -> None:
    """Every setting is explained, with its variable."""
    told = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", SECTIONS["nbxfer config"], flags=re.MULTILINE))
    assert told == {name: f"NBXFER_{name.upper()}" for name in config.OPTIONS}
