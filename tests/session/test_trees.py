"""Folders and globs as a person asks for them: plans, batches, cells run again, what is refused and what goes on."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nbxfer.core.phases import Phase
from nbxfer.core.tree import layout
from nbxfer.errors import DestinationExists, InvalidRequest, SourceNotFound, UnknownOption
from nbxfer.session import Session
from nbxfer.session.trees import sides
from nbxfer.session.trees.plan import Plan, Tree

Sessions = Callable[[], Session]


@pytest.fixture
def store() -> fsspec.AbstractFileSystem:
    """Give the store in memory, with a small tree in it."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]
    fill(fs, ["run/a.nc", "run/b.nc", "run/sub/c.nc", "run/sub/notes.txt"])
    return fs


def fill(fs: fsspec.AbstractFileSystem, names: Iterable[str]) -> None:
    """Put an object under each name, with its name for content."""
    for name in names:
        fs.pipe(f"/{name}", name.encode())


def tree(top: Path) -> dict[str, str]:
    """Give what lies below a folder: path → content."""
    return {str(p.relative_to(top)): p.read_text() for p in sorted(top.rglob("*")) if p.is_file()}


def test_a_prefix_becomes_a_folder(session: Session, store: Any, tmp_path: Path) -> None:
    """All that is below a prefix lands at its place, and the batch tells where, in the order listed."""
    batch = session.download("memory://run/", tmp_path / "out", recursive=True)
    assert isinstance(batch, Tree)
    paths = batch.results(20)
    assert [str(p.relative_to(tmp_path / "out")) for p in paths] == ["a.nc", "b.nc", "sub/c.nc", "sub/notes.txt"]
    assert tree(tmp_path / "out") == {
        "a.nc": "run/a.nc", "b.nc": "run/b.nc", "sub/c.nc": "run/sub/c.nc", "sub/notes.txt": "run/sub/notes.txt",
    }  # fmt: skip


def test_a_glob_keeps_the_layout(session: Session, store: Any, tmp_path: Path) -> None:
    """What matches keeps its place below the folder before the first wildcard."""
    batch = session.download("memory://run/**/*.nc", tmp_path / "out", glob=True)
    batch.results(20)
    assert list(tree(tmp_path / "out")) == ["a.nc", "b.nc", "sub/c.nc"]
    session.download("memory://run/s?b", tmp_path / "whole", glob=True, recursive=True).results(20)
    assert list(tree(tmp_path / "whole")) == ["sub/c.nc", "sub/notes.txt"]


def test_a_plan_moves_nothing_until_it_is_started(session: Session, store: Any, tmp_path: Path) -> None:
    """A plan says what would happen to how much; a filter leaves out, and says how many."""
    plan = session.download("memory://run", f"{tmp_path}/", recursive=True, plan=True, exclude="*.txt")
    assert isinstance(plan, Plan)
    assert [(f.source, f.target, f.size, f.verdict) for f in plan[:1]] == [("a.nc", "run/a.nc", 8, "new")]
    assert (len(plan), plan.size, plan.counts) == (3, 28, {"new": (3, 28)})
    assert plan.passed == {"left out by include or exclude": 1}
    text = repr(plan)
    assert "3 files to transfer (28 B): memory://run →" in text
    assert "passed over: left out" in text
    html = plan._repr_html_()
    assert "<td>a.nc</td>" not in html
    assert "run/a.nc" in html
    frame = plan.to_frame()
    assert list(frame["target"]) == ["run/a.nc", "run/b.nc", "run/sub/c.nc"]
    assert not session.operations()
    assert not list(tmp_path.iterdir())
    assert plan.start().results(20)[0] == tmp_path / "run" / "a.nc"
    assert len(plan.start()) == 3


def test_the_same_cell_again(sessions: Sessions, store: Any, tmp_path: Path) -> None:
    """Run again, also in another process: what is done is skipped by its version, what is new or changed comes."""
    first, second = sessions(), sessions()
    paths = first.download("memory://run/", tmp_path, recursive=True).results(20)
    again = first.download("memory://run/", tmp_path, recursive=True)
    assert again.plan.counts == {"same": (4, 45)}
    assert (len(again), again.results(5)) == (0, paths)
    assert "4 were there already" in repr(again)
    time.sleep(0.01)
    fill(store, ["run/new.nc"])
    store.pipe("/run/a.nc", b"changed!")
    other = second.download("memory://run/", tmp_path, recursive=True)
    assert {f.source: f.verdict for f in other.plan if f.verdict != "same"} == {"a.nc": "ask", "new.nc": "new"}
    other.results(20)
    assert (tmp_path / "a.nc").read_text() == "changed!"


def test_a_batch_under_way_is_joined(session: Session, store: Any, tmp_path: Path) -> None:
    """Asked for again while it waits, it is the same operations."""
    batch = session.download("memory://run/", tmp_path, recursive=True, start=False)
    again = session.download("memory://run/", tmp_path, recursive=True)
    assert [o.id for o in again] == [o.id for o in batch]
    batch.start()
    assert len(batch.results(20)) == 4


@pytest.mark.parametrize(
    ("if_exists", "verdicts", "content"),
    [
        ("revalidate", {"a.nc": "conflict", "b.nc": "conflict"}, "mine"),
        ("error", {"a.nc": "conflict", "b.nc": "conflict"}, "mine"),
        ("skip", {"a.nc": "conflict", "b.nc": "same"}, "mine"),
        ("overwrite", {"a.nc": "replace", "b.nc": "same"}, "run/a.nc"),
        ("unique", {"a.nc": "beside", "b.nc": "same"}, "mine"),
    ],
)
def test_what_is_there(
    session: Session, store: Any, tmp_path: Path, if_exists: str, verdicts: dict[str, str], content: str
) -> None:
    """a.nc differs and b.nc is the same: each word of if_exists does what it says, and the others come all the same."""
    (tmp_path / "a.nc").write_text("mine")
    (tmp_path / "b.nc").write_text("run/b.nc")
    batch = session.download("memory://run/", tmp_path, recursive=True, if_exists=if_exists)
    assert {f.source: f.verdict for f in batch.plan if f.verdict != "new"} == verdicts
    assert batch.wait(20)
    refused = [v for v in verdicts.values() if v == "conflict"]
    assert len(batch.failed) == len(refused)
    assert all(isinstance(o.error, DestinationExists) for o in batch.failed)
    assert (tmp_path / "a.nc").read_text() == content
    assert (tmp_path / "sub" / "c.nc").read_text() == "run/sub/c.nc"
    if if_exists == "unique":
        assert (tmp_path / "a (1).nc").read_text() == "run/a.nc"
    if refused:
        with pytest.raises(ExceptionGroup, match=f"{len(refused)} of {len(batch)}"):
            batch.results(5)


def test_compare_by_checksum(session: Session, store: Any, tmp_path: Path) -> None:
    """By checksum, what cannot be compared is not the same; between files of this machine it can be."""
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        folder.mkdir()
        (folder / "same").write_text("equal")
        (folder / "other").write_text("left " if folder is source else "right")
    os.utime(target / "same", (1, 1))
    options: dict[str, Any] = {"recursive": True, "plan": True, "if_exists": "overwrite"}
    by_time = session.download(f"file://{source}/", target, **options)
    assert {f.source: f.verdict for f in by_time} == {"other": "same", "same": "replace"}
    by_sum = session.download(f"file://{source}/", target, compare="checksum", **options)
    assert {f.source: f.verdict for f in by_sum} == {"other": "replace", "same": "same"}
    (target / "a.nc").write_text("run/a.nc")
    unknown = session.download("memory://run/", target, compare="checksum", **options)
    assert {f.source: f.why for f in unknown if f.verdict == "replace"} == {
        "a.nc": "what is there cannot be compared: no checksum is known"
    }


def test_hostile_names_stay_below_the_folder(session: Session, store: Any, tmp_path: Path) -> None:
    """Whatever a store calls its objects, nothing is written outside, and two on one name are both refused."""
    for name in ("/run/../../evil", "/run//a.nc", "/run/new\nline", "/run/sub"):
        store.store[name] = store.store["/run/a.nc"]
    top = tmp_path / "deep" / "er"
    batch = session.download("memory://run/", top, recursive=True)
    batch.wait(20)
    assert not (tmp_path / "evil").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"deep"}
    assert (top / "new%0Aline").exists()
    assert all(o.error is not None for o in batch.failed)


def test_errors_of_one_do_not_stop_the_others(session: Session, store: Any, tmp_path: Path) -> None:
    """A file that vanishes after it was listed has failed, alone; retried, it is looked for again."""
    plan = session.download("memory://run/", tmp_path, recursive=True, plan=True)
    store.rm("/run/b.nc")
    batch = plan.start()
    assert batch.wait(20)
    assert [o.path.name for o in batch.failed] == ["b.nc"]
    assert isinstance(batch.failed[0].error, SourceNotFound)
    assert len(tree(tmp_path)) == 3
    fill(store, ["run/b.nc"])
    batch.retry()
    assert len(batch.results(20)) == 4


@pytest.mark.parametrize(
    ("source", "options", "error", "words"),
    [
        ("https://host/*.nc", {"glob": True}, InvalidRequest, "nobody can say what is in a folder"),
        ("http://host/folder/", {"recursive": True}, InvalidRequest, "of the web"),
        ("memory://none/", {"recursive": True}, SourceNotFound, "nothing at memory://none/"),
        ("memory://run/*.zip", {"glob": True}, SourceNotFound, "Nothing matches"),
        ("memory://run/", {"glob": True}, InvalidRequest, "no wildcard"),
        ("memory://*/a.nc", {"glob": True}, InvalidRequest, "wildcard for a bucket"),
        ("memory://run/", {"recursive": True, "name": "x"}, InvalidRequest, "name= is of one file"),
        ("memory://run/", {"recursive": True, "key": "x"}, InvalidRequest, "key= is of one file"),
        ("memory://run/", {"recursive": True, "exclude": [3]}, InvalidRequest, "list of patterns"),
        ("memory://run/", {"recursive": True, "exclude": "/"}, InvalidRequest, "pattern"),
        ("memory://run/", {"recursive": "yes"}, InvalidRequest, "neither True nor False"),
        ("memory://run/", {"recursive": True, "compare": "age"}, InvalidRequest, "compare='age' is unknown"),
        ("memory://run/", {"recursive": True, "exlude": "x"}, UnknownOption, "exclude"),
        ("memory://run/", {"plan": True}, InvalidRequest, "plan= is for trees"),
        (["memory://run/"], {"recursive": True}, InvalidRequest, "a tree is one folder"),
        ("memory://run\0/", {"recursive": True}, InvalidRequest, "not a usable path"),
        ("file:///nowhere/at/all/", {"recursive": True}, SourceNotFound, "does not exist"),
        ("memorie://run/", {"recursive": True}, InvalidRequest, "memory"),
    ],
)
def test_bad_input(
    session: Session,
    store: Any,
    tmp_path: Path,
    source: Any,
    options: dict[str, Any],
    error: type[Exception],
    words: str,
) -> None:
    """What cannot be meant is refused with a sentence, before anything moves."""
    with pytest.raises(error, match=words.replace("(", r"\(")):
        session.download(source, tmp_path / "out", **options)
    assert not session.operations()
    assert not list(tmp_path.iterdir())


def test_a_destination_inside_the_source(session: Session, tmp_path: Path) -> None:
    """It would be copied into itself for ever: refused."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("x")
    with pytest.raises(InvalidRequest, match="is inside"):
        session.download(f"file://{tmp_path}/a", tmp_path / "a" / "b", recursive=True)
    with pytest.raises(InvalidRequest, match="is inside"):
        session.download(f"file://{tmp_path}/a/", tmp_path / "a", recursive=True)


def test_one_file_asked_for_as_a_tree(session: Session, store: Any, tmp_path: Path) -> None:
    """A source that turns out to be one file lands as cp would have it: under the name, or in the folder."""
    there = tmp_path / "there"
    there.mkdir()
    for dest, landed in ((f"{tmp_path}/name", "name"), (f"{tmp_path}/into/", "into/a.nc"), (there, "there/a.nc")):
        assert session.download("memory://run/a.nc", dest, recursive=True).results(20) == [tmp_path / landed]


def test_a_disk_that_does_not_tell_upper_from_lower_case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether A and a are one name is tried out on the destination's disk, or on the nearest folder that is there."""
    assert sides.disk_of(str(tmp_path / "not" / "there")).folds is False
    monkeypatch.setattr(os.path, "samefile", lambda a, b: str(a).lower() == str(b).lower())
    assert sides.disk_of(str(tmp_path)).folds is True
    assert sides.disk_of("/").folds is False


# -- cp ---------------------------------------------------------------------------------------------------------------
_names = st.sampled_from(["x", "y.nc", "sub/z", "sub/deeper/w"])


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sets(_names, min_size=1),
    st.sampled_from(["tree", "tree/", "tree/.", "up/../tree"]),
    st.sampled_from(["out", "out/", "out/.", "deep/out/"]),
)
def test_the_layout_is_that_of_cp(tmp_path: Path, names: set[str], source: str, dest: str) -> None:
    """What is written with a slash is a folder that is there, what is not is not: then cp -r does the same."""
    work = tmp_path / f"{random.getrandbits(64):x}"
    for name in names:
        (work / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (work / "tree" / name).write_text(name)
    (work / "up").mkdir()
    (work / "deep").mkdir()
    if layout.is_folder_name(dest):
        (work / dest).mkdir(parents=True, exist_ok=True)
    contents = source + "." if source.endswith("/") else source
    subprocess.run(["cp", "-r", contents, dest], cwd=work, check=True)
    name = layout.between(source, dest)
    place = os.path.normpath(work / dest)
    wanted = {os.path.join(place, layout.joined(name, n)) for n in names}
    assert {str(p) for p in Path(place).rglob("*") if p.is_file()} == wanted
    shutil.rmtree(work)


def test_fsspec_lays_out_the_same(session: Session, store: Any, tmp_path: Path) -> None:
    """The get of fsspec does the same, where its answer does not hang on what is there."""
    for number, (source, dest) in enumerate((("run/", "o/"), ("run/", "o"), ("run", "o/"), ("run", "o"))):
        theirs, ours = tmp_path / f"t{number}", tmp_path / f"o{number}"
        theirs.mkdir()
        store.get(f"/{source}", f"{theirs}/{dest}", recursive=True)
        session.download(f"memory://{source}", f"{ours}/{dest}", recursive=True).results(20)
        assert tree(theirs) == tree(ours), (source, dest)


# -- many -------------------------------------------------------------------------------------------------------------
def test_ten_thousand_files(session: Session, tmp_path: Path) -> None:
    """A tree of ten thousand files is planned and accepted within seconds; run again, it joins."""
    source = tmp_path / "source"
    for n in range(10_000):
        if n % 100 == 0:
            (source / f"{n:05}").mkdir(parents=True)
        (source / f"{n - n % 100:05}" / f"{n}").touch()
    begun = time.process_time()
    plan = session.download(f"file://{source}/", tmp_path / "out", recursive=True, plan=True, start=False)
    planned = time.process_time()
    batch = plan.start()
    started = time.process_time()
    assert len(batch) == 10_000
    assert {o.snapshot.phase for o in batch} == {Phase.CREATED}
    assert planned - begun < 10  # seconds of computing; two on a machine that does not also measure coverage
    assert started - planned < 10
