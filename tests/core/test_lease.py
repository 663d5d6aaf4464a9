"""Who is dead, and what may be believed about it."""

from __future__ import annotations

import msgspec
import pytest

from nbxfer.core.lease import LAPSED_AFTER, Hold, Owner, Process, can_see, hold

ME = Owner("me", "machine", "boot", "table", False, "laptop", Process(10, "5"))
YOU = msgspec.structs.replace(ME, id="you", process=Process(11, "6"))


def other(**changes: object) -> Owner:
    return msgspec.structs.replace(YOU, **changes)


@pytest.mark.parametrize(
    ("owner", "alive", "silent", "expected"),
    [
        (ME, False, 1e9, Hold.OURS),
        (YOU, True, 1.0, Hold.THEIRS),
        (YOU, False, 1.0, Hold.DEAD),
        (YOU, None, 1.0, Hold.THEIRS),
        (YOU, None, LAPSED_AFTER, Hold.THEIRS),
        (YOU, True, LAPSED_AFTER + 1, Hold.LAPSED),  # stopped, or its loop hangs
        (YOU, None, LAPSED_AFTER + 1, Hold.LAPSED),
        (YOU, None, -100.0, Hold.THEIRS),  # a clock runs ahead
        (other(machine="elsewhere", boot="other"), False, 1.0, Hold.THEIRS),  # a pid there says nothing here
        (other(machine="elsewhere", boot="other"), None, 100.0, Hold.LAPSED),
        (other(boot="earlier"), None, 1.0, Hold.DEAD),
        (other(boot="earlier", contained=True), None, 1.0, Hold.THEIRS),  # images share machine ids
        (other(boot="earlier", machine=""), None, 1.0, Hold.THEIRS),
        (other(table="another container"), False, 1.0, Hold.THEIRS),
        (None, False, 1.0, Hold.THEIRS),
        (None, None, 61.0, Hold.LAPSED),
    ],
)
def test_hold(owner: Owner | None, alive: bool | None, silent: float, expected: Hold) -> None:
    """Death is proven by the process table or by a reboot; silence allows a take-over and proves nothing."""
    assert hold(owner, ME, alive=alive, silent_for=silent) is expected


def test_contained_me() -> None:
    """A process in a container proves nothing by reboots of its host."""
    me = msgspec.structs.replace(ME, contained=True)
    assert hold(other(boot="earlier"), me, alive=None, silent_for=1.0) is Hold.THEIRS


@pytest.mark.parametrize("missing", ["boot", "table"])
def test_what_is_empty_proves_nothing(missing: str) -> None:
    """Two systems that cannot say which boot or process table they have are not the same for that."""
    me = msgspec.structs.replace(ME, **{missing: ""})
    assert not can_see(other(**{missing: ""}), me)
    assert hold(other(**{missing: ""}), me, alive=False, silent_for=1.0) is Hold.THEIRS


def test_no_machine_id() -> None:
    """In a container without a machine id the same boot and process table prove enough."""
    me = msgspec.structs.replace(ME, machine="")
    assert can_see(other(machine=""), me)
