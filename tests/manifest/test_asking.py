"""Claims, wishes and the history as they meet damage, old age and file systems that refuse."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nbxfer.errors import NoSpace
from nbxfer.manifest import claims, history, lines
from nbxfer.manifest.base import Claim, Wish
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record, after

MINE = Claim("1" * 16, "a" * 16, "https://a/")
THEIRS = Claim("2" * 16, "b" * 16, "https://b/")


@pytest.fixture
def manifest(tmp_path: Path) -> FolderManifest:
    """Give a manifest that has begun."""
    made = FolderManifest(tmp_path / "home")
    made.begin()
    return made


def fails(number: int) -> Callable[..., Any]:
    """Give a system call that always fails so."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


# -- claims ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_without_hard_links(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Where a file system refuses hard links, the first claim holds all the same."""
    monkeypatch.setattr(os, "link", fails(number))
    assert manifest.claim("/x", MINE) == MINE
    assert manifest.claim("/x", THEIRS) == MINE
    assert len(os.listdir(manifest.layout.claims)) == 1


def test_a_link_whose_answer_is_lost(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over NFS a link may have been made although it failed: the claim is ours then."""
    link = os.link

    def lossy(source: str, target: str) -> None:
        link(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", lossy)
    assert manifest.claim("/x", MINE) == MINE
    assert manifest.claimed("/x") == MINE


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_claim_that_cannot_be_made(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A disk that fails stops nobody: the claim only saves traffic."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fails(number))
        assert manifest.claim("/x", MINE) == MINE
        manifest.reclaim("/x", MINE)
    assert manifest.claimed("/x") is None
    assert os.listdir(manifest.layout.claims) == []


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"null",
        b"[" * 60_000,
        b"x" * 100_000,
        msgspec.json.encode(Claim("../x", "a" * 16, "")),
        msgspec.json.encode(Claim("1" * 16, "../x", "")),
        b'{"op_id":1}',
    ],
)
def test_a_damaged_claim(manifest: FolderManifest, damage: bytes) -> None:
    """A claim that makes no sense is none, and is replaced by the next."""
    manifest.claim("/x", THEIRS)
    Path(manifest.layout.claim("/x")).write_bytes(damage)
    assert manifest.claimed("/x") is None
    manifest.unclaim("/x", THEIRS.op_id)
    assert manifest.claim("/x", MINE) == MINE
    assert manifest.claimed("/x") == MINE


@pytest.mark.parametrize("count", [3, 300])
def test_claims_of_what_is_over_are_given_up_together(manifest: FolderManifest, count: int) -> None:
    """Of many as of few: those that there are go, those of others stay, and who had none is no matter."""
    ended = [(f"/{n}", MINE.op_id) for n in range(count)]
    for destination, _ in ended[::3]:
        manifest.claim(destination, MINE)
    manifest.claim("/1", THEIRS)
    claims.unclaim_all(manifest.layout, ended)
    assert {path for path, _ in ended if manifest.claimed(path) is not None} == {"/1"}


def test_old_claims_are_forgotten(manifest: FolderManifest) -> None:
    """Claims that nobody gave up for a month are removed, younger ones are kept."""
    manifest.claim("/old", MINE)
    manifest.claim("/young", MINE)
    then = time.time() - 31 * 86400
    os.utime(manifest.layout.claim("/old"), (then, then))
    claims.prune(manifest.layout)
    assert manifest.claimed("/old") is None
    assert manifest.claimed("/young") == MINE


def test_names_that_are_bytes(manifest: FolderManifest) -> None:
    """A destination that is not Unicode can be claimed and asked for."""
    assert manifest.claim("/\udcff", MINE) == MINE
    assert manifest.claimed("/\udcff") == MINE
    assert manifest.finished("/\udcff") is None


# -- wishes ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[1]",
        b"[" * 4000,
        b'{"verb":"pause","op_id":"../../x"}',
        b'{"verb":"pause","op_id":"aaaaaaaaaaaaaaaa","asker":"../x"}',
        b'{"verb":"rm -rf /","op_id":"aaaaaaaaaaaaaaaa"}',
        b'{"verb":"priority","op_id":"aaaaaaaaaaaaaaaa","priority":7}',
        b'{"verb":"pause","op_id":"aaaaaaaaaaaaaaaa","x":"' + b"x" * 5000 + b'"}',
    ],
)
def test_wishes_that_make_no_sense(manifest: FolderManifest, content: bytes) -> None:
    """A wish that makes no sense is thrown away, and the others are heard."""
    folder = Path(manifest.layout.wishes(manifest.me.id))
    manifest.wish(manifest.me.id, Wish("pause", "1" * 16))
    (folder / f"{7:020d}-{'0' * 16}.json").write_bytes(content)
    (folder / "half.new").write_bytes(content)
    assert manifest.wishes() == [Wish("pause", "1" * 16)]
    assert os.listdir(folder) == ["half.new"]


def test_a_wish_that_cannot_be_left(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wishes is told when the disk is full; nothing half is left behind."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fails(errno.ENOSPC))
        with pytest.raises(NoSpace):
            manifest.wish(manifest.me.id, Wish("pause", "1" * 16))
    assert manifest.wishes() == []
    assert os.listdir(manifest.layout.wishes(manifest.me.id)) == []


def test_a_wish_that_cannot_be_removed(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wish that stays where it is must not come true again and again."""
    manifest.wish(manifest.me.id, Wish("cancel", "1" * 16))
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", fails(errno.EROFS))
        assert manifest.wishes() == []
    assert manifest.wishes() == [Wish("cancel", "1" * 16)]


# -- history -----------------------------------------------------------------------------------------------------------
def test_old_history_is_forgotten(manifest: FolderManifest) -> None:
    """What finished more than a month ago is removed when something is added beside it; never our own."""
    done = a_record("/d", "done")
    history.add(manifest.layout, "a" * 16, [(done, lines.encode(done, 1))])
    shard = Path(manifest.layout.shard("/d"))
    then = time.time() - history.KEPT_FOR - 10
    os.utime(shard / f"{'a' * 16}.jsonl", (then, then))
    (shard / "README").touch()
    os.utime(shard / "README", (then, then))
    newer = after(done, received=5)
    history.add(manifest.layout, "b" * 16, [(newer, lines.encode(newer, 1))])
    assert sorted(os.listdir(shard)) == ["README", f"{'b' * 16}.jsonl"]
    assert manifest.finished("/d") == newer


def test_damaged_history(manifest: FolderManifest) -> None:
    """Where the newest line about a destination is damaged, the one before it answers."""
    done = a_record("/d", "done")
    second = after(done, received=1)
    history.add(manifest.layout, "a" * 16, [(done, lines.encode(done, 1)), (second, lines.encode(second, 2))])
    path = Path(manifest.layout.shard("/d")) / f"{'a' * 16}.jsonl"
    data = path.read_bytes()
    first = len(lines.encode(done, 1))
    for at in range(first, len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert manifest.finished("/d") in (done, second)
    path.write_bytes(data[: first + 100])
    assert manifest.finished("/d") == done


def test_history_that_cannot_be_written(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the history cannot be written, a finished operation stays in the journal, also when its kernel leaves."""
    done = a_record("/d", "done")
    manifest.append([done])
    with monkeypatch.context() as patch:
        patch.setattr(history, "put", lambda *_: (_ for _ in ()).throw(NoSpace("full")))
        with pytest.raises(NoSpace):
            manifest.compact([])
        assert manifest.finished("/d") == done
        manifest.end()
    heir = FolderManifest(manifest.layout.home)
    assert heir.finished("/d") == done
    heir.begin()
    assert heir.take_over(manifest.me.id) == [done]
    heir.taken(manifest.me.id)
    heir.end()
    assert FolderManifest(manifest.layout.home).finished("/d") == done
    assert os.listdir(manifest.layout.journals) == []


def test_only_one_folder_is_read(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the history holds, asking for one destination reads one small folder of it, and parses what fits."""
    ended = [a_record(f"/data/{n}", "done") for n in range(2000)]
    history.add(manifest.layout, "a" * 16, [(r, lines.encode(r, 1)) for r in ended])
    decoded: list[str] = []
    decode = lines.decode

    def counting(line: lines.Stored) -> Any:
        decoded.append("")
        return decode(line)

    monkeypatch.setattr(lines, "decode", counting)
    reader = FolderManifest(manifest.layout.home)
    assert reader.scan() == []
    assert decoded == []
    assert reader.finished("/data/77") == ended[77]
    assert len(decoded) == 1


def test_only_what_ended_lately_is_read(manifest: FolderManifest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking what ended lately reads no file whose last change is older than what was found, and decodes little."""
    old = [a_record(f"/old/{n}", "done", changed=1.6e9 + n) for n in range(600)]
    new = [a_record(f"/new/{n}", "done", changed=1.7e9 + n) for n in range(300)]
    for owner, records in (("a" * 16, old), ("b" * 16, new)):
        history.add(manifest.layout, owner, [(r, lines.encode(r, 1)) for r in records])
    for path in Path(manifest.layout.folder("history")).rglob("*.jsonl"):
        when = 1.6e9 + 700 if path.name.startswith("a") else 1.7e9 + 400
        os.utime(path, (when, when))
    opened: list[str] = []
    content = history._content

    def noting(path: str) -> bytes:
        opened.append(path)
        return content(path)

    monkeypatch.setattr(history, "_content", noting)
    assert manifest.recent(20) == new[:-21:-1]
    assert {os.path.basename(path) for path in opened} == {f"{'b' * 16}.jsonl"}
    assert [r.id for r in manifest.recent(900)] == [r.id for r in (*new[::-1], *old[::-1])]


def test_recent_and_damaged(manifest: FolderManifest) -> None:
    """A damaged line is left out of what ended lately, a doubled one is there once, links are not followed."""
    one, two = a_record("/d", "done", changed=1.7e9), a_record("/d", "canceled", changed=1.8e9)
    raw = [(r, lines.encode(r, 1)) for r in (one, two)]
    history.add(manifest.layout, "a" * 16, raw * 2)
    assert manifest.recent(5) == [two, one]
    [path] = Path(manifest.layout.folder("history")).rglob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b"1800000000.0", b"9900000000.0") + b'{"changed":5\n"changed":"x"\n')
    assert manifest.recent(5) == [one]
    path.rename(path.parent / "x")
    path.symlink_to(path.parent / "x")
    assert manifest.recent(5) == []
    Path(manifest.layout.folder("history"), "README").touch()
    assert manifest.recent(5) == []
