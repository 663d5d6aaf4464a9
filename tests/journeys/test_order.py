"""What a power cut may leave: the order of writes, syncs and renames, as the system saw them (strace).

After a cut only what was synced is certain, and a new name may be there or not. So it is enough that nothing gets a
name, or is dropped, before what it stands for is synced; and every such moment is looked at here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.demo.server import DemoServer
from tests.journeys.terminal import MIB, Terminal, sha256, until

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")

_CALLS = "write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat"
_LINE = re.compile(r"(\d+) +(?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))")
_FD = re.compile(r"(?:\d+|AT_FDCWD)<([^>]*)>")
_TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
_NAMING = ("rename", "renameat", "renameat2", "link", "linkat")


class Call(NamedTuple):
    """One call: when it began and ended (lines of the trace), what it was, what it was given, what it gave."""

    begun: int
    ended: int
    name: str
    paths: tuple[str, ...]
    data: bytes  # of a write, up to some kilobytes
    answer: int
    offset: int  # of a pwrite


def _unhex(text: str) -> bytes:
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text.encode())


def _calls(trace: Path) -> Iterator[Call]:
    """Read a trace; calls that another thread interrupted are put together again."""
    halves: dict[str, tuple[int, str, str]] = {}
    for number, line in enumerate(trace.read_text().splitlines()):
        match = _LINE.match(line)
        if match is None:
            continue
        thread, name, rest, _, more = match.groups()
        begun = number
        if name is None:
            begun, name, rest = halves.pop(thread)
            rest += more
        elif rest.endswith("<unfinished ...>"):
            halves[thread] = (number, name, rest.removesuffix("<unfinished ...>"))
            continue
        yield _call(begun, number, name, rest)


def _call(begun: int, ended: int, name: str, rest: str) -> Call:
    given, _, answer = rest.rpartition(") ")
    folders = [os.fsdecode(_unhex(f)) for f in _FD.findall(given)]
    texts = [_unhex(t) for t in _TEXT.findall(given)]
    value = int(re.search(r"= (-?\d+)", answer)[1])  # type: ignore[index]
    if name in ("write", "pwrite64"):
        offset = int(given.rpartition(",")[2]) if name == "pwrite64" else 0
        return Call(begun, ended, name, tuple(folders[:1]), texts[0] if texts else b"", value, offset)
    if not texts:
        return Call(begun, ended, name, tuple(folders), b"", value, 0)
    names = [os.fsdecode(t) for t in texts]
    if name.endswith(("at", "at2")):
        folders += folders[-1:] * (len(names) - len(folders))
        names = [os.path.join(f, n) for f, n in zip(folders, names, strict=False)]
    return Call(begun, ended, name, tuple(names), b"", value, 0)


class Disk:
    """What is certain to be on the disk, as the calls go by; raises AssertionError where an order is wrong."""

    def __init__(self, home: Path) -> None:
        self.home = str(home)
        self.wrote: dict[str, int] = {}  # path: when the last write ended
        self.synced: dict[str, list[tuple[int, int]]] = {}  # path or folder: when syncs that went well began and ended
        self.parts: dict[str, RangeSet] = {}
        self.made: dict[str, int] = {}  # folder: when
        self.committing: dict[str, tuple[str, int]] = {}  # operation: journal, when the record was written
        self.finals: dict[str, int] = {}  # operation: when its file had its name
        self.groups = 0  # syncs of the folder that the files are in
        self.checked = {"rows": 0, "named": 0, "done": 0, "compacted": 0, "dropped": 0}

    def safe(self, path: str, since: int, now: int) -> bool:
        """Whether what a file or folder had got by ``since`` was synced before ``now``."""
        return any(since < begun and ended < now for begun, ended in self.synced.get(path, ()))

    def clean(self, path: str, now: int) -> bool:
        """Whether all that was ever written to a file was synced before ``now``."""
        return self.safe(path, self.wrote.get(path, -1), now)

    def see(self, call: Call) -> None:
        """Take the next call, in the order in which they ended."""
        if call.answer < 0:
            return
        if call.name in ("write", "pwrite64"):
            self._write(call)
        elif call.name in ("fsync", "fdatasync"):
            self.synced.setdefault(call.paths[0], []).append((call.begun, call.ended))
            self.groups += os.path.basename(call.paths[0]) == "out"
        elif call.name == "syncfs":  # home and files are on one file system here
            for path in self.wrote:
                self.synced.setdefault(path, []).append((call.begun, call.ended))
        elif call.name in _NAMING:
            self._name(call)
        elif call.name in ("mkdir", "mkdirat"):
            self.made[call.paths[0]] = call.ended
        elif call.name in ("unlink", "unlinkat"):
            self._drop(call)

    def _write(self, call: Call) -> None:
        path = call.paths[0]
        self.wrote[path] = call.ended
        if call.name == "pwrite64":
            have = self.parts.get(path, RangeSet())
            self.parts[path] = have.add(call.offset, call.offset + call.answer)
        elif f"{self.home}/blocks/" in path:
            self._rows(call)
        elif f"{self.home}/journals/" in path and not os.path.basename(path).startswith("."):
            self._records(call)

    def _rows(self, call: Call) -> None:
        op_id, _, epoch = os.path.basename(call.paths[0]).partition(".")
        if not epoch.isdigit():
            return  # begun anew from what was read back
        [part] = [p for p in self.parts if f".{op_id}.{epoch}.part" in p]
        for at in range(0, len(call.data), 16):
            block, length, _, _ = struct.unpack_from("<IIII", call.data, at)
            assert self.parts[part].covers(block * BLOCK, block * BLOCK + length), "a row vouches for what is written"
            self.checked["rows"] += 1

    def _records(self, call: Call) -> None:
        for line in call.data.splitlines():
            try:
                fields = json.loads(line)
            except ValueError:
                continue
            op_id, phase = fields.get("id"), fields.get("record", {}).get("phase")
            if phase == "committing":
                self.committing[op_id] = (call.paths[0], call.ended)
            elif phase == "done" and op_id in self.finals:
                folder = os.path.dirname(fields["record"]["published"]["path"])
                assert self.safe(folder, self.finals[op_id], call.begun), "what is called done has its name on the disk"
                self.checked["done"] += 1

    def _name(self, call: Call) -> None:
        old, new = call.paths[0], call.paths[-1]
        part = re.fullmatch(r"\..+\.([0-9a-f]{16})\.\d+\.part", os.path.basename(old))
        if part is not None and not new.endswith(".part"):
            journal, written = self.committing[part[1]]
            assert self.clean(old, call.begun), "what gets its name is on the disk"
            assert self.safe(journal, written, call.begun), "what was decided is on the disk before it is done"
            for folder, made in self.made.items():
                if new.startswith(f"{folder}/") or journal.startswith(f"{folder}/"):
                    assert self.safe(os.path.dirname(folder), made, call.begun), f"{folder} itself is on the disk"
            self.finals[part[1]] = call.ended
            self.checked["named"] += 1
        elif os.path.dirname(new) == f"{self.home}/journals" and old.endswith(".new"):
            assert self.clean(old, call.begun), "a journal that takes another's place is on the disk"
            self._history_is_there(call)
            self.checked["compacted"] += 1
        if old in self.wrote:
            self.wrote[new] = self.wrote[old]
        self.synced[new] = self.synced.get(old, [])
        self.parts[new] = self.parts.get(old, RangeSet())

    def _history_is_there(self, call: Call) -> None:
        for path in self.wrote:
            if f"{self.home}/history/" in path:
                assert self.clean(path, call.begun), "what is dropped from a journal is in the history, on the disk"
                assert self.safe(os.path.dirname(path), 0, call.begun), "and so is the name of its file"

    def _drop(self, call: Call) -> None:
        victim = os.path.basename(call.paths[-1])
        taker = re.fullmatch(r"[0-9a-f]+\.taken\.([0-9a-f]+)\.jsonl", victim)
        if taker is not None:
            assert self.clean(f"{self.home}/journals/{taker[1]}.jsonl", call.begun), "what was taken over is ours first"
            self._history_is_there(call)
            self.checked["dropped"] += 1


def _watched(terminal: Terminal, *args: str) -> tuple[Disk, int]:
    trace = terminal.folder / "trace"
    wrapper = ("strace", "-f", "-y", "-xx", "-s", "65536", "-qq", "-o", str(trace), "-e", f"trace={_CALLS}")
    process = terminal.start(*args, wrapper=wrapper)
    process.communicate(timeout=90)
    disk = Disk(terminal.home)
    calls = sorted(_calls(trace), key=lambda call: call.ended)
    assert len(calls) > 20
    for call in calls:
        disk.see(call)
    return disk, process.returncode


def test_a_power_cut_never_leaves_a_name_without_its_bytes(
    terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """Bytes, then the decision, then the name, then its folder, then "done", then the history: each synced first."""
    server = serve(6 * MIB)
    urls = [server.url_of(f"{n}.bin") for n in range(5)]
    disk, code = _watched(terminal, "get", *urls, "-o", f"{terminal.folder}/out/")
    assert code == 0
    assert disk.checked["named"] == disk.checked["done"] == 5
    assert disk.checked["rows"] >= 10
    assert disk.checked["compacted"] >= 1
    assert {sha256(path) for path in (terminal.folder / "out").iterdir()} == {server.sha256}


def test_a_power_cut_never_leaves_one_of_many_names_without_its_bytes(
    terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """Small files are synced, decided, named and called done many at once, one step after the other."""
    server = serve(10_000)
    count = 40  # their records are one write, of which strace shows 64 KiB
    urls = [server.url_of(f"{n}.bin") for n in range(count)]
    disk, code = _watched(terminal, "get", *urls, "-o", f"{terminal.folder}/out/")
    assert code == 0
    assert disk.checked["named"] == disk.checked["done"] == count
    assert disk.checked["rows"] == 0
    assert disk.groups < count
    assert {sha256(path) for path in (terminal.folder / "out").iterdir()} == {server.sha256}


def test_a_power_cut_never_leaves_a_large_file_without_its_bytes(
    terminal: Terminal, serve: Callable[..., DemoServer]
) -> None:
    """The same for one that may come over several connections, with a checksum that is looked at before."""
    server = serve(40 * MIB)
    target = terminal.folder / "X"
    disk, code = _watched(terminal, "get", server.url, "-o", str(target), "--checksum", f"sha256:{server.sha256}")
    assert code == 0
    assert disk.checked["named"] == disk.checked["done"] == 1
    assert disk.checked["rows"] >= 10
    assert sha256(target) == server.sha256


def test_a_power_cut_while_taking_over_loses_nothing(terminal: Terminal, serve: Callable[..., DemoServer]) -> None:
    """A dead process's list goes when what stood in it is in the heir's own, on the disk."""
    server = serve(24 * MIB, 12.0 * MIB)
    target = terminal.folder / "X"
    first = terminal.start("get", server.url, "-o", str(target))
    until(lambda: server.sent > 6 * MIB)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    disk, code = _watched(terminal, "resume", "--all")
    assert code == 0
    assert disk.checked["dropped"] == disk.checked["named"] == disk.checked["done"] == 1
    assert sha256(target) == server.sha256


def test_an_order_that_is_wrong_is_seen(tmp_path: Path) -> None:
    """The watcher itself: a name before the sync, or "done" before the folder's, does not go through."""
    part, folder = f"{tmp_path}/.X.{'a' * 16}.1.part", str(tmp_path)
    journal = f"{tmp_path}/home/journals/{'b' * 16}.jsonl"

    def line(phase: str) -> bytes:
        record = {"phase": phase, "published": {"path": f"{folder}/X"}}
        return json.dumps({"id": "a" * 16, "record": record}).encode() + b"\n"

    steps = [
        ("pwrite64", (part,), b""),
        ("fdatasync", (part,), b""),
        ("write", (journal,), line("committing")),
        ("fsync", (journal,), b""),
        ("linkat", (part, f"{folder}/X"), b""),
        ("fsync", (folder,), b""),
        ("write", (journal,), line("done")),
    ]

    def run(order: list[int]) -> dict[str, int]:
        disk = Disk(tmp_path / "home")
        for number, (name, paths, data) in enumerate(steps[n] for n in order):
            disk.see(Call(2 * number, 2 * number + 1, name, paths, data, 5, 0))
        return disk.checked

    assert run([0, 1, 2, 3, 4, 5, 6])["done"] == 1
    for wrong in (
        [0, 2, 3, 4, 5, 6],
        [1, 0, 2, 3, 4, 5, 6],
        [0, 1, 2, 4, 3, 5, 6],
        [0, 1, 3, 2, 4],
        [0, 1, 2, 3, 4, 6, 5],
    ):
        with pytest.raises((AssertionError, KeyError)):
            run(wrong)
