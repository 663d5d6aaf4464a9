"""How many operations run at once. Caps by host and by bandwidth have their place here later."""

from __future__ import annotations


class Slots:
    """Places to run in; an operation has one or none."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._taken)

    def __contains__(self, op_id: str) -> bool:
        return op_id in self._taken

    @property
    def free(self) -> int:
        """How many more may run."""
        return self.most - len(self._taken)

    def take(self, op_id: str) -> None:
        """Give a place."""
        self._taken.add(op_id)

    def release(self, op_id: str) -> None:
        """Take the place back; nothing happens where none was had."""
        self._taken.discard(op_id)
