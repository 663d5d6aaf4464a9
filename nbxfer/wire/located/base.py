"""What every kind of store gives: a way in over HTTP, until when, and what its library says of an object."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from nbxfer.core.probe import Validator
from nbxfer.core.url import safe_url
from nbxfer.errors import TransferError, TransferTimeout
from nbxfer.wire.access import Access
from nbxfer.wire.bridge import Tick, crew
from nbxfer.wire.filesystems import instance
from nbxfer.wire.fsread import translated

#: Seconds that a signature is good for, and after which a new one is made.
SIGNED_FOR = 3600
SIGNED_ANEW = 1800
#: Seconds that are spent on finding out why something is not there.
_LOOK: Final = 4.0


class Located(NamedTuple):
    """A way in over HTTP, good for ``seconds`` from now. ``headers`` go with every request to it."""

    access: Access
    seconds: float = SIGNED_ANEW


class Wish(NamedTuple):
    """What is to be located: the way in as a person gave it, the version that is wanted, None for the newest.

    ``refused``: what was located last was refused; ``tick`` is looked at while this waits.
    """

    access: Access
    tick: Tick
    pinned: Validator | None = None
    refused: bool = False


Locate = Callable[[Wish], Located]


def over_http(access: Access, url: str, headers: tuple[tuple[str, str], ...] = (), auth: Any = None) -> Access:
    """Give the way in over HTTP: ``url``, with the proxy and the trust of ``access``, and nothing else of it."""
    return replace(access, url=url, headers=(*access.headers, *headers), auth=auth, cookies=(), storage=None)


def asked(access: Access, tick: Tick, call: Callable[[Any, str], Any]) -> Any:
    """Give what ``call`` gives of the filesystem and the path that ``access`` names; it may block, and is waited for.

    Raises TransferError.
    """

    def make() -> Any:
        try:
            return call(*instance(access.url, access.storage))
        except TransferError:
            raise
        except Exception as error:  # noqa: BLE001 (libraries raise what they like)
            raise translated(error, safe_url(access.url)) from None

    return crew(access.url.partition(":")[0], 16).call(make, tick)


def what_is_wrong(access: Access, tick: Tick) -> str:
    """Say why an object cannot be found: "folder", "bucket" (there is none), or "" (there is no such key).

    A store that does not tell soon is not waited for: that there is no such object is known already.
    """
    until = time.monotonic() + _LOOK

    def within() -> None:
        tick()
        if time.monotonic() > until:
            raise TransferTimeout("It is not told soon.")

    def look(fs: Any, path: str) -> str:
        bucket = path.partition("/")[0]
        if fs.isdir(path):
            return "folder"
        return "" if bucket == path or fs.exists(bucket) else "bucket"

    try:
        return str(asked(access, within, look))
    except TransferError:
        return ""
