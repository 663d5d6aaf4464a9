"""Who runs next: by priority, then in the order of asking. Groups have their place here later."""

from __future__ import annotations

import heapq

#: DEFAULT 0, HIGH 1, LOW 2 (Windows' integers) as ranks: smaller goes first.
RANK = {1: 0, 0: 1, 2: 2}


class Queue:
    """Waiting operations. An id may be queued again with another priority: the newest place counts."""

    __slots__ = ("_heap", "_place", "_turn")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []
        self._place: dict[str, int] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._place)

    def push(self, op_id: str, priority: int = 0) -> None:
        """Let it wait for its turn."""
        self._turn += 1
        self._place[op_id] = self._turn
        heapq.heappush(self._heap, (RANK.get(priority, 1), self._turn, op_id))

    def discard(self, op_id: str) -> None:
        """It waits no more."""
        self._place.pop(op_id, None)

    def pop(self) -> str | None:
        """Take out who is next; None when nobody waits."""
        while self._heap:
            _, turn, op_id = heapq.heappop(self._heap)
            if self._place.get(op_id) == turn:
                del self._place[op_id]
                return op_id
        return None
