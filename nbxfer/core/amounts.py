"""Amounts as people write them: bytes ("10 GiB", "500k") and bytes a second ("5 MB/s").

k, M, G, T and P are powers of 1000, Ki, Mi, Gi, Ti and Pi of 1024 (IEC 80000-13). A small b stands for bits where
speeds are advertised: it is refused, for to guess would be wrong by a factor of eight.
"""

from __future__ import annotations

import operator
import re
from typing import Final, SupportsIndex, cast

from nbxfer.errors import InvalidRequest

_WRITTEN: Final = re.compile(r"([0-9]{1,19})(?:\.([0-9]{1,9}))?\s*([kmgtp]?)(i?)(b?)(\s*/\s*s(?:ec)?)?", re.IGNORECASE)
#: No file is larger than what a signed offset can say (POSIX off_t).
MOST: Final = 2**63 - 1


def size(text: object, what: str = "size") -> int:
    """Give the bytes of an amount that a person wrote: 0 or more. ``what`` names the option.

    Understood are whole numbers and texts like "500", "500k", "1.5 GB" or "10 GiB". Raises InvalidRequest.
    """
    hint = "Give a whole number of bytes, or a text like '500 kB' or '10 GiB'."
    return _amount(text, what, hint, speed=False)


def rate(text: object, what: str = "bandwidth") -> int:
    """Give the bytes a second of a speed that a person wrote: 1 or more. ``what`` names the option.

    Understood is what ``size`` understands, with or without "/s". Raises InvalidRequest.
    """
    hint = "Give bytes a second, or a text like '5 MB/s'; None is no limit."
    found = _amount(text, what, hint, speed=True)
    if found < 1:
        raise InvalidRequest(f"{what}={text!r} would let nothing through.", hint=hint)
    return found


def _amount(text: object, what: str, hint: str, *, speed: bool) -> int:
    found = _read(text, what, hint, speed=speed) if isinstance(text, str) else _whole(text)
    if found is None:
        shown = repr(text) if isinstance(text, bool | float) else f"<{type(text).__name__}>"
        raise InvalidRequest(f"{what}={shown} is not a whole number of bytes.", hint=hint)
    if not 0 <= found <= MOST:
        raise InvalidRequest(f"{what}={_shown(text)} is not a number of bytes from 0 to {MOST}.", hint=hint)
    return found


def _whole(number: object) -> int | None:
    """Give a whole number of any kind (5e6, one of NumPy's), None where it is none."""
    if isinstance(number, float):
        return int(number) if number.is_integer() else None
    try:
        return None if isinstance(number, bool) else operator.index(cast("SupportsIndex", number))
    except TypeError:
        return None


def _read(text: str, what: str, hint: str, *, speed: bool) -> int:
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or (match[6] and not speed) or (match[4] and not match[3]):
        raise InvalidRequest(f"{what}={_shown(text)} is no amount of bytes that can be read.", hint=hint)
    whole, part, prefix, binary, unit, _ = match.groups()
    if unit == "b":
        raise InvalidRequest(
            f"{what}={_shown(text)} may mean bits.", hint=f"Write a capital B for bytes: '{whole} {prefix}{binary}B'."
        )
    step, power = 1024 if binary else 1000, " kmgtp".index(prefix.lower() or " ")
    factor, tenth = int(step**power), int(10 ** len(part or ""))
    return int(whole) * factor + int(part or 0) * factor // tenth


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:59] + "…"
