"""An operation whose bytes stay where they are: a store takes the pieces of one of its objects for another by itself.

Lanes, answers and what follows on a fault are those of what is sent; only no piece is read. What the store was bound to
is looked at once more when it has all, for not every store heeds the condition.
"""

from __future__ import annotations

import threading
from typing import Final

from nbxfer.core.probe import Probe, Want, same_version
from nbxfer.core.ranges import ByteRange
from nbxfer.engine.job import Job
from nbxfer.engine.senders import Senders, Span
from nbxfer.errors import SourceChanged
from nbxfer.sinks.far import Far
from nbxfer.sources.base import Stream

#: Stores that have said in this process that they do not: they are not asked for each of ten thousand objects.
_unwilling: Final[set[str]] = set()
_lock = threading.Lock()


class Drawers(Senders):
    """Has the far side take what the action names; ``stream`` is the open answer of the source, of no use else."""

    def _all(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        super()._all()
        self._look_again()

    def _width(self) -> int:
        return min(self._action.lanes, self._far.lanes, len(self._pieces))  # nothing is held in memory

    def _put(self, span: Span) -> None:
        assert self._size is not None
        self._far.draw(self._ticket, ByteRange(span.start, span.stop), self._size, self._action.pinned, self._stop)
        self._landed(span.start, span.stop, 0)

    def _look_again(self) -> None:
        """Raise SourceChanged where what was copied is another version by now."""
        stream = self._job.source.open(Want(0, 1, self._action.pinned, self._size), self._job.stop)
        if stream is not None:
            stream.close()
        if stream is None or stream.restarted or not self._is_that(stream.probe):
            raise SourceChanged("The source has another version now.")

    def _is_that(self, probe: Probe) -> bool:
        pinned, size = self._action.pinned, self._action.size
        other = pinned is not None and same_version(pinned, probe.validator) is False
        return probe.size in (None, size) and not other


def drawn(job: Job, far: Far) -> bool:
    """Say whether the far side is to be asked to take it by itself; from here on ``far.origin`` says so."""
    with _lock:
        if job.host in _unwilling:
            far.origin = None
    return far.origin is not None


def refused(job: Job, far: Far, *, always: bool) -> None:
    """Take note that it does not; ``always``: not of this store."""
    far.origin = None
    if always:
        with _lock:
            _unwilling.add(job.host)


def opened(job: Job, far: Far, want: Want, *, plain: bool) -> Stream | None:
    """Open the source of a probe; of what the far side takes by itself nothing but the first byte is asked for.

    ``plain``: the whole is asked for even so, because the answer then says what it adds up to.
    """
    if far.origin is not None and not plain:
        stream = job.source.open(Want(0, 1, want.pinned, want.size), job.stop)
        if stream is None or stream.probe.size is not None:
            return stream
        stream.close()
        far.origin = None
    return job.source.open(want, job.stop)
