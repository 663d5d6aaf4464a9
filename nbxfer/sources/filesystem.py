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

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Probe, Want, same_version
from nbxfer.core.url import safe_url
from nbxfer.errors import BadAnswer, SourceChanged
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.pinned import Opening, described, early, patient
from nbxfer.wire import bridge, fsread
from nbxfer.wire.filesystems import instance
from nbxfer.wire.storage import Storage

#: Calls that one backend bears at once.
MOST: Final = 16
#: The most bytes that are asked for in one call.
PIECE: Final = 4 << 20


class FilesystemSource:
    """What ``url`` names, through fsspec. Several streams may be open at once."""

    def __init__(
        self, url: str, storage: Storage | None, patience: Patience, now: Callable[[], float] = time.time
    ) -> None:
        self._url, self._storage, self._patience, self._now = url, storage, patience, now
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

        wait = patient(stop, self._patience.response, self._where)
        wait()
        info = self._crew.call(self._info, wait)
        size, validator, modified = fsread.describe(info, self._now())
        how = described(want, self._where, size, validator, modified)
        if how is None:
            return None
        file = self._crew.call(lambda: self._opened(how.start), wait, _close)
        return FileStream(self, file, how, tick)

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

    def __init__(self, source: FilesystemSource, file: Any, how: Opening, tick: Callable[[], None]) -> None:
        self.probe, self.restarted = how.probe, how.restarted
        self._source, self._file, self._tick = source, file, tick
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
            raise early(self.probe.final_url, self._left)
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
