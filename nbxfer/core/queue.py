"""Who runs next: by priority, then in the order of asking, past hosts that have no room."""

from __future__ import annotations

import heapq
from collections.abc import Callable

#: DEFAULT 0, HIGH 1, LOW 2 (Windows' integers) as ranks: smaller goes first.
RANK = {1: 0, 0: 1, 2: 2}

_Place = tuple[int, int, str]  # rank, turn, and an operation's id (in a lane) or a host (among the heads)


class Queue:
    """Waiting operations, a lane for each host. An id may be queued again with another priority: the newest counts."""

    __slots__ = ("_heads", "_lanes", "_place", "_turn", "passed")

    def __init__(self) -> None:
        self._lanes: dict[str, list[_Place]] = {}
        self._heads: list[_Place] = []  # at least one entry for each lane's first; those that are past are dropped
        self._place: dict[str, int] = {}
        self._turn = 0
        self.passed: set[str] = set()  # hosts that had somebody waiting, and no room, when ``pop`` last looked

    def __len__(self) -> int:
        return len(self._place)

    def push(self, op_id: str, priority: int = 0, host: str = "") -> None:
        """Let it wait for its turn."""
        self._turn += 1
        self._place[op_id] = self._turn
        rank = RANK.get(priority, 1)
        lane = self._lanes.setdefault(host, [])
        heapq.heappush(lane, (rank, self._turn, op_id))
        if lane[0][1] == self._turn:
            heapq.heappush(self._heads, (rank, self._turn, host))

    def discard(self, op_id: str) -> None:
        """It waits no more."""
        self._place.pop(op_id, None)

    def pop(self, full: Callable[[str], bool] = lambda host: False) -> str | None:
        """Take out who is next among those whose host is not ``full``; None when there is nobody."""
        aside: list[_Place] = []
        self.passed = set()
        found: str | None = None
        while self._heads and found is None:
            head = heapq.heappop(self._heads)
            host = head[2]
            lane = self._lanes.get(host)
            if lane is None or lane[0][:2] != head[:2]:
                continue
            if self._place.get(lane[0][2]) != head[1]:
                self._next(host)
            elif full(host):
                aside.append(head)
                self.passed.add(host)
            else:
                found = lane[0][2]
                del self._place[found]
                self._next(host)
        for head in aside:
            heapq.heappush(self._heads, head)
        return found

    def _next(self, host: str) -> None:
        """Drop the first of a lane; who follows stands among the heads."""
        lane = self._lanes[host]
        heapq.heappop(lane)
        if lane:
            heapq.heappush(self._heads, (lane[0][0], lane[0][1], host))
        else:
            del self._lanes[host]
