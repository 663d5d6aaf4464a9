"""Bytes that look like nothing: what tests send about by the 50 MB is made anew in each process that collects them."""

from __future__ import annotations

import random
from typing import Final

_STEP: Final = 1 << 20
_TURN: Final = 4099  # bytes; no stretch lies where it lay in the step before


def noise(seed: int, size: int) -> bytes:
    """Give ``size`` bytes, always the same for a seed: a random megabyte, turned a little further each time."""
    first = random.Random(seed).randbytes(_STEP)
    turned = (first[at:] + first[:at] for at in ((n * _TURN) % _STEP for n in range(-(-size // _STEP))))
    return b"".join(turned)[:size]
