"""Retrying: how often, how long, and what a server may ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbxfer.core.policy import RETRY_AFTER_CAP, Retry


def test_counting() -> None:
    """With three tries the third fault in a row is one too many; progress begins a new count."""
    assert (Retry().first, Retry().tries) == (8, 20)
    policy = Retry(tries=3)
    assert not policy.exhausted(begun=True)
    assert not policy.next().exhausted(begun=True)
    assert policy.next().next().exhausted(begun=True)
    assert Retry(tries=3, first=1).exhausted(begun=False)
    assert policy.next().next().fresh() == policy
    assert policy.fresh() is policy
    assert Retry(tries=1).exhausted(begun=False)


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_jitter(chance: float, used: int) -> None:
    """A wait is between nothing and what doubling gives, and never longer than the cap."""
    policy = Retry(base=0.5, cap=60.0, used=used)
    assert 0 <= policy.delay(chance) <= min(60.0, 0.5 * 2.0 ** min(used, 30))
    assert policy.delay(chance) == chance * policy.delay(1.0)


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (None, 0.25),
        (0.0, 0.25),
        (0.1, 0.25),
        (30.0, 30.0),
        (1e9, RETRY_AFTER_CAP),
        (-5.0, 0.25),
        (float("inf"), 21600.0),
    ],
)
def test_retry_after(asked: float | None, waits: float) -> None:
    """What a server asks for is the least, but nobody is sent away for longer than six hours."""
    assert Retry(base=0.5).delay(0.5, asked) == waits
