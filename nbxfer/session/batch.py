"""Several operations as one sequence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, overload

from nbxfer.errors import InvalidTransferState, TransferError
from nbxfer.session.operation import Operation
from nbxfer.session.waiting import watch


class Batch(Sequence[Operation]):
    """Operations in the order in which they were asked for."""

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

    def __repr__(self) -> str:
        note = f"; {self._note}" if self._note else ""
        return f"<Batch of {len(self)}: {len([o for o in self if o.done()])} over, {len(self.failed)} failed{note}>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        if not self._operations:
            return {"text/plain": f"No unfinished transfers{': ' if self._note else ''}{self._note}."}
        return self._operations[0].show([o.id for o in self])

    @property
    def failed(self) -> list[Operation]:
        """Those that ended in an error."""
        return [o for o in self if o.error is not None and o.done()]

    def wait(self, timeout: float | None = None, progress: bool = True) -> bool:
        """Wait until all are over; give whether they are (seconds; None: as long as it takes)."""
        return watch(self._operations, timeout, progress)

    def results(self, timeout: float | None = None) -> list[Path]:
        """Give the paths in order; raise an ExceptionGroup of what failed, when all are over."""
        end = None if timeout is None else time.monotonic() + timeout
        self.wait(timeout, progress=False)
        paths: list[Path] = []
        errors: list[Exception] = []
        for operation in self:
            try:
                paths.append(operation.result(None if end is None else max(0.0, end - time.monotonic())))
            except (TransferError, TimeoutError) as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup(f"{len(errors)} of {len(self)} transfers did not end well", errors)
        return paths

    def pause(self) -> None:
        """Pause those that can be paused."""
        self._each(Operation.pause)

    def resume(self) -> None:
        """Resume those that are paused or have failed."""
        self._each(Operation.resume)

    def cancel(self, delete_partial: bool = True) -> None:
        """Cancel those that are not over."""
        self._each(lambda o: o.cancel(delete_partial))

    def _each(self, wish: Callable[[Operation], object]) -> None:
        for operation in self:
            try:
                wish(operation)
            except InvalidTransferState:
                continue  # what does not fit one of many is no reason to stop
