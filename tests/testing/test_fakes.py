"""The shipped fakes do what their scripts say."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from nbxfer.core.probe import Validator, Want
from nbxfer.errors import InvalidRequest, NetworkError, NoSpace, ServerBusy, SourceChanged
from nbxfer.sinks.memory import MemorySink, Shelf
from nbxfer.sources.base import Stopped
from nbxfer.testing.clock import HandWoundClock
from nbxfer.testing.scripted import Answer, ScriptedSource
from nbxfer.testing.sources import read_all

NEVER = threading.Event()
DATA = bytes(range(256)) * 1000


def test_clock() -> None:
    """The clock stands still until it is wound, and notes who slept by it."""
    clock = HandWoundClock(100.0)
    assert clock() == clock() == 100.0
    assert clock.wind(5) == 105.0
    clock.sleep(0.5)
    clock.sleep(-1)
    assert (clock(), clock.slept) == (105.5, [0.5, -1])


def test_script() -> None:
    """Each question meets the next answer; after the last all is honest."""
    source = ScriptedSource(DATA, [ServerBusy("Later."), Answer(cut=10), Answer(whole=True), Answer(early=5)])
    with pytest.raises(ServerBusy):
        source.open(Want(), NEVER)
    with closing(source.open(Want(), NEVER) or pytest.fail("no body")) as stream, pytest.raises(NetworkError):
        read_all(stream)
    want = Want(start=1000, pinned=source.validator, size=len(DATA))
    for start in (0, 995, 1000):
        with closing(source.open(want, NEVER) or pytest.fail("no body")) as stream:
            assert (stream.probe.start, stream.restarted) == (start, False)
            assert read_all(stream) == DATA[start:]
    assert (len(source.wants), source.streams) == (5, 0)
    assert source.given == 10 + 3 * len(DATA) - 1995
    assert not source.closed
    source.close()
    assert source.closed


def test_it_becomes_another() -> None:
    """A script can change the source, with or without sending the new version at once."""
    want = Want(start=10, pinned=ScriptedSource(DATA).validator, size=len(DATA))
    source = ScriptedSource(DATA, [Answer(data=b"gone", gone=True), Answer(data=b"new")])
    with pytest.raises(SourceChanged):
        source.open(want, NEVER)
    with closing(source.open(want, NEVER) or pytest.fail("no body")) as stream:
        assert stream.restarted
        assert read_all(stream) == b"new"


def test_stall_and_release() -> None:
    """What is stalled or silent goes on when it is released, and waits by the clock it was given."""
    clock = HandWoundClock()
    source = ScriptedSource(DATA, [Answer(stall=100, cut=200)], sleep=clock.sleep)
    buffer = memoryview(bytearray(1000))
    with closing(source.open(Want(), NEVER) or pytest.fail("no body")) as stream:
        assert [stream.read_into(buffer) for _ in range(3)] == [100, -1, -1]
        assert clock.slept
        source.release()
        assert stream.read_into(buffer) == 100
        with pytest.raises(NetworkError):
            stream.read_into(buffer)
    silent = ScriptedSource(DATA, [Answer(silent=True), Answer(silent=True)], sleep=lambda _: silent.release())
    assert silent.open(Want(), NEVER) is not None


def test_stop_while_answering() -> None:
    """Who is told to stop between question and bytes comes home."""
    stop = threading.Event()
    source = ScriptedSource(DATA, [Answer(silent=True)], sleep=lambda _: stop.set())
    with pytest.raises(Stopped):
        source.open(Want(), stop)
    source.sleep = lambda _: None
    stop.clear()
    with closing(source.open(Want(), stop) or pytest.fail("no body")) as stream:
        stop.set()
        with pytest.raises(Stopped):
            stream.read_into(memoryview(bytearray(1)))


@pytest.mark.parametrize(("kind", "strong"), [("strong", True), ("weak", False), ("", None)])
def test_validators(kind: str, strong: bool | None) -> None:
    """A source may name its version strongly, weakly or not at all."""
    validator = ScriptedSource(DATA, validator=kind).validator
    assert (validator.strong if validator else None) is strong
    assert validator != ScriptedSource(DATA[1:], validator=kind).validator or kind == ""


def test_lengths() -> None:
    """Chunks prove the end though nobody told the size; a closed connection does not."""
    for length, size, proven in (("known", len(DATA), True), ("chunked", None, True), ("closed", None, False)):
        with closing(ScriptedSource(DATA, length=length).open(Want(), NEVER) or pytest.fail("no body")) as stream:
            assert (stream.probe.size, stream.length_proven) == (size, proven)
            assert read_all(stream) == DATA


def test_unless() -> None:
    """A version that is had already is not sent again."""
    source = ScriptedSource(DATA)
    assert source.open(Want(unless=source.validator), NEVER) is None
    assert source.open(Want(unless=Validator("etag", '"x"')), NEVER) is not None


def test_a_shelf_fills_up() -> None:
    """A shelf has as much room as it was given, and more when it is given more."""
    shelf = Shelf(10)
    sink = MemorySink(shelf, "thing", "op1")
    assert repr(sink) == "<memory 'thing'>"
    with pytest.raises(NoSpace):
        sink.create(1, 11)
    with closing(sink.create(1, None)) as part:
        part.write_at(0, memoryview(b"0123456"))
        with pytest.raises(NoSpace):
            part.write_at(7, memoryview(b"789a"))
        assert sink.room() == 3
        shelf.capacity = 11
        part.write_at(7, memoryview(b"789a"))
        assert part.read_at(0, 20) == b"0123456789a"
    with pytest.raises(InvalidRequest):
        MemorySink(shelf, "", "op1")
