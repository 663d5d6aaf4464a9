"""The part of the contract of sources that is about parts of one version, and about what a source says of the whole."""

from __future__ import annotations

import hashlib
import itertools
import threading
from contextlib import closing

import pytest

from nbxfer.core.probe import Want
from nbxfer.errors import BadAnswer, RangesRefused, SourceChanged, WebErrorStatus
from nbxfer.testing.source_world import LONG, Opening, Served, made_up, read_all

_PART = Want(start=300_000, stop=500_001, part=True, size=LONG)


class PartsContract(Opening):
    """Several requests for one version: each gives just its part of it, or an error. And names, digests, dates."""

    def part(self, want: Want, served: Served) -> Want:
        """Give ``want``, pinned to the version of ``served``."""
        with closing(self.serve(served)) as source:
            return Want(want.start, want.stop, self.version(source), want.size, part=True)

    # -- parts -----------------------------------------------------------------------------------------------------
    @pytest.mark.parametrize(("start", "stop"), [(0, 1), (0, 400_000), (300_000, 500_001), (LONG - 1, LONG), (5, None)])
    def test_part(self, start: int, stop: int | None) -> None:
        """A part begins and ends just where it was asked to."""
        served = Served(data=made_up(LONG))
        want = self.part(Want(start, stop, size=LONG), served)
        with closing(self.serve(served)) as source, self.opened(source, want) as stream:
            assert (stream.probe.start, stream.restarted, stream.probe.size) == (start, False, LONG)
            assert read_all(stream) == served.data[start:stop]
            assert stream.length_proven

    def test_parts_at_once(self) -> None:
        """Parts of one source are asked for and read by several threads at once."""
        served = Served(data=made_up(LONG))
        cuts = [0, 150_000, 300_000, 450_000, LONG]
        wants = [self.part(Want(a, b, size=LONG), served) for a, b in itertools.pairwise(cuts)]
        got: dict[int, bytes] = {}
        with closing(self.serve(served)) as source:
            together = threading.Barrier(len(wants), timeout=10)

            def read(want: Want) -> None:
                together.wait()
                with self.opened(source, want) as stream:
                    together.wait()  # all are open now
                    got[want.start] = read_all(stream, 10_000)

            threads = [threading.Thread(target=read, args=(want,), daemon=True) for want in wants]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(20)
        assert b"".join(got[start] for start in cuts[:-1]) == served.data

    @pytest.mark.parametrize("size", [LONG, 400_000, 1000, LONG + 1])
    def test_part_of_what_has_changed(self, size: int) -> None:
        """There is no part of a version that is gone: that is said, and no other body is given."""
        want = self.part(_PART, Served(data=made_up(LONG)))
        new = Served(data=made_up(size, seed=2))
        with closing(self.serve(new)) as source, pytest.raises(SourceChanged):
            source.open(want, threading.Event())

    def test_part_where_there_are_none(self) -> None:
        """Who gives only the whole gives no part; that can be gone on from over one connection."""
        served = Served(data=made_up(LONG), ranges=False)
        want = self.part(_PART, served)
        with closing(self.serve(served)) as source, pytest.raises(RangesRefused) as caught:
            source.open(want, threading.Event())
        assert caught.value.status == WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT

    def test_part_of_no_version(self) -> None:
        """Where nothing tells versions apart nothing ties parts together, so none is given."""
        with (
            closing(self.serve(Served(data=made_up(LONG), validator=False))) as source,
            pytest.raises(RangesRefused),
        ):
            source.open(_PART, threading.Event())

    # -- whether ranges can be had ---------------------------------------------------------------------------------
    def test_ranges_are_shown(self) -> None:
        """Asked whether it gives ranges, a source shows it, and its body is the whole all the same."""
        data = made_up(LONG)
        with closing(self.serve(Served(data=data))) as source, self.opened(source, Want(ranged=True)) as stream:
            assert (stream.probe.ranges, stream.probe.size, stream.probe.start) == (True, LONG, 0)
            assert read_all(stream) == data

    def test_ranges_are_not_to_be_had(self) -> None:
        """A source without ranges says so at once, by the code for it."""
        with (
            closing(self.serve(Served(data=made_up(5000), ranges=False))) as source,
            pytest.raises(BadAnswer) as caught,
        ):
            source.open(Want(ranged=True), threading.Event())
        assert caught.value.status == WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT

    def test_ranges_of_what_has_no_length(self) -> None:
        """A source that does not know its length cannot be read in any order, and says so by the code for it."""
        with (
            closing(self.serve(Served(data=made_up(5000), length=False))) as source,
            pytest.raises(BadAnswer) as caught,
        ):
            source.open(Want(ranged=True), threading.Event())
        assert caught.value.status == WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT

    def test_ranges_of_nothing(self) -> None:
        """Of an empty object every range can be had."""
        with closing(self.serve(Served(data=b""))) as source, self.opened(source, Want(ranged=True)) as stream:
            assert stream.probe.size == 0
            assert read_all(stream) == b""

    # -- what is said of the whole ---------------------------------------------------------------------------------
    @pytest.mark.parametrize(
        ("told", "name"),
        [("", ""), ("data one.csv", "data one.csv"), ("../../etc/passwd", "passwd"), ("json.py", ""), ("..", "")],
    )
    def test_name(self, told: str, name: str) -> None:
        """The name that a source gives is a harmless one, or none."""
        with closing(self.serve(Served(data=b"x", name=told))) as source, self.opened(source, Want()) as stream:
            assert stream.probe.name == name

    def test_claims(self) -> None:
        """What a source says that the whole adds up to is passed on, with who says it."""
        data = made_up(5000)
        right = f"sha256:{hashlib.sha256(data).hexdigest()}"
        with closing(self.serve(Served(data=data, claim=True))) as source, self.opened(source, Want()) as stream:
            assert right in [claim.checksum for claim in stream.probe.claims]
            assert {claim.by for claim in stream.probe.claims} <= {"server digest", "store checksum"}
        with closing(self.serve(Served(data=data))) as source, self.opened(source, Want()) as stream:
            assert stream.probe.claims == ()

    @pytest.mark.parametrize("modified", [None, 1_700_000_000.0])
    def test_modified(self, modified: float | None) -> None:
        """When the version was made is passed on where it is said."""
        with closing(self.serve(Served(data=b"x", modified=modified))) as source, self.opened(source, Want()) as stream:
            assert stream.probe.modified == modified
