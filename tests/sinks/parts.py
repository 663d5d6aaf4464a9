"""Parts that are whole, what stood there before, and a system call that is refused."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

from nbxfer.core.record import Before, Seal
from nbxfer.sinks.localfile import LocalFile

DATA = b"right bytes" * 1000


def finished(sink: LocalFile, epoch: int = 1, data: bytes = DATA) -> Seal:
    """Write a part to its end; give what publishing it needs."""
    with closing(sink.create(epoch, len(data))) as part:
        part.write_at(0, memoryview(data))
        part.sync()
        return part.seal(len(data), None)


def before_of(path: Path) -> Before:
    """Give what a file is now."""
    there = path.stat()
    return Before(there.st_size, there.st_mtime_ns)


def refuse(number: int) -> Any:
    """Give a call that fails with that errno, whatever it is called with."""

    def call(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return call
