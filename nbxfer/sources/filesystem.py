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
from nbxfer.sources.pinned import PinnedStream, described, patient
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

    def open(self, want: Want, stop: Stop) -> PinnedStream | None:
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
        return PinnedStream(how, File(self, file, tick), tick, lambda: self.check(how.probe, tick))

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


class File:
    """A file of a filesystem, read on the crew's threads. See Readable."""

    def __init__(self, source: FilesystemSource, file: Any, tick: Callable[[], None]) -> None:
        self._source, self._file, self._tick = source, file, tick

    def read_into(self, buffer: memoryview) -> int:
        """See Readable."""
        most = min(len(buffer), PIECE)
        piece = self._source.read(self._file, most, self._tick)
        if len(piece) > most:
            raise BadAnswer(f"{self._source!r} gave more bytes than it was asked for.")
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        """See Readable."""
        _close(self._file)


def _close(file: Any) -> None:
    try:
        file.close()
    except Exception:  # noqa: BLE001 (it was only read: whatever its end is like harms nobody)
        return
