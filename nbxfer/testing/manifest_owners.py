"""What every manifest keeps between its owners: watching, and going on with what a dead one has left."""

from __future__ import annotations

import pytest

from nbxfer.core.lease import Hold
from nbxfer.manifest.base import Fenced
from nbxfer.testing.manifest_world import ManifestWorld, a_record, after, ids


class Watching(ManifestWorld):
    """Seeing what others do."""

    def test_looking_again(self) -> None:
        """A follower sees each change of one operation, and nothing of what does not exist."""
        record, other = a_record(), a_record("/other")
        writer, reader = self.writer(record, other), self.process()
        for received in range(3):
            found = reader.look(record.id, writer.me.id)
            assert found is not None
            assert found.record == record
            assert found.hold is Hold.THEIRS
            record = after(record, received=received)
            writer.append([record])
        assert reader.look("0" * 16, writer.me.id) is None
        assert reader.look(record.id, "0" * 16) is None
        own = writer.look(record.id, writer.me.id)
        assert own is not None
        assert own.hold is Hold.OURS

    def test_the_new_owner_is_seen(self) -> None:
        """A follower is led on to whoever took the operation over, also before that one has written."""
        record = a_record()
        writer, reader = self.writer(record), self.process()
        assert reader.look(record.id, writer.me.id) is not None
        heir, _ = self.heir(writer)
        found = reader.look(record.id, writer.me.id)
        assert found is not None
        assert (found.owner, found.record.epoch) == (heir.me.id, 1)
        heir.append([after(record, epoch=2)])
        found = reader.look(record.id, writer.me.id)
        assert found is not None
        assert (found.owner, found.record.epoch, found.hold) == (heir.me.id, 2, Hold.THEIRS)

    def test_holds(self) -> None:
        """An owner is ours, theirs, dead or lapsed; one that nobody has heard of has lapsed."""
        me, alive, dead, silent = (self.writer() for _ in range(4))
        self.kill(dead)
        self.silence(silent)
        owners = (me, alive, dead, silent)
        assert [me.hold_of(o.me.id) for o in owners] == [Hold.OURS, Hold.THEIRS, Hold.DEAD, Hold.LAPSED]
        assert me.hold_of("0" * 16) is Hold.LAPSED
        silent.touch()
        assert me.hold_of(silent.me.id) is Hold.THEIRS


class Succeeding(ManifestWorld):
    """Taking over, and being taken over."""

    def test_the_living_are_not_taken_over(self) -> None:
        """Nobody takes over from a living owner, nor from itself, nor from one that is not there."""
        record = a_record()
        writer, other = self.writer(record), self.writer()
        assert other.take_over(writer.me.id) is None
        assert writer.take_over(writer.me.id) is None
        assert other.take_over("0" * 16) is None
        writer.append([after(record)])

    def test_one_heir(self) -> None:
        """Of several that would take over, one gets the records, best of each; the others get None."""
        record, done = a_record(), a_record("/d")
        writer = self.writer(record, done, after(record, received=8), after(done, phase="done"))
        heir, got = self.heir(writer)
        assert {r.id: (r.phase, r.received) for r in got} == {record.id: ("queued", 8), done.id: ("done", 0)}
        assert self.writer().take_over(writer.me.id) is None
        assert [(f.owner, f.hold) for f in self.process().scan()] == [(heir.me.id, Hold.THEIRS)] * 2
        assert [(f.owner, f.hold) for f in heir.scan()] == [(writer.me.id, Hold.DEAD)] * 2, "not folded yet"

    def test_folding(self) -> None:
        """What was taken over is seen all the time, and once folded stands with its new owner alone."""
        record, done = a_record(), a_record("/d")
        writer = self.writer(record, after(done, phase="done"))
        heir, _ = self.heir(writer)
        assert set(ids(self.process())) == {record.id, done.id}
        heir.append([after(record, epoch=2)])
        heir.sync()
        assert {f.record.id: f.record.epoch for f in self.process().scan()} == {record.id: 2, done.id: 1}
        heir.taken(writer.me.id)
        heir.taken(writer.me.id)
        (found,) = self.process().scan()
        assert (found.record.epoch, found.owner, found.hold) == (2, heir.me.id, Hold.THEIRS)
        assert self.process().finished("/d") is not None
        assert heir.take_over(writer.me.id) is None

    def test_what_was_not_folded_is_not_lost(self) -> None:
        """Whatever the heir did not write down itself stays where it was, and can be asked for again."""
        folded, forgotten = a_record("/1"), a_record("/2")
        writer = self.writer(folded, forgotten)
        heir, _ = self.heir(writer)
        heir.append([after(folded, epoch=2)])
        heir.taken(writer.me.id)
        assert {f.record.id: f.record.epoch for f in self.process().scan()} == {folded.id: 2, forgotten.id: 1}
        assert heir.take_over(writer.me.id) == [forgotten]
        self.kill(heir)
        got = self.writer().take_over(heir.me.id)
        assert got is not None
        assert {r.id: r.epoch for r in got} == {folded.id: 2, forgotten.id: 1}

    def test_what_could_not_be_folded_can_be_asked_for_again(self) -> None:
        """Until the heir has written it down, what it took counts as the victim's, for the heir itself."""
        dead, lapsed = a_record("/1"), a_record("/2")
        first, second, heir = self.writer(dead), self.writer(lapsed), self.writer()
        self.kill(first)
        self.silence(second)
        for victim in (first, second):
            assert heir.take_over(victim.me.id) is not None
        expected = {dead.id: (first.me.id, Hold.DEAD), lapsed.id: (second.me.id, Hold.LAPSED)}
        assert {f.record.id: (f.owner, f.hold) for f in heir.scan()} == expected
        for victim, record in ((first, dead), (second, lapsed)):
            found = heir.look(record.id, victim.me.id)
            assert found is not None
            assert (found.owner, found.hold) == expected[record.id]
            assert heir.take_over(victim.me.id) == [record]
            heir.append([after(record, epoch=2)])
            found = heir.look(record.id, victim.me.id)
            assert found is not None
            assert (found.owner, found.hold, found.record.epoch) == (heir.me.id, Hold.OURS, 2)
        assert {f.record.id: f.hold for f in heir.scan()} == {dead.id: Hold.OURS, lapsed.id: Hold.OURS}

    def test_an_heir_dies_too(self) -> None:
        """Who takes over from somebody that died in the middle of taking over gets what both had."""
        old, own = a_record("/old"), a_record("/own")
        first = self.writer(old)
        second, _ = self.heir(first, own)
        third, got = self.heir(second)
        assert {r.id for r in got} == {old.id, own.id}
        fourth, got = self.heir(third)
        assert {r.id for r in got} == {old.id, own.id}
        assert fourth.take_over(first.me.id) is not None
        fourth.append([after(r, epoch=r.epoch + 1) for r in got])
        fourth.sync()
        fourth.taken(third.me.id)
        assert {(f.record.epoch, f.owner) for f in self.process().scan()} == {(2, fourth.me.id)}
        for gone in (first, second, third):
            assert fourth.take_over(gone.me.id) is None

    def test_half_folded(self) -> None:
        """When an heir dies after folding half, the next gets each operation once, in its newest state."""
        one, two = a_record("/1"), a_record("/2")
        first = self.writer(one, two)
        second, _ = self.heir(first)
        second.append([after(one, epoch=2)])
        _, got = self.heir(second)
        assert {r.id: r.epoch for r in got} == {one.id: 2, two.id: 1}

    def test_what_has_gone_on_elsewhere_stays_there(self) -> None:
        """An operation that was handed to another owner does not come back from the journal of the first."""
        record, mine = a_record("/1"), a_record("/2")
        second = self.writer()
        first = self.writer(mine, after(record, handed_to=second.me.id))
        third = self.writer()
        second.append([after(record, epoch=2)])
        first.compact([mine])
        assert {f.record.id: f.owner for f in first.scan()} == {record.id: second.me.id, mine.id: first.me.id}
        first.append([after(record, handed_to=second.me.id)])
        second.append([after(record, epoch=2, phase="done")])
        second.end()
        assert ids(third) == [mine.id]
        self.kill(first)
        got = third.take_over(first.me.id)
        assert got is not None
        assert [r.id for r in got] == [mine.id]

    def test_handed_over_and_not_fetched(self) -> None:
        """An operation that is free for anybody stays until somebody has gone on with it."""
        record = after(a_record(), handed_to="*")
        writer = self.writer(record)
        writer.compact([])
        assert ids(self.process()) == [record.id]
        self.writer(after(record, epoch=2, handed_to=None))
        writer.compact([])
        assert writer.look(record.id, writer.me.id) is None
        assert [f.record.epoch for f in writer.scan()] == [2]

    def test_a_stale_owner_is_fenced(self) -> None:
        """An owner that was silent, was taken over and wakes up is told so before it can write anything."""
        record = a_record()
        stale = self.writer(record)
        self.silence(stale)
        heir = self.writer()
        got = heir.take_over(stale.me.id)
        assert got == [record]
        with pytest.raises(Fenced):
            stale.touch()
        with pytest.raises(Fenced):
            stale.append([after(record, received=99)])
        with pytest.raises(Fenced):
            stale.compact([record])
        heir.append([after(record, epoch=2)])
        heir.taken(stale.me.id)
        with pytest.raises(Fenced):
            stale.append([after(record, received=99)])
        assert [(f.owner, f.record.received) for f in self.process().scan()] == [(heir.me.id, 0)]

    def test_a_fenced_owner_begins_anew(self) -> None:
        """After being fenced a process may begin again, as another owner; the old one's work is not touched."""
        record, fresh = a_record(), a_record("/new")
        stale = self.writer(record)
        old = stale.me.id
        self.silence(stale)
        heir = self.writer()
        assert heir.take_over(old) is not None
        with pytest.raises(Fenced):
            stale.append([after(record)])
        stale.begin()
        assert stale.me.id != old
        stale.append([fresh])
        assert {f.record.id: f.owner for f in stale.scan()} == {record.id: heir.me.id, fresh.id: stale.me.id}

    def test_leaving_after_being_taken_over(self) -> None:
        """A stale owner that leaves takes nothing with it."""
        record = a_record()
        stale = self.writer(record, a_record("/d", "done"))
        heir, _ = self.heir(stale)
        stale.end()
        assert len(ids(heir)) == 2
