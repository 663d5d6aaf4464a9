"""One function an action; each ends in exactly one event and never raises past the seam.

These run on worker threads, at most one at a time for each job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.faults import Fault
from nbxfer.core.probe import Probe, same_version
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.core.record import Before, Published
from nbxfer.engine import recheck
from nbxfer.engine.job import Job
from nbxfer.engine.pump import Pump
from nbxfer.errors import ChecksumMismatch, DestinationExists, NetworkError, SourceChanged, StorageFailed, TransferError
from nbxfer.manifest.base import good_ranges
from nbxfer.sources.base import Stopped

log = logging.getLogger("nbxfer")


def perform(job: Job, action: do.Action, report: Callable[[ev.Event], None]) -> ev.Event:
    """Do one action of ``job`` and give its answer; ``report`` takes news on the way."""
    try:
        match action:
            case do.Probe():
                return _probe(job, action)
            case do.Fetch():
                return _fetch(job, action, report)
            case do.Verify():
                return _verify(job, action)
            case do.Commit():
                return _commit(job, action)
            case do.Discard():
                return _discard(job, action)
            case _:
                raise TypeError(f"no performer for {action!r}")
    except Stopped:
        return ev.CutShort(action.serial, job.held if job.part is not None else None)
    except TransferError as error:
        return _lost(job, action, faults.of(error))
    except Exception as error:
        log.exception("performing %s failed; please report this", type(action).__name__)
        fault = Fault("TransferError", f"nbxfer itself failed ({type(error).__name__}).", hint="Please report this.")
        return _lost(job, action, fault)


def _lost(job: Job, action: do.Action, fault: Fault) -> ev.Event:
    match action:
        case do.Fetch():
            job.park(None)
            return ev.RangeLost(action.serial, fault, job.held)
        case do.Verify():
            return ev.VerifyLost(action.serial, fault)
        case do.Commit():
            return ev.CommitLost(action.serial, fault)
        case do.Discard():
            log.warning("something of a canceled transfer was left behind: %s", fault.message)
            return ev.Discarded(action.serial)
        case _:
            return ev.ProbeLost(action.serial, fault, job.held if job.part is not None else None)


# -- probe --------------------------------------------------------------------------------------------------------
def _probe(job: Job, action: do.Probe) -> ev.Event:
    before = action.before
    if before is not None and (there := _already_there(job, before)) is not None:
        return ev.Unchanged(action.serial, there)
    if job.part is not None and job.epoch < action.fresh_since:  # a version that is gone
        job.close_part()
    if job.part is None:
        recheck.reopen(job, action.epoch, action.fresh_since)
    if planning.complete(job.held, action.size):
        return ev.AllHere(action.serial, job.held)
    want = planning.first_want(job.held, action.size, action.pinned)
    if before is not None and before.ours and not job.held:
        want = msgspec.structs.replace(want, unless=before.validator)
    stream = job.source.open(want, job.stop)
    if stream is None:
        assert before is not None
        return ev.Unchanged(action.serial, before.published(job.spec.destination, revalidated=True))
    probe = stream.probe
    if before is not None and before.ours and not job.held and _is_that(before, probe):
        stream.close()
        return ev.Unchanged(action.serial, before.published(job.spec.destination, revalidated=True))
    job.park(stream)
    if stream.restarted:
        job.held = RangeSet()
    return ev.Probed(action.serial, probe, job.held, restarted=stream.restarted)


def _is_that(before: Before, probe: Probe) -> bool:
    """Say whether a server without conditional requests has said "unchanged" in its own way."""
    return bool(same_version(before.validator, probe.validator)) and probe.size in (None, before.size)


def _already_there(job: Job, before: Before) -> Published | None:
    """Give the result when what is at the destination already settles it, without a request."""
    spec = job.spec
    if spec.if_exists == "skip":
        return before.published(spec.destination, revalidated=True)  # what is there is what was asked for
    if spec.checksum and not before.ours and spec.if_exists != "overwrite":
        if recheck.file_digest(spec.destination, spec.checksum) != spec.checksum:
            raise DestinationExists(
                f"{spec.destination} is there already, and its checksum is another one.",
                hint="Give if_exists='overwrite' to replace it, or another destination.",
            )
        return Published(spec.destination, before.size, before.mtime_ns, "digest")
    return None


# -- fetch --------------------------------------------------------------------------------------------------------
def _fetch(job: Job, action: do.Fetch, report: Callable[[ev.Event], None]) -> ev.Event:
    serial = action.serial
    stream = job.stream
    if stream is None:
        return ev.CutShort(serial, job.held)
    if action.fresh or job.part is None or job.blocks is None:
        job.close_part()
        job.held = RangeSet()
        job.part, job.epoch = job.sink.create(action.epoch, action.size), action.epoch
        job.blocks = job.manifest.blocks(job.op_id, action.epoch)
        job.manifest.forget_blocks(job.op_id, keep=action.epoch)

    def tell(held: RangeSet, refetched: int) -> None:
        job.held = held
        report(ev.BlocksLanded(serial, held, refetched))

    until = action.segments[0].stop if action.segments else action.size
    pump = Pump(stream, job.part, job.blocks, job.held, job.spec.patience, tell, lambda: recheck.sync(job))
    try:
        position = pump.run(until)
    except StorageFailed:
        job.close_part()  # what is opened again is read before it is believed
        raise
    finally:
        tell(pump.held, pump.refetched)
    proven = stream.length_proven
    job.park(None)
    size = action.size
    if size is None:
        if job.held and job.held.ranges[-1].stop > position:
            short = NetworkError("The server's answer ended before what had come already.")
            return ev.RangeLost(serial, faults.of(short), job.held)
        size = position
    return ev.RangeLanded(serial, job.held, size, proven)


# -- the end ------------------------------------------------------------------------------------------------------
def _verify(job: Job, action: do.Verify) -> ev.Event:
    job.park(None)  # a body that nobody needs any more
    part = job.part
    if part is None:  # a check after a pause: the part is read again anyhow
        recheck.reopen(job, action.epoch, action.epoch)
        part = job.part
    if part is None or not planning.complete(job.held, action.size):
        gone = SourceChanged("The part that was complete is not there any more.")
        return ev.VerifyLost(action.serial, faults.of(gone))
    recheck.sync(job)
    seal = part.seal(action.size, action.checksum)
    if action.checksum is None:
        return ev.Verified(action.serial, seal, "nothing")
    digest = recheck.digest(job, part, action.size, action.checksum)
    if digest == action.checksum:
        return ev.Verified(action.serial, seal, "digest")
    assert job.blocks is not None
    good = good_ranges(recheck.true_rows(job, part, [action.epoch]), BLOCK)
    if good.total < job.held.total:  # the disk lost something: those blocks only are fetched again
        job.close_part()
    fault = faults.of(
        ChecksumMismatch(
            f"The file's checksum is {digest}, not {action.checksum}.",
            hint="Check the checksum you gave; if it is right, the server has another file, or a broken one.",
        )
    )
    return ev.Mismatched(action.serial, fault, good)


def _commit(job: Job, action: do.Commit) -> ev.Event:
    job.close_part()  # first: what is renamed while open leaves a ghost on NFS
    done = job.sink.publish(action.epoch, action.seal, job.before)
    job.close()
    job.manifest.forget_blocks(job.op_id)
    published = Published(done.path, done.size, done.mtime_ns, action.by, done.atomic)
    return ev.Committed(action.serial, published)


def _discard(job: Job, action: do.Discard) -> ev.Event:
    job.close()
    job.sink.discard(keep=action.keep)
    if not action.keep:
        job.manifest.forget_blocks(job.op_id)
    return ev.Discarded(action.serial)
