"""Lists of URLs: one a line, and behind a tab where it is to land."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from nbxfer.errors import InvalidRequest


def read(path: str) -> dict[str, str | None]:
    """Give the URLs of a list in order, each with its DEST or None; ``-`` is standard input.

    Blank lines and lines that begin with # are left out; a line that is there twice counts once. Raises
    InvalidRequest for a file that cannot be read, and for a line that can be meant in two ways.
    """
    try:
        if path == "-":
            lines = sys.stdin.buffer.read().decode("utf-8-sig").splitlines()
        else:
            with open(os.path.expanduser(path), encoding="utf-8-sig") as file:
                lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InvalidRequest(
            f"The list {path} cannot be read: {why}.", hint="Give -i LISTFILE, or -i - for standard input."
        ) from None
    found = _entries(lines)
    if not found:
        raise InvalidRequest(f"The list {path} names no URL.", hint="It has one a line.")
    return found


def _entries(lines: Iterable[str]) -> dict[str, str | None]:
    entries: dict[str, str | None] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        url, _, rest = text.partition("\t")
        url, dest = url.strip(), rest.strip() or None
        if any(char.isspace() for char in url):
            raise InvalidRequest(
                f"Line {number} of the list has a blank in its URL.",
                hint="Write it as %20; or, where the file is to land, put a tab between the two.",
            )
        if url in entries and entries[url] != dest:
            raise InvalidRequest(
                f"Line {number} of the list has a URL again, and another place for it.", hint="Leave one of them."
            )
        entries[url] = dest
    return entries
