"""What a listing says of one file, and what stands where it is to land."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from nbxfer.core.probe import Validator


class Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """One file or object of a listing.

    ``path`` is relative to the folder that was listed, parted by "/", exactly as the store has it: it may be hostile.
    ``size`` is in bytes, ``modified`` in Unix seconds; ``digest`` is "md5:hex" or the like, of the whole content;
    None where the listing does not say. ``version`` tells two versions apart.
    """

    path: str
    size: int | None
    modified: float | None = None
    digest: str | None = None
    version: Validator | None = None


class Passed(msgspec.Struct, frozen=True):
    """Something in a tree that is no file to be taken, and why ("an empty folder", "a socket")."""

    path: str
    why: str


#: What one sees of a place: nothing, a file, a folder, something else, or that a file stands where a folder has to be.
Kind = Literal["file", "folder", "other", "blocked"]


class There(msgspec.Struct, frozen=True):
    """What stands at a target. ``ours`` says that nbxfer put it there from this very source, and it is untouched.

    ``version`` is what the source called that content when it was fetched. ``digest``, called with "md5" or another
    algorithm, gives that digest of the content in hex, None where nobody can say: it may have to read all of it.
    """

    kind: Kind
    size: int | None = None
    modified: float | None = None
    ours: bool = False
    version: Validator | None = None
    digest: Callable[[str], str | None] | None = None
