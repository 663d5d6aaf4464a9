"""The home is private, and nothing that others plant in it leads out of it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from nbxfer.core.lease import Hold, Process
from nbxfer.errors import AccessDenied, InvalidRequest, StorageFailed
from nbxfer.manifest import lines, machine, storage
from nbxfer.manifest.base import Claim, Row, Wish
from nbxfer.manifest.folder import FolderManifest
from nbxfer.manifest.layout import FOLDERS
from nbxfer.testing.manifests import a_record, after

SOMEBODY = 54321


def begun(home: Path) -> FolderManifest:
    """Give a manifest that has begun."""
    manifest = FolderManifest(home)
    manifest.begin()
    return manifest


def a_life(home: Path) -> FolderManifest:
    """Do everything that makes files."""
    gone = msgspec.structs.replace(machine.this_owner(), process=Process(2**22 + 1, "1"))
    dead = FolderManifest(home, me=gone)
    dead.begin()
    dead.append([a_record("/dead")])
    manifest = begun(home)
    record, done = a_record("/1"), a_record("/2", "done")
    manifest.append([record, done])
    manifest.blocks(record.id, 1).append([Row(0, 1, 1)])
    manifest.claim("/1", Claim(record.id, manifest.me.id, "x"))
    manifest.reclaim("/2", Claim(record.id, manifest.me.id, "x"))
    manifest.wish(manifest.me.id, Wish("pause", record.id))
    manifest.take_over(dead.me.id)
    manifest.compact([record])
    return manifest


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_only_we_can_read_it(tmp_path: Path, umask: int) -> None:
    """Every folder is 0700 and every file 0600, whatever the umask says."""
    before = os.umask(umask)
    try:
        a_life(tmp_path / "a" / "home")
    finally:
        os.umask(before)
    found = [tmp_path / "a" / "home", *(tmp_path / "a" / "home").rglob("*")]
    modes = {path: stat.S_IMODE(path.lstat().st_mode) for path in found}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not path.is_dir()} == {0o600}
    assert {path.name for path in (tmp_path / "a" / "home").iterdir()} == set(FOLDERS)


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
def test_a_home_that_others_can_write_to(tmp_path: Path, mode: int) -> None:
    """A folder that others can write to is refused, with what to do; nothing is made in it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "something").touch()
    home.chmod(mode)
    with pytest.raises(AccessDenied, match="chmod 700") as error:
        begun(home)
    assert error.value.hint
    assert os.listdir(home) == ["something"]
    assert stat.S_IMODE(home.stat().st_mode) == mode


def test_an_empty_home_that_others_can_write_to(tmp_path: Path) -> None:
    """Also an empty one is refused: who made it so may have meant it."""
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o777)
    with pytest.raises(AccessDenied):
        begun(home)


def test_folders_that_were_opened_behind_our_back(tmp_path: Path) -> None:
    """A home of ours alone that was opened to its group, as Kubernetes does, is closed again."""
    home = tmp_path / "home"
    begun(home)
    for path in (home, home / "journals", home / "history"):
        path.chmod(0o2770)
    begun(home)
    assert {stat.S_IMODE(p.stat().st_mode) & 0o777 for p in (home, home / "journals", home / "history")} == {0o700}


@pytest.mark.parametrize("place", ["", "journals", "history"])
def test_somebody_elses_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A folder of another user is refused, for the home and for each folder in it."""
    home = tmp_path / "home"
    begun(home)
    theirs = os.stat(home / place).st_ino
    monkeypatch.setattr(storage, "is_ours", lambda status: status.st_ino != theirs)
    with pytest.raises(AccessDenied, match="another user"):
        begun(home)


def test_files_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What belongs to another user is not read."""
    manifest = a_life(tmp_path / "home")
    assert manifest.scan()
    assert manifest.claimed("/1") is not None
    monkeypatch.setattr(os, "geteuid", lambda: SOMEBODY)
    reader = FolderManifest(tmp_path / "home")
    assert reader.scan() == []
    assert reader.claimed("/1") is None
    assert reader.finished("/2") is None


def test_a_home_that_is_no_folder(tmp_path: Path) -> None:
    """A file, or a link to nowhere, in the place of the home or of a folder in it is refused."""
    (tmp_path / "file").touch()
    with pytest.raises(AccessDenied, match="no folder"):
        begun(tmp_path / "file")
    with pytest.raises((AccessDenied, StorageFailed)):
        begun(tmp_path / "file" / "below")
    home = tmp_path / "home"
    home.mkdir(0o700)
    (home / "claims").symlink_to(tmp_path)
    with pytest.raises(AccessDenied, match="no folder"):
        begun(home)


def test_a_home_through_a_link(tmp_path: Path) -> None:
    """The home itself may be reached through a link: state folders are often moved to a larger disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "disk" / "nbxfer")
    begun(tmp_path / "home")
    assert (tmp_path / "disk" / "nbxfer" / "journals").is_dir()


def test_nothing_follows_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links, FIFOs, folders and files of others in the place of ours are not read, and nobody waits for them."""
    home = tmp_path / "home"
    manifest = a_life(home)
    good = lines.encode(a_record("/planted"), 1)
    outside = tmp_path / "outside"
    outside.write_bytes(good)
    journals = home / "journals"
    (journals / f"{'a' * 16}.jsonl").symlink_to(outside)
    os.mkfifo(journals / f"{'b' * 16}.jsonl")
    (journals / f"{'c' * 16}.jsonl").mkdir()
    planted = journals / f"{'d' * 16}.jsonl"
    planted.write_bytes(good)
    theirs = planted.stat().st_ino
    monkeypatch.setattr(storage, "is_ours", lambda status: status.st_ino != theirs)
    for name in ("../x.jsonl", "e" * 40 + ".jsonl", "x.jsonl", f"{'e' * 16}.taken.jsonl", "README", ".new"):
        (journals / name.replace("/", "_")).write_bytes(good)
    assert {f.record.spec.destination for f in manifest.scan()} == {"/1", "/dead"}
    for number in "abcd":
        assert manifest.hold_of(number * 16) in (Hold.LAPSED, Hold.THEIRS)
    claim = Path(manifest.layout.claim("/link"))
    claim.symlink_to(outside)
    assert manifest.claimed("/link") is None
    shard = Path(manifest.layout.shard("/planted"))
    shard.mkdir(exist_ok=True)
    (shard / f"{'a' * 16}.jsonl").symlink_to(outside)
    assert manifest.finished("/planted") is None


def test_writing_follows_no_links(tmp_path: Path) -> None:
    """A link planted where something of ours is going to be written is never written through."""
    home = tmp_path / "home"
    manifest = begun(home)
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    shelf = Path(manifest.layout.shelf("ab" * 8))
    shelf.mkdir()
    (shelf / f"{'ab' * 8}.1").symlink_to(outside)
    manifest.blocks("ab" * 8, 1).append([Row(0, 1, 1)])
    shard = Path(manifest.layout.shard("/d"))
    shard.mkdir()
    (shard / f"{manifest.me.id}.jsonl").symlink_to(outside)
    manifest.append([a_record("/d", "done")])
    with pytest.raises(AccessDenied):
        manifest.compact([])
    Path(manifest.layout.claim("/c")).symlink_to(outside)
    manifest.claim("/c", Claim("1" * 16, manifest.me.id, "x"))
    manifest.reclaim("/c", Claim("1" * 16, manifest.me.id, "x"))
    assert outside.read_bytes() == b"precious"


@pytest.mark.parametrize("bad", ["../../x", "/etc/passwd", "", "A" * 16, "a" * 16 + "/../x", "a" * 16 + "\n", "a" * 33])
def test_ids_never_become_paths(tmp_path: Path, bad: str) -> None:
    """What is no id is refused wherever an id is given, before any path is made of it."""
    manifest = begun(tmp_path / "home")
    good = "a" * 16
    for call in (
        lambda: manifest.look(bad, good),
        lambda: manifest.look(good, bad),
        lambda: manifest.hold_of(bad),
        lambda: manifest.take_over(bad),
        lambda: manifest.wish(bad, Wish("pause", good)),
        lambda: manifest.blocks(bad, 1),
        lambda: manifest.read_blocks(bad, 1),
        lambda: manifest.forget_blocks(bad),
        lambda: manifest.append([a_record(id=bad)]),
    ):
        with pytest.raises(InvalidRequest):
            call()


def test_looking_leaves_no_trace(tmp_path: Path) -> None:
    """Whoever only looks changes nothing, not even a time, and makes no folder."""
    reader = FolderManifest(tmp_path / "none")
    assert reader.scan() == []
    assert not (tmp_path / "none").exists()
    home = tmp_path / "home"
    manifest = a_life(home)
    before = {p: (p.lstat().st_mtime_ns, p.lstat().st_ino) for p in home.rglob("*")}
    reader = FolderManifest(home)
    (first, *_) = reader.scan()
    reader.look(first.record.id, first.owner)
    reader.finished("/2")
    reader.claimed("/1")
    reader.block_epochs(first.record.id)
    reader.wishes()
    reader.end()
    assert {p: (p.lstat().st_mtime_ns, p.lstat().st_ino) for p in home.rglob("*")} == before
    manifest.end()


def test_a_thousand_sessions_leave_little(tmp_path: Path) -> None:
    """Sessions that finish what they began leave only history behind, not a file each in every folder."""
    home = tmp_path / "home"
    for n in range(30):
        manifest = begun(home)
        record = a_record(f"/{n % 3}", changed=1e9 + n)
        manifest.claim(record.spec.destination, Claim(record.id, manifest.me.id, "x"))
        manifest.append([record])
        manifest.wish(manifest.me.id, Wish("pause", record.id))
        manifest.append([after(record, phase="done")])
        manifest.end()
    left = [p for p in home.rglob("*") if p.is_file()]
    assert {p.parent.parent.name for p in left} == {"history"}
    assert len(left) == 30


def test_begin_twice(tmp_path: Path) -> None:
    """Beginning again changes nothing."""
    manifest = begun(tmp_path / "home")
    me = manifest.me
    record = a_record()
    manifest.append([record])
    manifest.begin()
    assert manifest.me == me
    manifest.append([after(record)])
    assert len(manifest.scan()) == 1
