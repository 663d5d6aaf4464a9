"""Errors as data, and back."""

from __future__ import annotations

import msgspec
import pytest

from nbxfer import errors
from nbxfer.core import faults
from nbxfer.core.faults import Fault, Remedy
from nbxfer.errors import TransferError

EVERY = sorted(
    (e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, TransferError)), key=lambda e: e.__name__
)


@pytest.mark.parametrize("kind", EVERY)
def test_round_trip(kind: type[TransferError]) -> None:
    """Every error comes back from the journal as what it was, and belongs to its operation."""
    error = kind("It broke.", status=123, http_status=503, retry_after=1.5, hint="Mend it.")
    fault = msgspec.json.decode(msgspec.json.encode(faults.of(error)), type=Fault)
    back = faults.to_error(fault, "abc")
    assert type(back) is kind
    assert vars(back) == {**vars(error), "op_id": "abc"}
    assert faults.of(back) == fault
    assert str(back) == "It broke. Mend it."


@pytest.mark.parametrize("kind", EVERY)
def test_round_trip_of_the_plain_error(kind: type[TransferError]) -> None:
    """An error without particulars comes back without particulars."""
    back = faults.to_error(faults.of(kind("It broke.")))
    assert vars(back) == vars(kind("It broke."))


REMEDIES = {
    errors.NetworkError: Remedy.RETRY,
    errors.TransferTimeout: Remedy.RETRY,
    errors.ServerBusy: Remedy.RETRY,
    errors.RangesRefused: Remedy.RETRY,
    errors.Offline: Remedy.WAIT_ONLINE,
    errors.NoSpace: Remedy.WAIT_ROOM,
    errors.NeedsAttention: Remedy.PERSON,
    errors.SourceChanged: Remedy.PROBE_AGAIN,
}


@pytest.mark.parametrize("kind", EVERY)
def test_remedies(kind: type[TransferError]) -> None:
    """What is not known to pass is given up; who knows better says so."""
    assert faults.of(kind("It broke.")).remedy is REMEDIES.get(kind, Remedy.GIVE_UP)
    assert faults.of(kind("It broke."), Remedy.PERSON).remedy is Remedy.PERSON


@pytest.mark.parametrize("name", ["Unheard", "WebErrorStatus", "by_name", "annotations", "Any", ""])
def test_an_unknown_error(name: str) -> None:
    """A name from another version, or from nowhere, is an error without particulars."""
    back = faults.to_error(Fault(name, "It broke."))
    assert type(back) is TransferError
    assert str(back) == "It broke."
