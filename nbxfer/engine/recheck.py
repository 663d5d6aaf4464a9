"""Believing the disk: what an earlier life left, what was written now, and what lies at the destination."""

from __future__ import annotations

import crc32c

from nbxfer.core.ranges import BLOCK
from nbxfer.engine import digests
from nbxfer.engine.follower import Follower
from nbxfer.engine.job import Job
from nbxfer.errors import NoSpace, StorageFailed
from nbxfer.manifest.base import Row, good_ranges
from nbxfer.sinks.base import Part
from nbxfer.sources.base import Stopped


def reopen(job: Job, epoch: int, fresh_since: int) -> None:
    """Open what an earlier life left, and believe only those blocks whose bytes are on the disk as vouched for."""
    manifest = job.manifest
    logged = manifest.block_epochs(job.op_id)
    job.logged = bool(logged)
    epochs = [e for e in logged if fresh_since <= e <= epoch]
    part = _part(job, epoch, fresh_since) if epochs else None
    if part is None:
        return
    try:
        rows = true_rows(job, part, epochs)
        blocks = manifest.blocks(job.op_id, epoch, rows)
    except BaseException:
        part.close()
        raise
    manifest.forget_blocks(job.op_id, keep=epoch)
    job.open_part(epoch, part, blocks, good_ranges(rows, BLOCK))


def _part(job: Job, epoch: int, fresh_since: int) -> Part | None:
    """Open the newest part: in place where nobody else can write to it any more, else a copy of it."""
    ours_since = max(fresh_since, job.unproven + 1)
    part = job.sink.reopen(epoch, ours_since, proven=True)
    if part is None and ours_since > fresh_since:
        part = job.sink.reopen(epoch, fresh_since, proven=False)
    return part


def true_rows(job: Job, part: Part, epochs: list[int]) -> list[Row]:
    """Give, for every block, the longest row of these epochs that the disk agrees with. Raises Stopped."""
    candidates: dict[int, list[Row]] = {}
    for e in reversed(epochs):
        for row in job.manifest.read_blocks(job.op_id, e):
            candidates.setdefault(row.block, []).append(row)
    if job.ahead is not None:
        candidates.setdefault(0, []).append(Row(0, job.ahead.size, job.ahead.crc))
    true: list[Row] = []
    for block in sorted(candidates):
        if job.stop.is_set():
            raise Stopped
        data = part.read_at(block * BLOCK, BLOCK)
        for row in sorted(candidates[block], key=lambda r: -r.length):
            if row.length <= len(data) and crc32c.crc32c(memoryview(data)[: row.length]) == row.crc32c:
                true.append(row)
                break
    return true


def digest(job: Job, part: Part, size: int, checksum: str) -> str:
    """Give "algorithm:hex" of a part of ``size`` bytes, by the algorithm of ``checksum``.

    What was added up on the way is not read again, unless something else than ``checksum`` comes out of it: nothing
    is called wrong before all of it was read from the disk. Raises Stopped, StorageFailed.
    """
    algorithm = checksum.partition(":")[0]
    follower, job.follower = job.follower, None
    if follower is not None and follower.part is part and follower.algorithm == algorithm:
        if follower.finish(size, job.stop) == checksum:
            return checksum
    elif algorithm == "crc32c":
        whole = digests.combined(job.manifest.read_blocks(job.op_id, job.epoch), size)
        if whole is not None and f"crc32c:{whole:08x}" == checksum:
            return checksum
    return Follower(part, job.landing, algorithm).finish(size, job.stop)


def sync(job: Job) -> None:
    """Sync the part. One that could not be synced is closed: what is opened again is read before it is believed."""
    assert job.part is not None
    try:
        job.part.sync()
    except (NoSpace, StorageFailed):
        job.close_part()
        raise


def file_digest(path: str, checksum: str) -> str:
    """Give the checksum of a file, by the algorithm that ``checksum`` ("sha256:hex") names."""
    algorithm = checksum.split(":", 1)[0]
    made = digests.begin(algorithm)
    try:
        with open(path, "rb") as file:
            while data := file.read(BLOCK):
                made.update(data)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be read ({error.strerror}).") from None
    return f"{algorithm}:{made.hexdigest()}"
