"""Fetch: from the open body, and others like it, into the part."""

from __future__ import annotations

from collections.abc import Callable

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.allotment import LEAST
from nbxfer.core.ranges import RangeSet
from nbxfer.engine import digests, recheck
from nbxfer.engine.asked import prepared
from nbxfer.engine.convoy import Convoy, sharing
from nbxfer.engine.crew import Crew
from nbxfer.engine.follower import Follower
from nbxfer.engine.job import Job
from nbxfer.engine.movers import LARGE
from nbxfer.engine.pump import Pump
from nbxfer.engine.writer import Writer
from nbxfer.errors import BadAnswer, NetworkError, StorageFailed, TransferError, WebErrorStatus
from nbxfer.sources.base import Stream


def fetch(job: Job, action: do.Fetch, report: Callable[[ev.Event], None]) -> ev.Event:
    """Fetch what ``action`` names; give its answer. Raises TransferError only before anything was read; Stopped."""
    stream, serial = job.take_stream(), action.serial
    if stream is None:
        return ev.CutShort(serial, job.held)
    try:
        if action.fresh or job.part is None or job.blocks is None:
            job.close_part()
            part = job.sink.create(action.epoch, action.size)
            job.open_part(action.epoch, part, job.manifest.blocks(job.op_id, action.epoch), RangeSet())
            job.manifest.forget_blocks(job.op_id, keep=action.epoch)
    except BaseException:
        stream.close()
        raise
    landing = job.landing
    assert job.part is not None
    assert job.blocks is not None
    writer = Writer(
        job.part,
        job.blocks,
        landing,
        lambda held, again: report(ev.BlocksLanded(serial, held, again)),
        lambda: recheck.sync(job),
    )
    proven = stream.length_proven
    follower = _follower(job, action)
    try:
        if action.size is None:
            size, proven = _to_the_end(job, writer, stream, action.most)
        else:
            size = action.size
            Crew(job, action, stream, writer, convoy=_convoy(job, action, stream, writer)).run()
    except TransferError as error:
        held = landing.held
        if isinstance(error, StorageFailed):
            job.close_part()  # what is opened again is read before it is believed
        return ev.RangeLost(serial, faults.of(error), held)
    finally:
        if follower is not None:
            follower.rest()
    return ev.RangeLanded(serial, landing.held, size, proven)


def _convoy(job: Job, action: do.Fetch, stream: Stream, writer: Writer) -> Convoy | None:
    """Give what has a mover do the work, where one could; whether it is worth it shows itself."""
    movers, pinned, size = job.movers, action.pinned, action.size
    missing = sum(map(len, action.segments))
    if movers is None or size is None or (missing < LARGE and (movers.use != "always" or action.lanes <= 1)):
        return None
    request = None
    if (why := movers.why_not) is None:
        if job.unfit:
            why = "a child process of its has died, or cannot ask as this process can"
        elif job.parts_refused or pinned is None or not pinned.strong or not stream.probe.ranges:
            why = "the server gives no parts that belong together for certain"
        elif sharing(job.part) is None or sharing(job.blocks) is None:
            why = "its destination cannot be shared with another process"
        elif (request := prepared(stream)) is None:
            why = "its requests cannot be made by another process (HTTP/2, SOCKS, or their credentials)"
    if why is not None or pinned is None or request is None:
        movers.note(job.op_id, f"by threads of this process, for {why}")
        return None
    movers.note(job.op_id, "by threads of this process")
    return Convoy(job, movers, request, size, pinned, action.lanes, writer)


def foresee(job: Job, stream: Stream) -> None:
    """Have a mover come for what has just been answered, where a cell computes and it is likely to be wanted.

    Beside a cell a tenth of a second passes before the first byte is asked for, and a mover needs as long to begin.
    """
    movers, probe = job.movers, stream.probe
    if movers is None or movers.use != "auto" or probe.size is None or job.unfit or job.parts_refused:
        return
    parts = probe.ranges and probe.validator is not None and probe.validator.strong
    if parts and movers.wanted(probe.size - job.held.total) and prepared(stream) is not None:
        movers.foresee()


def _to_the_end(job: Job, writer: Writer, stream: Stream, most: int | None) -> tuple[int, bool]:
    """Read a body of unknown length; give its length, and whether its end was proven."""
    pump = Pump(writer, job.spec.patience, job.stop, job.paces, writer.look)
    held = writer.landing.held
    try:
        pump.attach(stream)
        pump.compare(held.front())
        more = True
        while more:
            more = pump.block(None)
            if most is not None and pump.position > most:
                raise BadAnswer(
                    f"The server sends more than {most} bytes, the most that may come.",
                    status=WebErrorStatus.FILE_TOO_LARGE,
                    hint="Give a larger max_size.",
                )
        if held and held.ranges[-1].stop > pump.position:
            raise NetworkError("The server's answer ended before what had come already.")
        return pump.position, stream.length_proven
    finally:
        writer.tell()
        stream.close()


def _follower(job: Job, action: do.Fetch) -> Follower | None:
    """Begin to add up what lands, or go on with it, where that will be asked for and is worth a thread."""
    algorithm = action.checksum.partition(":")[0]
    missing = sum(map(len, action.segments)) if action.size is not None else None
    # CRC-32C is put together from the blocks' own.
    if not digests.known(algorithm) or algorithm == "crc32c" or (missing is not None and missing <= LEAST):
        return None
    follower = job.follower
    if follower is None or follower.part is not job.part or follower.algorithm != algorithm:
        assert job.part is not None
        follower = job.follower = Follower(job.part, job.landing, algorithm)
    follower.follow()
    return follower
