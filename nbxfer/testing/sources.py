"""What every source has to keep: subclass SourceContract, say how something is served, and have the whole suite.

::

    class TestMine(SourceContract):
        def serve(self, served: Served) -> Source: ...
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Final

import pytest

from nbxfer.core.probe import Want
from nbxfer.errors import NetworkError, SourceChanged, SourceNotFound
from nbxfer.sources.base import Source, Stop, Stopped
from nbxfer.testing.scripted import Answer, ScriptedSource
from nbxfer.testing.source_parts import PartsContract
from nbxfer.testing.source_world import LONG, Served, made_up, read_all

__all__ = ["Answer", "ScriptedSource", "Served", "SourceContract", "read_all"]

#: Within this many seconds a source comes home that nobody waits for.
_HOME: Final = 0.3


class SourceContract(PartsContract):
    """The rules of sources/base.py as tests.

    What a kind of source, or of server, cannot be brought to do is named when it is subclassed, and left out:
    ``class TestMine(SourceContract, cannot=("no_length", "claims"))`` leaves ``test_no_length`` and ``test_claims``.
    """

    def __init_subclass__(cls, cannot: Iterable[str] = (), **more: object) -> None:
        super().__init_subclass__(**more)
        for name in cannot:
            if not callable(getattr(cls, f"test_{name}", None)):
                raise TypeError(f"the contract has no test {name!r}")
            setattr(cls, f"test_{name}", None)

    # -- bytes -----------------------------------------------------------------------------------------------------
    @pytest.mark.parametrize("size", [1, 4096, LONG])
    def test_whole(self, size: int) -> None:
        """A plain question gives every byte once, and says how many there are."""
        data = made_up(size)
        with closing(self.serve(Served(data=data))) as source, self.opened(source, Want()) as stream:
            assert (stream.probe.size, stream.probe.start, stream.restarted) == (size, 0, False)
            assert all(name == name.lower() for name, _ in stream.probe.headers)
            assert read_all(stream) == data
            assert stream.read_into(memoryview(bytearray(10))) == 0
            assert stream.length_proven

    def test_empty(self) -> None:
        """An object of no bytes is an object, and its end is proven."""
        with closing(self.serve(Served(data=b""))) as source, self.opened(source, Want()) as stream:
            assert stream.probe.size == 0
            assert read_all(stream) == b""
            assert stream.length_proven

    @pytest.mark.parametrize("piece", [1, 7, 1 << 20])
    def test_any_buffer(self, piece: int) -> None:
        """A reader may have a small or a large buffer."""
        data = made_up(3000)
        with closing(self.serve(Served(data=data))) as source, self.opened(source, Want()) as stream:
            assert read_all(stream, piece) == data

    def test_resume(self) -> None:
        """A resume begins where it was asked to, or earlier, and says where; the overlap are the same bytes again."""
        data = made_up(LONG)
        with closing(self.serve(Served(data=data))) as source:
            want = Want(start=300_000 - 4096, pinned=self.version(source), size=len(data), overlap=4096)
            with self.opened(source, want) as stream:
                assert not stream.restarted
                assert stream.probe.start <= want.start
                assert stream.probe.size == len(data)
                assert read_all(stream) == data[stream.probe.start :]

    def test_segment(self) -> None:
        """A segment ends where it was asked to."""
        data = made_up(LONG)
        with closing(self.serve(Served(data=data))) as source:
            want = Want(start=1000, stop=200_001, pinned=self.version(source), size=len(data))
            with self.opened(source, want) as stream:
                assert read_all(stream) == data[stream.probe.start : 200_001]

    def test_no_ranges(self) -> None:
        """A server that gives only the whole gives it from its first byte; that is no new version."""
        data = made_up(LONG)
        with closing(self.serve(Served(data=data, ranges=False))) as source:
            want = Want(start=5000, pinned=self.version(source), size=len(data))
            with self.opened(source, want) as stream:
                assert (stream.probe.start, stream.restarted, stream.probe.ranges) == (0, False, False)
                assert read_all(stream) == data

    def test_no_length(self) -> None:
        """Where only the connection's end ends the body, all bytes come, and the length is not called proven."""
        data = made_up(LONG)
        with closing(self.serve(Served(data=data, length=False))) as source, self.opened(source, Want()) as stream:
            assert stream.probe.size is None
            assert read_all(stream) == data
            assert not stream.length_proven

    def test_surplus(self) -> None:
        """Bytes past the promised length are never given."""
        data = made_up(100_000)
        with closing(self.serve(Served(data=data, surplus=b"surplus" * 99))) as source:
            for _ in range(2):
                with self.opened(source, Want()) as stream:
                    assert read_all(stream) == data

    # -- versions --------------------------------------------------------------------------------------------------
    def test_same_version_is_not_wanted(self) -> None:
        """Who has a version already is given nothing when it still is that one."""
        with closing(self.serve(Served(data=made_up(5000)))) as source:
            assert source.open(Want(unless=self.version(source)), threading.Event()) is None

    def test_other_version_is_wanted(self) -> None:
        """Who has an old version is given the new one."""
        with closing(self.serve(Served(data=made_up(5000)))) as source:
            old = self.version(source)
        new = made_up(5000, seed=1)
        with closing(self.serve(Served(data=new))) as source, self.opened(source, Want(unless=old)) as stream:
            assert read_all(stream) == new

    @pytest.mark.parametrize("size", [LONG, 400_000, 1000, LONG + 1])
    def test_changed(self, size: int) -> None:
        """A source that has become another one never continues the old one: it begins again, or says so."""
        with closing(self.serve(Served(data=made_up(LONG)))) as source:
            want = Want(start=300_000, pinned=self.version(source), size=LONG, overlap=4096)
        new = made_up(size, seed=2)
        with closing(self.serve(Served(data=new))) as source:
            self.begins_again(source, want, new)

    def test_other_size(self) -> None:
        """Without a validator another size is another version."""
        new = made_up(LONG + 5, seed=3)
        with closing(self.serve(Served(data=new, validator=False))) as source:
            self.begins_again(source, Want(start=300_000, size=LONG, overlap=4096), new)

    def begins_again(self, source: Source, want: Want, new: bytes) -> None:
        """Look that ``want`` is answered with all of ``new``, or not at all."""
        try:
            stream = source.open(want, threading.Event())
        except SourceChanged:
            return
        assert stream is not None
        with closing(stream):
            assert stream.restarted
            assert stream.probe.start == 0
            assert read_all(stream) == new

    # -- breaks ----------------------------------------------------------------------------------------------------
    @pytest.mark.parametrize("cut", [0, 1, 300_000, LONG - 1])
    def test_early_end(self, cut: int) -> None:
        """A body that ends before its promised length is no whole one; what came before the break is right."""
        data = made_up(LONG)
        given = bytearray()
        with (
            closing(self.serve(Served(data=data, cut=cut))) as source,
            pytest.raises(NetworkError),
            self.opened(source, Want()) as stream,
        ):
            read_all(stream, into=given)
        assert bytes(given) == data[: len(given)]
        assert len(given) <= cut

    def test_missing(self) -> None:
        """What is not there is not there."""
        with closing(self.serve(Served(missing=True))) as source, pytest.raises(SourceNotFound):
            source.open(Want(), threading.Event())

    def test_stop_before(self) -> None:
        """Nobody is asked when the answer is not wanted any more."""
        stop = threading.Event()
        stop.set()
        with closing(self.serve(Served(data=made_up(5000)))) as source, pytest.raises(Stopped):
            source.open(Want(), stop)

    def test_stop_while_nothing_is_answered(self) -> None:
        """A silent server cannot hold who wants to go home."""
        with (
            closing(self.serve(Served(data=made_up(5000), silent=True))) as source,
            self.told_to_stop() as stop,
            pytest.raises(Stopped),
        ):
            source.open(Want(), stop)

    def test_stop_while_nothing_comes(self) -> None:
        """A stalled body cannot hold who wants to go home; what had come is right."""
        data = made_up(LONG)
        given = bytearray()
        with (
            closing(self.serve(Served(data=data, stall=4000))) as source,
            self.told_to_stop() as stop,
            self.opened(source, Want(), stop) as stream,
            pytest.raises(Stopped),
        ):
            read_all(stream, into=given)
        assert bytes(given) == data[: len(given)]

    @contextmanager
    def told_to_stop(self) -> Iterator[Stop]:
        """Give a Stop that is set after 0.2 s; what is inside must be home soon after."""
        stop, at = threading.Event(), [0.0]

        def tell() -> None:
            at[0] = time.monotonic()
            stop.set()

        timer = threading.Timer(0.2, tell)
        timer.start()
        try:
            yield stop
            assert at[0], "it came home before it was told to"
            assert time.monotonic() - at[0] <= _HOME
        finally:
            timer.cancel()
            timer.join()

    # -- several, and after ----------------------------------------------------------------------------------------
    def test_two_streams(self) -> None:
        """Two open bodies of one source do not mix."""
        data = made_up(LONG)
        with closing(self.serve(Served(data=data))) as source:
            far = Want(start=400_000, pinned=self.version(source), size=len(data))
            with self.opened(source, Want()) as one, self.opened(source, far) as other:
                begun = bytearray(4096)
                got = 0
                while got <= 0:
                    got = other.read_into(memoryview(begun))
                assert read_all(one) == data
                assert bytes(begun[:got]) + read_all(other) == data[other.probe.start :]

    def test_left_alone(self) -> None:
        """A body that is left in the middle does not harm the next one."""
        data = made_up(LONG)
        with closing(self.serve(Served(data=data))) as source:
            with self.opened(source, Want()) as stream:
                stream.read_into(memoryview(bytearray(1000)))
            with self.opened(source, Want()) as stream:
                assert read_all(stream) == data
