"""How the engine comes by sources and sinks: the one place that knows every kind of them.

It keeps what lives in memory only, the access of each operation. httpx is loaded when the first source is made, on a
worker thread, not when the package is imported.
"""

from __future__ import annotations

from pathlib import Path

from nbxfer.core.lifecycle import Operation
from nbxfer.core.spec import Spec
from nbxfer.sinks.base import Sink
from nbxfer.sinks.localfile import LocalFile
from nbxfer.sources.base import Source
from nbxfer.wire.access import Access, access
from nbxfer.wire.credentials import from_reference
from nbxfer.wire.pool import Pool


class Doors:
    """Sources by URL, sinks by destination."""

    def __init__(self) -> None:
        self._accesses: dict[str, Access] = {}
        self._pool = Pool()  # many files of one server need few connections

    def give(self, op_id: str, access: Access) -> None:
        """Remember how to get at the source of an operation."""
        self._accesses[op_id] = access

    def forget(self, op_id: str) -> None:
        """Drop what was remembered."""
        self._accesses.pop(op_id, None)

    def close(self) -> None:
        """Let the connections go that are kept for the next request."""
        self._pool.close()

    def source(self, op: Operation) -> Source:
        """Give the source of an operation. Raises what the wire raises."""
        from nbxfer.sources.http import HttpSource

        return HttpSource(self._access(op), op.spec.patience, self._pool)

    def _access(self, op: Operation) -> Access:
        known = self._accesses.get(op.id)
        return known if known is not None else rebuilt(op.spec)

    def sink(self, op: Operation) -> Sink:
        """Give the sink of an operation."""
        return LocalFile(Path(op.spec.destination), op.id)

    def missing(self, op: Operation) -> tuple[str, ...]:
        """Name the secrets that were given to a process that is gone."""
        return () if op.id in self._accesses else op.spec.needs


def rebuilt(spec: Spec) -> Access:
    """Give the access that the record alone allows: references are looked up again, literal secrets are gone."""
    auth = next((from_reference(text) for kind, text in spec.references if kind == "auth"), None)
    return access(spec.url, spec.headers, auth, spec.verify)
