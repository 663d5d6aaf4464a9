"""How many lanes a fetch may have at the moment: what pays, and what the server puts up with."""

from __future__ import annotations

from typing import Final

from nbxfer.errors import NetworkError, TransferError, WebErrorStatus

#: So many lanes begin; more are called in while each of those that are there brings less than this (bytes a second):
#: on a line that is fast already, more threads only stand in each other's way.
FIRST: Final = 4
FAST: Final = 64e6
#: Seconds between two looks at that.
RAMP: Final = 0.1
#: After so many seconds without a fault there may be one lane more than there were.
GROW_AFTER: Final = 10.0


class Width:
    """From ``most`` lanes down, and slowly up again. ``limit`` is what there may be now, as far as faults go.

    Times are monotonic seconds; ``limit`` may be given to begin with, where the server has refused more before.
    """

    def __init__(self, most: int, limit: int | None, now: float) -> None:
        self.most = most
        self.limit = min(most, limit or most)
        self._ramp = FIRST
        self._steady_since = self._counted_since = now
        self._counted = 0

    @property
    def shares(self) -> int:
        """Among how many lanes to share out what is left: those that pay as far as is known, half of all at least.

        On a fast line the others never come, and smaller pieces are more requests for nothing. Half of them, for a
        piece is half of a share: nobody is given more than would be his if all of them came.
        """
        return min(self.limit, max(self._ramp, -(-self.limit // 2)))

    def narrow(self, to: int, now: float) -> None:
        """Take note of a fault: go on with ``to`` lanes, at least one."""
        self.limit = max(1, min(to, self.limit))
        self._steady_since = now

    def allow(self, most: int, now: float) -> None:
        """Take note that there may be ``most`` lanes from now on, be it more or fewer."""
        self.limit = most if self.limit == self.most else max(1, min(most, self.limit))
        self.most = most
        self._steady_since = now

    def failed(self, error: TransferError, others: int, now: float) -> bool:
        """Narrow as ``error`` of one lane asks for, when there are so many others; say whether it is too crowded there.

        Where a connection is refused, one has to do: the server may well allow no more.
        """
        crowded = error.http_status in (429, 503)
        refused = isinstance(error, NetworkError) and error.status == WebErrorStatus.CANNOT_CONNECT
        self.narrow(1 if crowded or refused else others, now)
        return crowded

    def grow(self, now: float) -> bool:
        """Allow one lane more where there was no fault for a while; say whether that was so."""
        if self.limit >= self.most or now - self._steady_since < GROW_AFTER:
            return False
        self.limit += 1
        self._steady_since = now
        return True

    def paying(self, now: float, received: int, lanes: int) -> int:
        """Give how many lanes pay, when ``lanes`` of them have brought it to ``received`` bytes."""
        took = now - self._counted_since
        if took >= RAMP:
            if received - self._counted < FAST * took * max(lanes, 1):
                self._ramp = min(self.most, 2 * self._ramp)
            self._counted_since, self._counted = now, received
        return min(self.limit, self._ramp)
