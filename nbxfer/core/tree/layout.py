"""Where the files of a tree land: the rule of trailing slashes, and what of a pattern is fixed.

The rule depends on what is written, never on what is there: a cell that is run again must mean the same. cp asks
whether the destination exists; here a slash at its end says so. A source with a slash means what is in it.
"""

from __future__ import annotations

from typing import Final

_DOTS: Final = frozenset(("", ".", ".."))
_MAGIC: Final = frozenset("*?[")


def is_folder_name(text: str) -> bool:
    """Say whether a path, as it is written, can only be a folder: it ends in a slash, a dot, or is empty."""
    return text.rpartition("/")[2] in _DOTS


def between(source: str, dest: str) -> str:
    """Give what stands between ``dest`` and the paths inside ``source``: the source's own name, or "".

    Only ``cp -r a b/`` keeps the name: the source is written without a slash, the destination with one. Both are
    parted by "/"; dots at the end and an empty text count as a slash does.
    """
    return "" if is_folder_name(source) or not is_folder_name(dest) else source.rpartition("/")[2]


def is_pattern(path: str) -> bool:
    """Say whether a path has a wildcard in it."""
    return not _MAGIC.isdisjoint(path)


def fixed(pattern: str) -> tuple[str, str]:
    """Part a pattern into the folder before the first wildcard, "" or with its slash, and the rest.

    What is matched keeps its place below that folder, whatever else is matched beside it.
    """
    first = min((i for mark in _MAGIC if (i := pattern.find(mark)) >= 0), default=len(pattern))
    cut = pattern.rfind("/", 0, first) + 1
    return pattern[:cut], pattern[cut:]


def joined(*pieces: str) -> str:
    """Give pieces of a relative path as one; empty ones count for nothing."""
    return "/".join(piece for piece in pieces if piece)
