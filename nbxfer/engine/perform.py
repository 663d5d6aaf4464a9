"""One function an action; each ends in exactly one event and never raises past the seam.

These run on worker threads, at most one at a time for each job.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from os.path import lexists
from typing import Final, TypeVar

import msgspec

from nbxfer.core import actions as do
from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core import plan as planning
from nbxfer.core.faults import Fault
from nbxfer.core.names import server_may_name
from nbxfer.core.probe import Probe, same_version
from nbxfer.core.record import Before, Published
from nbxfer.core.spec import Spec
from nbxfer.core.url import basename
from nbxfer.engine import finishing, recheck, sending
from nbxfer.engine.ahead import fetch_ahead
from nbxfer.engine.fetching import fetch, foresee
from nbxfer.engine.job import Job
from nbxfer.errors import DestinationExists, TransferError
from nbxfer.sinks.far import Cut
from nbxfer.sources import checksum_list
from nbxfer.sources.base import Stopped

log = logging.getLogger("nbxfer")
T = TypeVar("T")

#: The longest file of checksums that is read (bytes).
MOST_LINES: Final = 4 * 1024 * 1024


def perform(job: Job, action: do.Action, report: Callable[[ev.Event], None]) -> ev.Event:
    """Do one action of ``job`` and give its answer; ``report`` takes news on the way."""
    return guarded(job, action, lambda: _perform(job, action, report))


def _perform(job: Job, action: do.Action, report: Callable[[ev.Event], None]) -> ev.Event:
    if job.far is not None:
        return sending.perform(job, job.far, action, report)
    match action:
        case do.Probe():
            return _probe(job, action)
        case do.Fetch():
            return fetch(job, action, report)
        case do.Verify():
            return finishing.verify(job, action)
        case do.Commit():
            return finishing.commit(job, action)
        case do.Discard():
            return finishing.discard(job, action)
        case _:
            raise TypeError(f"no performer for {action!r}")


def guarded(job: Job, action: do.Action, step: Callable[[], T]) -> T | ev.Event:
    """Give what ``step`` gives; the answer to ``action`` where it raises."""
    try:
        return step()
    except (Stopped, Cut):
        return ev.CutShort(action.serial, job.held if job.looked else None)
    except TransferError as error:
        return lost(job, action, faults.of(error))
    except BaseException as error:  # a person's auth object may leave by SystemExit: nobody shall wait for ever
        log.exception("performing %s failed; please report this", type(action).__name__)
        fault = Fault("TransferError", f"nbxfer itself failed ({type(error).__name__}).", hint="Please report this.")
        return lost(job, action, fault)


def lost(job: Job, action: do.Action, fault: Fault) -> ev.Event:
    """Give the answer to an action that has failed."""
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
            return ev.ProbeLost(action.serial, fault, job.held if job.looked else None)


# -- probe --------------------------------------------------------------------------------------------------------
def _probe(job: Job, action: do.Probe) -> ev.Event:
    before, spec = action.before, job.spec
    path = action.path or spec.destination
    job.ahead = None  # nobody has asked for it
    if before is not None and (there := _already_there(job, before, path)) is not None:
        return ev.Unchanged(action.serial, there)
    if job.part is not None and job.epoch < action.fresh_since:  # a version that is gone
        job.close_part()
    if action.serial == 1 and not spec.adopted:  # the first that is ever done for it
        job.logged = False
    elif job.part is None:
        recheck.reopen(job, action.epoch, action.fresh_since)
    if planning.complete(job.held, action.size):
        return ev.AllHere(action.serial, job.held)
    adopted = spec.adopted and action.pinned is None
    want = planning.first_want(job.held, action.size, action.pinned, adopted=adopted, ranged=spec.random_access)
    if before is not None and before.ours and not job.held:
        want = msgspec.structs.replace(want, unless=before.validator)
    lines = _lines(job)  # before the body stands open: it would have to wait
    stream = job.source.open(want, job.stop)
    if stream is None:
        assert before is not None
        return ev.Unchanged(action.serial, before.published(path, revalidated=True))
    job.park(stream)
    probe = stream.probe
    if before is not None and before.ours and not job.held and _is_that(before, probe):
        job.park(None)
        return ev.Unchanged(action.serial, before.published(path, revalidated=True))
    look_at_name(spec, path, probe.name)
    if lines is not None:
        names = (basename(spec.url), path.rpartition("/")[2], probe.name)
        job.listed = checksum_list.find(lines, [name for name in names if name])
    if stream.restarted:
        job.close_part()
    held = job.held
    foresee(job, stream)
    fetch_ahead(job, action)
    return ev.Probed(action.serial, probe, held, restarted=stream.restarted, checksum=job.listed)


def _lines(job: Job) -> str | None:
    """Read the file of checksums, once; None where there is none to be read."""
    spec = job.spec
    if spec.checksum_at is None or spec.checksum is not None or job.listed is not None:
        return None
    try:
        return job.small(spec.checksum_at, MOST_LINES).decode("utf-8", "replace")
    except TransferError as error:
        error.message = f"The list of checksums could not be had: {error.message}"
        raise


def look_at_name(spec: Spec, path: str, name: str) -> None:
    """Refuse early, where nothing may be replaced, a name by the server that something has already."""
    folder, _, own = spec.destination.rpartition("/")
    if (
        name
        and server_may_name(spec.naming, own)
        and path == spec.destination
        and spec.if_exists == "error"
        and lexists(f"{folder}/{name}")
    ):
        raise DestinationExists(
            f"{folder}/{name} is there already; that is what the server calls the file.",
            hint="Give another folder, or a name of your own.",
        )


def _is_that(before: Before, probe: Probe) -> bool:
    """Say whether a server without conditional requests has said "unchanged" in its own way."""
    return bool(same_version(before.validator, probe.validator)) and probe.size in (None, before.size)


def _already_there(job: Job, before: Before, path: str) -> Published | None:
    """Give the result when what is at the destination already settles it, without a request."""
    spec = job.spec
    if spec.if_exists == "skip":
        return before.published(path, revalidated=True)  # what is there is what was asked for
    if spec.checksum and not before.ours and spec.if_exists != "overwrite":
        if recheck.file_digest(path, spec.checksum) != spec.checksum:
            raise DestinationExists(
                f"{path} is there already, and its checksum is another one.",
                hint="Give if_exists='overwrite' to replace it, or another destination.",
            )
        return Published(path, before.size, before.mtime_ns, "digest")
    return None
