"""Whatever a source gives where a part was asked for: nothing else than that part is taken."""

from __future__ import annotations

import threading

import msgspec
import pytest

from nbxfer.core.probe import Probe, Validator, Want
from nbxfer.engine import parts
from nbxfer.errors import RangesRefused, SourceChanged, TransferError

PINNED = Validator("etag", '"v1"')
WANT = Want(100, 200, PINNED, 1000, part=True)
RIGHT = Probe(1000, PINNED, ranges=True, start=100, http_status=206)


class Given:
    """A source that gives one stream, or none, whatever it is asked for; and that stream."""

    length_proven = True

    def __init__(self, probe: Probe | None, *, restarted: bool = False) -> None:
        self.given, self.restarted, self.closed = probe, restarted, 0

    @property
    def probe(self) -> Probe:
        assert self.given is not None
        return self.given

    def open(self, want: Want, stop: object) -> Given | None:
        return self if self.given is not None else None

    def read_into(self, buffer: memoryview) -> int:
        return 0

    def close(self) -> None:
        self.closed += 1


def test_the_right_part() -> None:
    """What begins where it was asked to, of that version and length, is taken; silence about a length is none."""
    for probe in (RIGHT, msgspec.structs.replace(RIGHT, size=None), msgspec.structs.replace(RIGHT, validator=None)):
        given = Given(probe)
        opened: object = parts.opened(given, WANT, threading.Event())  # type: ignore[arg-type]
        assert opened is given
        assert not given.closed


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"start": 99}, RangesRefused),
        ({"start": 101}, RangesRefused),
        ({"start": 0}, RangesRefused),
        ({"size": 999}, SourceChanged),
        ({"validator": Validator("etag", '"v2"')}, SourceChanged),
        ({"validator": Validator("etag", '"v2"'), "start": 0}, SourceChanged),
    ],
)
def test_anything_else_is_closed_and_refused(changes: dict[str, object], error: type[TransferError]) -> None:
    """A byte more or less, another length, another tag: not one byte of it is read."""
    given = Given(msgspec.structs.replace(RIGHT, **changes))
    with pytest.raises(error):
        parts.opened(given, WANT, threading.Event())  # type: ignore[arg-type]
    assert given.closed == 1


def test_begun_anew_or_not_at_all() -> None:
    """A body of another version, and an answer that there is nothing new, are no part."""
    given = Given(RIGHT, restarted=True)
    with pytest.raises(SourceChanged):
        parts.opened(given, WANT, threading.Event())  # type: ignore[arg-type]
    assert given.closed == 1
    with pytest.raises(RangesRefused):
        parts.opened(Given(None), WANT, threading.Event())  # type: ignore[arg-type]
