"""What every manifest has to keep: subclass ManifestContract, say how a process gets one, and have the whole suite.

::

    class TestMine(ManifestContract):
        def process(self) -> Manifest: ...                      # another process of the same home; it has not begun
        def kill(self, manifest: Manifest) -> None: ...         # it is dead, and that can be proven
        def silence(self, manifest: Manifest) -> None: ...      # its heartbeat has lapsed, but it may wake up
"""

from __future__ import annotations

import pytest

from nbxfer.core.lease import Hold
from nbxfer.core.phases import FINAL
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.base import Claim, Row, Wish
from nbxfer.manifest.layout import key
from nbxfer.testing.manifest_cards import Cards
from nbxfer.testing.manifest_endings import Ending
from nbxfer.testing.manifest_owners import Succeeding, Watching
from nbxfer.testing.manifest_world import ManifestWorld, a_record, after, ids

__all__ = ["ManifestContract", "a_record", "after", "ids"]


class Writing(ManifestWorld):
    """Appending, compacting, leaving."""

    def test_what_was_appended_is_seen_by_everybody(self) -> None:
        """A record is seen by its writer and by others, whole, as soon as the append has returned."""
        record = a_record(size=7, received=3, response=(("etag", '"ü"'),))
        writer = self.writer(record)
        for reader in (writer, self.process()):
            (found,) = reader.scan()
            assert found.record == record
            assert found.owner == writer.me.id

    def test_nothing_is_there_before_something_begins(self) -> None:
        """Looking at a home that nobody has used finds nothing, and is no error."""
        reader = self.process()
        record = a_record()
        assert reader.scan() == []
        assert reader.look(record.id, "0" * 16) is None
        assert reader.finished(record.spec.destination) is None
        assert reader.claimed(record.spec.destination) is None
        assert reader.wishes() == []
        assert reader.block_epochs(record.id) == []
        assert reader.read_blocks(record.id, 1) == []
        assert not reader.bulky
        reader.end()

    def test_the_newest_record_holds(self) -> None:
        """Of several records of one operation the last one with the highest epoch is its state."""
        first = a_record(epoch=2)
        writer = self.writer(first, after(first, received=5))
        assert writer.scan()[0].record.received == 5
        writer.append([after(first, epoch=1, changed=first.changed + 9)])
        assert writer.scan()[0].record.received == 5
        writer.append([after(first, epoch=3, changed=first.changed - 9)])
        assert writer.scan()[0].record.epoch == 3

    def test_many_in_one_append(self) -> None:
        """A thousand operations are one append; they are listed in the order they were made."""
        records = [a_record(f"/data/{n}", created=1e9 - n) for n in range(1000)]
        writer = self.writer(*records)
        writer.sync()
        assert ids(writer) == [r.id for r in reversed(records)]

    def test_an_id_that_is_none_is_refused(self) -> None:
        """An id that could lead out of the folder is refused, and nothing of that append is in."""
        writer = self.writer()
        with pytest.raises(InvalidRequest):
            writer.append([a_record(id="../../etc/passwd")])
        assert writer.scan() == []
        with pytest.raises(InvalidRequest):
            writer.take_over("../x")
        with pytest.raises(InvalidRequest):
            writer.blocks("../x", 1)
        with pytest.raises(InvalidRequest):
            writer.look("../x", writer.me.id)

    def test_compaction_keeps_what_is_unfinished(self) -> None:
        """Compaction loses nothing that is unfinished, whether the engine names it or not."""
        named, unnamed, done = a_record("/n"), a_record("/u"), a_record("/d")
        writer = self.writer(named, unnamed, done, after(done, phase="done"), after(named, received=4))
        writer.compact([named])
        assert set(ids(writer)) == {named.id, unnamed.id}
        look = writer.look(named.id, writer.me.id)
        assert look is not None
        assert look.record.received == 4

    def test_compaction_takes_what_only_the_engine_knows(self) -> None:
        """What the engine has and the journal has lost is written anew."""
        writer = self.writer()
        only, newer = a_record("/o"), a_record("/n")
        writer.append([newer])
        writer.compact([only, after(newer, received=9)])
        assert {f.record.id: f.record.received for f in writer.scan()} == {only.id: 0, newer.id: 9}

    def test_appending_goes_on_after_compaction(self) -> None:
        """The journal goes on after a compaction as before."""
        record = a_record()
        writer = self.writer(record)
        for received in range(5):
            writer.compact([record])
            record = after(record, received=received)
            writer.append([record])
        writer.sync()
        assert self.process().scan()[0].record == record

    def test_bulky(self) -> None:
        """A journal is worth compacting when most of it is past, not because it is long."""
        writer = self.writer(*[a_record(f"/data/{n}") for n in range(4000)])
        long = writer.bulky
        record = a_record("/busy")
        for _ in range(10):
            writer.append([record] * 2000)
        worn = writer.bulky
        writer.compact([record])
        assert (long, worn, writer.bulky) == (False, True, False)

    def test_tidying_loses_nothing(self) -> None:
        """Tidying drops nothing that is unfinished, nor the end of what is over; where it says no, compacting does."""
        live, over = a_record("/live"), [a_record(f"/data/{n}") for n in range(1500)]
        writer = self.writer(live, *over, *[after(r, phase="done") for r in over])
        for received in range(1, 4):
            writer.append([after(live, received=received)] * 3000)
            if not writer.tidy():
                writer.compact([live])
        assert [f.record.id for f in writer.scan() if f.record.phase not in FINAL] == [live.id]
        there = self.process().finished(over[-1].spec.destination)
        assert there is not None
        assert there.id == over[-1].id

    def test_leaving_with_nothing_left(self) -> None:
        """Who leaves with nothing unfinished leaves nothing behind but history."""
        record = a_record("/d")
        writer = self.writer(record, after(record, phase="done"), a_record("/c", "canceled"))
        writer.end()
        reader = self.process()
        assert reader.scan() == []
        assert reader.finished("/d") is not None
        assert reader.hold_of(writer.me.id) in (Hold.DEAD, Hold.LAPSED)

    def test_leaving_with_something_left(self) -> None:
        """Who leaves with something unfinished leaves it to whoever comes next, at once and with proof."""
        record, failed = a_record(), a_record("/f", "failed")
        writer = self.writer(record, failed, a_record("/d", "done"))
        writer.end()
        writer.end()
        heir = self.writer()
        assert {f.record.id for f in heir.scan() if f.hold is Hold.DEAD} == {record.id, failed.id}
        got = heir.take_over(writer.me.id)
        assert got is not None
        assert {r.id for r in got} == {record.id, failed.id}


class Asking(ManifestWorld):
    """Claims, wishes and block logs."""

    def test_the_first_claim_holds(self) -> None:
        """Of two claims on one destination the first holds, for both; other destinations are free."""
        one, two = self.writer(), self.writer()
        first, second = Claim("1" * 16, one.me.id, "https://a/"), Claim("2" * 16, two.me.id, "https://b/")
        assert one.claimed("/x") is None
        assert one.claim("/x", first) == first
        assert two.claim("/x", second) == first
        assert two.claimed("/x") == first
        assert two.claim("/y", second) == second
        assert set(two.claim_keys(3) or ()) == {key("/x"), key("/y")}
        assert two.claim_keys(2) is None, "more than are wanted are not given in part"

    def test_a_claim_is_given_up(self) -> None:
        """A claim is given up by its own operation only, and may be replaced."""
        one = self.writer()
        first, second = Claim("1" * 16, one.me.id, "a"), Claim("2" * 16, one.me.id, "b")
        one.claim("/x", first)
        one.unclaim("/x", second.op_id)
        assert one.claimed("/x") == first
        one.reclaim("/x", second)
        assert one.claimed("/x") == second
        one.unclaim("/x", second.op_id)
        assert one.claimed("/x") is None
        assert not one.claim_keys(10)
        one.unclaim("/x", second.op_id)

    def test_wishes_are_taken_once_and_in_order(self) -> None:
        """Wishes reach the owner they are for, oldest first, and once."""
        owner, other = self.writer(), self.process()
        wished = [
            Wish("pause", "1" * 16),
            Wish("cancel", "1" * 16, delete_partial=False),
            Wish("hand-over", "2" * 16, asker="3" * 16),
            Wish("priority", "1" * 16, priority=2),
        ]
        for wish in wished:
            other.wish(owner.me.id, wish)
        assert other.wishes() == []
        assert owner.wishes() == wished
        assert owner.wishes() == []

    def test_block_logs(self) -> None:
        """The newest row of each block is given, in order; an epoch begun anew is empty."""
        manifest, op_id = self.writer(), "a" * 16
        log = manifest.blocks(op_id, 1)
        log.append([Row(3, 100, 7), Row(0, 4_194_304, 1)])
        log.append([Row(3, 200, 8)])
        log.close()
        log.close()
        assert self.process().read_blocks(op_id, 1) == [Row(0, 4_194_304, 1), Row(3, 200, 8)]
        kept = manifest.blocks(op_id, 1, [Row(3, 200, 8)])
        kept.append([Row(4, 1, 1)])
        kept.close()
        assert manifest.read_blocks(op_id, 1) == [Row(3, 200, 8), Row(4, 1, 1)]
        again = manifest.blocks(op_id, 1)
        assert manifest.read_blocks(op_id, 1) == []
        again.append([])
        again.close()

    def test_epochs_of_block_logs(self) -> None:
        """Each epoch of an operation has its own block log; those of others are not touched."""
        manifest, mine, other = self.writer(), "ab" * 8, "ab" * 7 + "cd"
        for op_id, epoch in ((mine, 10), (mine, 2), (mine, 3), (other, 1)):
            manifest.blocks(op_id, epoch).close()
        assert manifest.block_epochs(mine) == [2, 3, 10]
        manifest.forget_blocks(mine, keep=3)
        assert manifest.block_epochs(mine) == [3]
        manifest.forget_blocks(mine)
        assert manifest.block_epochs(mine) == []
        assert manifest.block_epochs(other) == [1]


class ManifestContract(Writing, Watching, Ending, Succeeding, Asking, Cards):
    """The whole suite. Each test has a home of its own."""
