"""Death is proven, not guessed: processes, boots, containers, clocks."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from nbxfer.core.lease import LAPSED_AFTER, Hold, Owner, Process
from nbxfer.manifest import machine, owners
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record

LINUX = sys.platform.startswith("linux")


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that lives until it is killed."""
    process = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    if process.stdin is not None:
        process.stdin.close()
    process.wait()


def test_this_process_lives() -> None:
    """This process lives, under its own start mark; one that started at another time under its number is dead."""
    me = machine.this_owner()
    assert machine.lives(me.process) is True
    assert machine.lives(Process(me.process.pid, "1")) is False
    assert machine.lives(Process(0, "")) is False
    assert machine.lives(Process(-1, me.process.started)) is False
    assert machine.lives(Process(me.process.pid, "")) is False
    assert machine.lives(Process(2**22 + 1, "1")) is False


def test_a_zombie_is_dead(child: subprocess.Popen[bytes]) -> None:
    """A killed process is dead before its parent has asked for its end; until then it lives."""
    process = Process(child.pid, machine.start_mark(child.pid) or "")
    assert machine.lives(process) is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
    assert machine.start_mark(child.pid) == process.started
    assert machine.lives(process) is False
    child.wait()
    assert machine.lives(process) is False


def test_a_name_with_parentheses(tmp_path: Path) -> None:
    """A program may be called what it likes: its start mark is found all the same."""
    odd = tmp_path / "a) Z 1 (b"
    odd.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(odd), "60"])
    try:
        deadline = time.monotonic() + 10
        while "(a) Z" not in Path(f"/proc/{process.pid}/stat").read_text() and time.monotonic() < deadline:
            time.sleep(0.001)  # until it has become that program
        mark = machine.start_mark(process.pid)
        assert mark is not None
        assert mark.isdigit()
        assert machine.lives(Process(process.pid, mark)) is True
    finally:
        process.kill()
        process.wait()


def test_ids_cannot_be_guessed() -> None:
    """No two owners have one id, also of one process; nothing in it is the process's."""
    ids = {machine.this_owner().id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(i) == 16 for i in ids)


def an_owner(**changes: Any) -> Owner:
    """Give an owner on a machine of its own."""
    base = Owner("0" * 16, "m", "b", "t", contained=False, host="h", process=Process(7, "1"))
    return msgspec.structs.replace(base, **changes)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([False], False),
        ([True], True),
        ([None], None),
        ([False, True], True),
        ([False, None], None),
        ([None, True], True),
    ],
)
def test_all_processes_count(answers: list[bool | None], expected: bool | None) -> None:
    """An owner lives while any of its processes does, movers too; it is dead when all of them are."""
    owner = an_owner(movers=tuple(Process(n, "1") for n in range(8, 7 + len(answers))))
    table = {Process(7 + n, "1"): answer for n, answer in enumerate(answers)}
    assert owners.alive(owner, an_owner(), table.__getitem__) is expected


@pytest.mark.parametrize("change", [{"machine": "x"}, {"boot": "x"}, {"table": "x"}, {"boot": ""}, {"table": ""}])
def test_other_tables_are_not_looked_at(change: dict[str, str]) -> None:
    """In another machine, boot or container a process cannot be looked up, whatever number it has."""
    assert owners.alive(an_owner(**change), an_owner(), lambda _: False) is None


def homes(tmp_path: Path, theirs: Owner, mine: Owner) -> tuple[FolderManifest, FolderManifest]:
    """Give the manifests of two owners; their processes are gone."""
    one, two = (FolderManifest(tmp_path / "home", me=me, lives=lambda _: False) for me in (theirs, mine))
    one.begin()
    two.begin()
    return one, two


def silence(manifest: FolderManifest, seconds: float) -> None:
    """Let an owner's last heartbeat be so long ago, or (negative) yet to come."""
    path = manifest.layout.owner(manifest.me.id)
    then = os.stat(path).st_mtime - seconds
    os.utime(path, (then, then))


def test_another_boot(tmp_path: Path) -> None:
    """After a reboot everything of that machine is dead, at once; a container's word for it is not taken."""
    mine = an_owner(id="1" * 16, boot="later")
    assert homes(tmp_path / "1", an_owner(), mine)[1].hold_of("0" * 16) is Hold.DEAD
    inside = an_owner(contained=True)
    assert homes(tmp_path / "2", inside, mine)[1].hold_of("0" * 16) is Hold.THEIRS


def test_another_host_is_only_silent(tmp_path: Path) -> None:
    """An owner on another machine is never proven dead; it has lapsed when its heartbeat has stopped for a minute."""
    one, two = homes(tmp_path, an_owner(machine="far"), an_owner(id="1" * 16))
    assert two.hold_of(one.me.id) is Hold.THEIRS
    silence(one, LAPSED_AFTER - 5)
    assert two.hold_of(one.me.id) is Hold.THEIRS
    silence(one, 10)
    assert two.hold_of(one.me.id) is Hold.LAPSED
    one.touch()
    assert two.hold_of(one.me.id) is Hold.THEIRS


def test_the_file_systems_clock_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose clock is wrong by an hour does not think that others are dead."""
    one, two = homes(tmp_path, an_owner(machine="far"), an_owner(id="1" * 16))
    monkeypatch.setattr(time, "time", lambda: os.stat(tmp_path).st_mtime + 3600)
    assert two.hold_of(one.me.id) is Hold.THEIRS
    reader = FolderManifest(tmp_path / "home", me=an_owner(id="2" * 16))
    assert reader.hold_of(one.me.id) is Hold.LAPSED  # it only looks, and has nothing else to go by


def test_a_heartbeat_from_the_future(tmp_path: Path) -> None:
    """After the clock was set back, an owner that does not beat any more is found out all the same."""
    one, two = homes(tmp_path, an_owner(machine="far"), an_owner(id="1" * 16))
    silence(one, -1e8)
    assert two.hold_of(one.me.id) is Hold.LAPSED


def test_an_owner_without_a_file(tmp_path: Path) -> None:
    """Where the owner file is gone or damaged, the journal's age counts."""
    one, two = homes(tmp_path, an_owner(), an_owner(id="1" * 16))
    one.append([a_record()])
    path = Path(one.layout.owner(one.me.id))
    good = path.read_bytes()
    for damage in (b"", b"{", good[:-5], b"[1]", good.replace(b'"0000', b'"1111'), b"[" * 60_000, b"x" * 70_000):
        path.write_bytes(damage)
        assert two.hold_of(one.me.id) is Hold.THEIRS
        assert [f.hold for f in two.scan()] == [Hold.THEIRS]
    journal = Path(one.layout.journal(one.me.id))
    os.utime(journal, (0, 0))
    path.unlink()
    assert two.hold_of(one.me.id) is Hold.LAPSED
    assert [f.hold for f in two.scan()] == [Hold.LAPSED]


def test_leaving_says_so_everywhere(tmp_path: Path) -> None:
    """Who leaves with work left is seen to be gone from its own machine, and from any other."""
    one, two = homes(tmp_path, an_owner(), an_owner(id="1" * 16))
    one._lives = two._lives
    one.append([a_record()])
    one.end()
    assert two.hold_of(one.me.id) is Hold.DEAD
    far = FolderManifest(tmp_path / "home", me=an_owner(id="2" * 16, machine="far"))
    assert far.hold_of(one.me.id) is Hold.LAPSED


def test_the_owner_file_says_who(tmp_path: Path) -> None:
    """The owner file names machine, boot, process and notebook, so that anybody can look after it."""
    manifest = FolderManifest(tmp_path / "home", notebook="/home/you/a.ipynb", app="lab")
    manifest.begin()
    found = msgspec.json.decode(Path(manifest.layout.owner(manifest.me.id)).read_bytes(), type=Owner)
    assert found == manifest.me
    assert (found.notebook, found.app, found.process.pid) == ("/home/you/a.ipynb", "lab", os.getpid())
    assert manifest.me.id in repr(manifest)


# -- machines ----------------------------------------------------------------------------------------------------------
def test_a_machine_is_named_without_telling(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's name is always the same, is not its id, and is another one under another host name."""
    monkeypatch.setattr(machine, "_first_line", lambda path: "secretid" if path == "/etc/machine-id" else "")
    one = machine.machine_id()
    assert one == machine.machine_id()
    assert "secretid" not in one
    monkeypatch.setattr(platform, "node", lambda: "node2")
    assert machine.machine_id() not in ("", one)


def test_nothing_known_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where machine, boot and process table cannot be seen, an owner says so, and nobody is proven dead."""
    monkeypatch.setattr(machine, "_first_line", lambda path: "")
    monkeypatch.setattr(machine, "_stat", lambda pid: (None, ""))
    owner = machine.this_owner()
    assert (owner.machine, owner.boot, owner.table) == ("", "", "")
    assert machine.lives(Process(1, "1")) is None
    assert owners.alive(owner, owner, machine.lives) is None


def test_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pid namespace of its own, or the marks that container engines leave, make a container."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    monkeypatch.setattr(machine, "process_table", lambda: "pid:[4026531836] time:[1]")
    outside = machine.is_contained()
    monkeypatch.setattr(machine, "process_table", lambda: "pid:[4026532221] time:[1]")
    inside = machine.is_contained()
    assert (outside, inside) == (False, True)
    monkeypatch.setattr(machine, "process_table", lambda: "pid:[4026531836] time:[1]")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert machine.is_contained() is True


class Psutil(SimpleNamespace):
    """What psutil says on systems without /proc."""

    class Error(Exception):
        """Any."""

    class NoSuchProcess(Error):
        """Gone."""

    STATUS_ZOMBIE = "zombie"

    class Process:
        """One process; of the others nothing is known."""

        def __init__(self, pid: int) -> None:
            if pid == 404:
                raise Psutil.NoSuchProcess
            if pid == 403:
                raise Psutil.Error
            self.pid = pid

        def create_time(self) -> float:
            return 12.5

        def status(self) -> str:
            return "zombie" if self.pid == 13 else "running"


def test_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """On systems without /proc psutil tells the same, and start marks are times, which no two boots share."""
    monkeypatch.setattr(machine, "_LINUX", False)
    monkeypatch.setitem(sys.modules, "psutil", Psutil)
    asked = [(1, "12.5"), (1, "12.6"), (13, "12.5"), (404, "12.5"), (403, "12.5")]
    assert [machine.lives(Process(*p)) for p in asked] == [True, False, False, False, None]
    assert machine.start_mark(403) is None
    monkeypatch.setattr(uuid, "getnode", lambda: 0x02_00_00_00_00_01)
    owner = machine.this_owner()
    assert owner.machine
    assert (owner.boot, owner.table, owner.contained) == ("-", "-", True)
    monkeypatch.setattr(uuid, "getnode", lambda: 1 << 40 | 5)  # drawn at random
    owner = machine.this_owner()
    assert (owner.machine, owner.boot) == ("", "")
