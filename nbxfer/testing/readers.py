"""What readers and heirs may rely on: a view of a part that lasts, and somebody's file that becomes a part."""

from __future__ import annotations

from contextlib import closing

import pytest

from nbxfer.errors import DestinationExists, InvalidRequest, NoSpace, StorageFailed
from nbxfer.sinks.base import View
from nbxfer.testing.parts import DATA, OTHER, PartContract


def _all(view: View, length: int) -> bytes:
    buffer = memoryview(bytearray(length))
    got = 0
    while more := view.read_into(got, buffer[got:]):
        got += more
    return bytes(buffer[:got])


class ReaderContract(PartContract):
    """More rules of sinks/base.py: views, adopted files, and final names that somebody else chose."""

    def beside(self, name: str) -> str:
        """Give the path of that name in the destination's folder."""
        raise NotImplementedError

    def at(self, path: str) -> bytes | None:
        """Give what lies at a path."""
        raise NotImplementedError

    def lay(self, path: str, data: bytes) -> None:
        """Lay somebody's file at a path."""
        raise NotImplementedError

    def remove(self, path: str) -> None:
        """Remove the name of somebody's file, if it is there."""
        raise NotImplementedError

    # -- views -----------------------------------------------------------------------------------------------------
    def test_view_of_nothing(self) -> None:
        """Where nothing was begun there is nothing to look at."""
        assert self.sink().view(3, 1) is None

    def test_view_sees_what_is_written(self) -> None:
        """A reader sees what was written before it came, and after."""
        with closing(self.sink().create(1, None)) as part:
            part.write_at(0, memoryview(b"before"))
            with closing(self.sink().view(1, 1) or pytest.fail("no view")) as view, closing(part.view()) as other:
                assert _all(view, 100) == b"before"
                part.write_at(6, memoryview(b" and after"))
                assert _all(view, 100) == _all(other, 100) == b"before and after"
                assert view.read_into(16, memoryview(bytearray(1))) == 0

    def test_view_outlives_publishing(self) -> None:
        """A reader goes on when the file gets its name, and can tell that it is that file."""
        seal = self.finished()
        with closing(self.sink().view(1, 1) or pytest.fail("no view")) as view:
            self.sink().publish(1, seal, None)
            assert _all(view, len(DATA)) == DATA
            assert view.is_sealed(seal)
            assert not view.is_sealed(self.finished(2))

    def test_view_of_the_finished(self) -> None:
        """What was published can be read while it lies there as it was; what took its place is something else."""
        published = self.sink().publish(1, self.finished(), None)
        with closing(self.sink().view_final(published) or pytest.fail("no view")) as view:
            assert _all(view, len(DATA)) == DATA
        self.put(OTHER)
        assert self.sink().view_final(published) is None
        self.remove(published.path)
        assert self.sink().view_final(published) is None

    def test_view_outlives_removal(self) -> None:
        """What a reader has open stays readable when the part is discarded, or begun anew."""
        self.finished()
        with closing(self.sink().view(1, 1) or pytest.fail("no view")) as view:
            self.finished(1, OTHER)
            self.sink().discard()
            assert _all(view, len(DATA)) == DATA

    def test_view_of_an_older_epoch(self) -> None:
        """A part that its next owner has not opened yet can be read; one of another version is never shown."""
        self.finished(2)
        with closing(self.sink().view(9, 1) or pytest.fail("no view")) as view:
            assert _all(view, len(DATA)) == DATA
        assert self.sink().view(9, 3) is None

    def test_view_of_the_part_that_is_open(self) -> None:
        """Who looks at an open part sees that one, also when another has taken its name; not when it is closed."""
        with closing(self.sink().create(1, None)) as part:
            part.write_at(0, memoryview(OTHER))
            self.finished()
            view = part.view()
        with closing(view):
            assert _all(view, len(DATA)) == OTHER
        with pytest.raises(StorageFailed):
            part.view()

    def test_closed_view(self) -> None:
        """A closed view may be closed again, and gives nothing."""
        self.finished()
        view = self.sink().view(1, 1) or pytest.fail("no view")
        view.close()
        view.close()
        with pytest.raises(StorageFailed):
            view.read_into(0, memoryview(bytearray(1)))

    # -- somebody's file -------------------------------------------------------------------------------------------
    @pytest.mark.parametrize("move", [False, True])
    def test_adopt(self, move: bool) -> None:  # noqa: FBT001
        """Somebody's file becomes a part; it is there until the caller removes it, and untouched by what we write."""
        theirs = self.beside("theirs.part")
        self.lay(theirs, OTHER)
        part, length = self.sink().adopt(theirs, 1, move=move)
        with closing(part):
            assert part.read_at(0, 10_000) == OTHER
            assert length == len(OTHER)
            assert self.at(theirs) == OTHER
        if move:
            self.remove(theirs)
        with closing(self.sink().reopen(1, 1, proven=True) or pytest.fail("no part")) as part:
            part.write_at(0, memoryview(DATA))
            seal = part.seal(len(DATA), None)
        self.sink().publish(1, seal, None)
        assert self.final() == DATA
        assert self.at(theirs) == (None if move else OTHER)

    def test_adopted_but_not_removed(self) -> None:
        """A file whose old name is still there is not written to: somebody else may count on it."""
        theirs = self.beside("theirs.part")
        self.lay(theirs, OTHER)
        self.sink().adopt(theirs, 1, move=True)[0].close()
        with closing(self.sink().reopen(1, 1, proven=True) or pytest.fail("no part")) as part:
            part.write_at(0, memoryview(b"ours"))
        assert self.at(theirs) == OTHER

    @pytest.mark.parametrize("move", [False, True])
    def test_adopt_nothing(self, move: bool) -> None:  # noqa: FBT001
        """What is not there is refused, and nothing is begun."""
        with pytest.raises(InvalidRequest) as caught:
            self.sink().adopt(self.beside("nothing"), 1, move=move)
        assert caught.value.hint
        assert self.held(1) is None

    def test_no_room_to_adopt(self) -> None:
        """A copy that does not fit is not begun; the file stays."""
        room = self.sink().room()
        if room is None or room > 100_000_000:
            return
        theirs = self.beside("theirs.part")
        self.lay(theirs, bytes(room // 2 + 1))
        with pytest.raises(NoSpace):
            self.sink().adopt(theirs, 1, move=False)
        assert self.held(1) is None
        assert self.at(theirs) == bytes(room // 2 + 1)

    # -- other names -----------------------------------------------------------------------------------------------
    def test_publish_by_another_name(self) -> None:
        """The server may choose the name: the destination's own stays free, and asked again it is known again."""
        seal, path = self.finished(), self.beside("given.name")
        first = self.sink().publish(1, seal, None, path)
        assert (first.path, self.at(path), self.final()) == (path, DATA, None)
        for epoch in (1, 3):
            again = self.sink().publish(epoch, seal, None, path)
            assert (again.path, again.size, again.mtime_ns) == (path, len(DATA), first.mtime_ns)
        assert self.held(1) is None

    def test_other_name_is_taken(self) -> None:
        """What has that name is never replaced; under a free one the part is published all the same."""
        seal, path = self.finished(), self.beside("given.name")
        self.lay(path, OTHER)
        with pytest.raises(DestinationExists):
            self.sink().publish(1, seal, None, path)
        assert self.at(path) == OTHER
        free = self.beside("given (1).name")
        assert self.sink().publish(1, seal, None, free).path == free
        assert (self.at(path), self.at(free)) == (OTHER, DATA)

    def test_sealed_time(self) -> None:
        """A file may say when it was changed at its source: before 1970, too, and to the second."""
        for mtime in (1_000_000_000.0, 0.0, -86_400.0):
            self.sink().discard()
            self.remove(self.beside("dated"))
            with closing(self.sink().create(1, len(DATA))) as part:
                part.write_at(0, memoryview(DATA))
                part.sync()
                seal = part.seal(len(DATA), None, mtime)
            published = self.sink().publish(1, seal, None, self.beside("dated"))
            assert published.mtime_ns == mtime * 10**9

    def test_sealed_time_then_written(self) -> None:
        """What is written after the seal is news, and counts as that."""
        with closing(self.sink().create(1, len(DATA))) as part:
            part.write_at(0, memoryview(DATA))
            part.seal(len(DATA), None, 1_000_000_000.0)
            part.write_at(0, memoryview(DATA))
            seal = part.seal(len(DATA), None)
        assert self.sink().publish(1, seal, None).mtime_ns > 1_000_000_001 * 10**9
