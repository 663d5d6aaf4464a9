"""A small file whose body comes with the answer is fetched before it is asked for: one way through the loop, not two.

The probe's worker writes it into a part that nobody else knows of; the Fetch that follows finds it done. Where it does
not follow as expected, that part is given up. No block log is begun: it would protect less than it costs, for what a
kill takes is fetched again.
"""

from __future__ import annotations

import time
from typing import Final

import crc32c

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core.probe import Probe
from nbxfer.core.ranges import RangeSet
from nbxfer.engine.job import Ahead, Job
from nbxfer.engine.pump import own_buffer
from nbxfer.errors import TransferError
from nbxfer.sinks.base import Part
from nbxfer.sources.base import SMALL, Stopped, Stream

#: A body that takes longer (seconds) goes the usual way, with news and blocks.
AT_ONCE: Final = 0.25


class Begun:
    """An open body of which something has been read already; ``broken`` is what followed on that. See Stream."""

    def __init__(self, stream: Stream, begun: bytes, broken: TransferError | None = None) -> None:
        self.probe, self.restarted = stream.probe, stream.restarted
        self._stream, self._begun, self._broken = stream, memoryview(begun), broken

    @property
    def length_proven(self) -> bool:
        """See Stream."""
        return self._stream.length_proven

    def read_into(self, buffer: memoryview) -> int:
        """See Stream."""
        if not self._begun:
            if self._broken is not None:
                raise self._broken
            return self._stream.read_into(buffer)
        got = min(len(buffer), len(self._begun))
        buffer[:got] = self._begun[:got]
        self._begun = self._begun[got:]
        return got

    def close(self) -> None:
        """See Stream."""
        self._stream.close()


def fetch_ahead(job: Job, action: do.Probe) -> None:
    """Put the whole of a small file into the part, where it is here at once; else leave everything as it is.

    Raises Stopped. Whatever else goes wrong comes up again in the Fetch, and is told there.
    """
    stream = job.stream
    if stream is None or not may_be_ahead(job, action, stream.probe):
        return
    size = stream.probe.size
    assert size is not None
    view = own_buffer()[: size + 1]
    filled, until = 0, time.monotonic() + AT_ONCE
    broken: TransferError | None = None
    try:
        while got := stream.read_into(view[filled:]):
            filled += max(got, 0)
            if job.stop.is_set():
                raise Stopped
            if filled > size or time.monotonic() > until:
                break
    except TransferError as error:
        broken, got = error, -1
    if got or filled != size:
        job.stream = Begun(stream, bytes(view[:filled]), broken)
        return
    part: Part | None = None
    try:
        part = job.sink.create(action.epoch, size)
        part.write_at(0, view[:size])
    except TransferError:
        if part is not None:
            part.close()
        job.stream = Begun(stream, bytes(view[:size]))
        return
    job.park(None)
    job.open_part(action.epoch, part, None, RangeSet.of([(0, size)]))
    job.ahead = Ahead(action.epoch, size, crc32c.crc32c(view[:size]), stream.length_proven)


def may_be_ahead(job: Job, action: do.Probe, probe: Probe) -> bool:
    """Say whether it is a small one of which nothing is here, and that nothing speaks against."""
    size, spec = probe.size, job.spec
    fresh = job.part is None and action.size is None and action.pinned is None and probe.start == 0
    wanted = spec.expect_size in (None, size) and (spec.max_size is None or (size or 0) <= spec.max_size)
    unlimited = job.pace.rate is None and job.shared.rate is None
    return fresh and size is not None and 0 < size <= SMALL and wanted and unlimited


def answer(job: Job | None, action: do.Action) -> ev.Event | None:
    """Give the answer to ``action`` where it was done ahead; None where it is to be done. Does nothing itself."""
    if job is None or job.ahead is None or not isinstance(action, do.Fetch):
        return None
    done = job.ahead
    if not action.fresh or (action.epoch, action.size) != (done.epoch, done.size):
        return None
    return ev.RangeLanded(action.serial, job.held, done.size, done.proven)
