"""What a source adds up to, read from beginning to end for nothing else."""

from __future__ import annotations

from typing import Final

from nbxfer.core.probe import Want
from nbxfer.engine import digests
from nbxfer.engine.job import Job
from nbxfer.sources.base import Stopped

_CHUNK: Final = 1024 * 1024


def added_up(job: Job, want: Want, algorithm: str) -> str:
    """Give "algorithm:hex" of what ``want`` asks the source for. Raises what a source raises, Stopped."""
    digest = digests.begin(algorithm)
    view = memoryview(bytearray(_CHUNK))
    stream = job.source.open(want, job.stop)
    assert stream is not None
    try:
        while got := stream.read_into(view):
            if job.stop.is_set():
                raise Stopped
            digest.update(view[: max(got, 0)])
    finally:
        stream.close()
    return f"{algorithm}:{digest.hexdigest()}"
