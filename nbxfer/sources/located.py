"""An object of a store that speaks HTTP: found by the store's own library, read as everything on the web is read.

So one path of bytes, one decision table and one error table serve S3, Google, Azure, the Hub and WebDAV, with their
versions tied to every range: by ETag (If-Match), or by a generation in the URL. What was signed is signed anew before
it expires, and once more when it is refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Validator, Want
from nbxfer.errors import (
    AccessDenied,
    BadAnswer,
    InvalidRequest,
    RangesRefused,
    SourceChanged,
    SourceNotFound,
    TransferError,
)
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.http import HttpSource
from nbxfer.sources.question import Reply
from nbxfer.sources.stream import HttpStream
from nbxfer.wire.access import Access
from nbxfer.wire.client import Answer
from nbxfer.wire.fsread import a_folder
from nbxfer.wire.located.base import Locate, Wish, what_is_wrong
from nbxfer.wire.pool import Pool

#: What a store answers when a signature is not what it wants: another region, an end, another clock.
_REFUSED: Final = frozenset((301, 307, 400, 401, 403))


class LocatedSource:
    """What ``access`` names in a store, whose ``locate`` says where it is. Several streams may be open at once.

    ``by_generation``: versions are told apart by the number in x-goog-generation, and a way in is of one of them.
    """

    def __init__(
        self,
        access: Access,
        patience: Patience,
        pool: Pool,
        locate: Locate,
        *,
        by_generation: bool = False,
        looks: bool = True,
    ) -> None:
        self._access, self._patience, self._pool, self._locate = access, patience, pool, locate
        self._by_generation, self._looks = by_generation, looks
        self._where = access.safe_url
        self._lock = threading.Lock()
        self._ways: dict[str, tuple[HttpSource, float]] = {}

    def open(self, want: Want, stop: Stop) -> HttpStream | None:
        """See Source."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        tick()
        pinned = want.pinned if self._by_generation else None
        try:
            return self._way(pinned, tick).open(want, stop)
        except RangesRefused as error:
            if error.http_status == 416:  # a part that the pinned version has: it is not that version any more
                raise SourceChanged(f"{self._where} has another version now.") from None
            raise
        except (AccessDenied, BadAnswer) as error:
            if error.http_status not in _REFUSED:
                raise
            return self._again(want, stop, tick, error)
        except SourceNotFound as error:
            if pinned is not None:  # that generation is gone: there may be another
                raise SourceChanged(f"{self._where} has another version now.") from None
            raise self._why(error, tick) from None

    def _again(self, want: Want, stop: Stop, tick: Callable[[], None], first: TransferError) -> HttpStream | None:
        pinned = want.pinned if self._by_generation else None
        try:
            return self._way(pinned, tick, refused=True).open(want, stop)
        except AccessDenied as error:
            raise AccessDenied(
                f"{self._where} may not be read ({error.http_status or first.http_status}).",
                status=error.status,
                http_status=error.http_status,
                hint="Give credentials (storage_options, auth, or those of the environment), or other ones.",
            ) from None
        except SourceNotFound as error:
            raise self._why(error, tick) from None

    def _why(self, error: SourceNotFound, tick: Callable[[], None]) -> TransferError:
        """Give the error for what is not there, with what is to be seen of its surroundings."""
        wrong = what_is_wrong(self._access, tick) if self._looks else ""
        if wrong == "folder":
            return a_folder(self._where)
        said = f"There is no bucket for {self._where}." if wrong == "bucket" else f"There is no {self._where}."
        return SourceNotFound(said, status=error.status, http_status=error.http_status, hint="Check the URL.")

    def _way(self, pinned: Validator | None, tick: Callable[[], None], *, refused: bool = False) -> HttpSource:
        key = pinned.value if pinned is not None else ""
        with self._lock:
            source, until = self._ways.get(key, (None, 0.0))
        if source is not None and time.monotonic() < until and not refused:
            return source
        found = self._locate(Wish(self._access, tick, pinned, refused))
        kind = _OfGenerations if self._by_generation else HttpSource
        try:
            made = kind(found.access, self._patience, self._pool, page_ok=True)
        except ValueError as error:
            raise InvalidRequest(f"{self._where} leads to no URL ({type(error).__name__}).") from None
        with self._lock:
            self._ways[key] = made, time.monotonic() + found.seconds
        return made

    def close(self) -> None:
        """See Source."""

    def __repr__(self) -> str:
        return f"<LocatedSource {self._where}>"


class _OfGenerations(HttpSource):
    """Where an answer says its generation, that is its version: other tags name the same thing less well."""

    def _headers(self, asked: list[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(name, value) for name, value in asked if name not in ("If-Match", "If-Range", "If-None-Match")]

    def _reply(self, answer: Answer) -> Reply:
        reply = super()._reply(answer)
        generation = next((value for name, value in reply.headers if name == "x-goog-generation"), "")
        if not generation.isdigit():
            return reply
        others = [(name, value) for name, value in reply.headers if name != "etag"]
        headers: Any = [*others, ("etag", f'"{generation}"')]
        return Reply(reply.status, headers, reply.where, reply.path, reply.now)
