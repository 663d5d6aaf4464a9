"""Several kernels and one operation: joining, asking, taking over, being fenced."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.errors import DestinationExists, InvalidRequest, InvalidTransferState, NoSpace, StorageFailed
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import Session
from tests.journeys.terminal import MIB, sha256, until

SIZE = 8 * MIB

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def _lapse(home: Path, session: Session) -> None:
    """Let the heartbeat of a session's owner be an hour old."""
    os.utime(home / "owners" / f"{session._manifest.me.id}.json", (time.time() - 3600,) * 2)


def test_a_second_kernel_joins_and_sees_the_same_truth(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Two sessions that ask for the same get one transfer; the server sends it once."""
    server = serve(SIZE, float(SIZE))
    a, b = sessions(), sessions()
    first = a.download(server.url, tmp_path / "X")
    until(lambda: first.snapshot.received > 0)
    second = b.download(server.url, tmp_path / "X")
    assert second.id == first.id
    assert second.snapshot.owner == "theirs"
    assert second.result(30) == first.result(30)
    assert sha256(first.path) == server.sha256
    assert server.sent == SIZE


def test_wishes_reach_the_kernel_that_runs_it(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Pause, resume and cancel asked elsewhere are carried out within a second by whoever owns the operation."""
    server = serve(SIZE, SIZE / 4)
    a, b = sessions(), sessions()
    mine = a.download(server.url, tmp_path / "X")
    until(lambda: mine.snapshot.received > 0)
    theirs = b.find(mine.id[:8])
    theirs.pause()
    until(lambda: mine.snapshot.phase is Phase.PAUSED, 3)
    b.refresh()
    assert theirs.snapshot.phase is Phase.PAUSED
    theirs.resume()
    until(lambda: mine.snapshot.phase is Phase.RUNNING, 3)
    theirs.cancel()
    until(lambda: mine.snapshot.phase is Phase.CANCELED, 3)
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]


def test_secrets_are_not_passed_between_kernels(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A new URL for somebody else's operation is refused, and the sentence says where to give it."""
    server = serve(SIZE, SIZE / 4)
    mine = sessions().download(server.url, tmp_path / "X")
    theirs = sessions().find(mine.id)
    with pytest.raises(InvalidTransferState, match="Give the new URL or credentials there"):
        theirs.resume(url=server.url)
    mine.cancel()


def test_a_lapsed_owner_is_taken_over_and_fenced(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """Who was silent for an hour loses its journal; it notices at its next word, stops, and watches the other."""
    server = serve(SIZE, SIZE / 3)
    a, b = sessions(), sessions()
    old = a.download(server.url, tmp_path / "X")
    until(lambda: old.snapshot.received > MIB)
    _lapse(home, a)
    [new] = b.reattach()
    assert new.id == old.id
    until(lambda: old.snapshot.owner == "theirs", 5)
    assert new.result(30) == tmp_path / "X"
    assert old.result(30) == tmp_path / "X"
    assert sha256(tmp_path / "X") == server.sha256
    assert server.sent < 2 * SIZE
    # The one that was fenced is not lame for ever: it has a new journal.
    again = a.download(server.url_of("other.bin"), tmp_path / "Y")
    assert again.result(30) == tmp_path / "Y"


def test_what_nobody_here_asked_for_is_left_for_its_own_notebook(
    sessions: Sessions, serve: Serve, tmp_path: Path, home: Path
) -> None:
    """Taking one operation of a dead kernel over does not start its others; any notebook may go on with those."""
    server = serve(SIZE, SIZE / 4)
    a, b, c = sessions(), sessions(), sessions()
    wanted = a.download(server.url_of("1.bin"), tmp_path / "1")
    other = a.download(server.url_of("2.bin"), tmp_path / "2")
    until(lambda: wanted.snapshot.received > 0 and other.snapshot.received > 0)
    _lapse(home, a)
    b.download(server.url_of("1.bin"), tmp_path / "1")
    assert b.snapshot(other.id).owner == "orphaned"
    c.refresh()
    assert c.snapshot(other.id).owner == "orphaned"
    assert c.snapshot(wanted.id).owner == "theirs"
    batch = c.reattach()
    assert {o.id for o in batch} == {wanted.id, other.id}
    until(lambda: c.snapshot(other.id).owner == "ours")
    b.refresh()
    assert b.snapshot(other.id).owner == "theirs"
    assert batch.wait(30, progress=False)
    assert sha256(tmp_path / "1") == sha256(tmp_path / "2") == server.sha256


def test_a_living_kernel_hands_over_when_asked(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """The owner lets go at its next look; the asker goes on from the part."""
    server = serve(SIZE, SIZE / 3)
    a, b = sessions(), sessions()
    old = a.download(server.url, tmp_path / "X")
    until(lambda: old.snapshot.received > MIB)
    new = b.find(old.id)
    b.ask_for(old.id)
    until(lambda: new.snapshot.owner == "ours", 5)
    assert new.result(30) == tmp_path / "X"
    assert sha256(tmp_path / "X") == server.sha256
    assert server.sent < SIZE + 4 * MIB


def test_another_source_for_a_destination_in_work_is_refused(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Whoever works on it: one destination has one source at a time, and the sentence says how to get out."""
    server = serve(SIZE, SIZE / 4)
    a, b = sessions(), sessions()
    op = a.download(server.url, tmp_path / "X")
    for session in (a, b):
        with pytest.raises(DestinationExists, match=f"nbxfer cancel {op.id[:8]}"):
            session.download(server.url_of("other.bin"), tmp_path / "X")
    op.cancel()


def test_ids_are_found_by_unique_prefixes(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A prefix that fits none or several says so."""
    server = serve(1000)
    session = sessions()
    op = session.download(server.url, tmp_path / "X")
    assert session.find(op.id[:6]).id == op.id
    with pytest.raises(InvalidRequest, match="No transfer's id begins with"):
        session.find("zz")
    with pytest.raises(InvalidRequest):
        session.find("")


def test_ten_thousand_operations_are_listed_and_taken_over_quickly(
    sessions: Sessions, tmp_path: Path, home: Path
) -> None:
    """A home with many unfinished operations opens without reading anything twice (see bench_session for figures)."""
    a, b = sessions(), sessions()
    ops = [a.download(f"http://127.0.0.1:9/{n}.bin", tmp_path / f"{n}", start=False) for n in range(300)]
    _lapse(home, a)
    assert len(b.reattach()) == len(ops)
    assert {b.snapshot(o.id).phase for o in ops} == {Phase.CREATED}


def test_the_end_is_seen_also_when_its_kernel_has_left(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """A journal goes with its process when all is done; who watched still sees that it is complete."""
    server = serve(SIZE, float(SIZE))
    a, b, c = sessions(), sessions(), sessions()
    mine = a.download(server.url, tmp_path / "X")
    joined = b.download(server.url, tmp_path / "X")
    watched = c.find(mine.id)
    mine.result(30)
    a.close()
    assert joined.result(10) == tmp_path / "X"
    c.refresh()
    assert watched.snapshot.phase is Phase.DONE


def _part(folder: Path, op_id: str) -> os.stat_result:
    """Give what is known of the one part of an operation."""
    [part] = [p for p in folder.iterdir() if f".{op_id}." in p.name]
    return part.stat()


def test_a_third_kernel_knows_that_the_part_may_still_be_written_to(
    sessions: Sessions, serve: Serve, tmp_path: Path, home: Path
) -> None:
    """What a silent owner may still write to is copied, also by who finds it parked with the second owner."""
    server = serve(SIZE, SIZE / 4)
    a, b, c, d = sessions(), sessions(), sessions(), sessions()
    wanted = a.download(server.url_of("1.bin"), tmp_path / "1")
    other = a.download(server.url_of("2.bin"), tmp_path / "2")
    until(lambda: wanted.snapshot.received > 0 and other.snapshot.received > 0)
    first = _part(tmp_path, other.id).st_ino
    _lapse(home, a)
    b.download(server.url_of("1.bin"), tmp_path / "1")
    until(lambda: a.snapshot(other.id).owner != "ours", 10)
    c.reattach()
    until(lambda: c.snapshot(other.id).owner == "ours" and c.snapshot(other.id).phase is Phase.RUNNING)
    second = _part(tmp_path, other.id).st_ino
    assert second != first
    assert {f.record.unproven for f in c._manifest.scan() if f.record.id == other.id} == {1}
    c.close()  # in order: whoever comes next goes on in place, for it is a copy that nobody else knows
    d.reattach()
    joined = d.find(other.id)
    until(lambda: joined.snapshot.phase is Phase.RUNNING)
    assert _part(tmp_path, other.id).st_ino == second
    assert joined.result(30) == tmp_path / "2"
    assert sha256(tmp_path / "2") == server.sha256


@pytest.mark.parametrize("verb", ["append", "sync"])
def test_taking_over_with_a_full_disk_can_be_repeated(
    sessions: Sessions, serve: Serve, tmp_path: Path, home: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the heir could not write down what it took, nothing is in limbo: asked again, it goes on."""
    server = serve(SIZE, SIZE / 3)
    a, b = sessions(), sessions()
    old = a.download(server.url_of("1.bin"), tmp_path / "1")
    parked = a.download(server.url_of("2.bin"), tmp_path / "2", start=False)
    until(lambda: old.snapshot.received > 0)
    b._engine.start()
    _lapse(home, a)
    real = getattr(FolderManifest, verb)

    def full(self: FolderManifest, *args: object) -> None:
        if self is b._manifest:
            raise NoSpace("The disk is full.") if verb == "append" else StorageFailed("The disk is broken.")
        real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(FolderManifest, verb, full)
        if verb == "append":
            with pytest.raises(NoSpace):
                b.reattach()
            b.refresh()
            assert {b.snapshot(o.id).owner for o in (old, parked)} == {"orphaned"}
        else:
            b.reattach()
    batch = b.reattach()
    assert {o.id for o in batch} == {old.id, parked.id}
    until(lambda: {b.snapshot(o.id).owner for o in (old, parked)} == {"ours"})
    b.find(parked.id).start()
    assert batch.wait(30, progress=False)
    assert sha256(tmp_path / "1") == sha256(tmp_path / "2") == server.sha256


def test_an_idle_owner_notices_that_it_was_taken_over(
    sessions: Sessions, serve: Serve, tmp_path: Path, home: Path
) -> None:
    """Who has nothing to write finds out at its next heartbeat."""
    server = serve(1000)
    a, b = sessions(), sessions()
    waiting = a.download(server.url, tmp_path / "X", start=False)
    _lapse(home, a)
    b.reattach()
    assert a.snapshot(waiting.id).owner == "ours"
    a._engine.upkeep.touch()
    until(lambda: a.snapshot(waiting.id).owner == "theirs", 5)


def test_a_journal_that_somebody_cut_is_written_anew(
    sessions: Sessions, serve: Serve, tmp_path: Path, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever truncates the list of a living kernel costs it nothing: it is whole again after the next heartbeat."""
    server = serve(1000)
    a = sessions()
    ops = [a.download(server.url_of(f"{n}.bin"), tmp_path / f"{n}", start=False) for n in range(20)]
    journal = home / "journals" / f"{a._manifest.me.id}.jsonl"
    os.truncate(journal, 2000)
    reader = sessions()._manifest
    assert len(reader.scan()) < 20
    a._engine.upkeep.touch()
    until(lambda: len(reader.scan()) == 20, 15)  # a heartbeat is every five seconds
    assert {f.record.id for f in reader.scan()} == {o.id for o in ops}
    assert "somebody cut" in caplog.text
