"""Several operations as one sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Final, overload

import anyio.to_thread
import msgspec

from nbxfer.core.phases import Phase
from nbxfer.errors import InvalidRequest, InvalidTransferState, TransferError
from nbxfer.session import checks
from nbxfer.session.operation import Operation
from nbxfer.session.waiting import OVER, completed, watch


class Totals(msgspec.Struct, frozen=True):
    """A batch at one instant: bytes, seconds, bytes a second; None where nobody knows.

    ``total`` is None while the size of one of them is unknown; ``done`` and ``failed`` count operations of ``count``.
    """

    count: int
    done: int
    failed: int
    received: int
    total: int | None
    rate: float | None
    eta: float | None

    @property
    def fraction(self) -> float | None:
        """How much is here, 0 to 1; None while a size is unknown."""
        if self.count and self.done == self.count:
            return 1.0
        return min(1.0, self.received / self.total) if self.total else None


#: So many reasons are told in the text of the group; all are in it.
REASONS: Final = 3


class Batch(Sequence[Operation]):
    """Operations in the order in which they were asked for; one that was asked for twice is in it twice."""

    def __init__(self, operations: Iterable[Operation], note: str = "") -> None:
        self._operations = tuple(operations)
        self._note = note

    def __len__(self) -> int:
        return len(self._operations)

    @overload
    def __getitem__(self, index: int) -> Operation: ...
    @overload
    def __getitem__(self, index: slice) -> Batch: ...
    def __getitem__(self, index: int | slice) -> Operation | Batch:
        return Batch(self._operations[index]) if isinstance(index, slice) else self._operations[index]

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def __repr__(self) -> str:
        note = f"; {self._note}" if self._note else ""
        return f"<Batch of {len(self)}: {len([o for o in self if o.done()])} over, {len(self.failed)} failed{note}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if not self._operations:
            return {"text/plain": f"No unfinished transfers{': ' if self._note else ''}{self._note}."}
        return self._operations[0].show([o.id for o in self])

    def _ipython_display_(self) -> None:
        if not self._operations:
            raise NotImplementedError  # then its MIME bundle is shown
        self._operations[0].show_below([o.id for o in self])

    # -- reading -------------------------------------------------------------------------------------------------
    @property
    def progress(self) -> Totals:
        """How far all of them together are."""
        shown = [o.snapshot for o in self._each_once()]
        received = sum(s.received for s in shown)
        sizes = [s.total for s in shown]
        total = sum(size for size in sizes if size is not None) if None not in sizes else None
        rates = [s.rate for s in shown if s.rate is not None]
        rate = sum(rates) if rates else None
        return Totals(
            len(shown),
            sum(s.phase is Phase.DONE for s in shown),
            sum(s.phase is Phase.FAILED for s in shown),
            received,
            total,
            rate,
            (total - received) / rate if rate and total is not None else None,
        )

    @property
    def failed(self) -> list[Operation]:
        """Those that ended in an error."""
        return [o for o in self._each_once() if o._session.phase(o.id) is Phase.FAILED]

    def done(self) -> bool:
        """Whether all are over: complete, failed or canceled."""
        return all(o.done() for o in self)

    def to_frame(self) -> Any:
        """Give a pandas DataFrame, one row an operation: id, name, status, received, total, path, source, error."""
        try:
            import pandas as pd  # type: ignore[import-untyped, unused-ignore]
        except ImportError:
            raise InvalidRequest(
                "to_frame() needs pandas, which is not installed here.", hint="Install it: pip install pandas."
            ) from None
        rows = [
            {
                "id": s.id,
                "name": s.name,
                "status": s.status.name.lower(),
                "received": s.received,
                "total": s.total,
                "path": s.destination,
                "source": s.source,
                "error": s.fault.message if s.fault is not None else None,
            }
            for s in (o.snapshot for o in self)
        ]
        columns = ["id", "name", "status", "received", "total", "path", "source", "error"]
        return pd.DataFrame(rows, columns=columns).astype({"received": "int64", "total": "Int64"})

    def _each_once(self) -> Iterable[Operation]:
        return {o.id: o for o in self}.values()

    # -- waiting -------------------------------------------------------------------------------------------------
    def wait(self, timeout: float | None = None, progress: bool = True) -> bool:
        """Wait until all are over; give whether they are (seconds; None: as long as it takes)."""
        return watch(list(self._each_once()), timeout, progress)

    def results(self, timeout: float | None = None) -> list[Any]:
        """Give the paths in order; raise an ExceptionGroup of what failed, when all are over; its text has reasons."""
        end = None if timeout is None else time.monotonic() + timeout
        self.wait(timeout, progress=False)
        paths: list[Any] = []
        errors: list[Exception] = []
        for operation in self:
            try:
                paths.append(operation.result(None if end is None else max(0.0, end - time.monotonic())))
            except (TransferError, TimeoutError) as error:
                errors.append(error)
        if errors:
            why = " ".join(str(error) for error in errors[:REASONS])
            more = f" And {len(errors) - REASONS} more." if len(errors) > REASONS else ""
            raise ExceptionGroup(f"{len(errors)} of {len(self)} transfers did not end well. {why}{more}", errors)
        return paths

    def as_completed(self, timeout: float | None = None) -> Iterator[Operation]:
        """Give each when it is over, the first one first. Raises TimeoutError (seconds), NeedsAttention."""
        return completed(list(self._each_once()), timeout)

    def __await__(self) -> Generator[Any, None, list[Any]]:
        return self._awaited().__await__()

    async def _awaited(self) -> list[Any]:
        for operation in self._each_once():
            async for shown in operation.snapshots():
                if shown.phase in OVER:
                    break
        return await anyio.to_thread.run_sync(self.results)

    # -- steering ------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Let those go that were made with ``start=False``."""
        self._tell(Operation.start)

    def pause(self) -> None:
        """Pause those that can be paused."""
        self._tell(Operation.pause)

    def resume(self) -> None:
        """Resume those that are paused or have failed."""
        self._tell(Operation.resume)

    def retry(self) -> None:
        """Try those again that have failed, each from its part."""
        self._tell(Operation.retry, self.failed)

    def cancel(self, delete_partial: bool = True) -> None:
        """Cancel those that are not over."""
        self._tell(lambda o: o.cancel(delete_partial))

    def _tell(self, wish: Callable[[Operation], object], whom: Iterable[Operation] | None = None) -> None:
        for operation in self._each_once() if whom is None else whom:
            try:
                wish(operation)
            except (InvalidTransferState, FileExistsError):
                continue  # what does not fit one of many is no reason to stop


def several(operations: object) -> list[Operation]:
    """Give the operations of one, of several, or of batches and groups. Raises InvalidRequest for what is none."""
    found: list[Operation] = []
    for one in (
        [operations] if isinstance(operations, Operation) or not isinstance(operations, Iterable) else operations
    ):
        many: Iterable[Any] = [one] if isinstance(one, Operation | str) or not isinstance(one, Iterable) else one
        for op in many:
            if not isinstance(op, Operation):
                raise InvalidRequest(f"{checks.shown(op)} is no operation.", hint="Give what download() has given.")
            found.append(op)
    return found
