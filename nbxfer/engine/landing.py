"""Which bytes of one part are on the disk: those who write add to it, those who read wait for it. Any thread."""

from __future__ import annotations

import threading
import time

from nbxfer.core.ranges import ByteRange, RangeSet


class Landing:
    """``held`` of one part, with a bell. Ended when the part is closed or given up; a new part gets a new one."""

    def __init__(self, held: RangeSet | None = None) -> None:
        self._bell = threading.Condition()
        self._held = held if held is not None else RangeSet()
        self.begun = self._held  # what was there when this was made
        self._wants: list[ByteRange] = []  # of readers, the newest last
        self._ended = False

    @property
    def held(self) -> RangeSet:
        """What is written and vouched for."""
        return self._held

    @property
    def ended(self) -> bool:
        """Whether nothing more will land here."""
        return self._ended

    def land(self, start: int, stop: int) -> RangeSet:
        """Take note that ``[start, stop)`` is on the disk; give all that is."""
        with self._bell:
            self._held = self._held.add(start, stop)
            self._bell.notify_all()
            return self._held

    def absorb(self, ranges: RangeSet) -> None:
        """Take note of many ranges at once; another process has put them on the disk."""
        with self._bell:
            self._held = self._held.union(ranges)
            self._bell.notify_all()

    def wait(self, offset: int, seconds: float) -> bool:
        """Wait until the byte at ``offset`` is there; say whether it is. Comes back early when this ends."""
        deadline = time.monotonic() + seconds
        with self._bell:
            while not self._held.covers(offset, offset + 1) and not self._ended:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._bell.wait(left)
            return self._held.covers(offset, offset + 1)

    def want(self, span: ByteRange) -> None:
        """A reader waits for ``span``: it should come first."""
        with self._bell:
            self._wants.append(span)

    def forget(self, span: ByteRange) -> None:
        """That reader waits no more."""
        with self._bell:
            if span in self._wants:
                self._wants.remove(span)

    def wish(self, ranges: RangeSet) -> None:
        """Have ``ranges`` stand for what all readers want: they are in another process."""
        with self._bell:
            self._wants = list(ranges)

    def wanted(self) -> RangeSet:
        """Give what readers wait for and is not there yet."""
        with self._bell:
            return RangeSet.of(
                (gap.start, gap.stop) for span in self._wants for gap in self._held.missing(span.start, span.stop)
            )

    def end(self) -> None:
        """Nothing more lands here: wake everybody."""
        with self._bell:
            self._ended = True
            self._bell.notify_all()
