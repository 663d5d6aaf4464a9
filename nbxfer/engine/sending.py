"""What becomes of an operation whose bytes go far away: one function an action, as perform.py has them for files.

What is held is what the far side says. A ticket (an upload id, a temporary name) is written down before a byte is sent
with it; one of a version that is gone is given up before the next is begun.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import plan as planning
from nbxfer.core.probe import Probe, Want
from nbxfer.core.ranges import BLOCK, ByteRange, RangeSet
from nbxfer.core.record import Published, Seal, Ticket
from nbxfer.engine import digests, drawers
from nbxfer.engine.drawers import Drawers
from nbxfer.engine.identical import is_standing
from nbxfer.engine.job import Job
from nbxfer.engine.senders import Senders
from nbxfer.engine.sums import added_up
from nbxfer.errors import ChecksumMismatch, DestinationExists, InvalidRequest, SourceChanged, TransferError
from nbxfer.manifest.base import good_ranges
from nbxfer.sinks.far import Far, Unwilling
from nbxfer.sources.base import Stream

log = logging.getLogger("nbxfer")

Report = Callable[[ev.Event], None]


def perform(job: Job, far: Far, action: do.Action, report: Report) -> ev.Event:
    """Do one action of an operation that sends. Raises TransferError, Stopped, Cut."""
    match action:
        case do.Probe():
            return _probe(job, far, action)
        case do.Fetch():
            return _send(job, far, action, report)
        case do.Verify():
            return _verify(job, far, action)
        case do.Commit():
            return _publish(job, far, action, report)
        case do.Discard():
            return _discard(job, far, action)
        case _:
            raise TypeError(f"no performer for {action!r}")


# -- before a byte moves ----------------------------------------------------------------------------------------------
def _probe(job: Job, far: Far, action: do.Probe) -> ev.Event:
    spec = job.spec
    asked = action.size is not None or action.pinned is not None
    standing = None
    if not asked:
        far.check()
        standing = far.standing(job.stop)
        if standing is not None and spec.if_exists == "error":
            raise DestinationExists(
                "There is something at the destination already.", hint="Give if_exists='overwrite' to replace it."
            )
        if standing is not None and spec.if_exists == "skip":
            there = Published(spec.destination, standing.size, 0, version=standing.version)
            return ev.Unchanged(action.serial, there)
    held = _held(job, far, action)
    if planning.complete(held, action.size):
        return ev.AllHere(action.serial, held)
    want = Want(0 if drawers.drawn(job, far) else held.front(), None, action.pinned, action.size)
    stream = drawers.opened(job, far, want, plain=standing is not None)
    assert stream is not None
    job.park(stream)
    probe = stream.probe
    if standing is not None and is_standing(job, standing, probe):
        job.park(None)
        there = Published(spec.destination, standing.size, 0, "store checksum", version=standing.version)
        return ev.Unchanged(action.serial, there)
    if stream.restarted:
        held = RangeSet()
        job.sends(held)
    if spec.checksum is not None and not held and probe.ranges and spec.kind == "upload":
        _hold_against(job, probe, spec.checksum)
    return ev.Probed(action.serial, probe, held, restarted=stream.restarted)


def _held(job: Job, far: Far, action: do.Probe) -> RangeSet:
    """Ask the far side what it has of the version that is pinned."""
    ticket, held = job.ticket, RangeSet()
    strong = action.pinned is not None and action.pinned.strong
    if ticket is not None and ticket.epoch >= action.fresh_since and strong:
        found = far.held(ticket, action.size, _acknowledged(job, ticket), job.stop)
        held = found if found is not None else RangeSet()
    job.sends(held)
    return held


def _acknowledged(job: Job, ticket: Ticket) -> RangeSet:
    return good_ranges(list(job.manifest.read_blocks(job.op_id, ticket.epoch)), BLOCK)


def _hold_against(job: Job, probe: Probe, checksum: str) -> None:
    """Add the source up before it is sent: what is not what it should be is not sent at all."""
    algorithm = checksum.partition(":")[0]
    if not digests.known(algorithm):
        raise InvalidRequest(f"This Python does not know the algorithm {algorithm}.", hint="Give another checksum.")
    found = added_up(job, Want(0, None, probe.validator, probe.size), algorithm)
    if found != checksum:
        raise ChecksumMismatch(
            f"The file's checksum is {found}, not {checksum}. Nothing was sent.",
            hint="Check the file, or the checksum.",
        )


# -- bytes move -------------------------------------------------------------------------------------------------------
def _send(job: Job, far: Far, action: do.Fetch, report: Report) -> ev.Event:
    stream = job.take_stream()
    if stream is None:
        return ev.CutShort(action.serial, job.held)
    if not action.size or far.origin is None:
        far.origin = None
        return _brought(job, far, action, stream, report)
    try:
        return _drawn(job, far, action, stream, report)
    except Unwilling as error:
        _refused(job, far, error, report)
        job.sends(RangeSet())
    again = job.source.open(Want(0, None, action.pinned, action.size), job.stop)
    if again is None or again.restarted:
        if again is not None:
            again.close()
        return ev.CutShort(action.serial, RangeSet())
    whole = msgspec.structs.replace(action, fresh=True, segments=(ByteRange(0, action.size),))
    return _brought(job, far, whole, again, report)


def _drawn(job: Job, far: Far, action: do.Fetch, stream: Stream, report: Report) -> ev.Event:
    """Have the store take it by itself. Raises Unwilling."""
    stream.close()
    if action.fresh or job.ticket is None:
        _begin(job, far, action, stream.probe.modified)
    assert job.ticket is not None
    report(ev.Noted("copied inside the store", "no byte of it comes through here"))
    return Drawers(job, far, job.ticket, action, stream, report).run()


def _refused(job: Job, far: Far, error: Unwilling, report: Report) -> None:
    report(ev.Noted("not copied inside the store", f"{error.word}: the bytes come and go"))
    drawers.refused(job, far, always=error.always)


def _brought(job: Job, far: Far, action: do.Fetch, stream: Stream, report: Report) -> ev.Event:
    """Read it, and send it."""
    try:
        if action.fresh or job.ticket is None:
            _begin(job, far, action, stream.probe.modified)
    except BaseException:
        stream.close()
        raise
    assert job.ticket is not None
    return Senders(job, far, job.ticket, action, stream, report).run()


def _begin(job: Job, far: Far, action: do.Fetch, modified: float | None) -> None:
    """Begin an upload, and have its ticket written down; the one before is given up first."""
    old, job.ticket = job.ticket, None
    if old is not None:
        with suppress(TransferError):  # what cannot be reached now is found by cleaning
            far.discard(old, job.stop)
    job.manifest.forget_blocks(job.op_id)
    ticket = far.begin(action.epoch, action.size, modified, job.stop)
    try:
        job.save(ev.Begun(action.serial, ticket))
    except BaseException:
        with suppress(TransferError):
            far.discard(ticket, job.stop)
        raise
    job.ticket = ticket
    job.sends(RangeSet())


# -- and are given their name -----------------------------------------------------------------------------------------
def _verify(job: Job, far: Far, action: do.Verify) -> ev.Event:
    job.park(None)
    checksum, by = action.checksum, action.by
    seal = Seal(action.size, 0, 0, checksum if by == "digest" else None)
    if checksum is None or by != "digest":
        word = "store checksum" if far.proves and far.origin is None else "answer" if far.direct else "nothing"
        return ev.Verified(action.serial, seal, word)
    if job.spec.kind != "upload":  # else it was looked at before the first byte was sent
        found = added_up(job, Want(0, None, None, action.size), checksum.partition(":")[0])
        if found != checksum:
            raise ChecksumMismatch(f"The source's checksum is {found}, not {checksum}.", hint="Check the checksum.")
    return ev.Verified(action.serial, seal, "digest")


def _publish(job: Job, far: Far, action: do.Commit, report: Report) -> ev.Event:
    assert job.ticket is not None
    try:
        done = far.publish(job.ticket, action.seal, replace=job.spec.if_exists != "error", stop=job.stop)
    except Unwilling as error:
        _refused(job, far, error, report)
        raise SourceChanged(f"It is not copied inside the store: {error.word}. It is read and sent.") from None
    if far.said:
        log.warning("%s: %s", job.spec.destination, far.said)
        report(ev.Noted("answered", far.said))
    job.close()
    job.manifest.forget_blocks(job.op_id)
    return ev.Committed(action.serial, msgspec.structs.replace(done, mtime_ns=0, integrity=action.by))


def _discard(job: Job, far: Far, action: do.Discard) -> ev.Event:
    job.park(None)
    if job.ticket is not None and not action.keep:
        job.stop.clear()
        far.discard(job.ticket, job.stop)
    job.close()
    if not action.keep:
        job.manifest.forget_blocks(job.op_id)
    return ev.Discarded(action.serial)
