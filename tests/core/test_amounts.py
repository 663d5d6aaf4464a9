"""Amounts that people write."""

from __future__ import annotations

from typing import Any

import pytest

from nbxfer.core import amounts
from nbxfer.errors import InvalidRequest

GOOD = [
    (0, 0),
    (1234, 1234),
    (5e6, 5_000_000),
    ("500", 500),
    ("500k", 500_000),
    ("500 kB", 500_000),
    ("500 KB", 500_000),
    ("1.5 GB", 1_500_000_000),
    ("0.5k", 500),
    ("10 GiB", 10 * 2**30),
    ("1Mi", 2**20),
    (" 2 TB ", 2 * 10**12),
    ("1 PiB", 2**50),
    ("7 B", 7),
]


@pytest.mark.parametrize(("text", "bytes_"), GOOD)
def test_amounts_are_read_as_written(text: Any, bytes_: int) -> None:
    """Powers of 1000 with a plain prefix, of 1024 with an i; a speed may say so, and means the same."""
    assert amounts.size(text) == bytes_
    if bytes_:
        assert amounts.rate(text) == bytes_
    if bytes_ and isinstance(text, str):
        assert amounts.rate(text + "/s") == bytes_
        assert amounts.rate(text + " / sec") == bytes_


BAD: list[Any] = [
    -1, 1.5, float("nan"), float("inf"), True, None, b"5", [5], "", "five", "5 XB", "5 iB", "5 MB/h", "5,5 MB", "-5",
    "5 Mb", "5 mbit/s", "1e6", "9" * 25, "9" * 19 + " PB", 2**63, "x" * 200, "5 MB/s/s",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=lambda text: repr(text)[:20])
def test_what_is_no_amount_is_refused_with_a_sentence(text: Any) -> None:
    """The sentence names the option, and what would be right; a wrong value is never repeated at length."""
    for read in (amounts.size, amounts.rate):
        with pytest.raises(InvalidRequest) as caught:
            read(text, "max_size")
        assert str(caught.value).startswith("max_size=")
        assert len(str(caught.value)) < 250
        assert caught.value.hint


def test_a_small_b_may_be_bits() -> None:
    """Lines are sold in megabits: who writes one is asked, for a guess would be wrong by a factor of eight."""
    with pytest.raises(InvalidRequest, match=r"may mean bits.*'5 MB'"):
        amounts.rate("5 Mb/s")


def test_a_size_is_no_speed_and_a_speed_is_not_nothing() -> None:
    """A size a second is refused, and so is a limit that would let nothing through."""
    with pytest.raises(InvalidRequest, match="no amount of bytes"):
        amounts.size("5 MB/s")
    for nothing in (0, "0", "0.2", "0 MB/s"):
        with pytest.raises(InvalidRequest, match="nothing through"):
            amounts.rate(nothing)
