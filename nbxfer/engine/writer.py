"""Where the bytes of all lanes go: into the part, then into its block log, then to whoever waits for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import crc32c

from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.engine.landing import Landing
from nbxfer.errors import StorageFailed
from nbxfer.manifest.base import BlockLog, Row
from nbxfer.sinks.base import Part

#: Seconds between two reports.
REPORT_EVERY = 0.1
#: A sync may take at most a tenth of the time.
SYNC_EVERY = 1.0


class Writer:
    """One part as it is written. Any thread may write; one at a time may ``report`` and sync.

    ``report`` takes what is held and what was fetched twice since the last time (bytes).
    """

    def __init__(
        self,
        part: Part,
        log: BlockLog,
        landing: Landing,
        report: Callable[[RangeSet, int], None],
        sync: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.part, self.landing, self.clock = part, landing, clock
        self._log, self._report, self._sync = log, report, sync
        self._lock = threading.Lock()
        self._again = 0
        self._reported = self._synced = clock()
        self._told: RangeSet | None = None

    def write(self, base: int, begin: int, piece: memoryview, crc: int) -> int:
        """Put ``piece`` on the disk at ``base + begin``, then vouch for the block's first bytes up to its end.

        ``base`` is where the block begins, ``crc`` the checksum of what is before the piece in it; give the new one.
        """
        held = self.landing.held
        if held and not self.part.read_at(held.ranges[-1].stop - 1, 1):  # going on would make a hole of what was cut
            raise StorageFailed(
                "The part was cut by something else while it was written.", hint="Retry: what is missing is fetched."
            )
        self.part.write_at(base + begin, piece)
        crc = crc32c.crc32c(piece, crc)
        end = begin + len(piece)
        self._log.append([Row(base // BLOCK, end, crc)])
        self.landing.land(base, base + end)
        return crc

    def again(self, count: int) -> None:
        """Count bytes that came though they were here."""
        with self._lock:
            self._again += count

    def look(self) -> None:
        """Report and sync where it is time for that. Raises what a sync raises."""
        now = self.clock()
        if now - self._reported >= REPORT_EVERY:
            self._reported = now
            self.tell()
        if now - self._synced >= SYNC_EVERY:
            self._sync()
            after = self.clock()
            self._synced = after + 9 * (after - now)

    def tell(self) -> None:
        """Report, where there is news."""
        with self._lock:
            again, self._again = self._again, 0
        held = self.landing.held
        if again or held is not self._told:
            self._told = held
            self._report(held, again)
