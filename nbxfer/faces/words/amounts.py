"""Bytes, speeds and times in people's words. Units are decimal: 1 kB = 1000 B."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("kB", "MB", "GB", "TB", "PB", "EB")


def size_words(count: float | None) -> str:
    """Give bytes as "1.2 GB" (decimal units); "unknown size" for None."""
    if count is None:
        return "unknown size"
    if count < 999.5:
        return f"{max(0, count):.0f} B"
    amount = float(count)
    for unit in _UNITS:
        amount /= 1000
        if amount < 99.95:
            return f"{amount:.1f} {unit}"
        if amount < 999.5 or unit == _UNITS[-1]:
            break
    return f"{amount:.0f} {unit}"


def amount_words(received: int, total: int | None) -> str:
    """Give "1.2 of 3.4 GB"; "1.2 GB" alone while the size is unknown."""
    have, of = size_words(received), size_words(total)
    if total is None:
        return have
    if received == total:
        return of
    number, unit = have.split()
    return f"{number} of {of}" if of.endswith(f" {unit}") else f"{have} of {of}"


def rate_words(rate: float | None) -> str:
    """Give bytes a second as "10.3 MB/s"; nothing where it is unknown."""
    return "" if rate is None else f"{size_words(rate)}/s"


def time_words(seconds: float) -> str:
    """Give a length of time in its two largest units: "3 s", "2 min 3 s", "1 h 5 min", "2 d 4 h"."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f}".removesuffix(".0") + " s"
    whole = round(seconds)
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            first, rest = divmod(whole, length)
            return f"{first} {unit} {rest // part} {smaller}" if rest // part else f"{first} {unit}"
    return f"{whole} s"


def eta_words(eta: float | None) -> str:
    """Give "2 min 3 s left"; nothing where nobody can say, or where it would be longer than a month."""
    return "" if eta is None or eta > 30 * 86400 else f"{time_words(max(1, round(eta)))} left"
