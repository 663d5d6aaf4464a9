"""From a part that is whole to the final name: check, commit, discard."""

from __future__ import annotations

import os

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.faults import Fault
from nbxfer.core.names import numbered, unnumbered
from nbxfer.core.ranges import BLOCK
from nbxfer.core.record import Published
from nbxfer.engine import digests, recheck
from nbxfer.engine.job import Job
from nbxfer.errors import ChecksumMismatch, DestinationExists, InvalidRequest, SourceChanged
from nbxfer.manifest.base import good_ranges
from nbxfer.sinks.together import Gathers, Shelf


def verify(job: Job, action: do.Verify) -> ev.Event:
    """Sync the part, and hold it against its checksum. Raises TransferError, Stopped."""
    if (gone := whole(job, action)) is not None:
        return gone
    recheck.sync(job)
    return checked(job, action)


def whole(job: Job, action: do.Verify) -> ev.Event | None:
    """See to it that the part is open and has every byte; give the answer where it has not."""
    job.park(None)  # a body that nobody needs any more
    if job.part is None:  # a check after a pause: the part is read again anyhow
        recheck.reopen(job, action.epoch, action.epoch)
    if job.part is None or not planning.complete(job.held, action.size):
        gone = SourceChanged("The part that was complete is not there any more.")
        return ev.VerifyLost(action.serial, faults.of(gone))
    return None


def checked(job: Job, action: do.Verify) -> ev.Event:
    """Hold the part, which is synced, against its checksum. Raises TransferError, Stopped."""
    part = job.part
    assert part is not None
    checksum, by = action.checksum, action.by
    algorithm = checksum.partition(":")[0] if checksum else ""
    if checksum and not digests.known(algorithm):
        if by == "digest":
            raise InvalidRequest(f"This Python does not know the algorithm {algorithm}.", hint="Give another checksum.")
        checksum = None  # what a server says in words that we do not know proves nothing
    seal = part.seal(action.size, checksum if digests.hashed(algorithm) else None, action.mtime)
    if checksum is None:
        return ev.Verified(action.serial, seal, "nothing")
    found = recheck.digest(job, part, action.size, checksum)
    if found == checksum:
        return ev.Verified(action.serial, seal, by)
    fault = mismatch(found, checksum, by)
    good = good_ranges(recheck.true_rows(job, part, [action.epoch]), BLOCK)
    if good.total < job.held.total:  # the disk lost something: those blocks only are fetched again
        job.close_part()
    return ev.Mismatched(action.serial, fault, good)


def mismatch(found: str, wanted: str, by: str) -> Fault:
    """Give the fault of a file that adds up to something else than ``wanted``, which ``by`` tells the source of."""
    if by == "digest":
        return faults.of(
            ChecksumMismatch(
                f"The file's checksum is {found}, not {wanted}.",
                hint="Check the checksum you gave; if it is right, the server has another file, or a broken one.",
            )
        )
    algorithm, _, digits = wanted.partition(":")
    return faults.of(
        ChecksumMismatch(
            f"The server says that the file's {algorithm} is {digits}, but what it sent has {found.partition(':')[2]}.",
            hint="Give checksum= if you know the right one, or checksum=False to take the file as it comes.",
        )
    )


def commit(job: Job, action: do.Commit, shelf: Shelf | None = None) -> ev.Event:
    """Give the part its final name. Where the server chose a name that something has, tell one that is free.

    With a ``shelf`` the sync of the folder is left to it.
    """
    job.close_part()  # first: what is renamed while open leaves a ghost on NFS
    try:
        if shelf is not None and isinstance(job.sink, Gathers):
            done = job.sink.publish_into(shelf, action.epoch, action.seal, job.before, action.path)
        else:
            done = job.sink.publish(action.epoch, action.seal, job.before, action.path)
    except DestinationExists:
        if not action.path or job.spec.if_exists == "error":
            raise
        return ev.NameTaken(action.serial, free_name(action.path))
    job.close()
    if job.logged:
        job.manifest.forget_blocks(job.op_id)
    published = Published(done.path, done.size, done.mtime_ns, action.by, done.atomic)
    return ev.Committed(action.serial, published)


def free_name(path: str) -> str:
    """Give the first of "name (1).ext", "name (2).ext" … that nothing has."""
    folder, name = os.path.split(path)
    plain, number = unnumbered(name), 1
    while os.path.lexists(free := os.path.join(folder, numbered(plain, number))):
        number += 1
    return free


def discard(job: Job, action: do.Discard) -> ev.Event:
    """Remove the part and its block log, unless they are to be kept."""
    job.close()
    job.sink.discard(keep=action.keep)
    if not action.keep:
        job.manifest.forget_blocks(job.op_id)
    return ev.Discarded(action.serial)
