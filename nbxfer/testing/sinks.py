"""What every sink has to keep: subclass SinkContract, say how one is made, and have the whole suite.

::

    class TestMine(SinkContract):
        def sink(self, op_id: str = "op-one") -> Sink: ...
        def put(self, data: bytes) -> Before: ...
        def final(self) -> bytes | None: ...
        def beside(self, name: str) -> str: ...
        def at(self, path: str) -> bytes | None: ...
        def lay(self, path: str, data: bytes) -> None: ...
        def remove(self, path: str) -> None: ...
"""

from __future__ import annotations

import hashlib
from contextlib import closing

import msgspec
import pytest

from nbxfer.core.record import Before
from nbxfer.errors import DestinationExists, NoSpace, SourceChanged, StorageFailed
from nbxfer.testing.parts import DATA, OTHER
from nbxfer.testing.readers import ReaderContract

__all__ = ["SinkContract"]


class SinkContract(ReaderContract):
    """The rules of sinks/base.py as tests: parts, readers and heirs (the base classes), publishing, discarding."""

    def test_foreign_is_kept(self) -> None:
        """What somebody else put under the final name is never replaced; the finished part is kept."""
        seal = self.finished()
        self.put(OTHER)
        for _ in range(2):
            with pytest.raises(DestinationExists) as caught:
                self.sink().publish(1, seal, None)
            assert caught.value.hint
        assert self.final() == OTHER
        assert self.held(1) == DATA

    def test_replace(self) -> None:
        """What was there when the operation was accepted is replaced, when that was agreed."""
        before = self.put(OTHER)
        published = self.sink().publish(1, self.finished(), before)
        assert (self.final(), published.size) == (DATA, len(DATA))

    def test_replace_only_what_was_meant(self) -> None:
        """What was put there since is not what may be replaced."""
        before = self.put(OTHER)
        self.put(OTHER[1:])
        with pytest.raises(DestinationExists):
            self.sink().publish(1, self.finished(), before)
        assert self.final() == OTHER[1:]

    def test_replaced_file_is_gone(self) -> None:
        """What may be replaced may also be gone."""
        self.sink().publish(1, self.finished(), Before(1234, 5))
        assert self.final() == DATA

    def test_same_bytes(self) -> None:
        """Two who fetched the same both are done: the second finds its bytes under the name."""
        self.put(DATA)
        published = self.sink().publish(1, self.finished(), None)
        assert (published.size, self.final()) == (len(DATA), DATA)
        assert self.held(1) is None

    def test_same_length_is_not_same(self) -> None:
        """As long is not the same."""
        self.put(DATA[:-1] + b"\0")
        with pytest.raises(DestinationExists):
            self.sink().publish(1, self.finished(data=DATA[:-1] + b"\1"), None)

    def test_publish_again(self) -> None:
        """After a crash publishing is asked for again: what is there is known again, also by a later owner."""
        seal = self.finished()
        first = self.sink().publish(1, seal, None)
        assert self.sink().publish(1, seal, None) == first
        assert self.sink().publish(4, seal, None) == first

    def test_publish_again_after_replacing(self) -> None:
        """The same after a replacement, though ``before`` describes nothing any more."""
        before = self.put(OTHER)
        seal = self.finished()
        first = self.sink().publish(1, seal, before)
        assert self.sink().publish(1, seal, before) == first

    @pytest.mark.parametrize("epoch", [1, 3, 50])
    def test_later_owner_publishes(self, epoch: int) -> None:
        """Who takes over an operation that was about to publish, publishes the part of the epoch before."""
        seal = self.finished(1)
        self.sink().publish(epoch, seal, None)
        assert self.final() == DATA
        assert self.held(epoch) is None

    def test_part_gone(self) -> None:
        """Without the finished part there is nothing to publish: it is fetched again."""
        seal = self.finished()
        self.sink().discard()
        with pytest.raises(SourceChanged):
            self.sink().publish(1, seal, None)
        assert self.final() is None

    def test_part_altered(self) -> None:
        """A part that was cut since it was sealed is not the finished one."""
        seal = self.finished()
        with closing(self.sink().reopen(1, 1, proven=True) or pytest.fail("no part")) as part:
            part.truncate(len(DATA) - 1)
        with pytest.raises(SourceChanged):
            self.sink().publish(1, seal, None)
        assert self.final() is None

    def test_part_made_anew(self) -> None:
        """Another part under the same name is not the sealed one, however long it is."""
        seal = self.finished()
        with closing(self.sink().reopen(1, 1, proven=True) or pytest.fail("no part")):
            assert self.finished(1, bytes(len(DATA))) != seal
        with pytest.raises(SourceChanged):
            self.sink().publish(1, seal, None)

    def test_known_by_digest(self) -> None:
        """Where identities do not last (a mount anew), the digest of the seal proves what is ours."""
        digest = "sha256:" + hashlib.sha256(DATA).hexdigest()
        seal = msgspec.structs.replace(self.finished(), inode=2**60, digest=digest)
        self.put(DATA)
        self.sink().discard()
        assert self.sink().publish(1, seal, None).size == len(DATA)

    def test_first_wins(self) -> None:
        """Two operations with one destination: the first that is done has the name."""
        one, other = self.finished(op_id="op-one"), self.finished(op_id="op-two", data=OTHER)
        self.sink("op-two").publish(1, other, None)
        with pytest.raises(DestinationExists):
            self.sink("op-one").publish(1, one, None)
        assert self.final() == OTHER

    # -- the rest --------------------------------------------------------------------------------------------------
    def test_discard(self) -> None:
        """What is discarded is gone; what others have, and what has its final name, stays."""
        self.put(OTHER)
        self.finished(1)
        self.finished(30, op_id="op-two")
        self.sink().discard(keep=True)
        assert self.held(1) == DATA
        self.sink().discard()
        self.sink().discard()
        assert self.held(1) is None
        assert self.held(30, op_id="op-two") == DATA
        assert self.final() == OTHER

    def test_room(self) -> None:
        """What cannot fit is refused before it is begun, and leaves nothing behind."""
        sink = self.sink()
        room = sink.room()
        if room is None:
            sink.create(1, 2**80).close()
            return
        with pytest.raises((NoSpace, StorageFailed)):  # the latter where it is more than the whole disk
            sink.create(1, room + 10**15)
        assert self.held(1) is None
        assert room > 0
