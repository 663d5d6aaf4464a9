"""Sources as an operation would have them, and files that are served, for the contracts of this folder."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import Any

from nbxfer.core.policy import Patience
from nbxfer.sources.base import Source
from nbxfer.sources.registry import for_access
from nbxfer.testing.sources import Served
from nbxfer.wire.access import access
from nbxfer.wire.pool import Pool
from nbxfer.wire.storage import Storage

_COUNT = itertools.count()


def source(url: str, pool: Pool, options: dict[str, Any] | None = None, **more: Any) -> Source:
    """Give the source that an operation would have."""
    way = access(url, storage=Storage(options or {}), **more)
    return for_access(way, Patience(connect=5, response=5), pool)


def put(path: Path, served: Served) -> None:
    """Have a file say what is served, or not be there. Its time tells versions apart, where that is wanted."""
    if served.missing:
        path.unlink(missing_ok=True)
        return
    path.write_bytes(served.data)
    old = 1000.0 * next(_COUNT) + 100_000
    when = served.modified if served.modified is not None else time.time() - old if served.validator else time.time()
    same = path.with_suffix(".last")
    if served.modified is None and served.validator:
        key = str(hash(served.data))
        if same.exists() and same.read_text().split()[0] == key:
            when = float(same.read_text().split()[1])
        same.write_text(f"{key} {when}")
    os.utime(path, (int(when), int(when)))
