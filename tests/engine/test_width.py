"""How many lanes: as many as pay and the server bears."""

from __future__ import annotations

import pytest

from nbxfer.engine.width import FAST, FIRST, GROW_AFTER, RAMP, Width
from nbxfer.errors import NetworkError, ServerBusy, TransferError, WebErrorStatus


def test_a_slow_line_gets_all_of_them_soon() -> None:
    """Where each connection brings little, more are called in at every look."""
    width = Width(16, None, 0.0)
    assert width.paying(0.0, 0, 1) == FIRST
    assert width.paying(RAMP, 1_000_000, 4) == 8
    assert width.paying(1.5 * RAMP, 1_000_000, 8) == 8
    assert width.paying(2.0 * RAMP, 2_000_000, 8) == 16
    assert width.paying(3.0 * RAMP, 3_000_000, 16) == 16


def test_a_fast_line_needs_no_more() -> None:
    """Where a few connections bring all that a machine can take, there are no more of them."""
    width = Width(16, None, 0.0)
    received = 0
    for look in range(1, 20):
        received += int(FAST * RAMP * FIRST * 1.1)
        assert width.paying(look * RAMP, received, FIRST) == FIRST


def test_what_is_left_is_shared_by_those_who_will_come() -> None:
    """Pieces are for the lanes that pay, so that a fast line has few of them; and never for less than half of all."""
    width = Width(8, None, 0.0)
    assert (width.shares, Width(16, None, 0.0).shares, Width(2, None, 0.0).shares) == (FIRST, 8, 2)
    width.paying(RAMP, 1_000_000, 4)
    assert width.shares == 8
    width.narrow(1, RAMP)
    assert width.shares == 1


def test_a_fault_narrows_and_time_widens() -> None:
    """After a fault there are fewer, after a while without one there is one more, up to what was asked for."""
    width = Width(3, None, 0.0)
    width.narrow(0, 1.0)
    assert width.limit == 1
    width.narrow(2, 1.0)
    assert width.limit == 1, "narrowing never widens"
    assert width.paying(1.0, 0, 1) == 1
    assert not width.grow(GROW_AFTER)
    assert width.grow(1.0 + GROW_AFTER)
    assert not width.grow(1.0 + GROW_AFTER)
    assert width.grow(1.0 + 2 * GROW_AFTER)
    assert width.limit == 3
    assert not width.grow(1.0 + 9 * GROW_AFTER)


def test_what_was_learned_before_counts() -> None:
    """A server that has refused more begins with what it takes, and never gets more than was asked for."""
    assert Width(8, 2, 0.0).limit == 2
    assert Width(2, 5, 0.0).limit == 2


@pytest.mark.parametrize(
    ("error", "limit", "crowded"),
    [
        (NetworkError("reset", status=WebErrorStatus.CONNECTION_RESET), 5, False),
        (NetworkError("refused", status=WebErrorStatus.CANNOT_CONNECT), 1, False),
        (ServerBusy("later", http_status=503), 1, True),
        (ServerBusy("too many", http_status=429), 1, True),
        (ServerBusy("broken", http_status=500), 5, False),
    ],
)
def test_what_a_fault_says_of_the_server(error: TransferError, limit: int, crowded: bool) -> None:
    """One that breaks costs one; one that is not let in shows that there may be no more than one."""
    width = Width(8, None, 0.0)
    assert width.failed(error, 5, 1.0) is crowded
    assert width.limit == limit
