"""Whether what lies at a far destination is already what would be sent there."""

from __future__ import annotations

import hashlib

from nbxfer.core.probe import Probe, Want
from nbxfer.engine import digests
from nbxfer.engine.job import Job
from nbxfer.sinks.far import Standing
from nbxfer.sources.base import Stopped


def is_standing(job: Job, standing: Standing, probe: Probe) -> bool:
    """Say so only where something proves it: our own record of both versions, or the store's checksum.

    A file of this machine is read and added up for that, where it is as long; sources far away are not.
    """
    if job.spec.if_exists not in ("overwrite", "revalidate") or standing.size != probe.size:
        return False
    before = job.before
    if before is not None and before.ours and before.version and before.version == standing.version:
        return before.validator is not None and before.validator == probe.validator
    theirs = {claim.checksum for claim in standing.claims}
    if theirs & {claim.checksum for claim in probe.claims} and not standing.parted:
        return True
    if job.spec.kind != "upload":
        return False
    return any(_sum(job, probe, claim.checksum, standing.parted) == claim.checksum for claim in standing.claims[:1])


def _sum(job: Job, probe: Probe, checksum: str, parted: int) -> str:
    """Give what the source adds up to, in the way of ``checksum``: as one, or as S3 does it, piece by piece."""
    algorithm = checksum.partition(":")[0]
    if not digests.known(algorithm):
        return ""
    size = probe.size or 0
    if not parted:
        return f"{algorithm}:{_piece(job, probe, algorithm, 0, size)}"
    tags = [_piece(job, probe, algorithm, at, min(at + parted, size)) for at in range(0, size, parted)]
    whole = hashlib.new(algorithm, bytes.fromhex("".join(tags)), usedforsecurity=False).hexdigest()
    return f"{algorithm}:{whole}-{len(tags)}"


def _piece(job: Job, probe: Probe, algorithm: str, start: int, stop: int) -> str:
    digest = digests.begin(algorithm)
    view = memoryview(bytearray(1024 * 1024))
    stream = job.source.open(Want(start, stop, probe.validator, probe.size, part=True), job.stop)
    assert stream is not None
    try:
        while got := stream.read_into(view):
            if job.stop.is_set():
                raise Stopped
            digest.update(view[: max(got, 0)])
    finally:
        stream.close()
    return digest.hexdigest()
