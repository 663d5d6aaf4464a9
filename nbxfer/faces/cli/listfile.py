"""Lists of URLs: one a line, and behind a tab where it is to land."""

from __future__ import annotations

import ntpath
import os
import posixpath
import sys
from collections.abc import Iterable, Mapping

from nbxfer.errors import InvalidRequest


def read(path: str) -> tuple[dict[str, str | None], dict[str, int]]:
    """Give the URLs of a list in order, each with its DEST or None, and each with its line; ``-`` is standard input.

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
    numbers: dict[str, int] = {}
    found = _entries(lines, numbers)
    if not found:
        raise InvalidRequest(f"The list {path} names no URL.", hint="It has one a line.")
    return found, numbers


def check_names(entries: Mapping[str, str | None], numbers: Mapping[str, int]) -> None:
    """Raise InvalidRequest where two lines of one list would have one name; ``numbers`` are those of the lines."""
    from nbxfer.core.url import basename

    taken: dict[str, int] = {}
    for url, number in numbers.items():
        dest = entries[url] or ""
        folder = not dest or dest.endswith("/")
        place = posixpath.normpath(posixpath.join(dest, basename(url)) if folder else dest)
        if (before := taken.setdefault(place, number)) != number and basename(url):
            raise InvalidRequest(
                f"Lines {before} and {number} of the list would both be {place!r}.",
                hint="Put a tab and another name behind one of the URLs.",
            )


def _checked(number: int, dest: str) -> str:
    """Give where a line is to land; refuse what is not below the folder of all: a list may be somebody else's."""
    way = dest.replace("\\", "/")
    if "://" in dest:
        raise InvalidRequest(
            f"Line {number} of the list has a URL behind the tab.",
            hint="The URL comes first, then the tab, then the file's name.",
        )
    outside = posixpath.normpath(way).split("/")[0] == ".."
    if outside or way.startswith(("/", "~")) or ntpath.splitdrive(dest)[0]:
        raise InvalidRequest(
            f"Line {number} of the list would land outside of the folder of -o.",
            hint="Behind the tab stands a path below that folder, like deep/name.bin.",
        )
    return dest


def _entries(lines: Iterable[str], numbers: dict[str, int]) -> dict[str, str | None]:
    entries: dict[str, str | None] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        url, _, rest = text.partition("\t")
        url, dest = url.strip(), rest.strip() or None
        dest = _checked(number, dest) if dest else None
        if dest and "://" not in url:
            raise InvalidRequest(f"Line {number} of the list has no URL before the tab.", hint="Write https://… there.")
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
        numbers.setdefault(url, number)
    return entries
