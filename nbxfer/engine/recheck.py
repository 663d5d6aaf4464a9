"""Believing the disk: what an earlier life left, what was written now, and what lies at the destination."""

from __future__ import annotations

import hashlib

import crc32c

from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.engine.job import Job
from nbxfer.errors import NoSpace, StorageFailed
from nbxfer.manifest.base import Row, good_ranges
from nbxfer.sinks.base import Part
from nbxfer.sources.base import Stopped


def reopen(job: Job, epoch: int, fresh_since: int) -> None:
    """Open what an earlier life left, and believe only those blocks whose bytes are on the disk as vouched for."""
    manifest = job.manifest
    epochs = [e for e in manifest.block_epochs(job.op_id) if fresh_since <= e <= epoch]
    part = job.sink.reopen(epoch, fresh_since, proven=job.proven) if epochs else None
    if part is None:
        job.held = RangeSet()
        return
    try:
        rows = true_rows(job, part, epochs)
        blocks = manifest.blocks(job.op_id, epoch, rows)
    except BaseException:
        part.close()
        raise
    manifest.forget_blocks(job.op_id, keep=epoch)
    job.part, job.blocks, job.held, job.proven, job.epoch = part, blocks, good_ranges(rows, BLOCK), True, epoch


def true_rows(job: Job, part: Part, epochs: list[int]) -> list[Row]:
    """Give, for every block, the longest row of these epochs that the disk agrees with. Raises Stopped."""
    candidates: dict[int, list[Row]] = {}
    for e in reversed(epochs):
        for row in job.manifest.read_blocks(job.op_id, e):
            candidates.setdefault(row.block, []).append(row)
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
    """Give the checksum of a part, by the algorithm that ``checksum`` names. Raises Stopped."""
    algorithm = checksum.split(":", 1)[0]
    digest = hashlib.new(algorithm)
    for start in range(0, size, BLOCK):
        if job.stop.is_set():
            raise Stopped
        digest.update(part.read_at(start, min(BLOCK, size - start)))
    return f"{algorithm}:{digest.hexdigest()}"


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
    try:
        with open(path, "rb") as file:
            return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
    except OSError as error:
        raise StorageFailed(f"{path} cannot be read ({error.strerror}).") from None
