"""The shape of a source. Blocking calls, made from worker threads of the engine; one source object an operation."""

from __future__ import annotations

from typing import Final, Protocol

from nbxfer.core.probe import Probe, Want

#: The largest file that is small (bytes): its body is expected to come with the answer.
SMALL: Final = 1024 * 1024


class Stop(Protocol):
    """How a source learns that nobody wants its answer any more; asked at least ten times a second."""

    def is_set(self) -> bool:
        """Say whether to come home at once."""
        ...


class Stopped(Exception):
    """Raised by a source that came home because ``Stop`` was set. Never leaves the engine."""


class Stream(Protocol):
    """An open body. Close it exactly once, from any thread."""

    #: What the answer said. ``probe.start`` is the offset of the first byte that read_into gives.
    probe: Probe
    #: True when the answer is of another version than ``want.pinned``/``want.size``, and starts at byte 0.
    restarted: bool

    def read_into(self, buffer: memoryview) -> int:
        """Fill some of ``buffer`` with the next bytes; give their number, 0 at the proven end.

        Waits at most about 0.1 s before it looks at Stop; gives as much as has come, and may give -1 for "nothing
        yet" so that the caller can look at its own clocks. Never gives a byte past the promised length. Raises
        TransferError (NetworkError for a body that ends early), Stopped.
        """
        ...

    @property
    def length_proven(self) -> bool:
        """Whether the end of the body was announced (a length, chunks), not only a closed connection."""
        ...

    def close(self) -> None:
        """Let the connection go; back to the pool when the body was read to its end. Never raises."""
        ...


class Source(Protocol):
    """Where bytes come from."""

    def open(self, want: Want, stop: Stop) -> Stream | None:
        """Ask for ``want`` and give the open body; None when the source still is the version ``want.unless``.

        The answer has been checked against what is pinned: either it is of that version and starts at or before
        ``want.start``, or ``restarted`` is true and it starts at 0. Raises SourceChanged where the version is gone
        and no usable body came, any other TransferError as the error table says, Stopped.

        For ``want.part`` (from any thread, several at once) the body is that part of the pinned version, perhaps
        shorter, from ``want.start``; else it raises SourceChanged, or RangesRefused where no part of it is to be had.
        For ``want.ranged``, with nothing pinned, a source that gives no ranges, or does not know its length, raises
        BadAnswer with the status for it.
        """
        ...

    def close(self) -> None:
        """Let go of everything that is shared between the streams of this source. Never raises."""
        ...
