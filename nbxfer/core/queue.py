"""Who runs next: by priority, then by place, past hosts and groups that have no room."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

from nbxfer.core.groups import RANK

_Order = tuple[int, float, int]  # rank, place, turn
_Lane = tuple[str, str]  # a host, and a group at it


class Queue:
    """Waiting operations, a lane for each host and group. An id may be queued again elsewhere: the newest counts."""

    __slots__ = ("_heads", "_lanes", "_place", "_turn", "passed")

    def __init__(self) -> None:
        self._lanes: dict[_Lane, list[tuple[_Order, str]]] = {}
        self._heads: list[tuple[_Order, _Lane]] = []  # an entry at least for each lane's first; past ones are dropped
        self._place: dict[str, int] = {}
        self._turn = 0
        self.passed: set[str] = set()  # hosts that had somebody waiting, and no room, when ``pop`` last looked

    def __len__(self) -> int:
        return len(self._place)

    def push(self, op_id: str, priority: int = 0, host: str = "", group: str = "", place: float | None = None) -> None:
        """Let it wait for its turn: behind what has the same priority and a smaller place (None: in order of asking).

        All places of one queue are given, or none of them.
        """
        self._turn += 1
        self._place[op_id] = self._turn
        order = (RANK.get(priority, 1), float(self._turn) if place is None else place, self._turn)
        lane = self._lanes.setdefault((host, group), [])
        heapq.heappush(lane, (order, op_id))
        if lane[0][0] == order:
            heapq.heappush(self._heads, (order, (host, group)))

    def discard(self, op_id: str) -> None:
        """It waits no more."""
        self._place.pop(op_id, None)

    def pop(
        self,
        full: Callable[[str], bool] = lambda host: False,
        barred: Callable[[str, str], bool] = lambda group, op_id: False,
    ) -> str | None:
        """Take out who is next among those whose host is not ``full`` and whom their group lets; None: nobody.

        ``barred`` is asked about the first of a group at a host: who follows there has no better claim.
        """
        aside: list[tuple[_Order, _Lane]] = []
        self.passed = set()
        found: str | None = None
        while self._heads and found is None:
            order, where = head = heapq.heappop(self._heads)
            lane = self._lanes.get(where)
            if lane is None or lane[0][0] != order:
                continue
            op_id = lane[0][1]
            if self._place.get(op_id) != order[2]:
                self._next(where)
            elif where[1] and barred(where[1], op_id):
                aside.append(head)
            elif full(where[0]):
                aside.append(head)
                self.passed.add(where[0])
            else:
                found = op_id
                del self._place[found]
                self._next(where)
        for head in aside:
            heapq.heappush(self._heads, head)
        return found

    def firsts(self, most: int) -> list[str]:
        """Give who is first of each host and group, of ``most`` of them at most; nobody is taken out."""
        found = []
        for where in itertools.islice(list(self._lanes), most):
            lane = self._lanes[where]
            while lane and self._place.get(lane[0][1]) != lane[0][0][2]:
                self._next(where)
            if lane:
                found.append(lane[0][1])
        return found

    def _next(self, where: _Lane) -> None:
        """Drop the first of a lane; who follows stands among the heads."""
        lane = self._lanes[where]
        heapq.heappop(lane)
        if lane:
            heapq.heappush(self._heads, (lane[0][0], where))
        else:
            del self._lanes[where]
