"""What one server is spared: so many connections at once, and none before the time that it asked for.

A host is who is asked first: ``scheme://host:port`` of the stored URL; where that leads is its own affair. Any thread.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from nbxfer.core.faults import Fault


@dataclass
class _Shut:
    until: float
    fault: Fault
    told: int = 0


class Hosts:
    """Connections by host, and when each may be asked again."""

    def __init__(self, per_host: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_host = per_host
        self._clock = clock
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._hungry: frozenset[str] = frozenset()
        self._craving: frozenset[str] = frozenset()
        self._shut: dict[str, _Shut] = {}

    def take(self, host: str) -> bool:
        """Take a connection's place; False when the host has as many as it may have."""
        with self._lock:
            if self._taken[host] >= self.per_host:
                return False
            self._taken[host] += 1
            return True

    def release(self, host: str) -> None:
        """Give a place back."""
        with self._lock:
            self._taken[host] -= 1
            if self._taken[host] <= 0:
                del self._taken[host]

    def full(self, host: str) -> bool:
        """Whether the host has as many connections as it may have."""
        return self._taken.get(host, 0) >= self.per_host

    def hunger(self, hosts: frozenset[str]) -> None:
        """Take note of the hosts where an operation waits for a place: those that have several give theirs up."""
        self._hungry = hosts

    def crave(self, hosts: frozenset[str]) -> None:
        """Take note of the hosts that many small files ride to, and where none of them got a connection."""
        self._craving = hosts

    def hungry(self, host: str) -> bool:
        """Whether an operation waits for a place at this host."""
        return host in self._hungry or host in self._craving

    def shut(self, host: str, seconds: float, fault: Fault) -> None:
        """Ask this host nothing for ``seconds``: it said so."""
        with self._lock:
            until, there = self._clock() + seconds, self._shut.get(host)
            if there is None or until > there.until:
                self._shut[host] = _Shut(until, fault)

    def shut_both(self, host: str, fault: Fault) -> None:
        """Ask neither who was asked nor, behind a redirect, who answered for as long as ``fault`` says."""
        for one in {host, fault.server} - {""}:
            self.shut(one, fault.retry_after or 0.0, fault)

    def wait(self, host: str) -> tuple[float, Fault] | None:
        """Give the seconds until the host may be asked again, and why; None when it may. Who asks this is told."""
        with self._lock:
            shut = self._shut_now(host)
            if shut is None:
                return None
            shut.told += 1
            return shut.until - self._clock(), shut.fault

    def closed(self, host: str) -> bool:
        """Say whether to pass this host: it has as many connections as it may have, or has asked everybody to wait.

        Some of those that wait for it are told so, and show the countdown; to tell ten thousand would help nobody.
        """
        if self.full(host):
            return True
        with self._lock:
            shut = self._shut_now(host)
            return shut is not None and shut.told >= self.per_host

    def resting(self, host: str) -> bool:
        """Say whether the host has asked everybody to wait."""
        if not self._shut:
            return False
        with self._lock:
            return self._shut_now(host) is not None

    def _shut_now(self, host: str) -> _Shut | None:
        shut = self._shut.get(host)
        if shut is not None and shut.until <= self._clock():
            del self._shut[host]
            return None
        return shut
