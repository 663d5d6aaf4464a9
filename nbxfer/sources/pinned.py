"""What sources have in common that tell versions apart by what a server says of a file before it is opened."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

from nbxfer.core.probe import Probe, Validator, Want, same_version
from nbxfer.errors import BadAnswer, NetworkError, RangesRefused, SourceChanged, TransferTimeout, WebErrorStatus
from nbxfer.sources.base import Stop, Stopped
from nbxfer.wire import fsread


def patient(stop: Stop, seconds: float, where: str) -> Callable[[], None]:
    """Give the tick of who waits for an answer: raises Stopped, and TransferTimeout after so many seconds."""
    until = time.monotonic() + seconds

    def tick() -> None:
        if stop.is_set():
            raise Stopped
        if time.monotonic() > until:
            raise TransferTimeout(f"{where} did not answer within {seconds:.0f} s.")

    return tick


class Opening(NamedTuple):
    """How a wish is to be met: from ``start`` to ``stop`` (exclusive; None: to the end that nobody knows)."""

    probe: Probe
    start: int
    stop: int | None
    restarted: bool


def decided(
    want: Want, where: str, size: int | None, mtime: float | None, now: float, *, ranges: bool = True
) -> Opening | None:
    """Say how ``want`` is met by a file of this size and time; None where it is the one that is not wanted.

    See described, which this is for files that say their size and time of change.
    """
    info = {"size": size, "mtime": mtime}
    size, validator, modified = fsread.describe(info, now)
    return described(want, where, size, validator, modified, ranges=ranges)


def described(
    want: Want,
    where: str,
    size: int | None,
    validator: Validator | None,
    modified: float | None,
    *,
    ranges: bool = True,
) -> Opening | None:
    """Say how ``want`` is met by a file of this description; None where it is the version that is not wanted.

    Raises SourceChanged and RangesRefused for parts, BadAnswer where what is to be shown is not to be had.
    """
    if same_version(want.unless, validator) and validator is not None and validator.strong:
        return None
    fits = (size is None or want.size in (None, size)) and same_version(want.pinned, validator) is not False
    if want.part:
        _tied(want, where, validator, fits=fits, ranges=ranges and size is not None)
    if want.ranged and want.pinned is None and want.size is None and size != 0:
        _shown(where, size, ranges=ranges)
    start = want.start if fits and ranges and size is not None and want.start <= size else 0
    stop = size if want.stop is None or not fits or size is None else min(want.stop, size)
    probe = Probe(size, validator, ranges and size is not None, start, final_url=where, modified=modified)
    return Opening(probe, start, stop, not fits)


def _tied(want: Want, where: str, validator: Validator | None, *, fits: bool, ranges: bool) -> None:
    if not fits:
        raise SourceChanged(f"{where} has another version now.")
    if ranges and want.pinned is not None and validator is not None and (want.pinned.strong or validator.strong):
        return
    why = "nothing tells its versions apart for certain" if ranges else "it gives only the whole"
    raise RangesRefused(f"{where} gives no parts: {why}.", hint="It is fetched over one connection.")


def _shown(where: str, size: int | None, *, ranges: bool) -> None:
    if size is not None and ranges:
        return
    status = (
        WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT if size is None else WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT
    )
    lack = "does not say how long it is" if size is None else "gives only the whole"
    raise BadAnswer(
        f"{where} {lack}, so it cannot be read in any order.",
        status=status,
        hint="Leave random_access out: it can be fetched from its beginning to its end.",
    )


class Readable(Protocol):
    """A body as a server gives it, from where it was opened on."""

    def read_into(self, buffer: memoryview) -> int:
        """Give the number of bytes that are in ``buffer`` now; 0 at the end, -1 where none came in a while."""
        ...

    def close(self) -> None:
        """Let it go. Never raises."""
        ...


class PinnedStream:
    """An open body that is as long as the file was said to be, or has failed. See Stream.

    ``check`` is called at its end, and raises SourceChanged where the file is not any more what it was. One reader;
    ``close`` may come from another thread.
    """

    def __init__(self, how: Opening, body: Readable, tick: Callable[[], None], check: Callable[[], None]) -> None:
        self.probe, self.restarted = how.probe, how.restarted
        self._body, self._tick, self._check = body, tick, check
        self._left = None if how.stop is None else how.stop - how.start
        self._lock = threading.Lock()
        self._closed = self._checked = False

    @property
    def length_proven(self) -> bool:
        """See Stream."""
        return self.probe.size is not None

    def read_into(self, buffer: memoryview) -> int:
        """See Stream."""
        with self._lock:
            self._tick()
            if self._closed:
                raise Stopped
            if not buffer:
                return -1
            got = self._body.read_into(buffer if self._left is None else buffer[: self._left]) if self._left != 0 else 0
            if got:
                if self._left is not None:
                    self._left -= max(got, 0)
                return got
            if self._left:
                raise early(self.probe.final_url, self._left)
            if not self._checked:
                self._check()
                self._checked = True
            return 0

    def close(self) -> None:
        """See Stream."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._body.close()


def early(where: str, left: int) -> NetworkError:
    """Give the error for a body that ends before its promised length."""
    return NetworkError(f"The body of {where} ended {left} bytes early.", status=WebErrorStatus.CONNECTION_ABORTED)


def unchanged(probe: Probe, size: int | None, mtime: float | None, now: float) -> None:
    """Raise SourceChanged where a file is not any more what it was when it was opened."""
    found, validator, _ = fsread.describe({"size": size, "mtime": mtime}, now)
    if found != probe.size or same_version(validator, probe.validator) is False:
        raise SourceChanged(f"{probe.final_url} changed while it was read.")
