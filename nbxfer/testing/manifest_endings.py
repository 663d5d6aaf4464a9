"""What every manifest tells of what is over: how it ended, what finished a destination, what ended lately."""

from __future__ import annotations

from nbxfer.testing.manifest_world import ManifestWorld, a_record, after


class Ending(ManifestWorld):
    """Seeing what has ended, also when its process has left."""

    def test_the_end_is_seen(self) -> None:
        """A follower learns how an operation ended, although its owner has left meanwhile."""
        record = a_record()
        writer, reader = self.writer(record), self.process()
        assert reader.look(record.id, writer.me.id) is not None
        writer.append([after(record, phase="done")])
        writer.end()
        found = reader.look(record.id, writer.me.id)
        assert found is not None
        assert found.record.phase == "done"

    def test_how_it_ended(self) -> None:
        """Who has seen an operation can ask how it ended, whatever its file is called and whoever has left."""
        done, canceled, live = a_record("/1"), a_record("/2"), a_record("/3")
        writer, reader = self.writer(done, canceled, live), self.process()
        reader.scan()
        assert [reader.ended(r.id) for r in (done, canceled, live)] == [None, None, None]
        ends = [after(done, phase="done", named="/another"), after(canceled, phase="canceled")]
        writer.append(ends)
        for step in ("appended", "left"):
            if step == "left":
                writer.end()
            assert [reader.ended(r.id) for r in (done, canceled, live)] == [*ends, None]
        assert reader.ended("0" * 16) is None

    def test_a_finished_destination_is_found(self) -> None:
        """What finished a destination is found in a journal, after compaction, and after its owner has left."""
        record = a_record()
        writer, reader = self.writer(record), self.process()
        assert reader.finished("/data/a.bin") is None
        done = after(record, phase="done")
        writer.append([done])
        for step in ("appended", "compacted", "left"):
            if step == "compacted":
                writer.compact([])
            elif step == "left":
                writer.end()
            assert reader.finished("/data/a.bin") == done
            assert writer.finished("/data/a.bin") == done
            assert self.process().finished("/data/a.bin") == done
            assert reader.finished("/data/a") is None

    def test_the_newest_finished_one(self) -> None:
        """Of several that finished a destination the newest counts; canceled and unfinished ones do not count."""
        old, new, canceled = a_record(), a_record(changed=1_800_000_000.0), a_record(changed=1_900_000_000.0)
        first, second = self.writer(), self.writer()
        second.append([after(new, phase="done")])
        first.append([after(old, phase="done"), after(canceled, phase="canceled"), a_record(changed=1.95e9)])
        for reader in (first, second, self.process()):
            found = reader.finished("/data/a.bin")
            assert found is not None
            assert found.id == new.id
        second.end()
        first.compact([])
        found = first.finished("/data/a.bin")
        assert found is not None
        assert found.id == new.id

    def test_what_ended_lately(self) -> None:
        """What was done, canceled or failed is listed newest first, wherever it stands and whoever has left."""
        assert self.process().recent(10) == []
        phases = ("done", "canceled", "failed", "running", "done", "canceled", "paused")
        records = [a_record(f"/{n}", phase, changed=1.7e9 + n) for n, phase in enumerate(phases)]
        first = self.writer(*records[:4])
        second = self.writer(*records[4:])
        expected = [records[n] for n in (5, 4, 2, 1, 0)]
        for step in ("appended", "compacted", "left"):
            if step == "compacted":
                first.compact([])
            elif step == "left":
                second.end()
            for reader in (first, self.process()):
                assert reader.recent(10) == expected
                assert reader.recent(2) == expected[:2]
                assert reader.recent(3) == expected[:3]

    def test_strange_names(self) -> None:
        """A destination may have quotes, blanks, line breaks and any script in its name."""
        for name in ('/a "b"\\c', "/line\nbreak", "/数据/ü€😀", '/{"format":1,', "/tab\tand\x7f"):
            writer = self.writer(a_record(name, "done"), a_record(name + "x"))
            assert self.process().finished(name) is not None
            writer.end()
            found = self.process().finished(name)
            assert found is not None
            assert found.spec.destination == name
            assert self.process().finished(name + "x") is None
