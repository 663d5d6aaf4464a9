"""What nobody needs any more in a home: found surely or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec
import pytest

from nbxfer.core.lease import Process
from nbxfer.core.record import Record
from nbxfer.errors import AccessDenied, StorageFailed
from nbxfer.manifest import history, lines, machine, remnants
from nbxfer.manifest.base import Claim, Wish
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record, after

DAY = 86400.0


def writer(home: Path, *records: Record, dead: bool = False) -> FolderManifest:
    """Give the manifest of a living process, or of one that is gone."""
    me = machine.this_owner()
    manifest = FolderManifest(home, me=msgspec.structs.replace(me, process=Process(2**22 + 1, "1")) if dead else me)
    manifest.begin()
    manifest.append(records)
    return manifest


def age(home: Path, seconds: float = DAY) -> None:
    """Let everything but the heartbeats of the living be older."""
    then = time.time() - seconds
    for path in home.rglob("*"):
        if path.parent.name != "owners" and not path.is_symlink():
            os.utime(path, (then, then))


def kinds(manifest: FolderManifest) -> list[tuple[str, str]]:
    """Give what is left over, as kind and whose it is."""
    return sorted((r.kind, r.op_id or r.owner) for r in manifest.remnants().found)


def test_what_is_under_way_is_nobodys_remnant(tmp_path: Path) -> None:
    """Whatever a living or a dead process has unfinished keeps its block logs and claims, however old they are."""
    mine, theirs = a_record("/1", "running"), a_record("/2", "paused")
    me, other = writer(tmp_path, mine), writer(tmp_path, theirs, dead=True)
    for manifest, record in ((me, mine), (other, theirs)):
        manifest.blocks(record.id, 1).close()
        manifest.claim(record.spec.destination, Claim(record.id, manifest.me.id, "x"))
    me.wish(me.me.id, Wish("pause", mine.id))
    me.wish(other.me.id, Wish("pause", theirs.id))
    age(tmp_path)
    assert me.remnants().found == []
    assert me.remnants().census.open == {mine.id, theirs.id}
    me.end()


def test_what_is_of_no_use_is_found_and_removed(tmp_path: Path) -> None:
    """Block logs and claims of what is over or unknown, half-made files, and what the dead left: found, and removed."""
    over, live = a_record("/1", "done"), a_record("/2", "running")
    me = writer(tmp_path, over, live)
    unknown = "c" * 16
    gone = "d" * 16
    for op_id in (over.id, unknown, live.id):
        me.blocks(op_id, 1).close()
        me.claim(f"/{op_id}", Claim(op_id, gone, "x"))
        me.claim(f"/mine/{op_id}", Claim(op_id, me.me.id, "x"))
    me.wish(gone, Wish("pause", live.id))
    (tmp_path / "owners" / f"{gone}.json").write_bytes(b"{}")
    os.utime(tmp_path / "owners" / f"{gone}.json", (0, 0))
    for name in (f"owners/.{'1' * 16}.new", f"journals/.{gone}.{'2' * 16}.new", f"blocks/cc/{unknown}.2.new"):
        (tmp_path / name).touch()
    os.utime(tmp_path / f"owners/.{'1' * 16}.new", (0, 0))
    assert {kind for kind, _ in kinds(me)} == {"owner", "half-made"}, "what is young is left alone"
    age(tmp_path)
    expected = [("block log", over.id), ("block log", unknown), ("claim", over.id), ("claim", unknown)]
    expected += [("half-made", "")] * 3 + [("owner", gone), ("wishes", gone)]
    assert kinds(me) == sorted(expected)
    for remnant in me.remnants().found:
        assert remnant.age >= DAY - 5
        assert remnants.remove(me.layout, remnant)
        assert not remnants.remove(me.layout, remnant)
    assert me.remnants().found == []
    assert me.block_epochs(live.id) == [1]
    assert me.claimed(f"/{live.id}") is not None
    assert [f.record.id for f in me.scan() if f.record.phase == "running"] == [live.id]
    me.end()


def test_a_compaction_of_the_living_is_let_alone(tmp_path: Path) -> None:
    """A compaction that takes long is its owner's, while that one lives."""
    me = writer(tmp_path)
    Path(me.layout.aside(me.me.id)).touch()
    age(tmp_path)
    assert me.remnants().found == []
    me.end()


def test_what_a_newer_version_wrote_is_not_judged(tmp_path: Path) -> None:
    """An operation whose record this version does not understand keeps everything, and so does its journal."""
    newer, damaged = a_record("/1"), a_record("/2")
    other = writer(tmp_path, dead=True)
    with open(other.layout.journal(other.me.id), "ab") as file:
        file.write(b'{"format":7' + lines.encode(damaged, 1)[11:])
        file.write(lines.encode(after(newer, phase="done"), 1).replace(b'"phase":"done"', b'"phase":"gone"'))
    me = writer(tmp_path)
    me.blocks(damaged.id, 1).close()
    age(tmp_path)
    found = me.remnants()
    assert found.census.open == {damaged.id}
    assert [r.kind for r in found.found] == []
    me.end()


def test_a_dead_kernel_that_had_finished(tmp_path: Path) -> None:
    """The journal of a dead kernel is left over when nothing in it is unfinished; that of a silent one never is."""
    done, live = a_record("/1", "done"), a_record("/2")
    first, second = writer(tmp_path, done, dead=True), writer(tmp_path, live, dead=True)
    silent = FolderManifest(tmp_path, me=msgspec.structs.replace(machine.this_owner(), table="elsewhere"))
    silent.begin()
    silent.append([after(done, phase="done", id="e" * 16)])
    me = writer(tmp_path)
    age(tmp_path)
    os.utime(silent.layout.owner(silent.me.id), (0, 0))
    assert kinds(me) == [("journal", first.me.id)]
    [remnant] = me.remnants().found
    assert not remnants.remove(me.layout, remnant), "it is taken over, not removed"
    assert second.me.id != first.me.id
    me.end()


def test_history_beyond_its_time(tmp_path: Path) -> None:
    """Files of the history that nobody has added to for a month are left over."""
    me = writer(tmp_path)
    old, young = a_record("/1", "done"), a_record("/2", "done")
    for owner, record in (("a" * 16, old), ("b" * 16, young)):
        history.add(me.layout, owner, [(record, lines.encode(record, 1))])
    then = time.time() - 31 * DAY
    os.utime(Path(me.layout.shard("/1"), f"{'a' * 16}.jsonl"), (then, then))
    assert [r.path for r in me.remnants().found] == [os.path.join(me.layout.shard("/1"), f"{'a' * 16}.jsonl")]
    me.end()


def test_links_are_not_followed(tmp_path: Path) -> None:
    """A link in the home is neither removed through nor believed; where a journal is one, nothing is judged at all."""
    me = writer(tmp_path / "home")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{'c' * 16}.1").touch()
    os.utime(elsewhere / f"{'c' * 16}.1", (0, 0))
    os.symlink(elsewhere / f"{'c' * 16}.1", tmp_path / "home" / "blocks" / f"{'c' * 16}.1")
    (tmp_path / "home" / "wishes" / ("d" * 16)).symlink_to(elsewhere)
    os.symlink(elsewhere, tmp_path / "home" / "blocks" / "dd")
    assert me.remnants().found == []
    fake = remnants.Remnant("wishes", str(tmp_path / "home" / "wishes" / ("d" * 16)), 0, 0.0, "")
    assert not remnants.remove(me.layout, fake)
    assert not remnants.remove(me.layout, msgspec.structs.replace(fake, path=str(elsewhere)))
    assert (elsewhere / f"{'c' * 16}.1").exists()
    link = Path(me.layout.journal("e" * 16))
    link.symlink_to(elsewhere / "journal")
    with pytest.raises(StorageFailed, match="link"):
        me.remnants()
    link.unlink()
    me.end()


def test_a_journal_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one journal cannot be read, nothing is judged: what it holds might be what would be removed."""
    me, other = writer(tmp_path), writer(tmp_path, a_record(), dead=True)
    real = os.open

    def refuse(path: str, *args: int, **more: int) -> int:
        if other.me.id in str(path):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(AccessDenied):
            me.remnants()
    me.end()


def test_a_journal_that_changes_hands_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While journals change hands they are read again; where that does not end, nothing is judged."""
    record = a_record()
    me, other = writer(tmp_path), writer(tmp_path, record, dead=True)
    heir = writer(tmp_path)
    real = remnants._count
    done: list[list[Record] | None] = []

    def slow(path: str, *rest: object) -> None:
        if other.me.id in path and not done:
            done.append(heir.take_over(other.me.id))
        real(path, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(remnants, "_count", slow)
        assert me.remnants().census.open == {record.id}
    assert done
    with monkeypatch.context() as patch:
        patch.setattr(remnants, "_LOOKS", 0)
        with pytest.raises(StorageFailed, match="change hands"):
            me.remnants()
    me.end()
    heir.end()
