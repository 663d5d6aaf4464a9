"""A plan as it grows: each file that is listed gets its target and its verdict, and at the end clashes are found."""

from __future__ import annotations

from collections import Counter
from typing import Final

import msgspec

from nbxfer.core.tree.landing import Disk, key
from nbxfer.core.tree.listed import Listed, Passed, There
from nbxfer.core.tree.verdict import Verdict, judge

#: So many of what is passed over are kept by name; the rest is counted.
_NAMED: Final = 100
LEFT_OUT: Final = "left out by include or exclude"


class Planned(msgspec.Struct, omit_defaults=True, gc=False):
    """One file of a plan. ``source`` is its path in the tree, ``target`` below the destination; bytes, Unix seconds."""

    source: str
    target: str
    size: int | None
    verdict: Verdict
    why: str = ""
    modified: float | None = None


class Draft:
    """Takes a listing in, one after the other. ``disk`` is what the destination is like."""

    def __init__(self, if_exists: str, compare: str, disk: Disk) -> None:
        self.files: list[Planned] = []
        self.passed: Counter[str] = Counter()
        self.examples: list[Passed] = []
        self._if_exists, self._compare, self._disk = if_exists, compare, disk
        self._first: dict[str, int] = {}  # by key: the first file that lands there
        self._folders: set[str] = set()

    def add(self, listed: Listed, target: str, there: There | None) -> None:
        """Take one file in that is to land at ``target``; "" is no place for any."""
        verdict, why = judge(listed, there, self._if_exists, self._compare)
        if not target:
            verdict, why = Verdict.CONFLICT, "its name is too long, or no name at all"
        self.files.append(Planned(listed.path, target, listed.size, verdict, why, listed.modified))
        if target:
            self._place(target)

    def leave(self, passed: Passed) -> None:
        """Note what is passed over."""
        self.passed[passed.why] += 1
        if passed.why != LEFT_OUT and len(self.examples) < _NAMED:
            self.examples.append(passed)

    def finish(self) -> list[Planned]:
        """Give the files in the order listed; of two that would land in one place neither is taken."""
        for place, index in self._first.items():
            if place in self._folders:
                self._refuse(index, "a file and a folder have this name; what is in the folder is taken")
        return self.files

    def _place(self, target: str) -> None:
        place, index = key(target, self._disk), len(self.files) - 1
        first = self._first.setdefault(place, index)
        if first != index:
            for one, other in ((first, index), (index, first)):
                self._refuse(one, f"{self.files[other].source} would land there, too")
        folder = place.rpartition("/")[0]
        while folder and folder not in self._folders:
            self._folders.add(folder)
            folder = folder.rpartition("/")[0]

    def _refuse(self, index: int, why: str) -> None:
        file = self.files[index]
        file.verdict, file.why = Verdict.CONFLICT, why
