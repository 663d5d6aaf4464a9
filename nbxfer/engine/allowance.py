"""What a mover may take at a time: connections to the host, and bytes under a limit. The kernel counts both."""

from __future__ import annotations

from typing import Final

from nbxfer.engine.job import Job

#: Under a limit so many seconds' worth are granted at once, at least so many bytes.
WORTH: Final = 0.1
LEAST: Final = 4096


class Allowance:
    """Of one fetch, which may have ``most`` connections: ``places`` at the host, besides the operation's own."""

    def __init__(self, job: Job, most: int) -> None:
        self.places = 0
        self._job, self._most = job, most
        self._rate: int | None = None
        self._granted = 0

    def broaden(self, lanes: int) -> bool:
        """Take the places that it may have, or give them back; say whether their number has changed.

        It has so many ``lanes`` at the moment.
        """
        hosts, host = self._job.hosts, self._job.host
        most = min(self._most, self._job.most_lanes or self._most)
        before = self.places
        if hosts.hungry(host) and before:
            if lanes > 1 + before:  # told to be fewer, and not come to that yet
                return False
            self.give_back()
        else:
            while 1 + self.places < most and hosts.take(host):
                self.places += 1
        return self.places != before

    def give_back(self) -> None:
        """Give all of them back."""
        places, self.places = self.places, 0
        for _ in range(places):
            self._job.hosts.release(self._job.host)

    def grant(self, spent: int) -> tuple[int, int | None] | None:
        """Give how many bytes more may come, and at what rate (None: no limit), when ``spent`` have; None: no news.

        What has been granted and not been spent is not granted again.
        """
        paces = self._job.paces
        rates = [rate for pace in paces if (rate := pace.rate) is not None]
        if not rates:
            changed, self._rate = self._rate is not None, None
            return (0, None) if changed else None
        rate, share = min(rates), max(int(min(rates) * WORTH), LEAST)
        if self._rate is None:  # from now on it is counted
            self._granted = spent
        changed, self._rate = rate != self._rate, rate
        more = 0
        if self._granted - spent < 3 * share and max(pace.wait() for pace in paces) <= 0:
            more = share
            for pace in paces:
                pace.owe(more)
        self._granted += more
        return (more, rate) if more or changed else None
