"""Real processes that are killed, and real processes that fight: what was acknowledged is there, and one wins."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

import nbxfer
from nbxfer.core.lease import Hold, Process
from nbxfer.manifest import machine
from nbxfer.manifest.folder import FolderManifest
from nbxfer.testing.manifests import a_record, after
from tests.servers.processes import uncounted

PROGRAMS = Path(__file__).with_name("processes.py")
ROOT = Path(nbxfer.__file__).parent.parent


@contextmanager
def program(*args: object) -> Iterator[subprocess.Popen[str]]:
    """Run one of the programs."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", PROGRAMS, *map(str, args)],
        env={**uncounted(), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()


@pytest.mark.parametrize("round_", range(30))
def test_killed_at_any_instant(tmp_path: Path, round_: int) -> None:
    """Whenever a writer is killed, everything that it had acknowledged is read back, and may be taken over at once."""
    with program("write", tmp_path / "home") as process:
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        time.sleep(random.uniform(0.0, 0.06))  # no waiting for anything: this is the instant
        process.send_signal(signal.SIGKILL)
        said = process.stdout.read().split("\n")[:-1]
    heir = FolderManifest(tmp_path / "home")
    heir.begin()
    assert heir.hold_of(owner) is Hold.DEAD
    got = heir.take_over(owner)
    assert got is not None
    found = {r.id: r.received for r in got}
    news: dict[str, int] = {}
    rows = 0
    for line in said:
        match line.split():
            case ["row", turn]:
                rows = int(turn)
            case ["done", op_id, destination]:
                news.pop(op_id, None)
                finished = heir.finished(destination)
                assert finished is not None
                assert finished.id == op_id
            case [op_id, turn]:
                news[op_id] = int(turn)
    assert {op_id: turn for op_id, turn in news.items() if found.get(op_id, -1) < turn} == {}
    logged = max((heir.read_blocks(op_id, 1) for op_id in found), key=len)
    assert [row.block for row in logged][:rows] == list(range(1, rows + 1))
    heir.append([after(r, epoch=2) for r in got if r.phase != "done"])
    heir.taken(owner)
    heir.end()


CALLS = ("open", "write", "fsync", "rename", "mkdir", "unlink")


@pytest.mark.parametrize("name", CALLS)
def test_killed_at_every_call_of_a_compaction(tmp_path: Path, name: str) -> None:
    """Killed before or after whichever call of a compaction: the journals and the history have everything."""
    with program("crashes") as process:
        _crash_at_every_call(process, tmp_path, name)


def _crash_at_every_call(process: subprocess.Popen[str], folder: Path, name: str) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    for nth in itertools.count(1):
        survived = 0
        for when in (nth, -nth):
            home = folder / f"{when}"
            print(home, name, when, sep="\t", file=process.stdin, flush=True)
            ended = process.stdout.readline()
            if ended == "survived\n":
                survived += 1
                ended = process.stdout.readline()
                assert ended == "ended\n"
            else:
                assert ended == "killed\n"
            reader = FolderManifest(home)
            live = [f.record for f in reader.scan() if f.record.spec.destination == "/live"]
            assert [r.received for r in live] == [3]
            assert reader.finished("/done") is not None
            owner = next(f.owner for f in reader.scan())
            reader.begin()
            got = reader.take_over(owner)
            assert got is not None
            assert {r.spec.destination for r in got if r.phase != "done"} == {"/live"}
            reader.append([after(r, epoch=2) for r in got])
            reader.taken(owner)
            assert os.listdir(reader.layout.journals) == [f"{reader.me.id}.jsonl"]
        if survived == 2:
            break


def test_one_heir_of_many(tmp_path: Path) -> None:
    """Eight processes go for the same dead owner at the same instant, fifty times: exactly one wins, and wins all."""
    home = tmp_path / "home"
    with ExitStack() as stack:
        heirs = [stack.enter_context(program("heir", home)) for _ in range(8)]
        names = [heir.stdout.readline().strip() for heir in heirs if heir.stdout is not None]
        for round_ in range(50):
            dead = msgspec.structs.replace(machine.this_owner(), process=Process(2**22 + 1, "1"))
            victim = FolderManifest(home, me=dead)
            victim.begin()
            records = [a_record(f"/{round_}/{n}") for n in range(3)]
            victim.append(records)
            if round_ % 2:  # somebody died in the middle of taking over
                older = msgspec.structs.replace(machine.this_owner(), process=Process(2**22 + 1, "1"))
                first = FolderManifest(home, me=older)
                first.begin()
                first.append(records[:2])
                os.rename(first.layout.journal(older.id), first.layout.journal(older.id, dead.id))
            asked = [dead.id, older.id] if round_ % 2 else [dead.id]
            when = time.monotonic() + 0.01
            for number, heir in enumerate(heirs):
                assert heir.stdin is not None
                heir.stdin.write(f"{asked[number % len(asked)]} {when}\n")
                heir.stdin.flush()
            answers = [heir.stdout.readline().split() for heir in heirs if heir.stdout is not None]
            won = [(name, answer[1:]) for name, answer in zip(names, answers, strict=True) if answer[0] == "won"]
            assert len(won) == 1, answers
            assert won[0][1] == sorted(r.id for r in records)
            assert {f.owner for f in victim.scan() if f.record.spec.destination.startswith(f"/{round_}/")} == {
                won[0][0]
            }


def test_a_stopped_owner_wakes_up(tmp_path: Path) -> None:
    """An owner that is stopped, taken over, and continues, is fenced: nothing that it says is believed."""
    home = tmp_path / "home"
    with program("write", home) as process:
        assert process.stdout is not None
        owner = process.stdout.readline().strip()
        process.send_signal(signal.SIGSTOP)
        then = time.time() - 1000
        os.utime(home / "owners" / f"{owner}.json", (then, then))
        heir = FolderManifest(home)
        heir.begin()
        assert heir.hold_of(owner) is Hold.LAPSED
        got = heir.take_over(owner)
        assert got is not None
        process.send_signal(signal.SIGCONT)
        said = process.stdout.read().split("\n")[:-1]
        assert process.wait() == 1  # of Fenced
    acknowledged = {words[0]: int(words[1]) for words in map(str.split, said) if len(words) == 2 and words[0] != "row"}
    found = {r.id: r.received for r in got}
    assert all(found[op_id] >= received for op_id, received in acknowledged.items() if op_id in found)
    heir.append([after(r, epoch=2) for r in got if r.phase != "done"])
    heir.taken(owner)
    assert {f.record.id: f.record.received for f in heir.scan()} == {r.id: r.received for r in got if r.phase != "done"}
    heir.end()
