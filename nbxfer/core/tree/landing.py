"""The name under which a file of a store can lie on a disk: below the folder, always, and on one that exists.

A person asked for the whole tree, so a name is kept as it is wherever a disk can hold it. What a disk cannot hold is
written as in a URL (%2F), so that one can see what it was: it is deterministic, and two that meet are a clash.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

import msgspec

#: Bytes that file systems give to one name, what a longer one is cut to, and the longest path.
_NAME: Final = 255
_CUT: Final = 200
_PATH: Final = 4000
_EXTENSION: Final = re.compile(r"(?:\.tar)?\.[^.\s]{1,16}\Z")
#: What no name may have: controls (a terminal obeys them), halves of characters; and on Windows some signs more.
_NEVER: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff/]")
_WINDOWS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff/<>:\"|?*\\]|[ .]+\Z")
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?\Z", re.IGNORECASE)


class Disk(msgspec.Struct, frozen=True):
    """What a disk is like: whether Windows' rules hold, and whether A and a are one name."""

    windows: bool = False
    folds: bool = False


def safe_path(path: str, disk: Disk) -> str:
    """Give a relative path, parted by "/", that stays below its folder; "" where it is too long, or nothing is left.

    Empty components vanish, as on every disk.
    """
    safe = "/".join(_name(component, disk) for component in path.split("/") if component)
    return safe if len(safe.encode()) <= _PATH else ""


def _name(name: str, disk: Disk) -> str:
    if name in (".", ".."):
        return _escaped(name)
    unfit = _WINDOWS if disk.windows else _NEVER
    name = unfit.sub(lambda found: _escaped(found.group()), name)
    if disk.windows and _DEVICES.match(name):
        name = _escaped(name[0]) + name[1:]
    return name if len(name) <= _NAME // 4 or len(name.encode()) <= _NAME else _cut(name)


def _escaped(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode(errors="surrogatepass"))


def _cut(name: str) -> str:
    """Give the beginning of a long name, a mark of the whole, and its extension."""
    found = _EXTENSION.search(name)
    extension = found.group() if found else ""
    mark = "~" + hashlib.sha256(name.encode()).hexdigest()[:8] + extension
    return name.encode()[: _CUT - len(mark.encode())].decode(errors="ignore") + mark


def key(path: str, disk: Disk) -> str:
    """Give what two paths have in common that are one place on a disk."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold()) if disk.folds else path
