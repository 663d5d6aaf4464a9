"""The time of day as this process counts it: right when it began, and untouched by anybody who sets the clock since.

A deadline of an hour lasts an hour, also when the clock of the machine is put right or wrong meanwhile, or changes
over a suspension. After a restart the clock of that day holds.
"""

from __future__ import annotations

import time


def _elapsed() -> float:
    """Give seconds that only go forward; a machine that sleeps is counted where that can be had."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(boot) if boot is not None else time.monotonic()


_BEGUN = time.time() - _elapsed()


def now() -> float:
    """Give the Unix time."""
    return _BEGUN + _elapsed()


def due(at: float) -> float:
    """Give what ``now`` will say when the clock of the machine, going on as it does, says ``at`` (Unix time)."""
    return now() + (at - time.time())
