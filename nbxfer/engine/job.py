"""What one operation has open while something of it runs: source, part, block log, the parked body.

It stays open from try to try, so that a retry need not read the part again, and is closed when the operation rests.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Before
from nbxfer.core.spec import Spec
from nbxfer.engine.pace import Pace
from nbxfer.manifest.base import BlockLog, Manifest
from nbxfer.sinks.base import Part, Sink
from nbxfer.sources.base import Source, Stream


class Job:
    """What one operation has open. One worker at a time; ``stop`` is set from the loop."""

    def __init__(
        self,
        op_id: str,
        spec: Spec,
        before: Before | None,
        source: Callable[[], Source],
        sink: Sink,
        manifest: Manifest,
    ) -> None:
        self.op_id, self.spec, self.before, self.sink, self.manifest = op_id, spec, before, sink, manifest
        self.proven = True  # nobody else writes to our part any more
        self.epoch = 0  # of the part that is open
        self.stop = threading.Event()
        self.part: Part | None = None
        self.blocks: BlockLog | None = None
        self.stream: Stream | None = None
        self.held = RangeSet()
        self.pace = Pace(spec.bandwidth)
        self._lock = threading.Lock()
        self._inside = self._closing = False
        self._make_source = source
        self._source: Source | None = None

    @property
    def source(self) -> Source:
        """The source, made on first use."""
        if self._source is None:
            self._source = self._make_source()
        return self._source

    def park(self, stream: Stream | None) -> None:
        """Keep an open body for the fetch that follows; close the one before."""
        old, self.stream = self.stream, stream
        if old is not None:
            old.close()

    def close_part(self) -> None:
        """Close part and block log; what is there stays."""
        part, blocks, self.part, self.blocks = self.part, self.blocks, None, None
        self.held = RangeSet()
        if part is not None:
            part.close()
        if blocks is not None:
            blocks.close()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be the worker that uses it."""
        with self._lock:
            self._inside = True
        try:
            yield
        finally:
            with self._lock:
                self._inside, closing = False, self._closing
            if closing:
                self.close()

    def let_go(self) -> None:
        """Close it now, or when the worker that is in it comes out: nothing is closed under anybody's hands."""
        with self._lock:
            self._closing = True
            if self._inside:
                return
        self.close()

    def close(self) -> None:
        """Let everything go."""
        self.park(None)
        self.close_part()
        source, self._source = self._source, None
        if source is not None:
            source.close()
