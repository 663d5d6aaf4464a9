"""``--storage-option``: how a store is spoken to, from a command line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

Command = Callable[..., Any]


def storing(command: Command) -> Command:
    """Add what says how a store is spoken to."""
    return click.option(
        "--storage-option",
        "storage",
        metavar="K=V",
        multiple=True,
        help="Tell the store's backend this, like endpoint_url=https://host or key=env:MY_KEY. Everybody on this "
        "machine can read a command line: name where a secret is (env:NAME, keyring:SERVICE/USER). May be repeated.",
    )(command)


def read(given: dict[str, Any]) -> dict[str, Any]:
    """Take out K=V, by the session's name; a K with dots goes into dictionaries. Raises UsageError.

    ``client_kwargs.region_name=eu-west-1`` is {"client_kwargs": {"region_name": "eu-west-1"}}.
    """
    found: dict[str, Any] = {}
    for text in given.pop("storage"):
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise click.UsageError(f"--storage-option {name!r} has no value: give K=V.")
        *path, last = name.split(".")
        place = found
        for part in path:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise click.UsageError(f"--storage-option {name!r} is given in two ways.")
        place[last] = {"true": True, "false": False}.get(value.lower(), value)
    return {"storage_options": found} if found else {}
