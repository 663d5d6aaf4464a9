"""How the engine comes by sources and sinks, as far as it has to know; doors.py knows every kind of them."""

from __future__ import annotations

import threading
from typing import Protocol

from nbxfer.core.lifecycle import Operation
from nbxfer.core.spec import Spec
from nbxfer.engine.refresh import Renewing
from nbxfer.sinks.base import Sink
from nbxfer.sinks.far import Far
from nbxfer.sources.base import Source
from nbxfer.sources.brief import Brief, Passage


class Gates(Renewing, Protocol):
    """How the engine comes by sources and sinks."""

    def source(self, op: Operation) -> Source:
        """Give the source of an operation."""
        ...

    def sink(self, op: Operation) -> Sink | Far:
        """Give the sink of an operation."""
        ...

    def small(self, spec: Spec, url: str, most: int, op_id: str = "", stop: threading.Event | None = None) -> bytes:
        """Give a small file (a list of checksums) from ``url``, as ``op_id`` asks. Raises what a source raises."""
        ...

    def brief(self, op_id: str, spec: Spec) -> Brief | None:
        """Begin a request that waits for nothing; None where that cannot be had. One thread at a time."""
        ...

    def passage(self, op_id: str, spec: Spec) -> Passage | None:
        """Say how another process asks for a small file; None where it cannot. One thread at a time."""
        ...

    def missing(self, op: Operation) -> tuple[str, ...]:
        """Name the secrets that the operation needs and this process does not have."""
        ...

    def forget(self, op_id: str) -> None:
        """Drop what was remembered of an operation that is over."""
        ...

    def close(self) -> None:
        """Let go of what is shared between sources."""
        ...
