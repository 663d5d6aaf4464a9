"""A file in any filesystem of fsspec: opened, read from a place on, and held against what it was before.

These cannot be interrupted, and few can be tied to a version. So every call runs on a thread of the backend's own crew
(wire/bridge.py), what the file is is asked before a body is opened and once more when it has been read, and no length
is believed: a body is as long as the file was said to be, or it has failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from nbxfer.core.probe import Probe, Validator, Want, same_version
from nbxfer.core.url import safe_url
from nbxfer.errors import BadAnswer, NetworkError, RangesRefused, SourceChanged, WebErrorStatus
from nbxfer.sources.base import Stop, Stopped
from nbxfer.wire import bridge, fsread
from nbxfer.wire.filesystems import instance
from nbxfer.wire.storage import Storage

#: Calls that one backend bears at once.
MOST: Final = 16
#: The most bytes that are asked for in one call.
PIECE: Final = 4 << 20


class FilesystemSource:
    """What ``url`` names, through fsspec. Several streams may be open at once."""

    def __init__(self, url: str, storage: Storage | None = None, now: Callable[[], float] = time.time) -> None:
        self._url, self._storage, self._now = url, storage, now
        self._where = safe_url(url)
        self._crew = bridge.crew(url.partition(":")[0].lower(), MOST)
        self._fs: Any = None
        self._path = ""
        self._making = threading.Lock()

    def open(self, want: Want, stop: Stop) -> FileStream | None:
        """See Source."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        tick()
        info = self._crew.call(self._info, tick)
        size, validator, modified = fsread.describe(info, self._now())
        same = same_version(want.unless, validator)
        if same and validator is not None and validator.strong:
            return None
        fits = want.size in (None, size) and same_version(want.pinned, validator) is not False
        if want.part:
            self._tied(want, validator, fits=fits)
        if want.ranged and want.pinned is None and size is None:
            raise BadAnswer(
                f"{self._where} does not say how long it is, so it cannot be read in any order.",
                status=WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT,
                hint="Leave random_access out: it can be fetched from its beginning to its end.",
            )
        start = want.start if fits and size is not None and want.start <= size else 0
        stop_at = size if want.stop is None or not fits or size is None else min(want.stop, size)
        file = self._crew.call(lambda: self._opened(start), tick, _close)
        probe = Probe(size, validator, size is not None, start, final_url=self._where, modified=modified)
        left = None if stop_at is None else stop_at - start
        return FileStream(self, file, probe, left, tick, restarted=not fits)

    def _tied(self, want: Want, validator: Validator | None, *, fits: bool) -> None:
        if not fits:
            raise SourceChanged(f"{self._where} has another version now.")
        if want.pinned is None or validator is None or not (want.pinned.strong or validator.strong):
            raise RangesRefused(
                f"{self._where} gives no parts: nothing ties them together.", hint="It is fetched over one connection."
            )

    # -- on the crew's threads ---------------------------------------------------------------------------------------
    def _info(self) -> Mapping[str, Any]:
        try:
            with self._making:
                if self._fs is None:
                    self._fs, self._path = instance(self._url, self._storage)
            info: Mapping[str, Any] = self._fs.info(self._path)
        except Exception as error:  # noqa: BLE001 (backends raise what they like)
            raise fsread.translated(error, self._where) from None
        if info.get("type") == "directory":
            raise fsread.a_folder(self._where)
        return info

    def _opened(self, start: int) -> Any:
        try:
            file = fsread.open_file(self._fs, self._path)
            try:
                if start:
                    file.seek(start)
            except BaseException:
                file.close()
                raise
        except Exception as error:  # noqa: BLE001 (backends raise what they like)
            raise fsread.translated(error, self._where) from None
        return file

    def read(self, file: Any, most: int, tick: Callable[[], None]) -> bytes:
        """Give the next bytes of a file, at most ``most``; none at its end."""

        def read() -> bytes:
            try:
                return bytes(file.read(most))
            except Exception as error:  # noqa: BLE001 (backends raise what they like)
                raise fsread.translated(error, self._where) from None

        return self._crew.call(read, tick)

    def check(self, probe: Probe, tick: Callable[[], None]) -> None:
        """Raise SourceChanged where the file is not any more what it was when it was opened."""
        size, validator, _ = fsread.describe(self._crew.call(self._info, tick), self._now())
        if size != probe.size or same_version(validator, probe.validator) is False:
            raise SourceChanged(f"{self._where} changed while it was read.")

    def close(self) -> None:
        """See Source."""

    def __repr__(self) -> str:
        return f"<FilesystemSource {self._where}>"


class FileStream:
    """An open file that is read up to a length. One reader; ``close`` may come from another thread."""

    def __init__(
        self,
        source: FilesystemSource,
        file: Any,
        probe: Probe,
        left: int | None,
        tick: Callable[[], None],
        *,
        restarted: bool,
    ) -> None:
        self.probe, self.restarted = probe, restarted
        self._source, self._file, self._left, self._tick = source, file, left, tick
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
            most = min(len(buffer), PIECE) if self._left is None else min(len(buffer), PIECE, self._left)
            piece = self._source.read(self._file, most, self._tick) if most else b""
            if len(piece) > most:
                raise BadAnswer(f"{self._source!r} gave more bytes than it was asked for.")
            if not piece:
                return self._end()
            buffer[: len(piece)] = piece
            if self._left is not None:
                self._left -= len(piece)
            return len(piece)

    def _end(self) -> int:
        if self._left:
            raise NetworkError(
                f"The body of {self.probe.final_url} ended {self._left} bytes early.",
                status=WebErrorStatus.CONNECTION_ABORTED,
            )
        if not self._checked:
            self._source.check(self.probe, self._tick)
            self._checked = True
        return 0

    def close(self) -> None:
        """See Stream."""
        with self._lock:
            self._closed = True
            file, self._file = self._file, None
            if file is not None:
                _close(file)


def _close(file: Any) -> None:
    try:
        file.close()
    except Exception:  # noqa: BLE001 (it was only read: whatever its end is like harms nobody)
        return
