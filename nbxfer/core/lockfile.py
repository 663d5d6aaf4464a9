"""``data.lock``: what was fetched, from where, and what it has to be, so that it can be had again elsewhere.

Nothing in it is secret: URLs are in their stored form. A lock file may come from anybody, so nothing in it is believed
before it is looked at: a strict schema, bounded sizes, and paths that stay below the folder they are restored to.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from nbxfer.core.probe import Validator
from nbxfer.errors import InvalidRequest

FORMAT: Final = "nbxfer-lock/1"
#: No lock file is longer (bytes), or of more files.
LONGEST: Final = 256 * 1024 * 1024
MOST: Final = 1_000_000
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)

_Text = Annotated[str, msgspec.Meta(max_length=8192)]


class Frozen(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One file: ``path`` with slashes, below the folder; ``url`` in its stored form, ``final_url`` only for showing.

    ``fetched`` and ``modified`` are Unix times.
    """

    path: _Text
    url: _Text
    size: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
    fetched: float
    final_url: _Text = ""
    validator: Validator | None = None
    modified: float | None = None


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A lock file."""

    format: Literal["nbxfer-lock/1"]
    files: Annotated[tuple[Frozen, ...], msgspec.Meta(max_length=MOST)]


def written(files: tuple[Frozen, ...]) -> bytes:
    """Give the text of a lock file: JSON, a line for each value, so that versions can be compared."""
    return msgspec.json.format(msgspec.json.encode(Lock(FORMAT, files)), indent=1) + b"\n"


def read(text: bytes, name: str) -> tuple[Frozen, ...]:
    """Give what a lock file says; ``name`` is what it is called. Raises InvalidRequest."""
    hint = "It has to be one that nbxfer.freeze() has written."
    if len(text) > LONGEST:
        raise InvalidRequest(f"{name} is longer than {LONGEST} bytes.", hint=hint)
    try:
        lock = msgspec.json.decode(text, type=Lock)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{name} is no lock file: {error}.", hint=hint) from None
    taken: set[str] = set()
    for file in lock.files:
        if why := astray(file.path):
            raise InvalidRequest(f"{name} would write {file.path[:200]!r}, {why}.", hint="Nothing was fetched.")
        if file.path.casefold() in taken:
            raise InvalidRequest(f"{name} would write {file.path[:200]!r} twice.", hint="Nothing was fetched.")
        taken.add(file.path.casefold())
    return lock.files


def astray(path: str) -> str:
    """Say why a path does not stay below the folder on every system that there is; "" where it does."""
    if not path or path.startswith("/") or re.match(r"[A-Za-z]:", path):
        return "which does not begin in the folder"
    if "\\" in path or not path.isprintable():
        return "which has characters that no name should have"
    for part in path.split("/"):
        if part in ("", ".", ".."):
            return "which leads out of the folder"
        if _RESERVED.fullmatch(part) or part != part.strip(" ") or part.endswith("."):
            return "which is no name on some systems"
    return ""
