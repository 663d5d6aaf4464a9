"""What is left over: shown, removed when it is surely of no use, and never anything else."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

import nbxfer
from nbxfer.core.lease import Process
from nbxfer.core.phases import Phase
from nbxfer.demo.server import DemoServer
from nbxfer.errors import InvalidRequest
from nbxfer.manifest import machine
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import Session, cleaning
from nbxfer.testing.manifests import a_record
from tests.journeys.terminal import MIB, sha256, until

SIZE = 4 * MIB
DAY = 86400.0

Sessions = Callable[[], Session]
Serve = Callable[..., DemoServer]


def age(*places: Path, seconds: float = DAY) -> None:
    """Let all files be older, but for the heartbeats of the living."""
    then = time.time() - seconds
    for place in places:
        for path in [place, *place.rglob("*")]:
            if path.parent.name != "owners" and not path.is_symlink():
                os.utime(path, (then, then))


def parts(folder: Path) -> list[str]:
    """Give the names of the parts in a folder."""
    return sorted(name for name in os.listdir(folder) if name.endswith((".part", ".clone")))


def kinds(found: list[cleaning.Leftover]) -> list[str]:
    """Give what they are."""
    return sorted(leftover.kind for leftover in found)


def half(session: Session, server: DemoServer, path: Path) -> Any:
    """Begin a download and let some of it come."""
    op = session.download(server.url_of(f"{path.name}.bin"), path)
    until(lambda: op.snapshot.received > 0)
    return op


def test_nothing_is_left_over(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """In an empty home, and beside what runs, nothing is left over; what runs ends well."""
    server = serve(SIZE, float(SIZE))
    a, b = sessions(), sessions()
    assert (a.leftovers(), a.leftovers(0), a.clean(0)) == ([], [], [])
    op = half(a, server, tmp_path / "X")
    paused = half(a, server, tmp_path / "Y")
    paused.pause()
    until(lambda: paused.snapshot.phase is Phase.PAUSED)
    age(home, tmp_path)
    for session in (a, b):
        assert session.leftovers(0) == []
        assert session.clean(0) == []
    paused.resume()
    for each in (op, paused):
        assert sha256(each.result(30)) == server.sha256
    assert a.clean() == []
    assert sorted(os.listdir(tmp_path)) == ["X", "Y"]


def test_a_part_that_was_kept(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """What a person canceled and kept stays until its age, or itself, is named."""
    server = serve(SIZE, SIZE / 4)
    a = sessions()
    op, other = half(a, server, tmp_path / "X"), half(a, server, tmp_path / "Y")
    for each in (op, other):
        each.cancel(delete_partial=False)
    until(lambda: {each.snapshot.phase for each in (op, other)} == {Phase.CANCELED})
    assert a.leftovers() == []
    age(home, tmp_path)
    assert kinds(a.clean()) == ["block log", "block log"]
    assert len(parts(tmp_path)) == 2
    assert a.leftovers(timedelta(days=2)) == []
    found = a.leftovers(timedelta(hours=1))
    assert kinds(found) == ["kept part", "kept part"]
    assert {f.name for f in found} == {"X", "Y"}
    assert all(f.size > 0 and f.age >= DAY - 5 and f.where == f.path and not f.sure for f in found)
    [gone] = a.clean(ids=op.id)
    assert gone.id == op.id
    assert len(parts(tmp_path)) == 1
    assert kinds(a.clean(older_than=3600)) == ["kept part"]
    assert parts(tmp_path) == []


def test_what_failed(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """A failed transfer goes only by its age or its id, part and all; its own kernel or any other may do it."""
    server = serve(SIZE, SIZE / 4)
    a, b = sessions(), sessions()
    ops = [a.download(server.url_of("missing"), tmp_path / f"{n}") for n in range(3)]
    until(lambda: {op.snapshot.phase for op in ops} == {Phase.FAILED})
    age(home, tmp_path)
    assert a.leftovers() == []
    assert b.leftovers(0) == [], "they belong to a kernel that lives"
    assert {f.id for f in a.leftovers(0)} == {o.id for o in ops}
    [gone] = a.clean(ids=[ops[0].id])
    assert (gone.kind, gone.id, gone.path, gone.where) == ("failed", ops[0].id, "", ops[0].id)
    assert ops[0].snapshot.phase is Phase.CANCELED
    a.close()
    assert kinds(b.leftovers(0)) == ["failed", "failed"]
    assert kinds(b.clean(0)) == ["failed", "failed"]
    assert [f.id for f in b.leftovers(0) if f.kind == "failed"] == []
    assert {s.phase for s in b.history()} == {Phase.CANCELED}


def test_what_was_interrupted(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """What a dead kernel left goes by its age, without a request to anybody; what is asked for again goes on."""
    server = serve(SIZE, SIZE / 4)
    a, b = sessions(), sessions()
    ops = [half(a, server, tmp_path / f"{n}") for n in range(3)]
    a.close()
    asked = server.requests
    assert b.leftovers(3600) == []
    found = b.leftovers(0)
    assert kinds(found) == ["interrupted"] * 3
    assert all(f.size > 0 for f in found)
    assert {f.id for f in b.clean(ids=[ops[0].id, ops[1].id])} == {ops[0].id, ops[1].id}
    assert len(parts(tmp_path)) == 1
    assert server.requests == asked
    b.reattach()
    assert sha256(b.find(ops[2].id).result(30)) == server.sha256
    assert sorted(os.listdir(tmp_path)) == ["2"]


def test_one_that_moved_on_meanwhile_is_let_alone(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """Between looking and removing somebody may have gone on with it: then it stays."""
    server = serve(SIZE, SIZE / 2)
    a, b, c = sessions(), sessions(), sessions()
    op, other = half(a, server, tmp_path / "X"), half(a, server, tmp_path / "Y")
    a.close()
    seen = {t.leftover.id: t for t in cleaning._find(b, 0.0)}
    c.reattach()
    until(lambda: c.snapshot(op.id).phase is Phase.RUNNING)
    assert not seen[op.id].remove()
    assert b._engine.custody.followed == {}
    assert not cleaning._Thing(seen[other.id].leftover, lambda: cleaning._cancel(c, c._found(other.id))).remove()
    for each in (op, other):
        assert sha256(c.find(each.id).result(30)) == server.sha256


def test_parts_that_nobody_knows(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """A part of another home is shown, and goes only when it is named; links and finished files never go."""
    server = serve(1000)
    a, b = sessions(), Session(home=home.parent / "other")
    a.download(server.url_of("X.bin"), tmp_path / "X").result(30)
    strange = half(b, serve(SIZE, SIZE / 8), tmp_path / "Y")
    b.close()
    lookalike = tmp_path / f".data.{'a' * 16}.1.part"
    a.download(server.url_of("Z.bin"), lookalike).result(30)
    link = tmp_path / f".data.{'b' * 16}.1.part"
    link.symlink_to(tmp_path / "X")
    age(tmp_path)
    [found] = a.leftovers()
    assert (found.kind, found.id, found.sure) == ("unknown part", strange.id, False)
    assert [f.kind for f in a.clean(0)] == []
    for name in (lookalike, link, tmp_path / "X", tmp_path / "nothing", home / "journals"):
        with pytest.raises(InvalidRequest, match="nothing that is left over"):
            a.clean(ids=[found.path, name])
    assert Path(found.path).exists(), "nothing is removed when one name is wrong"
    assert a.clean(ids=Path(found.path)) == [found] or not Path(found.path).exists()
    assert not Path(found.path).exists()
    assert link.is_symlink()
    assert lookalike.stat().st_size == 1000
    assert (tmp_path / "X").stat().st_size == 1000


def test_a_part_of_what_is_over(sessions: Sessions, serve: Serve, tmp_path: Path, home: Path) -> None:
    """A part whose transfer is done is surely of no use; killed while cleaning, the rest goes the next time."""
    server = serve(1000)
    a = sessions()
    op = a.download(server.url_of("X.bin"), tmp_path / "X")
    op.result(30)
    for epoch in range(1, 6):
        (tmp_path / f".X.{op.id}.{epoch}.part").write_bytes(b"x" * 5000)
    assert a.leftovers() == [], "it may just be going"
    age(tmp_path)
    assert kinds(a.leftovers()) == ["part"] * 5
    assert all(f.sure for f in a.leftovers())

    class Killed(BaseException):
        """The process ends here."""

    unlink, left = os.unlink, [3]

    def die(*args: Any, **more: Any) -> None:
        left[0] -= 1
        if not left[0]:
            raise Killed
        unlink(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "unlink", die)
        with pytest.raises(Killed):
            a.clean()
    assert kinds(a.clean()) == ["part"] * 3
    assert os.listdir(tmp_path) == ["X"]
    assert sha256(tmp_path / "X") == server.sha256


def test_what_a_dead_kernel_had_finished(sessions: Sessions, home: Path) -> None:
    """The list of a dead kernel that had finished goes into the history, and can be found there."""
    dead = FolderManifest(home, me=msgspec.structs.replace(machine.this_owner(), process=Process(2**22 + 1, "1")))
    dead.begin()
    done = a_record("/data/X", "done")
    dead.append([done])
    a = sessions()
    age(home)
    [gone] = a.clean()
    assert (gone.kind, gone.sure) == ("journal", True)
    assert not list((home / "journals").glob(f"{dead.me.id}*"))
    assert [s.id for s in a.history()] == [done.id]
    assert a.leftovers(0) == []


def test_ten_thousand_in_the_history_are_no_burden(sessions: Sessions, home: Path) -> None:
    """Looking for what is left over reads the past once."""
    writer = FolderManifest(home)
    writer.begin()
    writer.append([a_record(f"/data/{n}", "done", changed=1.7e9 + n) for n in range(10_000)])
    writer.end()
    a = sessions()
    begun = time.process_time()
    assert a.leftovers(0) == []
    assert time.process_time() - begun < 5
    begun = time.process_time()
    assert [s.name for s in a.history(3)] == ["9999", "9998", "9997"]
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("wrong", [-1, "1 day", True, float("nan"), float("inf"), [3], timedelta(days=-1)])
def test_ages_that_are_none(sessions: Sessions, wrong: Any) -> None:
    """An age that makes no sense is refused with a sentence."""
    for call in (sessions().leftovers, sessions().clean):
        with pytest.raises(InvalidRequest, match="span of time"):
            call(wrong)


@pytest.mark.parametrize("wrong", [[3], [None], "nothing", "", ["", "../../x"]])
def test_names_that_are_none(sessions: Sessions, wrong: Any) -> None:
    """What is not left over cannot be removed by naming it."""
    with pytest.raises(InvalidRequest, match="nothing that"):
        sessions().clean(ids=wrong)


@pytest.mark.parametrize("wrong", [0, -1, "5", True, 2.0])
def test_limits_that_are_none(sessions: Sessions, wrong: Any) -> None:
    """A limit that makes no sense is refused with a sentence."""
    with pytest.raises(InvalidRequest, match="whole number"):
        sessions().history(wrong)


def test_history_is_what_ended_lately(sessions: Sessions, serve: Serve, tmp_path: Path) -> None:
    """What was done, canceled or failed is listed newest first, by every process, also when its kernel has left."""
    server = serve(1000)
    a, b = sessions(), sessions()
    done = a.download(server.url_of("1.bin"), tmp_path / "1")
    done.result(30)
    canceled = a.download(server.url_of("2.bin"), tmp_path / "2", start=False)
    canceled.cancel()
    until(lambda: canceled.snapshot.phase is Phase.CANCELED)
    waiting = a.download(server.url_of("3.bin"), tmp_path / "3", start=False)
    for session in (a, b):
        assert [s.id for s in session.history()] == [canceled.id, done.id]
        assert [s.id for s in session.history(1)] == [canceled.id]
    waiting.cancel()
    until(lambda: waiting.snapshot.phase is Phase.CANCELED)
    a.close()
    for session in (b, sessions()):
        assert [(s.id, s.phase) for s in session.history()][1:] == [
            (canceled.id, Phase.CANCELED),
            (done.id, Phase.DONE),
        ]
    assert nbxfer.Session is Session
