"""A seekable file over a transfer that is under way: it blocks for bytes only that are not there yet.

What is waited for is fetched first, with what is likely to be read next. Readers are independent of each other and of
how the operation fares: what has come can be read though it is paused or has failed; only who asks for more is told
so. A reader never sees two versions: when the source changes under it, it ends with SourceChanged.
"""

from __future__ import annotations

import errno
import io
import os
import time
from typing import TYPE_CHECKING, Any, Final

from nbxfer.core import faults
from nbxfer.core.faults import Remedy
from nbxfer.core.phases import Phase
from nbxfer.core.probe import same_version
from nbxfer.core.ranges import BLOCK, ByteRange
from nbxfer.core.record import Record
from nbxfer.engine.reading import Looking, Sight
from nbxfer.engine.windows import SLICE, Window
from nbxfer.errors import InvalidRequest, InvalidTransferState, SourceChanged, StorageFailed, TransferCanceled
from nbxfer.session.waiting import Impatience

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from nbxfer.session.operation import Operation

#: Bytes that are read at once for who reads little.
BUFFER: Final = 64 * 1024
#: The most bytes that are asked for ahead of who reads on and on.
AHEAD: Final = 8 * BLOCK


def opened(operation: Operation, mode: str) -> io.BufferedReader:
    """Give a reader of an operation's file; the file itself where it is finished. Raises InvalidRequest."""
    if mode not in ("rb", "br"):
        raise InvalidRequest(
            f"mode={mode!r} is no way to read bytes.",
            hint="Give 'rb'; for text, wrap it: io.TextIOWrapper(op.open(), encoding='utf-8').",
        )
    shown = operation.snapshot
    if "://" in shown.destination:
        raise InvalidTransferState(
            "It is sent far away, and nothing of it lands here.", op_id=shown.id, hint="Open the source."
        )
    if shown.phase is not Phase.DONE:
        return io.BufferedReader(Reader(operation), BUFFER)
    try:
        return open(shown.destination, "rb")
    except OSError as error:
        raise StorageFailed(
            f"{shown.destination} was finished, and cannot be read now ({error.strerror}).", op_id=shown.id
        ) from None


class Reader(io.RawIOBase):
    """The raw stream: ``readinto`` waits for the first byte, and gives what is there behind it."""

    def __init__(self, operation: Operation) -> None:
        self._window: Window | None = None
        self._operation, self._session = operation, operation._session
        self._looking = Looking(self._session._engine, operation.id)
        self._impatience = Impatience([operation])
        self._record: Record | None = None  # of the version that is read
        self._told = False  # bytes of it, or its size, were given away
        self._size: int | None = None
        self._at = 0
        self._last = 0  # where the last read ended
        self._run = 0  # bytes read on and on
        self._wanted: ByteRange | None = None

    def __repr__(self) -> str:
        return f"<Reader of {self._operation.id[:8]} at {self._at}>"

    # -- what a file can do ----------------------------------------------------------------------------------------
    def readable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def tell(self) -> int:
        """Give the position, in bytes."""
        self._open()
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move; give the new position. From the end it waits until the size is known."""
        self._open()
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError(f"whence is {whence}; it can be 0, 1 or 2")
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at}.get(whence)
        to = offset + (self._length() if base is None else base)
        if to < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # as of any file: zipfile looks for it
        self._at = to
        return to

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill some of ``buffer``; wait while there is nothing. Give the number of bytes, 0 at the end."""
        self._open()
        room = memoryview(buffer).cast("B")
        if not room:
            return 0
        if self._at != self._last:
            self._run, self._wanted = 0, None
            if self._window is not None:
                self._window.want(None)
        stop = self._until(self._at, len(room))
        if stop == self._at or self._window is None:
            return 0
        got = self._window.read_into(self._at, room[: stop - self._at])
        self._told = True
        self._at += got
        self._last, self._run = self._at, self._run + got
        if self._wanted is not None and self._wanted.stop - self._at < self._ahead // 2:
            self._want(len(room))  # before it is waited for
        return got

    def readall(self) -> bytes:
        """Give everything from here to the end."""
        pieces: list[bytes] = []
        while piece := self.read(BLOCK):
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close this reader; the transfer goes on."""
        window, self._window = getattr(self, "_window", None), None
        if window is not None:
            window.close()
        super().close()

    def _open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        self._session._check_fork()

    # -- waiting ---------------------------------------------------------------------------------------------------
    def _until(self, offset: int, least: int) -> int:
        """Give the end of bytes that are there from ``offset``, once there are some; ``offset`` at the end."""
        while True:
            if (stop := self._there(offset)) is not None:
                return stop
            sight = self._look()
            if (stop := self._there(offset)) is not None:
                return stop
            self._want(least)
            self._wait(sight, offset)

    def _there(self, offset: int) -> int | None:
        if self._window is not None and (stop := self._window.end(offset)) > offset:
            return stop
        if self._size is not None and offset >= self._size:
            self._told = True
            return offset
        return None

    def _length(self) -> int:
        while self._size is None:
            sight = self._look()
            if self._size is None:
                self._wait(sight, self._at)
        self._told = True
        return self._size

    def _look(self) -> Sight:
        """See how the operation stands, and through which window its bytes can be read now."""
        self._session._check_fork()
        sight = self._looking.look()
        if sight is None:
            raise InvalidTransferState("Nothing is known of this transfer any more.", op_id=self._operation.id)
        record = sight.record
        if self._record is not None and _another(self._record, record):
            if self._told:
                raise SourceChanged(
                    "The source has another version now; what was read so far is of the old one.",
                    op_id=record.id,
                    hint="Open it again, and read from the beginning.",
                )
            self._leave(None)
        self._record = record
        window = self._looking.window(sight, self._window)
        if window is not self._window:
            self._leave(window)
        if record.phase is Phase.DONE and window is None:
            raise StorageFailed(
                f"{record.named or record.spec.destination} is not there any more as it was finished.",
                op_id=record.id,
            )
        self._size = record.size
        return sight

    def _leave(self, window: Window | None) -> None:
        old, self._window = self._window, window
        if old is not None:
            old.close()

    def _wait(self, sight: Sight, offset: int) -> None:
        """Wait a little; raise where nothing more comes by itself."""
        record = sight.record
        name = (record.named or record.spec.destination).rpartition("/")[2]
        missing = f"byte {offset} of {name} has not come yet"
        facts: dict[str, Any] = {"op_id": record.id}
        if record.phase in (Phase.CANCELED, Phase.CANCELING):
            raise TransferCanceled(f"{name} was canceled.", **facts)
        person = record.phase is Phase.PAUSED and record.fault is not None and record.fault.remedy is Remedy.PERSON
        if record.fault is not None and (person or record.phase is Phase.FAILED):
            raise faults.to_error(record.fault, record.id)
        if record.phase is Phase.PAUSED:
            raise InvalidTransferState(f"It is paused, and {missing}.", hint="Let it go on with resume().", **facts)
        if record.phase is Phase.CREATED:
            raise InvalidTransferState(f"It is not started: {missing}.", hint="Let it go with start().", **facts)
        if sight.owner == "orphaned":
            raise InvalidTransferState(
                f"The process that fetched it is gone, and {missing}.", hint="Go on with it: reattach().", **facts
            )
        if sight.owner == "ours":
            self._impatience.check()
        if self._window is not None:
            self._window.wait(offset)
        else:
            time.sleep(SLICE)

    # -- what should come first --------------------------------------------------------------------------------------
    @property
    def _ahead(self) -> int:
        return min(self._run, AHEAD) // BLOCK * BLOCK

    def _want(self, least: int) -> None:
        """Ask for the block of the position, for all of a large read, and ahead of who reads on and on."""
        stop = self._at + (least if least > BUFFER else 1)
        stop = -(-stop // BLOCK) * BLOCK + self._ahead
        stop = stop if self._size is None else min(stop, self._size)
        self._wanted = ByteRange(self._at, stop) if stop > self._at else None
        if self._window is not None:
            self._window.want(self._wanted)


def _another(old: Record, new: Record) -> bool:
    """Say whether two records are of two versions."""
    if old.fresh_since != new.fresh_since or same_version(old.validator, new.validator) is False:
        return True
    return old.size is not None and new.size is not None and old.size != new.size
