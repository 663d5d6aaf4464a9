"""Which files of a tree are taken: one kind of pattern, for globs and for include and exclude.

``*`` and ``?`` stay inside one name, ``**`` crosses folders, ``[a-z]`` and ``[!a-z]`` are one character; upper and
lower case differ, and a leading dot is a character like any other. A filter without a slash is held against every name
on the way to the file, as in .gitignore: "cache" and "*.tmp" mean folders, too. One with a slash is held against the
path from the top of the tree, and a slash at its end means folders only.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Sequence
from typing import Final

from nbxfer.errors import InvalidRequest

#: Characters of a pattern, and patterns of one call.
_LONGEST: Final = 1000
_MOST: Final = 1000


@functools.lru_cache(256)
def _compiled(pattern: str) -> re.Pattern[str]:
    from wcmatch import glob  # here: it takes longer to import than all the rest that a file by itself needs

    flags = glob.GLOBSTAR | glob.DOTGLOB | glob.CASE | glob.FORCEUNIX
    [text], _ = glob.translate(pattern, flags=flags)
    return re.compile(text)


def _checked(pattern: str) -> re.Pattern[str]:
    if not pattern.strip("/") or len(pattern) > _LONGEST:
        raise InvalidRequest(f"The pattern {pattern[:80]!r} cannot be used.", hint="Give one like '*.csv'.")
    return _compiled(pattern)


def matcher(pattern: str) -> Callable[[str], bool]:
    """Give what says whether a whole relative path is what a glob means. Raises InvalidRequest."""
    match = _checked(pattern).match
    return lambda path: match(path) is not None


def prefix_matcher(pattern: str) -> Callable[[str], bool]:
    """Give what says whether a path, or a folder that it is in, is what a glob means. Raises InvalidRequest."""
    match = _checked(pattern).match
    return lambda path: any(match(piece) for piece in _ways(path))


def _ways(path: str) -> list[str]:
    """Give a path and all folders that it is in: a/b/c, a/b, a."""
    ways = [path]
    while "/" in path:
        path = path.rpartition("/")[0]
        ways.append(path)
    return ways


class _Filter:
    """One pattern of include or exclude."""

    __slots__ = ("_anchored", "_folders", "_match")

    def __init__(self, pattern: str) -> None:
        self._folders = pattern.endswith("/")
        bare = pattern.rstrip("/")
        self._anchored = "/" in bare
        self._match = _checked(bare.lstrip("/")).match

    def takes(self, path: str) -> bool:
        """Say whether a file is meant, by its own name or by a folder's."""
        return self._among(_ways(path)[1:] if self._folders else _ways(path))

    def means(self, folder: str) -> bool:
        """Say whether a folder is meant, and with it everything in it."""
        return self._among(_ways(folder))

    def _among(self, ways: Sequence[str]) -> bool:
        return any(self._match(way if self._anchored else way.rpartition("/")[2]) for way in ways)


class Sieve:
    """Include and exclude together. A file is taken that some include means (where there are any), and no exclude."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        if len(include) + len(exclude) > _MOST:
            raise InvalidRequest(f"These are more than {_MOST} patterns.", hint="Say it with fewer.")
        self._include = [_Filter(pattern) for pattern in include]
        self._exclude = [_Filter(pattern) for pattern in exclude]

    def takes(self, path: str) -> bool:
        """Say whether the file at a relative path is taken."""
        if self._include and not any(one.takes(path) for one in self._include):
            return False
        return not any(one.takes(path) for one in self._exclude)

    def enters(self, folder: str) -> bool:
        """Say whether something in a folder may be taken: it is not excluded as a whole."""
        return not any(one.means(folder) for one in self._exclude)


def enters(pattern: str, *, whole: bool) -> Callable[[str], bool]:
    """Give what says whether something in a folder may be what a glob means; ``whole``: with all below what matches."""
    parts = pattern.split("/")

    def enter(folder: str) -> bool:
        names = folder.split("/")
        for part, name in zip(parts, names, strict=False):
            if "**" in part:
                return True
            if not _compiled(part or "*").match(name):
                return False
        return whole or len(names) < len(parts)

    return enter
