"""Whether what lies at a far destination is already what would be sent there."""

from __future__ import annotations

import hashlib

from nbxfer.core.probe import Probe, Want
from nbxfer.engine import digests
from nbxfer.engine.job import Job
from nbxfer.engine.sums import added_up
from nbxfer.sinks.far import Standing


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

    def piece(start: int, stop: int) -> str:
        return added_up(job, Want(start, stop, probe.validator, probe.size, part=True), algorithm)

    if not parted:
        return piece(0, size)
    tags = [piece(at, min(at + parted, size)).partition(":")[2] for at in range(0, size, parted)]
    whole = hashlib.new(algorithm, bytes.fromhex("".join(tags)), usedforsecurity=False).hexdigest()
    return f"{algorithm}:{whole}-{len(tags)}"
