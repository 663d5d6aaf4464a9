"""What a list finds in its way, read folder by folder: a look at each of ten thousand files is the most of its price.

A listing is believed for a moment. What it does not have was not there then; that is all that a look at one file would
say, too, and nothing rests on it: nobody publishes over a file that he did not expect. What it does have is looked at.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Collection
from typing import Final

from nbxfer.manifest.layout import key

#: A folder is listed when so many files of it were asked for, and then believed for so long (seconds) …
SEVERAL: Final = 32
MOMENT: Final = 0.1
#: … or so many times as long as the listing took: a large one must not be read all the time.
TIMES: Final = 10.0
#: A folder of more than so many entries for each file of the list, and so many more, is not listed.
EACH: Final = 4
MORE: Final = 1000
#: More claims than so many are never listed. Who asks again after such a pause (seconds) begins to count anew.
ALL: Final = 100_000
PAUSE: Final = 1.0
#: Of a longer name (characters) only the file system knows whether it could be there.
_SHORT: Final = 100

#: Gives the keys of the claims that are made; None where they are more than so many, or cannot be listed.
ClaimKeys = Callable[[int], Collection[str] | None]


class _Listed:
    """The names of one folder, None where they are not to be had, and until when they are believed."""

    __slots__ = ("asked", "names", "until")

    def __init__(self) -> None:
        self.asked = 0
        self.until = 0.0
        self.names: Collection[str] | None = None

    def read(self, names: Callable[[], Collection[str] | None]) -> None:
        begin = time.monotonic()
        if begin >= self.until:
            self.names = names()
            end = time.monotonic()
            self.until = end + max(MOMENT, TIMES * (end - begin))


class Claims:
    """Who may have claimed what: looked up one by one by who asks now and then, read by who asks for many."""

    def __init__(self, claim_keys: ClaimKeys, most: int = ALL, clock: Callable[[], float] = time.monotonic) -> None:
        self._claim_keys, self._most, self._clock = claim_keys, most, clock
        self._listed, self._asked_at = _Listed(), 0.0

    def may_have(self, destination: str) -> bool:
        """Say whether somebody may have claimed a destination."""
        listed, now = self._listed, self._clock()
        if now - self._asked_at > PAUSE:
            listed.asked = 0
        self._asked_at = now
        listed.asked += 1
        if listed.asked <= SEVERAL:
            return True
        listed.read(lambda: self._claim_keys(self._most))
        return listed.names is None or (bool(listed.names) and key(destination) in listed.names)


class Survey:
    """What one list of ``count`` files has seen of its folders and of the claims. One thread's own."""

    def __init__(self, claim_keys: ClaimKeys, count: int) -> None:
        self._most = EACH * count + MORE
        self.claimed = Claims(claim_keys, self._most).may_have
        self._folders: dict[str, _Listed] = {}

    def there(self, path: str) -> bool:
        """Say whether something may be at an absolute path."""
        folder, _, name = path.rpartition("/")
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = _Listed()
        known.asked += 1
        if known.asked <= SEVERAL or len(name) > _SHORT or not name.isascii() or sys.platform == "win32":
            return True
        known.read(lambda: _names(folder or os.sep, self._most))
        return known.names is None or name.casefold() in known.names


def _names(folder: str, most: int) -> Collection[str] | None:
    """Give the names in a folder, as a file system sees them that does not tell cases apart; None where none are known.

    A folder that is not there has none.
    """
    try:
        with os.scandir(folder) as entries:
            names = {entry.name.casefold() for entry in itertools.islice(entries, most)}
    except FileNotFoundError:
        return ()
    except OSError:
        return None
    return names if len(names) < most else None
