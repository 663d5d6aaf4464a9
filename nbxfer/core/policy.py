"""Policies as immutable values: ``next()`` gives a new one, with its history in it."""

from __future__ import annotations

import msgspec

#: The longest that a server's Retry-After is obeyed (seconds).
RETRY_AFTER_CAP = 6 * 3600.0


class Retry(msgspec.Struct, frozen=True, gc=False):
    """How often and how long to wait: full jitter between 0 and ``base``·2ⁿ, at most ``cap`` seconds.

    ``tries`` counts attempts in a row without progress while online; before the first byte it is ``first``, for then
    it may well be the URL that is wrong. Windows allows 3; here it is 8 at first (half a minute of patience) and 20
    (six minutes) once bytes have come, since a notebook's night is longer than a phone's, and servers restart.
    """

    tries: int = 20
    first: int = 8
    base: float = 0.5
    cap: float = 60.0
    used: int = 0

    def exhausted(self, *, begun: bool) -> bool:
        """Say whether the next counted fault is one too many; ``begun``: bytes have come."""
        return self.used + 1 >= (self.tries if begun else min(self.first, self.tries))

    def next(self) -> Retry:
        """Give the policy after one more fault."""
        return msgspec.structs.replace(self, used=self.used + 1)

    def fresh(self) -> Retry:
        """Give the policy after progress: the count starts again."""
        return self if self.used == 0 else msgspec.structs.replace(self, used=0)

    def delay(self, chance: float, retry_after: float | None = None) -> float:
        """Give the seconds to wait; ``chance`` is uniform in [0, 1]; a server's Retry-After is the least."""
        wait = chance * min(self.cap, self.base * 2.0 ** min(self.used, 30))
        return max(wait, min(retry_after, RETRY_AFTER_CAP)) if retry_after is not None else wait


class Patience(msgspec.Struct, frozen=True, gc=False):
    """How long one step may take, in seconds; see http.md for why a read timeout alone does not do."""

    connect: float = 300.0
    response: float = 120.0
    stall_after: float = 60.0  # under stall_rate for this long: reconnect
    stall_rate: float = 1024.0  # bytes a second
